"""The calendar proof: the confirmation times from which a rule with hours cannot act in time.

Theory of operation. A rule can decide a task only while the task's age lies in certain ranges: its own
tests on time, and waits before it, bound them from below, `decide by` from above. Held by hours that are
closed from `c` to `o`, a task confirmed at `t` is never acted upon when the whole range, laid off from
`t`, falls into that gap: when c - low ≤ t ≤ o - high. Gaps come from the calendar itself, so holidays,
clock changes and zones need no case of their own.

The range is that of the luckiest task (from then on nothing can act), and that of the usual one, whose
one check was made before it was confirmed: a wait for a second check holds it, and the lucky one not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.diagnostics import NOWHERE, Finding, Severity
from reviewbot.policy.engine.calendar import Calendar, calendars_of, hours_of
from reviewbot.policy.lint.boxes import each_bit
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.solver import TRUE, Cell, TooHardError, Wish, bits
from reviewbot.policy.lint.time_checks import offset_of
from reviewbot.policy.lint.usual import CHECKED_BEFORE, WINDOW
from reviewbot.policy.lint.walks import COUNT, deciding
from reviewbot.policy.lint.witnesses import rule_names
from reviewbot.policy.model import AllOf, Compare, Condition, NoneOf, OpeningHours, Policy, Rule
from reviewbot.policy.operators import InHours
from reviewbot.policy.text_forms import listed

NEVER_OPEN = "P231"
WINDOWS = "P233"

AHEAD = timedelta(days=365)
_MARGIN = timedelta(days=7)

Window = tuple[datetime, datetime]
Ages = tuple[timedelta, timedelta]
Asked = tuple[InHours, ...]
"""Hours that must be open (or, `negated`, closed) for a rule to act."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the coming twelve months hold for a rule with hours, and for a kind of task.

    `windows` are the confirmation times, from and to, from which it cannot act; `share` is how much
    of the time they are.
    """

    windows: tuple[Window, ...]
    share: float
    ordinary: float
    """The share of the week that is most common."""
    worst: tuple[date, float]
    """The Monday and the share of the worst week."""


class HeldRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with hours: what they keep it from, at best and usually."""

    rule: int
    best: Proof
    usual: Proof | None
    """None where it decides no usual task."""


def prove(
    world: PolicyModel, today: date, dead: frozenset[int] = frozenset()
) -> tuple[HeldRule, ...]:
    """Prove every rule with hours over the twelve months from `today`."""
    latest = offset_of(world.policy.deadline.decide_by)
    if latest is None:
        return ()
    proofs = _Proofs(world.policy, today)
    whole = timedelta(), timedelta(seconds=latest)
    held = []
    for number, rule in deciding(world.policy):
        asked = tuple(_hours_asked(world.policy, rule))
        if number in dead or not asked:
            continue
        usual = _ages(world, number, latest, usually=True) if world.reads(COUNT) else None
        best = usual if usual == whole else _ages(world, number, latest, usually=False)
        if best is not None:
            often = usual if world.reads(COUNT) else best
            held.append(
                HeldRule(
                    rule=number,
                    best=proofs.of(asked, best),
                    usual=None if often is None else proofs.of(asked, often),
                )
            )
    return tuple(held)


def _hours_asked(policy: Policy, rule: Rule) -> Iterator[InHours]:
    """The hours in which a rule acts, and what each line that it must meet asks of the clock."""
    yield from (InHours(hours=name) for name in hours_of(policy, rule))
    if rule.when is not None:
        tests = _clock_tests(rule.when)
        yield from (msgspec.structs.replace(test, span=NOWHERE) for test in tests)


def _clock_tests(condition: Condition) -> Iterator[InHours]:
    match condition:
        case Compare(fact="now", test=InHours() as test):
            yield test
        case NoneOf(parts=parts):
            for mapping in parts:
                only = mapping.parts[0] if len(mapping.parts) == 1 else mapping
                if isinstance(only, Compare):
                    asked = _clock_tests(only)
                    yield from (msgspec.structs.replace(t, negated=not t.negated) for t in asked)
        case AllOf(parts=parts):
            for part in parts:
                yield from _clock_tests(part)


class _Together:
    """Hours that are open where all of several tests of the clock are met."""

    def __init__(self, tests: Iterable[InHours], calendars: Mapping[str, Calendar]) -> None:
        self._asked = [(calendars[test.hours], not test.negated) for test in tests]

    def is_open(self, at: datetime) -> bool:
        """Whether each of them is as it is asked for."""
        return all(calendar.is_open(at) is wanted for calendar, wanted in self._asked)

    def turning_points(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every moment at which one of them may open or close, in order."""
        found = {at for calendar, _ in self._asked for at in calendar.turning_points(start, end)}
        yield from sorted(found)


def _ages(world: PolicyModel, number: int, latest: float, *, usually: bool) -> Ages | None:
    """The youngest and oldest age at which a rule can decide; None when it never can."""
    ages = world.cells_of(world.waited)
    reached = world.reaches(number, world.waited)
    places = [i for i in each_bit(reached) if (low := ages[i].low) is not None and low < latest]
    wishes = world.decides(number)

    def decides(some: Sequence[int]) -> bool:
        """Whether it may at one of these ages: usual checks depend on the age, so each is asked."""
        if usually and world.reads("last.age"):
            return any(
                _may(world, [*wishes, *_usual_checks(world, ages[i]), at([i])]) for i in some
            )
        more = _usual_checks(world, ages[some[0]]) if usually else ()
        return _may(world, [*wishes, *more, at(some)])

    def at(some: Sequence[int]) -> Wish:
        return world.lies_in(world.waited, sum(1 << i for i in some)), TRUE

    youngest = _first(places, decides)
    oldest = None if youngest is None else _first(places[::-1], decides)
    if youngest is None or oldest is None:
        return None
    last = ages[oldest].high
    high = latest if last is None else min(last, latest)
    return timedelta(seconds=ages[youngest].low or 0), timedelta(seconds=high)


def _first(some: Sequence[int], may: Callable[[Sequence[int]], bool]) -> int | None:
    """The first of which it may, found by halves."""
    if not some or may(some[:1]):
        return some[0] if some else None
    if not may(some[1:]):
        return None
    low, high = 1, len(some)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if may(some[low:middle]) else (middle, high)
    return some[low]


def _usual_checks(world: PolicyModel, waited: Cell) -> Iterator[Wish]:
    """What holds of the usual task at an age: it was checked once, before it was confirmed."""
    once = (cell.value == 1 for cell in world.cells_of(COUNT))
    yield world.lies_in(COUNT, bits(once)), TRUE
    if world.reads("last.age"):
        low = (waited.low or 0) + CHECKED_BEFORE
        high = math.inf if waited.high is None else waited.high + CHECKED_BEFORE
        ages = (c.value is not None and _meet(c, low, high) for c in world.cells_of("last.age"))
        yield world.lies_in("last.age", bits(ages)), TRUE


def _meet(cell: Cell, low: float, high: float) -> bool:
    """Whether a cell meets the numbers between two ends, or the one number that both are."""
    first = -math.inf if cell.low is None else cell.low
    last = math.inf if cell.high is None else cell.high
    return (first < high and low < last) or (first, last) == (low, high)


def _may(world: PolicyModel, wishes: list[Wish]) -> bool:
    """Whether an ordinary review meets the wishes, or may: a longer time to act claims less."""
    try:
        return world.example(wishes) is not None
    except TooHardError:
        return True


class _Proofs:
    """The proofs of one policy: rules with the same hours and ages share one."""

    def __init__(self, policy: Policy, today: date) -> None:
        self._calendars = calendars_of(policy)
        self._zone = ZoneInfo(policy.timezone)
        self._start = datetime.combine(today, time(), self._zone).astimezone(UTC)
        self._end = self._start + AHEAD
        monday = datetime.combine(
            today + timedelta(days=(-today.weekday()) % 7), time(), self._zone
        )
        self._weeks: list[tuple[date, datetime, datetime]] = []
        while monday + timedelta(days=7) <= self._end:
            after = monday + timedelta(days=7)
            self._weeks.append((monday.date(), monday.astimezone(UTC), after.astimezone(UTC)))
            monday = after
        self._gaps: dict[Asked, tuple[Window, ...]] = {}
        self._found: dict[tuple[Asked, Ages], Proof] = {}

    def of(self, hours: Asked, ages: Ages) -> Proof:
        """The proof for a rule that acts in these hours, at these ages."""
        if hours not in self._gaps:
            end = self._end + _MARGIN + timedelta(seconds=WINDOW)
            together = _Together(hours, self._calendars)
            self._gaps[hours] = tuple(_gaps(together, self._start, end))
        if (hours, ages) not in self._found:
            self._found[hours, ages] = self._prove(self._gaps[hours], ages)
        return self._found[hours, ages]

    def _prove(self, gaps: tuple[Window, ...], ages: Ages) -> Proof:
        held = (
            (max(closes - ages[0], self._start), min(opens - ages[1], self._end))
            for closes, opens in gaps
        )
        windows = tuple((first, last) for first, last in held if first < last)
        weeks = [(monday, _share(windows, start, end)) for monday, start, end in self._weeks]
        shares = Counter(round(share, 6) for _, share in weeks)
        return Proof(
            windows=windows,
            share=_share(windows, self._start, self._end),
            ordinary=max(shares, key=lambda share: (shares[share], -share)),
            worst=max(weeks, key=lambda week: week[1]),
        )


def _gaps(calendar: OpeningHours, start: datetime, end: datetime) -> Iterator[Window]:
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


def out_of_hours(world: PolicyModel, today: date, dead: frozenset[int]) -> Iterator[Finding]:
    """Find the rules with hours that cannot act in time for some confirmation times.

    Rules that the same hours hold from the same times on are one finding.
    """
    alike: dict[tuple[Asked, bool, Proof, Proof | None], list[Rule]] = {}
    for holding in prove(world, today, dead):
        rule = world.policy.rules[holding.rule]
        cause = (
            tuple(_hours_asked(world.policy, rule)),
            bool(hours_of(world.policy, rule)),
            holding.best,
            holding.usual,
        )
        alike.setdefault(cause, []).append(rule)
    for (tests, acts, best, usual), rules in alike.items():
        names = rule_names(rules)
        hours = listed((f'"{name}"' for name in dict.fromkeys(test.hours for test in tests)), "and")
        related = tuple(("", rule.name_span, "is held too") for rule in rules[1:])
        if best.share > 1 - 1e-9:
            yield Finding(
                code=NEVER_OPEN,
                severity=Severity.WARNING,
                span=rules[0].name_span,
                message=f"{names} can never act: the hours {hours} do not open "
                "between the time it may act and  decide by",
                cure="open the hours longer, wait less, or decide later",
                related=related,
            )
        elif (usual or best).windows:
            yield Finding(
                code=WINDOWS,
                severity=Severity.WARNING if acts else Severity.NOTE,
                span=rules[0].name_span,
                message=f"{names} can never act on {_whom(best, usual)} confirmed at some times: "
                f"the hours {hours} stay closed until  decide by",
                under=_share_words(usual or best)
                + (
                    f"; whatever the checks, {_share_words(best)}"
                    if usual not in (None, best)
                    else ""
                ),
                detail=_examples(usual or best, ZoneInfo(world.policy.timezone)),
                cure="open the hours longer, wait less, or decide later; "
                "what is undecided then gets  if undecided",
                related=related,
            )


def _whom(best: Proof, usual: Proof | None) -> str:
    if usual is None or usual == best:
        return "tasks"
    return "the usual tasks, which were checked once before they were"


def _examples(proof: Proof, zone: ZoneInfo) -> str:
    """The first of its windows, and the longest."""
    longest = max(proof.windows, key=lambda window: window[1] - window[0])
    return "confirmed " + "; ".join(
        dict.fromkeys(_window_words(window, zone) for window in (proof.windows[0], longest))
    )


def _share_words(proof: Proof) -> str:
    monday, share = proof.worst
    worse = share > proof.ordinary + 0.001
    return f"{proof.ordinary:.1%} of an ordinary week" + (
        f", {share:.1%} of the week of {monday}" if worse else ""
    )


def _window_words(window: Window, zone: ZoneInfo) -> str:
    start, end = (moment.astimezone(zone) for moment in window)
    return f"{start:%a %Y-%m-%d %H:%M} to {end:%a %H:%M}"
