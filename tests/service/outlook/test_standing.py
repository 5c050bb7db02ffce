"""What will become of an undecided round, in half a sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewbot.domain.review import ReviewKind
from reviewbot.service.outlook.standing import otherwise, standing
from reviewbot.service.telling.deadlines import Undecided
from tests.acceptance.house import judge_of
from tests.builders import CONFIRMED

POLICY = """
policy: p
language: 1
applies to: {{review: {review}}}
rules:
  - {{name: r, always: yes, then: escalate}}
deadline:
  decide by: 3h before deadline
  if undecided: {fallback}
  because: x
"""
BACK = '{then: dispute, reason: "Please look again."}'
CORRECT = '{then: request corrections, comment: "One thing.", fields: {username: "Another."}}'


@pytest.mark.parametrize(
    ("review", "fallback", "does"),
    [
        ("comments", "approve", "approves it"),
        ("comments", BACK, "sends it back"),
        ("comments", "leave", "leaves it to the timer, which pays"),
        ("comments", "escalate", None),
        ("accounts", "finalize", "accepts it"),
        ("accounts", CORRECT, "sends it back"),
        ("accounts", "leave", "leaves it to the timer, which pays"),
        ("accounts", "escalate", None),
    ],
)
def test_every_fallback_that_a_policy_may_have_can_be_said(
    review: ReviewKind, fallback: str, does: str | None
) -> None:
    """Of comments and of accounts; asking a person leaves it to silence."""
    one = Undecided(
        review=review,
        task_id="t",
        epoch="1",
        started_at=CONFIRMED,
        deadline_at=CONFIRMED + timedelta(hours=72),
        deadline_is_estimate=False,
        action=None,
        rule=None,
        outcome="not reviewed yet",
    )
    judge = judge_of(POLICY.format(review=review, fallback=fallback))
    said = f"the policy's fallback {does} from Fri 05 Jun 09:00 UTC on"
    assert otherwise(one, judge) == (said if does else "silence pays it")


def test_what_somebody_was_first_to_act_on_is_said_so() -> None:
    """The bot's own verdict is not what keeps it open then."""
    one = Undecided(
        review="comments",
        task_id="t",
        epoch="1",
        deadline_at=CONFIRMED + timedelta(hours=72),
        deadline_is_estimate=False,
        action="approve",
        rule="deadline",
        outcome="acted on before",
    )
    assert "it was acted on before, and that has not ended it yet" in standing(one)
