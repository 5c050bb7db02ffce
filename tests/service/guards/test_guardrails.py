"""Caps as the log checks them: what concerns them, and what they keep room for."""

from __future__ import annotations

from datetime import timedelta

from reviewbot.domain.decision import Action
from reviewbot.service.guards.guardrails import _limits, wanting
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import a_decision
from tests.policy.judging import judge_of

CAPPED = """
rules:
  - {name: ask, always: yes, then: escalate}
guardrails:
  approvals: at most 3 per hour
"""
NOW = CONFIRMED + timedelta(hours=1)


def test_an_undecided_thing_wants_room_from_its_decide_by_on() -> None:
    """For what is asked now and for what the fallback would do."""
    wanted = wanting(judge_of(CAPPED), an_item(), Action.ESCALATE, NOW)
    assert wanted is not None
    assert (wanted.policy, wanted.account_id) == ("tried", an_item().account_id)
    assert wanted.at == CONFIRMED + timedelta(hours=69)
    assert wanted.actions == {Action.ESCALATE, Action.APPROVE}
    assert wanted.amount_micros == 240_000


def test_from_decide_by_on_it_wants_room_now_and_only_for_what_is_wanted() -> None:
    """The fallback has had its say."""
    judge, moment = judge_of(CAPPED), CONFIRMED + timedelta(hours=69)
    for late in (moment, moment + timedelta(minutes=5)):
        wanted = wanting(judge, an_item(), Action.DISPUTE, late)
        assert wanted is not None
        assert (wanted.at, set(wanted.actions)) == (late, {Action.DISPUTE})


def test_nothing_is_kept_without_a_deadline_or_without_caps() -> None:
    """There is no moment to keep room for, or no cap to keep it in."""
    no_deadline = an_item(client_dispute_deadline_at=None)
    assert wanting(judge_of(CAPPED), no_deadline, Action.ESCALATE, NOW) is None
    free = judge_of(CAPPED[: CAPPED.index("guardrails")])
    assert wanting(free, an_item(), Action.ESCALATE, NOW) is None


PER_ACCOUNT = CAPPED.replace(
    "approvals: at most 3 per hour", "disputes per account: at most 1 per day"
)


def test_what_has_no_account_is_under_no_cap_of_an_account() -> None:
    """There is no account whose disputes could be too many."""
    judge = judge_of(PER_ACCOUNT)
    (limit,) = _limits(judge.policy, a_decision(Action.DISPUTE))
    assert (limit.account_id, limit.at_most, limit.seconds) == ("a1", 1, 86_400)
    assert list(_limits(judge.policy, a_decision(Action.DISPUTE, account_id=None))) == []
