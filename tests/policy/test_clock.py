"""`now` as a fact: what the clock says, what becomes of it over time, and what is proved of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.explain.explain import explain
from reviewbot.policy.explain.summary import read_policy
from reviewbot.policy.explain.what_if import over_time
from reviewbot.policy.lint.usual import Impossible, usual_facts
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.check import analyse
from reviewbot.presentation.document import explanation_text
from tests.builders import CONFIRMED
from tests.policy.judging import facts_at, judge_of

CLOCK = """
hours:
  desk: {open: mon-fri 09:00-18:00}
rules:
  - {name: holidays, when: {now: between 2026-06-04 and 2026-06-05}, then: escalate}
  - {name: at the desk, when: {now: in hours desk}, then: approve}
  - {name: at night, when: {now: not in hours desk}, then: escalate}
"""
# CONFIRMED is Tuesday 2026-06-02, 12:00 UTC: 14:00 in Paris.


@pytest.mark.parametrize(
    ("moment", "rule"),
    [
        (datetime(2026, 6, 2, 15, 59, tzinfo=UTC), "at the desk"),
        (datetime(2026, 6, 2, 16, tzinfo=UTC), "at night"),
        (datetime(2026, 6, 3, 21, 59, tzinfo=UTC), "at night"),
        (datetime(2026, 6, 3, 22, tzinfo=UTC), "holidays"),
    ],
)
def test_a_rule_asks_the_clock_in_the_zone_of_its_policy(moment: datetime, rule: str) -> None:
    """The end of a range is outside it; a date is that whole day in Paris."""
    judge = judge_of(CLOCK)
    facts = replace(facts_at(attempts=None), now=moment)
    made = judge.triage(facts)  # no evidence is needed to read a clock
    assert made is not None
    assert made.rule == rule


def test_an_answer_changes_as_hours_open_and_close_and_as_a_day_begins() -> None:
    """Each change at its exact moment, found without asking at any other."""
    judge = judge_of(CLOCK)
    changes = [(at, answer.rule) for at, answer in over_time(judge, facts_at(1))]
    assert changes == [
        (CONFIRMED + timedelta(hours=1), "at the desk"),
        (datetime(2026, 6, 2, 16, tzinfo=UTC), "at night"),
        (datetime(2026, 6, 3, 7, tzinfo=UTC), "at the desk"),
        (datetime(2026, 6, 3, 16, tzinfo=UTC), "at night"),
        (datetime(2026, 6, 3, 22, tzinfo=UTC), "holidays"),
        (datetime(2026, 6, 5, 9, tzinfo=UTC), "deadline"),
    ]


def test_a_rule_that_names_the_clock_says_so() -> None:
    """Read aloud, in its explanation, and beside each moment to come at which it decides."""
    judge = judge_of(CLOCK)
    said = "\n".join(s for passage in read_policy(judge.policy) for s in passage.sentences)
    assert "When the moment of judging is in the hours desk: the manager is paid" in said
    told = explain(judge, facts_at(1), over_time=True)
    assert told.seen[0].value == "Tue 02 Jun 15:00 CEST (Europe/Paris)"
    text = explanation_text(told)
    assert 'ESCALATE by "at night"   (now: not in hours desk)' in text


TESTS = """
tests:
  - {name: by day, at: 1h after confirmed, expect: approve, by: at the desk}
  - {name: a given moment, given: {now: 2026-07-08 20:00}, expect: escalate, by: at night}
  - name: over time
    over time:
      1h after confirmed: approve
      5h after confirmed: escalate
      20h after confirmed: approve
"""


def test_tests_of_a_policy_know_the_clock() -> None:
    """By `at:`, by a `now` that is given, and over time."""
    results = run_cases(judge_of(CLOCK, tests=TESTS))
    assert [result.problems for result in results] == [(), (), ()]


@pytest.mark.parametrize("review", ["comments", "accounts"])
def test_a_moment_that_is_given_moves_the_usual_review_along(review: str) -> None:
    """It was confirmed as long before it as is given, and lies in order around it."""
    now = datetime(2027, 1, 1, 3, tzinfo=UTC)
    waiting = "task.waiting_for" if review == "comments" else "review.waiting_for"
    facts = usual_facts(review, {"now": now, waiting: 7200.0})  # type: ignore[arg-type]  # a kind of review
    assert facts.now == now
    assert facts.started_at == now - timedelta(hours=2)
    if review == "comments":
        assert facts.task.submitted_at is not None
        assert facts.started_at - facts.task.submitted_at == timedelta(hours=4)
        with pytest.raises(Impossible):
            usual_facts("comments", {"now": now}, now + timedelta(hours=1))


def codes(source: str) -> list[tuple[str, Severity]]:
    """What is said of a policy, without what is only noted."""
    found = analyse(judge_of(source).policy, today=date(2026, 11, 22))
    return [(f.code, f.severity) for f in found if f.severity is not Severity.NOTE]


HOURS = "hours: {desk: {open: mon-fri 09:00-18:00}, night: {open: 22:00-06:00}}\n"
LAST = "  - {name: rest, always: yes, then: escalate}\n"


def test_the_check_knows_that_hours_are_open_or_not() -> None:
    """Open and closed leave nothing over, and exclude each other; two calendars may meet or not."""
    both = "  - {name: a, when: {now: in hours desk}, then: approve}\n"
    both += "  - {name: b, when: {now: not in hours desk}, then: leave, because: Night.}\n"
    eaten = analyse(judge_of(HOURS + "rules:\n" + both + LAST).policy)
    assert [f.message for f in eaten if f.code == "P202"] == [
        'rule "rest" can never match: every task it would take is taken before by '
        'rule 1 "a" and rule 2 "b"'
    ]
    never = "  - {name: a, when: {now: in hours desk}, unless: {now: in hours desk}, then: leave,"
    assert ("P201", Severity.WARNING) in codes(HOURS + f"rules:\n{never} because: X.}}\n" + LAST)
    meet = "  - {name: a, when: {now: in hours desk, task.platform: tiktok}, then: approve}\n"
    meet += "  - {name: b, when: {now: in hours %s, task.round: 1}, then: dispute, reason: a b c}\n"
    met = ("P203", Severity.WARNING)
    assert met in codes(HOURS + "rules:\n" + meet % "desk" + LAST)
    assert met not in codes(HOURS + "rules:\n" + meet % "night" + LAST)


def test_a_rule_whose_hours_never_come_is_named() -> None:
    """It asks for hours that are over for good, whatever the time of confirmation."""
    gone = "hours: {xmas: {open: 23:00-23:30}}\nrules:\n"
    gone += (
        "  - {name: a, when: {now: in hours xmas, task.waiting_for: at most 1h}, then: approve}\n"
    )
    found = analyse(judge_of(gone + LAST).policy, today=date(2026, 11, 22))
    (window,) = (f for f in found if f.code == "P233")
    assert window.severity is Severity.NOTE
    assert 'the hours "xmas" stay closed' in window.message


def test_a_length_of_time_that_is_not_known_turns_nothing() -> None:
    """Of a task without a try nobody can say when its last one is a day old."""
    judge = judge_of("rules:\n  - {name: old, when: {last.age: more than 20h}, then: approve}")
    end = CONFIRMED + timedelta(hours=60)
    assert list(judge.turns.between(facts_at(1), end)) != []
    assert list(judge.turns.between(facts_at(1, attempts=()), end)) == []
