"""The reference page of the policy language, made from the tables that the program itself reads.

`python -m tests.policy.language.reference --write` writes it; `make test` compares.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Sequence
from itertools import groupby
from pathlib import Path

from reviewbot.domain.decision import ACTIONS_OF
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, FactType, described
from reviewbot.policy.diagnostics import CODES
from reviewbot.policy.language import grammar
from reviewbot.policy.language.grammar import GrammarSection, Key
from reviewbot.policy.language.templates import FORMATS
from reviewbot.policy.operators import OPERATORS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "policy-reference.md"
_HEAD = """\
# The policy language: reference

Every key, test and fact of the language, as the program knows them; [the guide](policy-guide.md)
explains how to write a policy. This page is made by
`python -m tests.policy.language.reference --write`.
"""

_SECTIONS: tuple[tuple[str, GrammarSection, str], ...] = (
    ("The policy", grammar.POLICY, ""),
    ("`applies to`", grammar.APPLIES_TO, ""),
    ("`hours`", grammar.HOURS, "Under each name:"),
    (
        "`lists`",
        grammar.LIST_ENTRY,
        "Under each name a list of values, or of entries with these keys:",
    ),
    ("A list in a file", grammar.LIST_FILE, "In place of a list:"),
    ("`patterns`", grammar.PATTERN, "Under each name:"),
    ("A rule", grammar.RULE, "A key that is *with* an action belongs to that action only."),
    ("`stage`", grammar.STAGE, "A step alone, or:"),
    ("A statement of `never`", grammar.STATEMENT, ""),
    (
        "Conditions",
        grammar.CONDITION,
        "Each line is a fact with a test, or one of these, at most three levels deep:",
    ),
    (
        "`reasons`",
        grammar.REASON_TEXT,
        "Under each name a text, or one for each round (`round 1`, `round 2`, …; the last one serves"
        " later rounds too), or one for each of these:",
    ),
    (
        "A case of a reason",
        grammar.TEXT_CASE,
        "In place of one text a list of these; its last one has only `otherwise`, with `text` below it.",
    ),
    ("`deadline`", grammar.DEADLINE, ""),
    (
        "A case of `if undecided`",
        grammar.CASE,
        "With the keys of its action, as a rule has them; the last case has only `otherwise`.",
    ),
    ("`guardrails`", grammar.GUARDRAILS, ""),
    ("A test", grammar.TEST, ""),
    ("`given`", grammar.GIVEN_STATE, "Facts with their values, and:"),
    ("A file of tests", grammar.TESTS_FILE, "`NAME.tests.yaml` beside `NAME.yaml`:"),
)


def reference_page() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD]
    for title, section, sentence in _SECTIONS:
        keys = [key for key in section.keys.values() if section is grammar.RULE or not key.actions]
        head = ("Key", "What stands there", "Meaning", "Example")
        parts.append(_part(title, sentence, head, map(_key, keys)))
    parts += [_tests(), _formats()]
    for review, facts in CATALOGUE.items():
        actions = ", ".join(f"`{action}`" for action in ACTIONS_OF[review])
        parts.append(f"## Facts of a review of {review}\n\nIts actions are {actions}.\n")
        for family, group in groupby(facts.values(), lambda fact: fact.name.partition(".")[0]):
            parts.append(_facts(f"`{family}.`", group))
    parts.append(_facts("Inside `any check`, `every check` and `no check`", ATTEMPT_FACTS.values()))
    codes = [(f"`{code}`", meaning) for code, meaning in CODES.items()]
    parts.append(_part("What the checker says", "", ("Code", "Meaning"), codes))
    return "\n".join(parts)


def _key(key: Key) -> tuple[str, ...]:
    kind = f"{key.kind.words}, or a list" if key.many else key.kind.words
    meaning = key.sentence
    if key.actions:
        meaning = f"*With {' and '.join(f'`{action}`' for action in key.actions)}:* {meaning}"
    examples = key.examples or key.kind.examples
    return (
        f"`{key.name}`{' (required)' if key.required and not key.actions else ''}",
        kind,
        meaning,
        " · ".join(f"`{example}`" for example in examples),
    )


def _tests() -> str:
    rows = [
        (
            f"`{operator.words}`",
            "all" if operator.takes == set(FactType) else _types(operator.takes),
            "yes" if operator.negatable else "",
            operator.meaning,
            f"`{operator.example}`",
        )
        for operator in OPERATORS
    ]
    sentence = (
        "A plain value, or a list `[a, b]` of them, must be equal; `not` may stand before it."
    )
    head = ("Test", "Asked of", "Takes `not`", "Meaning", "Example")
    return _part("Tests of a fact", sentence, head, rows)


def _formats() -> str:
    rows = [(f"`{form}`", _types(types)) for form, types in FORMATS.items()]
    sentence = "In a text `{fact}` stands for its value, and `{fact, FORMAT}` for it in a format."
    return _part("Formats", sentence, ("Format", "Of"), rows)


def _facts(title: str, facts: Iterable[Fact]) -> str:
    rows = [(f"`{fact.name}`", _type(fact), fact.sentence, f"`{fact.example}`") for fact in facts]
    return _part(title, "", ("Fact", "Type", "Meaning", "Example"), rows, level=3)


def _type(fact: Fact) -> str:
    words = f"{fact.type}: {', '.join(fact.values)}" if fact.values else described(fact)
    return f"{words}; may be unknown" if fact.nullable else words


def _types(types: Container[FactType]) -> str:
    words = (
        "one of a list" if kind is FactType.CHOICE else kind for kind in FactType if kind in types
    )
    return ", ".join(words)


def _part(
    title: str,
    sentence: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    level: int = 2,
) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *cells]]
    text = f"{sentence}\n\n" if sentence else ""
    return f"{'#' * level} {title}\n\n{text}{chr(10).join(lines)}\n"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(reference_page(), encoding="utf-8")
