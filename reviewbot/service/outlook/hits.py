"""Hits: how often each rule of a policy decided lately, and how often it could not tell."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import msgspec

from reviewbot.ports import Ledger

DAYS = 30


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions by rule, `no rule` and `deadline` included, of all revisions of a policy."""

    decided: dict[str, int]
    could_not_tell: dict[str, int]
    decisions: int


def hits(ledger: Ledger, policy: str, now: datetime) -> Hits:
    """Count what a policy of this name decided in the last 30 days; people's answers are not its own."""
    since = now - timedelta(days=DAYS)
    decided: Counter[str] = Counter()
    unclear: Counter[str] = Counter()
    for logged in ledger.decided(policy, since):
        decision = logged.decision
        if decision.decided_by is None and decision.decided_at >= since:
            decided[decision.rule] += 1
            unclear.update(decision.cannot_tell)
    return Hits(decided=decided, could_not_tell=unclear, decisions=decided.total())
