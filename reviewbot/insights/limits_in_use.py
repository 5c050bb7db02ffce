"""Limits in use: how much of each limit of a policy is spent, and what is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from reviewbot.foresight.gather import DAY
from reviewbot.foresight.room import Spent, room_left
from reviewbot.policy.engine.judge import Judge
from reviewbot.ports.ledger import Ledger
from reviewbot.safety.limits import limits_of

MICROS = 1_000_000


class LimitInUse(msgspec.Struct, frozen=True, kw_only=True):
    """One limit: `at_most` and `left` are decisions, US dollars, or a part of 1, by its `measure`."""

    policy: str
    rule: str | None
    """Whose own limit it is; None of the policy's."""
    name: str
    measure: str
    at_most: float
    left: float

    @property
    def used(self) -> float:
        """What is spent of it."""
        return self.at_most - self.left

    @property
    def part(self) -> float:
        """Which part of it is spent, from 0 to 1."""
        return 1.0 if self.at_most <= 0 else min(1.0, max(0.0, self.used / self.at_most))


def limits_in_use(ledger: Ledger, judges: Iterable[Judge], now: datetime) -> Iterator[LimitInUse]:
    """Every limit of these policies that does not count each account alone. Raises `LedgerError`."""
    for judge in judges:
        limits = tuple(limits_of(judge.policy))
        spent = spent_by(ledger, judge, now) if limits else ()
        for limit in limits:
            whole = limit.at_most / (1 if limit.measure == "count" else MICROS)
            yield LimitInUse(
                policy=judge.policy.name,
                rule=limit.rule,
                name=limit.name,
                measure=limit.measure,
                at_most=whole,
                left=room_left(limit, spent, now),
            )


def spent_by(ledger: Ledger, judge: Judge, now: datetime) -> tuple[Spent, ...]:
    """What a policy sent in the last day."""
    return tuple(
        Spent(logged.intended_at, logged.decision)
        for logged in ledger.sent(judge.policy.name, now - DAY)
        if logged.intended_at is not None
    )
