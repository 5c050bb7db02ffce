"""The figures of the last 30 days, counted now and then: a large log holds tens of thousands of decisions of a month.

Where counting is quick they are counted for each page. Where it is not, a page shows what was counted
last, with its moment, and the console counts anew beside it, at most every few minutes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from reviewbot.insights.scorecard import TOPICS, RuleCounts, Scorecard, counts_of, scorecard
from reviewbot.ports.ledger import Ledger

WINDOW = timedelta(days=30)
QUICK = 0.03
"""Seconds of counting that a page may wait for."""
STALE = 120.0
"""Seconds after which figures that take longer are counted anew."""


class MonthFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How each rule did, and how often each decided, as of a moment."""

    at: datetime
    card: Scorecard
    counts: dict[str, RuleCounts]
    """By policy."""


class Figures:
    """Counts them, at most once at a time."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger, self._now = ledger, now
        self._counting = threading.Lock()
        self._wanted = threading.Event()
        self._known: MonthFigures | None = None
        self._took = self._counted_at = 0.0

    def month(self) -> MonthFigures:
        """The figures, as fresh as a page can have them. Raises `LedgerError`."""
        known = self._known
        if known is None or self._took < QUICK:
            return self._count()
        if time.monotonic() - self._counted_at > STALE:
            self._wanted.set()
        return known

    def count_if_wanted(self) -> None:
        """Count anew where a page asked for it. Raises `LedgerError`."""
        if self._wanted.is_set():
            self._wanted.clear()
            self._count()

    def _count(self) -> MonthFigures:
        with self._counting:
            began, now = time.monotonic(), self._now()
            since = now - WINDOW
            decisions = self._ledger.decided(None, since)
            self._known = MonthFigures(
                at=now,
                card=scorecard(decisions, self._ledger.endings(since), self._ledger.notes(*TOPICS)),
                counts=counts_of(decisions, since),
            )
            self._counted_at = time.monotonic()
            self._took = self._counted_at - began
            return self._known
