"""What the service says of a place, marks in a text, and offers as cures."""

from __future__ import annotations

import pytest

from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.grammar import DECLARED
from reviewbot.policy.service.draft import Draft
from reviewbot.policy.service.findings import Beside, check, cures, read
from reviewbot.policy.service.hover import Hover, hover
from reviewbot.policy.service.marks import definition, inlays, lenses, name_used, symbols
from reviewbot.policy.testing.cases import run_cases
from tests.policy.language.test_mistakes import BASE, TABLE, no_file, plant
from tests.policy.language.test_mistakes import check as read_only
from tests.tier import some

PATH = "agency.yaml"
DRAFT = Draft(BASE, PATH)
BESIDE = Beside(read=no_file)


def at(words: str, text: str = BASE) -> tuple[int, int]:
    """The line and column of the last character of some words."""
    end = text.index(words) + len(words) - 1
    return text.count("\n", 0, end) + 1, end - text.rfind("\n", 0, end)


def said(words: str) -> Hover:
    """What is said of the last word of these, with the policy usable."""
    found = hover(DRAFT, *at(words), read_only(BASE).policy)
    assert found is not None, words
    return found


SAID = {
    "  last.outcome_kind": "What the checker concluded; on its last try",
    "last.outcome_kind: couldnt_verify": "It is one of verified, wrong_text",
    "decide by": "The last moment to act by ourselves.",
    "last.comments_scraped: between": "From the first to the second, both ends count.",
    "then: approve": "The manager is paid, for good.",
    "read all {last.comments_scraped": "How many comments the checker read; 100 means the page was cut, 0 that it saw nothing; on its last try of this round.",
    "act during: desk": "09:00 to 18:00",
    "not in list watched": "2 entries",
    "name: could not look": "the manager is paid",
    "by: not there": "the task is sent back",
    "  holidays": "1 entry",
}


@pytest.mark.parametrize("words", SAID)
def test_what_is_said_of_a_word(words: str) -> None:
    """A key, a fact, a test, an action, a placeholder, and what a name stands for."""
    assert SAID[words] in " ".join(said(words).sentences)


def test_a_name_is_shown_as_it_is_written_where_the_policy_was_never_usable() -> None:
    """Broken elsewhere, it is still known what stands under the name."""
    found = hover(Draft(BASE.replace("policy: agency", "policy: ["), PATH), *at("act during: desk"))

    assert found is not None
    assert found.source.startswith("  desk: {open: mon-fri")


PLACES = {
    "act during: desk": "  desk",
    "not in list watched": "  watched",
    "closed: in list holidays": "  holidays",
    "matches pattern digits": "  digits",
    "reason: not_found": "  not_found",
    "by: not there": "name: not there",
}


@pytest.mark.parametrize("words", PLACES)
def test_where_a_name_is_declared(words: str) -> None:
    """Lists, patterns, hours, reasons and rules; also from a file of tests beside the policy."""
    place = definition(DRAFT, *at(words))

    assert place is not None
    path, span = place
    line, column = at(PLACES[words])
    assert (path, span.line, span.end_column) == (PATH, line, column + 1)


def test_a_rule_is_found_from_the_file_of_tests() -> None:
    """The name leads into the policy."""
    draft = Draft("- name: a\n  by: not there\n", "agency.tests.yaml", DRAFT)

    place = definition(draft, 2, 8)

    assert place is not None
    assert (place[0], place[1].line) == (PATH, at("name: not there")[0])


def test_every_declared_name_of_a_policy_that_is_used_is_seen_as_used() -> None:
    """Whatever can be declared, its use in the base leads back to it."""
    uses = [name_used(DRAFT, entry) for entry in DRAFT.root.walk()]
    used = {(use.kind, use.name) for use in uses if use is not None}
    declared = {(kind, name) for kind in DECLARED for name in DRAFT.names(kind)}

    assert declared <= used


def test_the_parts_of_a_policy() -> None:
    """Sections with their rules, tests and names."""
    parts = {mark.name: [child.name for child in mark.children] for mark in symbols(DRAFT)}

    assert parts["rules"][:2] == ["second visit", "could not look"]
    assert parts["tests"] == ["read all", "in time"]
    assert parts["lists"] == ["watched", "holidays", "trusted"]
    assert [mark.name for mark in symbols(Draft("- name: a", "x.tests.yaml", DRAFT))] == ["a"]


def test_how_often_a_rule_decided_stands_behind_its_name() -> None:
    """Also 0, which is worth seeing."""
    shown = inlays(DRAFT, {"not there": 1200})

    assert {(hint.line, hint.words) for hint in shown} >= {
        (at("name: not there")[0], "decided 1,200 × in 30 days"),
        (at("name: second visit")[0], "decided 0 × in 30 days"),
    }


def test_what_came_of_each_test() -> None:
    """Passed, or why not."""
    text = BASE.replace("      70h after confirmed: approve\n", "")
    parsed = read(Draft(text.replace("by: not there", "by: second visit"), PATH), BESIDE)
    assert parsed.policy is not None

    first, second = lenses(run_cases(compile_policy(parsed.policy)), PATH)

    assert (first.name, second.name) == ("read all", "in time")
    assert first.result.startswith("failed: ")
    assert second.result == "passed"
    assert first.span.line == at("name: read all")[0]


@pytest.mark.parametrize("mistake", some(TABLE, 4), ids=lambda mistake: mistake.title)
def test_a_mistake_is_read_as_by_the_checker_and_its_cure_helps(mistake: object) -> None:
    """The same findings as `policy check`, and no cure leaves as many mistakes as there were."""
    text, _ = plant(mistake)  # type: ignore[arg-type]  # the table's own rows
    draft = Draft(text, PATH)

    found = read(draft, BESIDE).findings

    assert found == read_only(text).findings
    for cure in cures(draft, BESIDE, found):
        lines = draft.text.split("\n")
        span = cure.fix.span
        line = lines[span.line - 1]
        lines[span.line - 1] = (
            line[: span.column - 1] + cure.fix.replacement + line[span.end_column - 1 :]
        )
        left = read(Draft("\n".join(lines), PATH), BESIDE).findings
        assert cure.finding not in left, cure.title
        assert cure.sure or len(left) < len(found)


def test_a_hint_that_helps_is_offered() -> None:
    """Where more than one name may be meant, each that cures is."""
    text = BASE.replace("then: approve", "then: pay", 1)
    draft = Draft(text, PATH)

    offered = cures(draft, BESIDE, read(draft, BESIDE).findings)

    assert [(cure.title, cure.sure) for cure in offered] == [("Write approve", False)]


def test_the_meaning_is_checked_too() -> None:
    """With the notes that a screen leaves out."""
    text = BASE.replace("last.match_score: less than 0.5", "checks.count: at least 0")

    found = check(read(Draft(text, PATH), BESIDE), None)

    assert "P207" in {finding.code for finding in found.findings}


@pytest.mark.parametrize(
    ("text", "is_policy"),
    [("", True), ("policy: a", True), ("rules:\n", True), ("services:\n  web: {}", False)],
)
def test_other_yaml_is_none_of_our_business(text: str, is_policy: bool) -> None:
    """Told by the keys at its top; what is empty may become a policy."""
    assert Draft(text, "x.yaml").is_policy is is_policy
