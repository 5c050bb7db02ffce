"""The schema takes every policy of this house and underlines what people mistype."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reviewbot.policy import starters
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.language import grammar
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.language.schema import policy_schema, schema_of_tests
from tests.steady.texts import steady

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = policy_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
TEXTS = {p.stem: p.read_text() for p in ROOT.glob("policies/*.yaml") if ".tests" not in p.name} | {
    name: starters.read(name).policy for name in starters.names()
}


def problems(text: str, loader: Any = yaml.BaseLoader) -> list[str]:
    """What the schema says of a text; BaseLoader keeps every value as text."""
    return [error.message for error in VALIDATOR.iter_errors(yaml.load(text, loader))]


def test_the_schema_is_one() -> None:
    """It is a draft-07 schema, with a hover for every fact."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    facts = SCHEMA["definitions"]["comments condition"]["properties"]
    for name in CATALOGUE["comments"]:
        assert facts[name]["title"] == name
        assert facts[name]["description"]
        assert facts[name]["examples"]


@pytest.mark.parametrize("loader", [yaml.BaseLoader, yaml.SafeLoader])
@pytest.mark.parametrize("name", TEXTS)
def test_a_good_policy_passes(name: str, loader: Any) -> None:
    """Nothing is underlined, whether an editor reads plain values as text or as numbers."""
    assert problems(TEXTS[name], loader) == []


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_example_of_the_catalogue_passes(kind: str) -> None:
    """The example of each fact is taken by its own pattern."""
    name = f"{kind} condition"
    wanted = {
        "$ref": f"#/definitions/{name.replace(' ', '%20')}",
        "definitions": SCHEMA["definitions"],
    }
    validator = jsonschema.Draft7Validator(wanted)
    for fact in CATALOGUE[kind].values():  # type: ignore[index]
        assert list(validator.iter_errors({fact.name: fact.example})) == [], fact.name


TESTS_FILE = ROOT / "docs" / "schemas" / "policy-tests.json"
TEST_TEXTS = {p.stem: p.read_text() for p in ROOT.glob("policies/*.tests.yaml")} | {
    name: starters.read(name).tests for name in starters.names()
}


def test_the_published_schema_of_tests_is_the_one_that_is_made() -> None:
    """After a change: `reviewbot policy schema --tests > docs/schemas/policy-tests.json`."""
    assert json.loads(TESTS_FILE.read_text(encoding="utf-8")) == schema_of_tests()


@pytest.mark.parametrize("name", TEST_TEXTS)
def test_good_tests_pass(name: str) -> None:
    """Of each policy of the house, as a mapping and as the bare list."""
    validator = jsonschema.Draft7Validator(schema_of_tests())
    read = yaml.load(TEST_TEXTS[name], yaml.BaseLoader)

    assert [error.message for error in validator.iter_errors(read)] == []
    assert validator.is_valid(read["tests"] if isinstance(read, dict) else {"tests": read})


@pytest.mark.parametrize(
    "wrong",
    [
        {"nme": "a"},
        {"given": {"last.verified": "perhaps"}},
        {"given": {"last.comments_scraped": "at least 3"}},
        {"expect": "pay"},
        {"over time": {"soon": "approve"}},
    ],
)
def test_a_typo_in_a_test_is_underlined(wrong: dict[str, Any]) -> None:
    """A key, a value, a comparison where a value stands, an action, a moment."""
    test = {"name": "a", "expect": "approve"} | wrong
    assert not jsonschema.Draft7Validator(schema_of_tests()).is_valid([test])


def described(schema: Any, path: str = "") -> list[str]:
    """The properties of a schema that say nothing of themselves."""
    found = []
    for name, inner in schema.items() if isinstance(schema, dict) else ():
        if name == "properties":
            keys = {key for section in SECTIONS for key in section.keys}
            found += [
                f"{path}/{key}"
                for key, value in inner.items()
                if key in keys and value is not False  # a key that does not belong there
                if not {"description", "const", "$ref"} & set(value)
            ]
        found += described(inner, f"{path}/{name}")
    for inner in schema if isinstance(schema, list) else ():
        found += described(inner, path)
    return found


SECTIONS = [part for part in vars(grammar).values() if isinstance(part, grammar.GrammarSection)]


def test_every_key_is_explained() -> None:
    """Whatever the editor points at has its sentence from the grammar."""
    parts = ("then", "else", "if")  # they say again what differs by the kind of review
    schema = {name: part for name, part in SCHEMA.items() if name not in parts}
    assert [path for path in described(schema) if "/allOf/" not in path] == []


MISTYPED = [
    ("rules:", "rule:"),
    ("last.comments_scraped", "last.comment_scraped"),
    ("couldnt_verify", "could not verify"),
    ("between 20 and 99", "between 20 to 99"),
    ("then: approve", "then: aprove"),
    ("language: 1", "language: 2"),
    ("decide by: 3h before deadline", "decide by: 3 hours before the deadline"),
    ("at least 1", "at least one"),
    ("10 USD per day", "10 per day"),
    ("    reason: not_found\n", ""),
    ("policy: cautious", "policy: My policy"),
    ("last.verified: yes", "last.verified: perhaps"),
    ("when over: escalate", "when over: ask"),
]


@pytest.mark.parametrize(("right", "wrong"), MISTYPED)
def test_a_typical_typo_is_underlined(right: str, wrong: str) -> None:
    """What the checker would refuse is seen while typing."""
    text = steady("cautious").policy
    assert right in text
    assert problems(text.replace(right, wrong, 1))


STATED = """
policy: stated
language: 1
hours:
  desk: {open: mon-fri 09:00-18:00}
conditions:
  clear miss: {last.comments_scraped: between 1 and 99}
  odd:
    - {task.times_disputed: at least 1}
    - {task.platform: instagram}
never:
  - name: nothing is paid by night
    when: {now: not in hours desk}
    then: [approve, leave]
    but: deadline
rules:
  - name: by day
    when: {condition: [clear miss, odd], now: after 2026-12-24, any of: [{condition: odd}]}
    unless: [{task.round: 2}, {condition: odd}]
    then: approve
  - name: the rest
    always: yes
    unless: {now: in hours desk}
    then: escalate
deadline: {decide by: 3h before deadline, if undecided: approve, because: P.}
"""
OFF = [
    ("unless: [", "unles: ["),
    ("but: deadline", "but: people too"),
    ("then: [approve, leave]", "then: [approve, escalate]"),
    ("not in hours desk", "not in hour desk"),
    ("condition: [clear miss, odd]", "condition: {odd: yes}"),
    ("    then: [approve, leave]\n", ""),
    ("    then: escalate\n", "    then: escalate\n    reason: Please post it again.\n"),
    ("    then: escalate\n", "    then: escalate\n    when over: hold\n"),
    ("{condition: [clear miss, odd]", "{condition: []"),
    ("    then: escalate\n", "    then: escalate\n    to: []\n"),
    (
        "escalate\ndeadline",
        "escalate\nguardrails: {pause approvals when: {task.round: 2}}\ndeadline",
    ),
]


@pytest.mark.parametrize("loader", [yaml.BaseLoader, yaml.SafeLoader])
def test_conditions_statements_and_the_clock_pass(loader: Any) -> None:
    """And what is mistyped in them is underlined."""
    assert problems(STATED, loader) == []
    for right, wrong in OFF:
        assert right in STATED
        assert problems(STATED.replace(right, wrong, 1), loader), wrong


FORMS = [
    ("task.waiting_for", "1h30m 2d 90m 006h 0s", "1.5h 30m1h 1h1h 6 h 1w"),
    ("last.comments_scraped", "0 05 10 1.0", "1_000 1,000 1.5 +5 -1"),
    ("last.match_score", "0.80 1 1. 0.5", ".8 80% 0,8 1e-1"),
    ("account.dispute_share_30d", "35% 0.35 35.5% 1", ".5 0,35 35%%"),
    ("task.cm_payout_amount", "0.24USD 1USD 0.305USD", "0.24 .3USD 1_000USD 0.24EUR"),
]


@pytest.mark.parametrize(("fact", "right", "wrong"), FORMS)
def test_the_forms_of_values_are_those_that_the_parser_takes(
    fact: str, right: str, wrong: str
) -> None:
    """Neither is a valid one underlined, nor one let through that the checker refuses."""
    for value in (*right.split(), *wrong.split()):
        text = STATED.replace("{condition: odd}", f"{{{fact}: at least {value}}}")
        taken = parse_policy(text, path="x.yaml", read=lambda name: b"").policy is not None
        assert taken is (value in right.split()), value
        assert (problems(text) == []) is taken, value
