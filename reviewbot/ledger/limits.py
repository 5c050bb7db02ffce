"""Caps, as the transaction of an intent checks them.

Theory of operation. A cap looks at what was intended in its window, which moves with real time, and
at the one decision that wants to join. It also keeps room: for each more urgent thing that will
need some at a later moment it looks at the window that ends there, with the newcomer in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import CapReached
from reviewbot.ledger.events import to_micros
from reviewbot.ledger.mapping import from_micros
from reviewbot.ports.ledger import Limit


class SpentRoom(NamedTuple):
    """A decision that takes room: when it was intended, what it pays, what it does, for whom."""

    intended_at: int
    amount_micros: int | None
    action: str
    account_id: str | None = None
    rule: str = ""
    by_person: int = 0

    def counts_for(self, limit: Limit) -> bool:
        """Whether it takes room of this cap; of a rule's own, what a person answered does not."""
        return (
            self.action in limit.actions
            and limit.account_id in (None, self.account_id)
            and (limit.rule is None or (limit.rule == self.rule and not self.by_person))
        )


def concerns(limit: Limit, decision: Decision) -> bool:
    """Whether a decision uses up room of this cap."""
    return (
        decision.policy == limit.policy
        and decision.action in (limit.share_of or limit.actions)
        and limit.account_id in (None, decision.account_id)
        and limit.rule in (None, decision.rule)
    )


def window_start(limit: Limit, decision: Decision) -> int:
    """What was intended after this moment counts."""
    return to_micros(limit.begins(decision.decided_at))


def weight(limit: Limit, amount_micros: int | None) -> int:
    """How much room one decision takes."""
    return 1 if limit.measure == "count" else amount_micros or 0


def check_room(limit: Limit, decision: Decision, spent: Sequence[SpentRoom]) -> None:
    """Raise CapReached unless the decision fits beside `spent`, which is ordered, oldest first."""
    if limit.measure == "share":
        _check_share(limit, decision, spent)
        return
    wanted = weight(limit, decision.amount_micros)
    used = sum(weight(limit, room.amount_micros) for room in spent)
    excess = used + wanted - limit.at_most
    if excess > 0:
        raise _full(limit, decision, used, wanted, _room_at(limit, spent, excess))
    _keep_room(limit, decision, spent, used, wanted)


def _room_at(limit: Limit, spent: Sequence[SpentRoom], excess: int) -> datetime | None:
    for room in spent:
        excess -= weight(limit, room.amount_micros)
        if excess <= 0:
            return limit.frees(from_micros(room.intended_at))
    return None


def _keep_room(
    limit: Limit, decision: Decision, spent: Sequence[SpentRoom], used: int, wanted: int
) -> None:
    """Look at each window that ends where somebody more urgent will need room, and holds us too."""
    kept: deque[tuple[datetime, int]] = deque()
    promised, gone = 0, 0
    for need in sorted(limit.keep, key=lambda need: need.at):
        start = limit.begins(need.at)
        if decision.decided_at <= start:
            return
        promised += weight(limit, need.amount_micros)
        kept.append((need.at, weight(limit, need.amount_micros)))
        while kept[0][0] <= start:
            promised -= kept.popleft()[1]
        while gone < len(spent) and spent[gone].intended_at <= to_micros(start):
            used -= weight(limit, spent[gone].amount_micros)
            gone += 1
        if used + wanted + promised > limit.at_most:
            raise _full(limit, decision, used, wanted, need.at, promised)


def _check_share(limit: Limit, decision: Decision, spent: Sequence[SpentRoom]) -> None:
    if len(spent) < limit.after:
        return
    part = sum(room.action in limit.share_of for room in spent) + 1
    if part * 1_000_000 > limit.at_most * (len(spent) + 1):
        words = f"it would make {part} of {len(spent) + 1} decisions"
        raise _reached(limit, decision, words, room_at=None)


def _full(
    limit: Limit,
    decision: Decision,
    used: int,
    wanted: int,
    room_at: datetime | None,
    kept: int = 0,
) -> CapReached:
    keeps = f", {kept} kept for what expires first" if kept else ""
    unit = _UNIT[limit.measure]
    words = f"{used} of {limit.at_most} {unit} used, {wanted} more wanted{keeps}"
    return _reached(limit, decision, words, room_at)


def _reached(limit: Limit, decision: Decision, words: str, room_at: datetime | None) -> CapReached:
    return CapReached(
        f"task {decision.task_id}: {decision.action.value} is over the cap {limit.name!r} ({words})",
        cap=limit.name,
        room_at=room_at,
        own=limit.rule is not None,
        account=limit.account_id is not None,
        money=limit.measure == "micros",
    )


_UNIT = {"count": "decisions", "micros": "millionths of a dollar"}
