"""The schema takes every policy of this house and underlines what people mistype."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reviewbot.policy import starters
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.language.schema import policy_schema
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
]


@pytest.mark.parametrize("loader", [yaml.BaseLoader, yaml.SafeLoader])
def test_conditions_statements_and_the_clock_pass(loader: Any) -> None:
    """And what is mistyped in them is underlined."""
    assert problems(STATED, loader) == []
    for right, wrong in OFF:
        assert right in STATED
        assert problems(STATED.replace(right, wrong, 1), loader), wrong
