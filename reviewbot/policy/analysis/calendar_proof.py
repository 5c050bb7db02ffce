"""Calendar proof: the confirmation times from which a rule with hours can never act in time.

Theory of operation. A rule can decide a task only while the task's age lies in certain ranges: its
own tests on time, and waits before it, bound them from below, `decide by` from above. Held by hours
that are closed from `c` to `o`, a task confirmed at `t` is never acted upon when the whole range,
laid off from `t`, falls into that gap: when c - low ≤ t ≤ o - high. Gaps come from the calendar
itself, so holidays, clock changes and zones need no case of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.analysis.reads import deciding
from reviewbot.policy.analysis.search import TooHardError, Wish
from reviewbot.policy.analysis.times import offset_of
from reviewbot.policy.analysis.truth import NOT_TRUE, TRUE
from reviewbot.policy.analysis.world import World
from reviewbot.policy.calendar import Calendar, calendars_of
from reviewbot.policy.findings import Finding, Severity
from reviewbot.policy.model import Rule

NEVER_OPEN = "P231"
WINDOWS = "P233"

AHEAD = timedelta(days=365)
_MARGIN = timedelta(days=7)
_WEEK = timedelta(days=7)

Window = tuple[datetime, datetime]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the coming twelve months hold for one rule with hours.

    `windows` are the confirmation times, from and to, from which it can never act. `ordinary` is the
    window that comes back every week; `worst` the worst week's Monday and its share.
    """

    rule: int
    windows: tuple[Window, ...]
    share: float
    ordinary: float
    """The share of the week that is most common."""
    worst: tuple[date, float] | None


def prove(world: World, today: date, dead: frozenset[int] = frozenset()) -> tuple[Proof, ...]:
    """Prove every rule with hours over the twelve months from `today`."""
    latest = offset_of(world.policy.deadline.decide_by)
    calendars = calendars_of(world.policy)
    zone = ZoneInfo(world.policy.timezone)
    proofs = []
    for number, rule in deciding(world.policy):
        if number in dead or rule.act_during is None or latest is None:
            continue
        bounds = _ages(world, number, latest)
        if bounds is not None:
            calendar = calendars[rule.act_during]
            proofs.append(_prove(number, calendar, bounds, today, zone))
    return tuple(proofs)


def _ages(world: World, number: int, latest: float) -> tuple[timedelta, timedelta] | None:
    """The youngest and oldest age at which the rule can decide; None when it never can."""
    wishes = [
        (world.rules[number], TRUE),
        *((world.rules[i], NOT_TRUE) for i, _ in deciding(world.policy) if i < number),
    ]
    low: float | None = None
    high = 0.0
    for index, cell in enumerate(world.cells_of(world.waited)):
        if cell.low is None or cell.low >= latest:
            continue
        if _may_decide(world, [*wishes, (world.lies_in(world.waited, 1 << index), TRUE)]):
            low = cell.low if low is None else low
            high = latest if cell.high is None else min(cell.high, latest)
    return None if low is None else (timedelta(seconds=low), timedelta(seconds=high))


def _may_decide(world: World, wishes: list[Wish]) -> bool:
    """Whether an ordinary review meets the wishes, or may: a longer time to act claims less."""
    try:
        return world.example(wishes) is not None
    except TooHardError:
        return True


def _prove(
    number: int,
    calendar: Calendar,
    bounds: tuple[timedelta, timedelta],
    today: date,
    zone: ZoneInfo,
) -> Proof:
    start = datetime.combine(today, time(), zone).astimezone(UTC)
    end = start + AHEAD
    windows = tuple(_windows(calendar, bounds, start, end))
    monday = datetime.combine(today + timedelta(days=(-today.weekday()) % 7), time(), zone)
    weeks: list[tuple[date, float]] = []
    while monday + _WEEK <= end:
        week = (monday.astimezone(UTC), (monday + _WEEK).astimezone(UTC))
        weeks.append((monday.date(), _share(windows, *week)))
        monday += _WEEK
    shares = [round(share, 6) for _, share in weeks]
    return Proof(
        rule=number,
        windows=windows,
        share=_share(windows, start, end),
        ordinary=max(set(shares), key=lambda share: (shares.count(share), -share)),
        worst=max(weeks, key=lambda week: week[1]),
    )


def _windows(
    calendar: Calendar, bounds: tuple[timedelta, timedelta], start: datetime, end: datetime
) -> Iterator[Window]:
    low, high = bounds
    for closes, opens in _gaps(calendar, start, end + high + _MARGIN):
        first, last = max(closes - low, start), min(opens - high, end)
        if first < last:
            yield first, last


def _gaps(calendar: Calendar, start: datetime, end: datetime) -> Iterator[Window]:
    """The times between `start` and `end` at which the hours are closed, gap by gap."""
    closed_since: datetime | None = start - _MARGIN
    for moment in calendar.turning_points(start - _MARGIN, end):
        is_open = calendar.is_open(moment)
        if is_open and closed_since is not None:
            if closed_since < moment:
                yield closed_since, moment
            closed_since = None
        elif not is_open and closed_since is None:
            closed_since = moment
    if closed_since is not None:
        yield closed_since, end


def _share(windows: tuple[Window, ...], start: datetime, end: datetime) -> float:
    covered = sum(
        (min(b, end) - max(a, start) for a, b in windows if a < end and b > start), timedelta()
    )
    return covered / (end - start)


# As findings ---------------------------------------------------------------------------------


def out_of_hours(world: World, today: date, dead: frozenset[int]) -> Iterator[Finding]:
    """Find the rules with hours that cannot act in time for some confirmation times."""
    for proof in prove(world, today, dead):
        rule = world.policy.rules[proof.rule]
        if proof.share > 1 - 1e-9:
            yield _never(rule)
        elif proof.windows:
            yield _sometimes(world, rule, proof)


def _never(rule: Rule) -> Finding:
    return Finding(
        code=NEVER_OPEN,
        severity=Severity.WARNING,
        span=rule.name_span,
        message=f'"{rule.name}" can never act: the hours "{rule.act_during}" do not open '
        "between the time it may act and  decide by",
        cure="open the hours longer, wait less, or decide later",
    )


def _sometimes(world: World, rule: Rule, proof: Proof) -> Finding:
    zone = ZoneInfo(world.policy.timezone)
    first, longest = proof.windows[0], max(proof.windows, key=lambda window: window[1] - window[0])
    shown = {f"{_when(first, zone)}": None, f"{_when(longest, zone)}": None}
    worst = ""
    if proof.worst is not None and proof.worst[1] > proof.ordinary + 0.001:
        worst = f", {proof.worst[1]:.1%} of the week of {proof.worst[0]}"
    return Finding(
        code=WINDOWS,
        severity=Severity.WARNING,
        span=rule.name_span,
        message=f'"{rule.name}" can never act on tasks confirmed at some times: the hours '
        f'"{rule.act_during}" stay closed until  decide by',
        under=f"{proof.ordinary:.1%} of an ordinary week{worst}",
        detail="confirmed " + "; ".join(shown),
        cure="open the hours longer, wait less, or decide later; what is undecided then gets  if undecided",
    )


def _when(window: Window, zone: ZoneInfo) -> str:
    start, end = (moment.astimezone(zone) for moment in window)
    return f"{start:%a %Y-%m-%d %H:%M} to {end:%a %H:%M}"
