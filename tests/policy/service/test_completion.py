"""What is offered while typing: by position alone, in lines half written, and from the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.policy import starters
from reviewbot.policy.language import grammar
from reviewbot.policy.language.grammar import GrammarSection, inside
from reviewbot.policy.operators import OPERATORS
from reviewbot.policy.service.completion import Offer, complete
from reviewbot.policy.service.draft import Draft
from reviewbot.policy.service.outline import OutlineEntry, outline
from tests.tier import times

ROOT = Path(__file__).resolve().parents[3]
BASE = (ROOT / "tests/policy/language/mistakes/base.yaml").read_text(encoding="utf-8")
POLICIES = {
    "agency.yaml": BASE,
    **{f"{name}.yaml": starters.read(name).policy for name in starters.names()},
}
HEAD = """policy: a
lists:
  watched: [lumen]
hours:
  desk: {open: mon-fri 09:00-18:00}
patterns:
  digits: {regex: "[0-9]"}
reasons:
  not_found: |
    It was not there, {last.comments_scraped} read.
rules:
  - name: one rule
"""


def offered(text: str, path: str = "a.yaml") -> list[Offer]:
    """What is offered at the `|` of a text."""
    before, _, behind = text.rpartition("|")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return list(complete(Draft(before + behind, path), line, column))


def labels(text: str, path: str = "a.yaml") -> list[str]:
    """The labels of these."""
    return [offer.label for offer in offered(text, path)]


PLACES = {
    "a key of the policy": ("ru|", ["rules", "reasons"], ["then", "task.platform"]),
    "a key of a rule": (HEAD + "    |", ["when", "then", "act during"], ["name", "rules"]),
    "a key behind a dash": ("rules:\n  - |", ["name", "when"], ["policy"]),
    "only the keys of its action": (
        HEAD + "    then: wait\n    |",
        ["until", "shadow"],
        ["reason", "because", "then"],
    ),
    "a key between others": (HEAD + "    |\n    then: escalate", ["to", "question"], ["then"]),
    "a fact": (
        HEAD + "    when:\n      last.out|",
        ["last.outcome_kind", "any of"],
        ["profile.username"],
    ),
    "a fact of an account": (
        "applies to: {review: accounts}\nrules:\n  - when:\n      |",
        ["profile.username"],
        ["last.outcome_kind", "any check"],
    ),
    "a fact of an attempt": (
        HEAD + "    when:\n      any check:\n        |",
        ["outcome_kind", "none of"],
        ["last.outcome_kind", "no check"],
    ),
    "a fact in brackets": (
        HEAD + "    when: {last.verified: no, |}",
        ["task.platform"],
        ["last.verified"],
    ),
    "a fact of all tasks": (
        "guardrails:\n  pause disputes when:\n    |",
        ["fleet.open_tasks"],
        ["task.platform"],
    ),
    "a value of a closed list": (
        HEAD + "    when:\n      last.outcome_kind: scr|",
        ["scrape_failed", "not in list"],
        ["at least"],
    ),
    "a value in a list": (
        HEAD + "    when: {task.platform: [tiktok, |]}",
        ["instagram"],
        ["known"],
    ),
    "the words of a test": (
        HEAD + "    when:\n      last.comments_scraped: at l|",
        ["at least", "between", "unknown"],
        ["contains", "in list"],
    ),
    "a list": (
        HEAD + "    when:\n      task.saved_account_id: not in list |",
        ["watched"],
        ["digits"],
    ),
    "a pattern": (
        HEAD + "    when:\n      task.saved_account_id: matches pattern d|",
        ["digits"],
        ["watched"],
    ),
    "an action": (HEAD + "    then: |", ["approve", "wait"], ["finalize"]),
    "a last action": ("deadline:\n  if undecided: |", ["approve", "escalate"], ["wait"]),
    "a reason": (HEAD + "    then: dispute\n    reason: |", ["not_found"], ["watched"]),
    "hours": (HEAD + "    act during: |", ["desk"], []),
    "a moment": (
        HEAD + "    then: wait\n    until: |",
        ["24h after confirmed", "when desk opens"],
        [],
    ),
    "a moment as a key": (
        HEAD + "tests:\n  - over time:\n      |",
        ["1h after confirmed"],
        ["expect"],
    ),
    "an action at a moment": (
        HEAD + "tests:\n  - over time:\n      1h after confirmed: |",
        ["escalate"],
        [],
    ),
    "who decides a test": (
        HEAD + "tests:\n  - name: a\n    by: |",
        ["one rule", "no rule", "deadline"],
        [],
    ),
    "a value that a test gives": (
        HEAD + "tests:\n  - given:\n      last.verified: |",
        ["yes", "unknown"],
        ["known"],
    ),
    "what a test gives beside facts": (
        HEAD + "tests:\n  - given:\n      |",
        ["limits", "paused", "last.verified"],
        ["expect"],
    ),
    "a rule whose limit is full": (
        HEAD + "tests:\n  - given:\n      limits:\n        |",
        ["one rule"],
        [],
    ),
    "a case of a text": ("reasons:\n  a:\n    - |", ["when", "text", "otherwise"], ["then"]),
    "a placeholder in a line": (HEAD + "    question: Look {task.pl|} up", ["task.platform"], []),
    "a placeholder in a block": (
        "reasons:\n  a: |\n    One {last.|",
        ["last.comments_scraped"],
        ["any of"],
    ),
    "a format": (HEAD + "    question: On {last.scraped_at, |", ["date", "time"], ["money"]),
    "a named condition": (
        "conditions:\n  missed:\n    last.verified: no\nrules:\n  - when:\n      condition: |",
        ["missed"],
        ["at least"],
    ),
    "a fact in a named condition": ("conditions:\n  missed:\n    |", ["last.verified"], ["when"]),
    "what is never done": ("never:\n  - then: |", ["approve", "leave"], ["wait", "escalate"]),
    "a zone": ("timezone: Europe/P|", ["Europe/Paris"], []),
    "one of few words": ("guardrails:\n  when over: |", ["escalate", "hold"], ["approve"]),
    "a limit": ("guardrails:\n  disputes: |", ["at most 10 per hour"], []),
    "a fact of a case": ("reasons:\n  a:\n    - when: {task.pl|", ["task.platform"], ["when"]),
    "a variant of a text": ("reasons:\n  a:\n    |", ["tiktok", "otherwise"], []),
    "nothing in a comment": (HEAD + "    # wh|", [], ["when"]),
    "nothing for a name": ("lists:\n  |", [], ["id", "file"]),
}


@pytest.mark.parametrize("case", PLACES)
def test_what_is_offered_at_a_place(case: str) -> None:
    """The words that fit, and none that do not."""
    text, there, absent = PLACES[case]

    found = labels(text)

    assert [word for word in there if word not in found] == []
    assert [word for word in absent if word in found] == []


def test_a_file_of_tests_knows_the_rules_of_its_policy() -> None:
    """The names come from the policy beside it."""
    policy = Draft(HEAD, "a.yaml")
    draft = Draft("- name: t\n  by: ", "a.tests.yaml", beside=policy)

    assert [offer.label for offer in complete(draft, 2, 7)] == ["one rule", "no rule", "deadline"]
    assert "given" in labels("- name: t\n  |", "a.tests.yaml")
    assert "given" in labels("tests:\n  - |", "a.tests.yaml")


def test_an_offer_takes_the_place_of_the_word_that_is_there() -> None:
    """A colon that stands there is not written twice, and what follows the place goes too."""
    offers = {offer.label: offer for offer in offered(HEAD + "    wh|en: x")}
    line = HEAD.count("\n") + 1

    assert offers["when any"].insert == "when any"
    span = offers["when any"].span
    assert (span.line, span.column, span.end_column) == (line, 5, 9)


def test_every_part_of_the_grammar_leads_inside() -> None:
    """A key of which the table says `see below` says where that is, so that its keys are offered."""
    sections = [part for part in vars(grammar).values() if isinstance(part, GrammarSection)]
    parts = {grammar.PART, grammar.PARTS, grammar.NAMED}

    reached = [grammar.POLICY, grammar.TESTS_FILE]
    for section in reached:
        for key in section.keys.values():
            assert key.kind not in parts or inside(key), f"{key.name} of {section.what}"
            reached += [part for part in inside(key) if part not in reached]

    assert [section.what for section in sections if section not in reached] == []


def written(entry: OutlineEntry) -> list[OutlineEntry]:
    """What was typed after its parent, in order."""
    return [part for part in entry.walk() if part.key]


def lines_until(text: str, line: int, column: int) -> str:
    """A text cut off before a place."""
    lines = text.split("\n")
    return "\n".join([*lines[: line - 1], lines[line - 1][: column - 1]])


@pytest.mark.parametrize("path", POLICIES)
def test_every_key_of_a_policy_would_have_been_offered(path: str) -> None:
    """Typed from the top, with nothing below it yet, each key of the grammar and each fact is there."""
    text = POLICIES[path]
    draft = Draft(text, path)
    review = "" if draft.review == "comments" else "applies to: {review: accounts}\n"
    for entry in written(outline(text)):
        assert entry.parent is not None
        slot = draft.slot(entry.parent)
        own = slot.named or (slot.kind in grammar.PAIRS)
        variant = entry.key.startswith("round ")  # their numbers have no end
        if own or variant or (grammar.REASON_TEXT in slot.sections and not slot.key):
            continue
        span = entry.key_span
        before = lines_until(text, span.line, span.column)
        found = complete(Draft(before, path), span.line, span.column)
        assert review or entry.key in [offer.label for offer in found], entry.key


@pytest.mark.parametrize("path", POLICIES)
def test_every_word_of_a_test_would_have_been_offered(path: str) -> None:
    """The words that a test of a fact begins with, each word of a closed list, each declared name."""
    text = POLICIES[path]
    draft = Draft(text, path)
    words = sorted((operator.words for operator in OPERATORS), key=len, reverse=True)
    for entry in outline(text).walk():
        slot, span = draft.slot(entry), entry.value_span
        if not entry.value or span is None or entry.item or span.line != span.end_line:
            continue
        kind = slot.kind
        closed = kind is not None and (
            kind.choices or kind in (grammar.ACTION, grammar.LAST_ACTION)
        )
        if slot.fact is None and not closed:
            continue
        plain = slot.fact.values if slot.fact is not None else (entry.value,)
        value = entry.value.removeprefix("not ")
        first = next((word for word in words if value.startswith(word)), value)
        if slot.fact is not None and first == value and value not in plain:
            continue
        before = lines_until(text, span.line, span.column)
        found = [offer.label for offer in complete(Draft(before, path), span.line, span.column)]
        assert first in found, f"{entry.key}: {entry.value}"


@settings(max_examples=times(80, 3_000))
@given(
    text=st.sampled_from(
        [*POLICIES.values(), "", "a: {b: [c, {d", "'", "- - - {", "x: |\n\n", "{a: b:"]
    ),
    at=st.integers(0, 10_000),
    put=st.sampled_from(
        ["", "{", "[", "'", '"', "- ", "|", ": ", "#", "\t", "\r\n", "😀", "}", "]"]
    ),
    cut=st.booleans(),
)
def test_whatever_is_typed_offers_come_without_a_crash(
    text: str, at: int, put: str, cut: bool
) -> None:
    """Anywhere, with anything put in, with all below it or none."""
    at = min(at, len(text))
    draft = Draft(text[:at] + put + ("" if cut else text[at:]))
    before = draft.text[: at + len(put)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")

    for offer in complete(draft, line, column):
        assert offer.span.line == line
        assert offer.span.column <= column <= offer.span.end_column
