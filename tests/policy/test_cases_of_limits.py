"""Tests of a policy about what is not sent: full limits, closed hours, pauses, people asked and reminded."""

from __future__ import annotations

import pytest

from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.coverage import mutants, survives
from tests.policy.judging import judge_of

HEAD = "hours: {{desk: {{open: mon-fri 09:00-18:00}}}}\nrules:\n"
RULES = (
    "  - {{name: pay, when: {{task.platform: tiktok}}, then: approve, limit: at most 5 per day,"
    " when over: {over}}}\n"
    "  - {{name: back, when: {{task.cm_payout_amount: 5.00 USD}}, then: dispute,"
    " reason: Please look at it again.}}\n"
    "  - {{name: ask, always: yes, then: escalate, to: [lead, desk],"
    " remind: {{10h before deadline: lead}}}}\n"
)
END = """
guardrails:
  disputes during: desk
  pause approvals when: {fleet.open_tasks: more than 500}
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: In time.
  remind:
    6h before deadline: [desk, boss]
"""


def problems(test: str, over: str = "escalate") -> list[str]:
    """What a test with these lines has against the policy."""
    lines = "".join(f"    {line}\n" for line in test.split("; "))
    judge = judge_of(
        (HEAD + RULES).format(over=over), deadline=END, tests=f"tests:\n  - name: one\n{lines}"
    )
    (result,) = run_cases(judge)
    return list(result.problems)


FULL = "given: {limits: {pay: full}}"


@pytest.mark.parametrize(
    ("over", "test"),
    [
        ("escalate", f"{FULL}; expect: escalate; by: pay; because: limit"),
        ("hold", f"{FULL}; expect: approve; by: pay; because: limit"),
        ("skip", f"{FULL}; expect: escalate; by: ask; to: [desk, lead]"),
        ("escalate", f"{FULL}; at: 2h before deadline; expect: approve; by: deadline"),
        ("escalate", "given: {paused: approvals}; expect: approve; by: pay; because: pause"),
        ("escalate", "given: {paused: approvals}; at: 1h before deadline; by: deadline"),
        ("escalate", "given: {fleet.open_tasks: 501}; expect: approve; because: pause"),
        ("escalate", "given: {fleet.open_tasks: 501}; at: 1h before deadline; by: deadline"),
        (
            "hold",
            "given: {task.platform: instagram, task.cm_payout_amount: 5.00 USD}; at: 8h after"
            " confirmed; expect: dispute; because: hours; until: 2026-06-03 09:00",
        ),
        (
            "hold",
            "given: {task.platform: instagram}; reminded: {10h before deadline: lead,"
            " 6h before deadline: [boss, desk]}",
        ),
    ],
)
def test_a_test_says_what_is_not_sent_and_who_hears_of_it(over: str, test: str) -> None:
    """By its limit, its hours, a pause of the policy; and the deadline decides in its place."""
    assert problems(test, over) == []


@pytest.mark.parametrize(
    ("over", "test", "said"),
    [
        (
            "hold",
            f"{FULL}; expect: escalate; by: ask; to: boss; because: hours",
            [
                'expected escalate by "ask", got approve by "pay"',
                "expected boss to be asked, got whoever looks",
                "expected it not to be sent because of hours, got limit",
            ],
        ),
        (
            "hold",
            "expect: approve; because: limit",
            ["expected it not to be sent because of limit, got it is sent"],
        ),
        (
            "hold",
            "given: {fleet.open_tasks: 500}; expect: approve; because: pause",
            ["expected it not to be sent because of pause, got it is sent"],
        ),
        (
            "skip",
            "given: {task.platform: instagram}; to: boss; reminded: {10h before deadline: desk,"
            " 6h before deadline: lead, 9h before deadline: lead, 1h before deadline: boss}",
            [
                "expected boss to be asked, got lead and desk",
                "10h before deadline: expected desk to be reminded, got a reminder of lead",
                "6h before deadline: expected lead to be reminded, got a reminder of desk and boss",
                "9h before deadline: expected lead to be reminded, got a reminder of nobody",
                "1h before deadline: expected boss to be reminded, got approve by deadline",
            ],
        ),
    ],
)
def test_every_mismatch_is_named(over: str, test: str, said: list[str]) -> None:
    """Not the first alone."""
    found = problems(test, over)
    assert len(found) == len(said)
    assert all(sentence.startswith(wanted) for sentence, wanted in zip(found, said, strict=True)), (
        found
    )


def test_a_limit_that_no_test_fills_is_found_by_its_mutant() -> None:
    """A test that fills it notices when it is dropped."""
    for test, lives in ((f"{FULL}; because: limit", False), ("expect: approve", True)):
        lines = "".join(f"    {line}\n" for line in test.split("; "))
        judge = judge_of(
            (HEAD + RULES).format(over="hold"),
            deadline=END,
            tests=f"tests:\n  - name: one\n{lines}",
        )
        results = run_cases(judge)
        assert [result.passed for result in results] == [True]
        (mutant,) = [m for m in mutants(judge.policy) if m.change == "its limit is dropped"]
        assert survives(mutant, results) is lives
