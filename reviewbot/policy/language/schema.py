"""The JSON Schema (draft-07) of the language, for editors: completion, hovers, and typos underlined.

It is made from the catalogue of facts and the table of operators. It is a help while typing; the
checker has the last word.
"""

from __future__ import annotations

from typing import Any

from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, FactType
from reviewbot.policy.operators import OPERATORS

# ------------------------------------------------------------------------------------------------
# The tests that a fact takes, as patterns for an editor; made from the tables of facts and operators.


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
    forms = [op.schema(fact, argument) for op in OPERATORS if fact.type in op.takes]
    if fact.type is not FactType.NAMES:
        forms.append(rf"(not )?({argument}|\[.+\])")
    return f"^({'|'.join(forms)})$"


def _examples(fact: Fact) -> list[str]:
    takes = [op.words for op in OPERATORS if fact.type in op.takes]
    return list(dict.fromkeys([fact.example, *(w for w in ("known", "unknown") if w in takes)]))


DRAFT = "http://json-schema.org/draft-07/schema#"


_TEXT: Schema = {"type": ["string", "number", "boolean"]}


_YES_NO: Schema = {
    "anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["yes", "no", "true", "false"]}]
}


_YES: Schema = {"anyOf": [{"const": True}, {"type": "string", "enum": ["yes", "true"]}]}


_STARTS: dict[ReviewKind, str] = {"comments": "confirmed", "accounts": "first seen"}


def policy_schema() -> Schema:
    """The schema of a policy file."""
    attempt = {name: fact_schema(fact, name) for name, fact in ATTEMPT_FACTS.items()}
    definitions: Schema = {"attempt": _condition(attempt, "attempt", nested=())}
    for kind in ACTIONS_OF:
        definitions |= _definitions(kind)
    return {
        "$schema": DRAFT,
        "title": "reviewbot policy",
        "description": "An ordered list of named rules: the first one that matches decides.",
        "type": "object",
        "required": ["policy", "language", "rules", "deadline"],
        "additionalProperties": False,
        "properties": _head(),
        "if": {
            "properties": {
                "applies to": {
                    "properties": {"review": {"const": "accounts"}},
                    "required": ["review"],
                }
            },
            "required": ["applies to"],
        },
        "then": _body("accounts"),
        "else": _body("comments"),
        "definitions": definitions,
    }


def _head() -> Schema:
    one_or_more = _one_or_more(_TEXT)
    return {
        "policy": {
            "title": "name",
            "description": "The policy's name; it stands in every decision.",
            "type": "string",
            "pattern": "^[a-z0-9-]+$",
            "examples": ["starter"],
        },
        "language": {
            "title": "version of the language",
            "description": "Always 1.",
            "anyOf": [{"const": 1}, {"const": "1"}],
        },
        "owner": {**_TEXT, "title": "owner", "description": "Who to ask about this policy."},
        "about": {
            **_TEXT,
            "title": "about",
            "description": "What the policy is for, in a sentence.",
        },
        "timezone": {
            "title": "time zone",
            "description": "For hours, dates in tests and dates in texts; UTC if absent.",
            "type": "string",
            "examples": ["Europe/Paris", "UTC"],
        },
        "applies to": {
            "title": "applies to",
            "description": "Which reviews this policy judges; without it every comment task.",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "review": {"enum": list(ACTIONS_OF)},
                "platform": _one_or_more({"enum": list(PLATFORMS)}),
                "saved_account_id": one_or_more,
            },
        },
        "hours": _named(
            "hours",
            "Named calendars in the policy's zone; the end of a range is outside it.",
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["open"],
                "properties": {
                    "open": {**one_or_more, "examples": ["mon-fri 09:00-18:00"]},
                    "closed": {**one_or_more, "examples": ["in list holidays", "2026-12-25"]},
                },
            },
        ),
        "lists": _named("lists", "Named lists, to be asked by `in list NAME`.", _list()),
        "patterns": _named(
            "patterns",
            "Named regular expressions, each with examples that prove it.",
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["regex"],
                "properties": {
                    "regex": _TEXT,
                    "matches": one_or_more,
                    "does not match": one_or_more,
                },
            },
        ),
        "rules": {
            "title": "rules",
            "description": "Top to bottom: the first rule that matches decides.",
        },
        "reasons": _named(
            "reasons", "Named texts for the other side, 3 to 500 characters.", _reason()
        ),
        "deadline": {
            "title": "deadline",
            "description": "The last moment to act, and what then happens.",
        },
        "guardrails": {"title": "guardrails", "description": "Caps on what is sent, and pauses."},
        "tests": {"title": "tests", "description": "Given these facts, this is expected."},
    }


def _body(kind: ReviewKind) -> Schema:
    return {
        "properties": {
            "rules": {"type": "array", "minItems": 1, "items": _ref(f"{kind} rule")},
            "deadline": _ref(f"{kind} deadline"),
            "guardrails": _ref(f"{kind} guardrails"),
            "tests": {"type": "array", "items": _ref(f"{kind} test")},
        }
    }


def _definitions(kind: ReviewKind) -> Schema:
    facts = {name: fact_schema(fact, name) for name, fact in CATALOGUE[kind].items()}
    nested = ("any check", "every check", "no check") if kind == "comments" else ()
    return {
        f"{kind} condition": _condition(facts, f"{kind} condition", nested=nested),
        f"{kind} rule": _rule(kind),
        f"{kind} deadline": _deadline(kind),
        f"{kind} guardrails": _guardrails(kind),
        f"{kind} test": _test(kind),
        f"{kind} moment": _moment(kind),
    }


def _condition(facts: Schema, name: str, *, nested: tuple[str, ...]) -> Schema:
    entries = {"type": "array", "minItems": 1, "items": _ref(name)}
    return {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            **facts,
            "any of": {**entries, "description": "One of these mappings is enough."},
            "none of": {**entries, "description": "None of these mappings may hold."},
            **{
                words: {**_ref("attempt"), "description": f"{words.capitalize()} of this round."}
                for words in nested
            },
        },
    }


def _when(kind: ReviewKind) -> Schema:
    condition = _ref(f"{kind} condition")
    return {
        "when": {**condition, "description": "Every line must hold."},
        "when any": {"type": "array", "minItems": 1, "items": condition},
    }


def _action_needs(kind: ReviewKind) -> Schema:
    needs: Schema = {
        "to": _TEXT,
        "question": _TEXT,
        "because": _TEXT,
        "until": _ref(f"{kind} moment"),
    }
    if kind == "comments":
        return needs | {"reason": {"anyOf": [_TEXT, _reason()]}, "repeat": _YES_NO}
    fields = dict.fromkeys(CORRECTABLE_FIELDS, _TEXT)
    return needs | {
        "comment": _TEXT,
        "repeat": _YES_NO,
        "fields": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "properties": fields,
        },
    }


def _rule(kind: ReviewKind) -> Schema:
    required = {
        Action.DISPUTE: ["reason"],
        Action.REQUEST_CORRECTIONS: ["comment", "fields"],
        Action.WAIT: ["until"],
        Action.LEAVE: ["because"],
    }
    return {
        "type": "object",
        "required": ["name", "then"],
        "additionalProperties": False,
        "properties": {
            "name": {**_TEXT, "description": "A name of its own for the rule."},
            **_when(kind),
            "always": _YES,
            "then": {
                "description": "What the rule does.",
                "enum": [a.value for a in ACTIONS_OF[kind]],
            },
            **_action_needs(kind),
            "act during": {**_TEXT, "description": "Hold the action until these hours open."},
            "rollout": {
                "description": "A share of the tasks, always the same ones.",
                "anyOf": [
                    {"type": "number", "minimum": 0, "maximum": 1},
                    {"type": "string", "pattern": r"^\d+(\.\d+)?%?$"},
                ],
            },
            "shadow": {**_YES_NO, "description": "Evaluated and recorded, never decides."},
            "note": _TEXT,
        },
        "oneOf": [{"required": [key]} for key in ("when", "when any", "always")],
        "allOf": [
            {
                "if": {"properties": {"then": {"const": action.value}}, "required": ["then"]},
                "then": {"required": required[action]},
            }
            for action in ACTIONS_OF[kind]
            if action in required
        ],
    }


def _deadline(kind: ReviewKind) -> Schema:
    actions = [a.value for a in ACTIONS_OF[kind] if a is not Action.WAIT]
    then: Schema = {
        "anyOf": [
            {"enum": actions},
            {
                "type": "object",
                "required": ["then"],
                "additionalProperties": False,
                "properties": {"then": {"enum": actions}, **_action_needs(kind)},
            },
        ]
    }
    case: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {**_when(kind), **_action_needs(kind), "then": then, "otherwise": then},
    }
    return {
        "type": "object",
        "required": ["decide by", "if undecided"],
        "additionalProperties": False,
        "properties": {
            "decide by": {
                **_ref(f"{kind} moment"),
                "description": "The last moment to act by ourselves.",
            },
            "if undecided": {
                "anyOf": [*then["anyOf"], {"type": "array", "minItems": 1, "items": case}]
            },
            "because": {**_TEXT, "description": "Why; it goes into the log."},
            "remind": {"type": "object", "additionalProperties": _TEXT},
        },
    }


def _guardrails(kind: ReviewKind) -> Schema:
    count = _one_or_more({"type": "string", "pattern": r"^at most \d+ per (hour|day)$"})
    money = _one_or_more({"type": "string", "pattern": r"^at most \d+(\.\d+)? USD per (hour|day)$"})
    share = _one_or_more({"type": "string", "pattern": r"^at most \d+(\.\d+)?%?( .+)?$"})
    condition = _ref(f"{kind} condition")
    pause: Schema = {"anyOf": [condition, {"type": "array", "items": condition}]}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "approvals": {**count, "examples": ["at most 20 per hour"]},
            "disputes": {**count, "examples": ["at most 10 per hour"]},
            "disputes per account": {**count, "examples": ["at most 3 per day"]},
            "money approved": {**money, "examples": ["at most 25 USD per day"]},
            "dispute share": {**share, "examples": ["at most 40% after 20 decisions"]},
            "when over": {"enum": ["escalate", "hold"]},
            "pause disputes when": pause,
            "pause approvals when": pause,
            "fallback exempt": _YES_NO,
        },
    }


def _test(kind: ReviewKind) -> Schema:
    actions = [a.value for a in ACTIONS_OF[kind]]
    moment = _ref(f"{kind} moment")
    return {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": _TEXT,
            "given": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    name: {"title": name, "description": fact.sentence}
                    for name, fact in CATALOGUE[kind].items()
                },
            },
            "expect": {"enum": actions},
            "expect never": {"enum": actions},
            "by": _TEXT,
            "reason says": _TEXT,
            "until": moment,
            "at": moment,
            "over time": {"type": "object", "additionalProperties": {"enum": actions}},
            "note": _TEXT,
        },
    }


def _moment(kind: ReviewKind) -> Schema:
    start = _STARTS[kind]
    return {
        "type": "string",
        "pattern": rf"^({start}|{DURATION} after {start}|{DURATION} before deadline"
        r"|when .+ opens|\d{4}-\d{2}-\d{2}( \d{2}:\d{2})?)$",
        "examples": [f"24h after {start}", "4h before deadline", "when desk opens"],
    }


def _list() -> Schema:
    entry: Schema = {
        "type": "object",
        "required": ["id"],
        "additionalProperties": False,
        "properties": {"id": _TEXT, "note": _TEXT, "until": {"type": "string"}},
    }
    return {
        "anyOf": [
            {"type": "array", "items": {"anyOf": [_TEXT, entry]}},
            {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {"file": _TEXT},
            },
        ]
    }


def _reason() -> Schema:
    return {
        "anyOf": [
            _TEXT,
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": dict.fromkeys((*PLATFORMS, "otherwise"), _TEXT),
                "patternProperties": {r"^round [1-9]\d*$": _TEXT},
            },
        ]
    }


def _named(title: str, description: str, value: Schema) -> Schema:
    return {
        "title": title,
        "description": description,
        "type": "object",
        "additionalProperties": value,
    }


def _one_or_more(value: Schema) -> Schema:
    return {"anyOf": [value, {"type": "array", "items": value}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}".replace(" ", "%20")}
