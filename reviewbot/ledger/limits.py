"""Caps, as the transaction of an intent checks them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import CapReached
from reviewbot.ledger.rows import from_micros, to_micros
from reviewbot.ports import Limit


def concerns(limit: Limit, decision: Decision) -> bool:
    """Whether a decision uses up room of this cap."""
    return (
        decision.policy == limit.policy
        and decision.action in limit.actions
        and limit.account_id in (None, decision.account_id)
    )


def window_start(limit: Limit, decision: Decision) -> int:
    """What was intended after this moment counts."""
    return to_micros(decision.decided_at - timedelta(seconds=limit.seconds))


def weight(limit: Limit, amount_micros: int | None) -> int:
    """How much room one decision takes."""
    return 1 if limit.measure == "count" else amount_micros or 0


def check_room(limit: Limit, decision: Decision, spent: Sequence[tuple[int, int | None]]) -> None:
    """Raise CapReached unless the decision fits beside `spent`: (intended at, amount), oldest first."""
    wanted = weight(limit, decision.amount_micros)
    used = sum(weight(limit, amount) for _, amount in spent)
    excess = used + wanted - limit.at_most
    if excess <= 0:
        return
    room_at = None
    for intended_at, amount in spent:
        excess -= weight(limit, amount)
        if excess <= 0:
            room_at = from_micros(intended_at) + timedelta(seconds=limit.seconds)
            break
    raise CapReached(
        f"task {decision.task_id}: {decision.action.value} is over the cap {limit.name!r}"
        f" ({used} of {limit.at_most} {_UNIT[limit.measure]} used, {wanted} more wanted)",
        cap=limit.name,
        room_at=room_at,
    )


_UNIT = {"count": "decisions", "micros": "millionths of a dollar"}
