"""What will become of an undecided round, in half a sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewbot.alarms.standing import otherwise, standing
from reviewbot.core.pipeline import Undecided
from reviewbot.domain.review import ReviewKind
from reviewbot.foresight.ahead import futures
from reviewbot.foresight.future import Future, RoundAhead, Standing
from reviewbot.foresight.room import House
from reviewbot.policy.facts import build_facts
from reviewbot.safety.pauses import Hold
from tests.acceptance.house import judge_of
from tests.builders import CONFIRMED, an_account_item, an_item

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


def ahead(review: ReviewKind, fallback: str, *holds: Hold, seen: bool = True) -> Future:
    """What becomes of one thing that a rule asks about."""
    item = an_item() if review == "comments" else an_account_item()
    judge = judge_of(POLICY.format(review=review, fallback=fallback))
    one = RoundAhead(
        review=review,
        task_id=item.id,
        epoch=item.epoch,
        deadline_at=item.deadline_at,
        deadline_is_estimate=item.deadline_is_estimate,
        judge=judge,
        facts=build_facts(item, now=CONFIRMED) if seen else None,
    )
    how = Standing(now=CONFIRMED, holds=holds, houses={"p": House(judge=judge)}, per_minute=2.0)
    return futures([one], how)[one.key]


@pytest.mark.parametrize(
    ("review", "fallback", "says"),
    [
        ("comments", "approve", "the policy's fallback approves it from Fri 05 Jun 09:00 UTC on"),
        ("comments", BACK, "the policy's fallback sends it back from Fri 05 Jun 09:00 UTC on"),
        ("comments", "leave", "the policy leaves it to the timer, which pays"),
        ("comments", "escalate", "silence pays it"),
        ("accounts", "finalize", "the policy's fallback accepts it from Fri 05 Jun 09:00 UTC on"),
        ("accounts", CORRECT, "the policy's fallback sends it back from Fri 05 Jun 09:00 UTC on"),
        ("accounts", "leave", "the policy leaves it to the timer, which pays"),
        ("accounts", "escalate", "silence pays it"),
    ],
)
def test_every_fallback_that_a_policy_may_have_can_be_said(
    review: ReviewKind, fallback: str, says: str
) -> None:
    """Of comments and of accounts; asking a person leaves it to silence."""
    assert otherwise(ahead(review, fallback)) == says


def test_what_holds_it_and_whose_turn_comes_are_different_things() -> None:
    """A pause that does not end leaves it to silence; what nobody has looked at has its turn to come."""
    paused = Hold(sentence="everything is paused by ana: x", by="pause")

    held = otherwise(ahead("comments", "approve", paused))
    unseen = otherwise(ahead("comments", "approve", seen=False))

    assert held == "silence pays it (everything is paused by ana: x)"
    assert "its turn comes at Tue 02 Jun 12:00 UTC" in unseen
    assert otherwise(None) == "nobody can tell what becomes of it"


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
