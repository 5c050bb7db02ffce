"""The tests a policy brings: they pass, they fail with the deciding line, they refuse nonsense."""

from __future__ import annotations

import pytest

from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.lint.usual import CONFIRMED, Impossible, usual_facts
from reviewbot.policy.testing.cases import CaseResult, run_cases
from reviewbot.policy.testing.coverage import measure, mutants, survives, survivor_sentence
from tests.policy.judging import judge_of

RULES = """
rules:
  - name: looked
    when: {last.outcome_kind: couldnt_verify, last.comments_scraped: between 1 and 98}
    then: dispute
    reason: We read all {last.comments_scraped} comments and yours was not there.
  - name: again
    when: {task.times_disputed: at least 1}
    then: approve
"""


def results(tests: str) -> tuple[CaseResult, ...]:
    """Run tests of the policy above."""
    return run_cases(judge_of(RULES, tests=f"tests:\n{tests}"))


def test_a_failure_names_the_line_that_decided() -> None:
    """Expected, got, and the test that was not met with the value it saw."""
    (result,) = results(
        "  - {name: t, given: {last.comments_scraped: 99}, expect: dispute, by: looked}"
    )
    assert result.problems == (
        'expected dispute by "looked", got escalate by no rule: '
        "line 7 `between 1 and 98` was not met by 99",
    )


def test_a_failure_names_all_that_differs() -> None:
    """Action and rule, the words of the reason, and the moment, each with what came instead."""
    (result,) = results(
        """
  - name: t
    given: {last.comments_scraped: 60}
    at: 2h after confirmed
    expect: approve
    by: again
    reason says: all 61 comments
    until: 3h after confirmed
"""
    )
    assert result.problems == (
        '2h after confirmed: expected approve by "again", got dispute by "looked": '
        "line 7 `couldnt_verify` was met by couldnt_verify, line 7 `between 1 and 98` was met by 60",
        'expected the reason to say "all 61 comments", '
        'it says "We read all 60 comments and yours was not there."',
        "expected it until Tue 2026-06-02 17:00, got no moment",
    )


def test_a_failure_names_the_rule_and_all_that_differs_beside_it() -> None:
    """The same action by another rule, and with it no words at all."""
    (result,) = results(
        """
  - name: t
    given: {task.times_disputed: 1, last.comments_scraped: 99}
    by: deadline
    expect never: approve
    reason says: wrong
"""
    )
    assert [problem.split(",")[0] for problem in result.problems] == [
        "expected it by deadline",
        "expected never approve",
        'expected the reason to say "wrong"',
    ]
    assert result.problems[2].endswith("it has none")


def test_the_typical_task_is_filled_in() -> None:
    """Sixty comments were read and it could not be verified."""
    (result,) = results("  - {name: t, expect: dispute, reason says: 'read all  60 comments'}")
    assert result.passed


def test_a_test_looks_at_several_moments() -> None:
    """`over time` moves the present, and each wrong answer is a problem of its own."""
    (result,) = results(
        """
  - name: t
    given: {checks.count: 0}
    over time: {1h after confirmed: escalate, 69h after confirmed: approve, 70h after confirmed: leave}
"""
    )
    assert len(result.problems) == 1
    assert result.problems[0].startswith("70h after confirmed: expected leave, got approve")


def test_facts_that_cannot_occur_together_are_an_error() -> None:
    """No attempt, and yet it read something: never a pass."""
    (result,) = results(
        "  - {name: t, given: {checks.count: 0, last.comments_scraped: 5}, expect: escalate}"
    )
    assert "cannot be as given" in result.problems[0]


@pytest.mark.parametrize(
    "given",
    [
        {"checks.count": 3, "checks.failed": 2},
        {"checks.most_comments": 100, "checks.fewest_comments": 20},
        {"checks.best_score": 0.9, "last.match_score": 0.2},
        {"checks.failed": 1, "last.outcome_kind": "couldnt_verify"},
        {"task.waiting_for": 3600.0, "task.time_left": 7200.0},
        {"task.round": 3, "task.comment_length": 7},
        {"last.age": 600.0, "task.posted_ago": 90_000.0},
        {"task.times_disputed": None, "checks.count": None},
        {"account.dispute_share_30d": 0.5, "fleet.open_tasks": None},
    ],
)
def test_what_is_given_reads_as_given(given: dict[str, object]) -> None:
    """Derived facts are arranged for; `usual_facts` itself reads them back."""
    assert isinstance(usual_facts("comments", given), Facts)


@pytest.mark.parametrize(
    "given",
    [
        {"checks.count": 1, "checks.failed": 2},
        {"checks.count": 1, "checks.best_score": 0.9, "last.match_score": 0.2},
        {"task.round": 1, "task.times_disputed": 2},
        {"task.comment_text": "abc", "task.comment_length": 4},
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, object]) -> None:
    """The error names the fact that does not fit."""
    with pytest.raises(Impossible):
        usual_facts("comments", given, CONFIRMED)


def test_coverage_names_what_no_test_tried() -> None:
    """A rule that decided nothing, a condition seen one way only, a bound nobody stood on."""
    judge = judge_of(RULES, tests="tests:\n  - {name: t, expect: dispute}")
    found = measure(judge, run_cases(judge))
    assert (found.rules, found.conditions, found.boundaries) == ((1, 2), (2, 6), (0, 3))
    assert found.percent == 27
    assert "no test is decided by this rule" in {gap.message for gap in found.untried}


def test_a_fault_that_no_test_notices_survives() -> None:
    """Moving a bound is noticed only by a test that stands on it."""
    loose = judge_of(RULES, tests="tests:\n  - {name: t, expect: dispute}")
    tight = judge_of(
        RULES,
        tests="""tests:
  - {name: a, given: {last.comments_scraped: 98}, expect: dispute}
  - {name: b, given: {last.comments_scraped: 99}, expect: escalate}
""",
    )

    def alive(judge: Judge) -> set[str]:
        results = run_cases(judge)
        return {
            survivor_sentence(mutant)
            for mutant in mutants(judge.policy)
            if survives(mutant, results)
        }

    moved = 'line 7: nothing fails if `last.comments_scraped: between 1 and 98` becomes `between 1 and 99` (rule "looked")'
    assert moved in alive(loose)
    assert moved not in alive(tight)
