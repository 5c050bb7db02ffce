"""Calendars and moments: when hours are open, and which moment a policy's words mean for a review.

Theory of operation. Hours are what the clock on the wall shows in the policy's zone. A moment is
open when its wall time lies in a range, so both passes through a repeated hour count, and a range
that begins inside a skipped hour opens when that hour has been skipped. A range past midnight
belongs to the day on which it starts; on a closed day nothing starts and nothing goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from reviewbot.domain.decision import Action
from reviewbot.policy.model import (
    BeforeDeadline,
    Fixed,
    FromConfirmed,
    Hours,
    Moment,
    OpenRange,
    Policy,
    Rule,
    WhenOpens,
)

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
HORIZON = 400
"""Days ahead that a calendar is searched for its next opening."""
Resolver = Callable[[datetime | None, datetime | None], datetime | None]
"""(the window opened, its deadline) → the moment; None where that cannot be known."""


class Calendar:
    """Named hours in a zone."""

    def __init__(self, hours: Hours, zone: ZoneInfo, closed: frozenset[date]) -> None:
        self._ranges = hours.open
        self._zone = zone
        self._closed = closed
        self._points: dict[date, tuple[datetime, ...]] = {}
        """The turning points of each day that was asked about: a look ahead asks for the same few days again
        and again, which was a quarter of its time (`benchmarks/simulation.py`)."""

    def is_open(self, at: datetime) -> bool:
        """Whether the hours are open at this moment; the end of a range is outside it."""
        wall = at.astimezone(self._zone)
        today = wall.date()
        if today in self._closed:
            return False
        minute = wall.hour * 60 + wall.minute
        return any(self._covers(r, today, minute) for r in self._ranges)

    def _covers(self, hours: OpenRange, today: date, minute: int) -> bool:
        if hours.start < hours.end:
            return today.weekday() in hours.days and hours.start <= minute < hours.end
        if minute >= hours.start:
            return today.weekday() in hours.days
        yesterday = today - _DAY
        return (
            minute < hours.end
            and yesterday.weekday() in hours.days
            and yesterday not in self._closed
        )

    def next_open(self, at: datetime) -> datetime | None:
        """The first open moment at or after `at`; None when there is none within the horizon."""
        if self.is_open(at):
            return at.astimezone(UTC)
        first = at.astimezone(self._zone).date()
        for ahead in range(HORIZON):
            candidates = (
                c for c in self._turning_points(first + ahead * _DAY) if c >= at and self.is_open(c)
            )
            if (opening := min(candidates, default=None)) is not None:
                return opening
        return None

    def turning_points(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every moment from `start` to `end` at which the hours may open or close, in order."""
        day = start.astimezone(self._zone).date()
        last = end.astimezone(self._zone).date()
        found: set[datetime] = set()
        while day <= last:
            found.update(self._turning_points(day))
            day += _DAY
        yield from sorted(moment for moment in found if start <= moment <= end)

    def _turning_points(self, day: date) -> tuple[datetime, ...]:
        points = self._points.get(day)
        if points is None:
            if len(self._points) > HORIZON:
                self._points.clear()
            points = self._points[day] = tuple(self._points_of(day))
        return points

    def _points_of(self, day: date) -> Iterator[datetime]:
        yield from self._instants(day, 0)
        for hours in self._ranges:
            yield from self._instants(day, hours.start)
            yield from self._instants(day, hours.end)
        if (shift := self._clock_change(day)) is not None:
            yield shift

    def _instants(self, day: date, minute: int) -> Iterator[datetime]:
        """The moments at which the wall clock of `day` shows `minute`: one, two or none."""
        wall = datetime.combine(day, time()) + minute * _MINUTE
        for fold in (0, 1):
            moment = wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)
            if moment.astimezone(self._zone).replace(tzinfo=None) == wall:
                yield moment

    def _clock_change(self, day: date) -> datetime | None:
        """The first moment of the day's new offset, on a day on which the clocks change."""
        low, high = (
            datetime.combine(d, time(), self._zone).astimezone(UTC) for d in (day, day + _DAY)
        )
        before = low.astimezone(self._zone).utcoffset()
        if before == high.astimezone(self._zone).utcoffset():
            return None
        while high - low > _MINUTE:
            middle = low + ((high - low) // 2 // _MINUTE) * _MINUTE
            if middle.astimezone(self._zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        return high


class CommonHours:
    """The hours that several calendars have in common."""

    def __init__(self, calendars: Sequence[Calendar]) -> None:
        self._calendars = calendars

    def is_open(self, at: datetime) -> bool:
        """Whether all are open at this moment."""
        return all(calendar.is_open(at) for calendar in self._calendars)

    def next_open(self, at: datetime) -> datetime | None:
        """The first moment at or after `at` at which all are open; None within the horizon."""
        opens: datetime | None = at.astimezone(UTC)
        for _ in range(HORIZON):
            for calendar in self._calendars:
                opens = None if opens is None else calendar.next_open(opens)
            if opens is None or self.is_open(opens):
                return opens
        return None


def hours_of(policy: Policy, rule: Rule) -> tuple[str, ...]:
    """The hours that hold a rule's action: its own, and those of the guardrails for its kind."""
    action = rule.then.action
    own = None if action in (Action.WAIT, Action.LEAVE) else rule.act_during
    both = filter(None, (own, window_of(policy, action)))
    return tuple(dict.fromkeys(both))


def window_of(policy: Policy, action: Action) -> str | None:
    """The hours during which the guardrails let such an action through; None: at all times."""
    rails = policy.guardrails
    if action.sends_back:
        return rails.disputes_during
    return rails.approvals_during if action.pays else None


def holding(
    policy: Policy, rule: Rule, calendars: Mapping[str, Calendar]
) -> Calendar | CommonHours | None:
    """The hours that hold a rule's action; None where none do."""
    found = [calendars[name] for name in hours_of(policy, rule)]
    return (found[0] if len(found) == 1 else CommonHours(found)) if found else None


def calendars_of(policy: Policy) -> dict[str, Calendar]:
    """The policy's named hours, ready to be asked."""
    zone = ZoneInfo(policy.timezone)
    lists = {named.name: named for named in policy.lists}

    def closed_days(hours: Hours) -> Iterator[date]:
        yield from hours.closed
        for name in hours.closed_lists:
            yield from (date.fromisoformat(entry.id) for entry in lists[name].entries)

    return {h.name: Calendar(h, zone, frozenset(closed_days(h))) for h in policy.hours}


def resolver(moment: Moment, calendars: Mapping[str, Calendar]) -> Resolver:
    """Make a function that finds `moment` for a review, from the API's times alone."""
    match moment:
        case FromConfirmed(seconds=seconds):
            after = timedelta(seconds=seconds)
            return lambda started, _: None if started is None else started + after
        case BeforeDeadline(seconds=seconds):
            ahead = timedelta(seconds=seconds)
            return lambda _, deadline: None if deadline is None else deadline - ahead
        case WhenOpens(hours=name):
            calendar = calendars[name]
            return lambda started, _: None if started is None else calendar.next_open(started)
        case Fixed(at=at):
            return lambda *_: at
