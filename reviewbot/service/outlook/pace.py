"""Pace: how fast people answered lately, from the log alone.

Theory of operation. Answers a day say little where most days have nothing to answer. So the answers
are counted against the hours in which at least one question stood open: that is the pace people keep
when there is something to do, nights and weekends of that time included. It is an average, so what
is computed from it is an expectation, not a promise.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.lifecycle import CLAIMED
from reviewbot.ports import Ledger

WINDOW = timedelta(days=7)
LEAST = timedelta(hours=6)
"""A pace is taken over at least so long: one quick answer says nothing about the next ninety."""
OUTSIDE = ""
"""Stands for whoever answered in TokPortal's dashboard, where our log knows no name."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Answers in the window, the time in which a question stood open, and who answered."""

    answers: int
    open_for: timedelta
    people: tuple[str, ...]

    @property
    def per_hour(self) -> float:
        """Answers an hour by all of them together, while there was something to answer."""
        return self.answers / (max(self.open_for, LEAST) / timedelta(hours=1))

    @property
    def each(self) -> timedelta | None:
        """How long one of them takes for one answer; None where nobody has answered."""
        if not self.people or self.per_hour <= 0:
            return None
        return timedelta(hours=len(self.people) / self.per_hour)


def pace(ledger: Ledger, now: datetime, window: timedelta = WINDOW) -> Pace:
    """How fast people answered in the `window` up to `now`."""
    since = now - window
    recent = ledger.decisions(since=since)
    ends: dict[tuple[str, str | None], datetime] = {}
    people: list[str] = []
    for logged in recent:
        decision = logged.decision
        if logged.state in CLAIMED:
            at = logged.intended_at or decision.decided_at
            ends[decision.task_id, decision.epoch] = at
            if decision.decided_by is not None and at >= since:
                people.append(decision.decided_by)
    asked = {
        (logged.decision.task_id, logged.decision.epoch): ledger.entries(logged.decision.id)[0].at
        for logged in recent
        if logged.decision.action is Action.ESCALATE
    }
    for ending in ledger.endings(since):
        key = (ending.task_id, ending.epoch)
        ends.setdefault(key, ending.at)
        if ending.by == "other" and key in asked:
            people.append(OUTSIDE)
    spans = [(max(start, since), min(ends.get(key, now), now)) for key, start in asked.items()]
    return Pace(answers=len(people), open_for=_covered(spans), people=tuple(sorted(set(people))))


def _covered(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """How long at least one of the spans lasts."""
    total, end = timedelta(0), None
    for start, stop in sorted(spans):
        begin = start if end is None else max(start, end)
        if stop > begin:
            total += stop - begin
        end = stop if end is None else max(end, stop)
    return total
