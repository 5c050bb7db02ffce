"""The tests that a fact takes, as patterns for an editor; made from the tables of facts and operators."""

from __future__ import annotations

from typing import Any

from reviewbot.policy.fields import Fact, FactType
from reviewbot.policy.operators import OPERATORS, Operator

Schema = dict[str, Any]

DURATION = r"(\d+(\.\d+)?[dhms])+"
_WHEN = r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2})?"
_WORDS = r"\S.*"

_ARGUMENTS: dict[FactType, str] = {
    FactType.COUNT: r"\d[\d,_]*",
    FactType.SCORE: r"\d+(\.\d+)?",
    FactType.MONEY: r"\d+(\.\d+)? USD",
    FactType.SHARE: r"\d+(\.\d+)?%?",
    FactType.DURATION: DURATION,
    FactType.MOMENT: _WHEN,
    FactType.YES_NO: "(yes|no|true|false)",
    FactType.TEXT: _WORDS,
}
_YAML_TYPES: dict[FactType, list[str]] = {
    FactType.COUNT: ["string", "integer"],
    FactType.SCORE: ["string", "number"],
    FactType.SHARE: ["string", "number"],
    FactType.YES_NO: ["string", "boolean"],
    FactType.TEXT: ["string", "number", "boolean"],
}
"""What an editor's YAML makes of a plain value; the policy itself is read as text throughout."""


def fact_schema(fact: Fact, name: str) -> Schema:
    """What may stand behind a fact in a condition."""
    value: Schema = {"type": _YAML_TYPES.get(fact.type, "string"), "pattern": _line_pattern(fact)}
    choices: list[Schema] = [value]
    if fact.type is not FactType.NAMES:
        item = {"type": value["type"], "pattern": f"^{_argument(fact)}$"}
        choices.append({"type": "array", "items": item, "minItems": 1})
    schema: Schema = {
        "title": name,
        "description": described(fact),
        "anyOf": choices,
        "examples": _examples(fact),
    }
    return schema


def described(fact: Fact) -> str:
    """One sentence about a fact, with its type and its range."""
    extent = ""
    if fact.values:
        extent = f": {', '.join(fact.values)}"
    elif fact.low is not None and fact.high is not None:
        extent = f" from {fact.low:g} to {fact.high:g}"
    elif fact.low is not None:
        extent = f", at least {fact.low:g}"
    unknown = "; may be unknown" if fact.nullable else ""
    return f"{fact.sentence[0].upper()}{fact.sentence[1:]} ({fact.type}{extent}{unknown})."


def any_case(word: str) -> str:
    """A pattern for a word in any letter case."""
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word)


def _argument(fact: Fact) -> str:
    if fact.type in (FactType.CHOICE, FactType.NAMES):
        return f"(exactly )?({'|'.join(map(any_case, fact.values))})"
    return _ARGUMENTS[fact.type]


def _line_pattern(fact: Fact) -> str:
    argument = _argument(fact)
    forms = [_form(op, fact, argument) for op in OPERATORS if fact.type in op.takes]
    if fact.type is not FactType.NAMES:
        forms.append(rf"(not )?({argument}|\[.+\])")
    return f"^({'|'.join(forms)})$"


def _form(operator: Operator, fact: Fact, argument: str) -> str:
    words = operator.words
    if words in ("known", "unknown"):
        return words
    if words == "between":
        return f"between {argument} and {argument}"
    looks_inside = words in ("contains", "starts with", "ends with", "matches pattern", "in list")
    behind = _WORDS if looks_inside and fact.type is not FactType.NAMES else argument
    return f"{'(not )?' if operator.negatable else ''}{words} {behind}"


def _examples(fact: Fact) -> list[str]:
    takes = [op.words for op in OPERATORS if fact.type in op.takes]
    return list(dict.fromkeys([fact.example, *(w for w in ("known", "unknown") if w in takes)]))
