"""Waits, hours, limits and the last moment to decide: what cannot work out in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import NOWHERE, Finding, Severity
from reviewbot.policy.engine.calendar import Calendar, calendars_of
from reviewbot.policy.engine.templates import duration
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.solver import TRUE, TooHardError, Wish
from reviewbot.policy.lint.usual import WINDOW
from reviewbot.policy.lint.walks import compares_in, conditions_of, deciding
from reviewbot.policy.model import (
    AllOf,
    BeforeDeadline,
    Cap,
    Compare,
    Condition,
    FromConfirmed,
    Guardrails,
    Hours,
    Moment,
    NoneOf,
    OpeningHours,
    Policy,
    Rule,
    WhenOpens,
    hours_of,
)
from reviewbot.policy.operators import InHours
from reviewbot.policy.text_forms import listed

WAIT_OUTLIVES = "P140"
NOTHING_CHANGES = "P230"
NEVER_OPEN = "P231"
SHORTER_THAN_POLL = "P232"
WINDOWS = "P233"
DECIDES_TOO_LATE = "P234"
SILENCE_PAYS = "P325"

_MOVING = frozenset({"clock", "account", "fleet"})
_DAY = 24 * 60
_WEEK = 7 * _DAY


def offset_of(moment: Moment) -> float | None:
    """Seconds from confirmation to a moment; None where that differs from task to task."""
    if isinstance(moment, FromConfirmed):
        return moment.seconds
    return WINDOW - moment.seconds if isinstance(moment, BeforeDeadline) else None


def waits_too_long(world: PolicyModel) -> Iterator[Finding]:
    """Find waits whose moment lies beyond the last moment to decide."""
    decide_by = world.policy.deadline.decide_by
    latest = offset_of(decide_by)
    for rule in world.policy.rules:
        until = rule.then.until
        if until is None or latest is None or not _outlives(world.policy, rule):
            continue
        line = "" if decide_by.span == NOWHERE else f" on line {decide_by.span.line}"
        yield Finding(
            code=WAIT_OUTLIVES,
            severity=Severity.ERROR,
            span=until.span,
            message="this wait can outlive the deadline",
            under=f"decisions stop {duration(WINDOW - latest)} before the {_hours(WINDOW)} deadline, "
            f"so {_hours(latest)} is the latest",
            cure=f"change to {_hours(latest)} or less, or lower  decide by {line}".rstrip(),
            related=(("", decide_by.span, "decisions stop here"),),
        )


def _hours(seconds: float) -> str:
    """A length of time in hours, as the window is counted."""
    return f"{seconds / 3600:g}h"


def _outlives(policy: Policy, rule: Rule) -> bool:
    latest = offset_of(policy.deadline.decide_by)
    at = None if rule.then.until is None else offset_of(rule.then.until)
    return latest is not None and at is not None and at > latest


def _sees_something_move(world: PolicyModel) -> bool:
    """Whether something that the rules or the guardrails look at can change by itself."""
    guards = world.policy.guardrails
    asked = [name for when in conditions_of(world.policy) for name, _ in compares_in(when)]
    return bool(guards.pause_approvals_when or guards.pause_disputes_when) or any(
        world.fact(name).source in _MOVING for name in asked
    )


def idle_waits(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find waits during which nothing that the rules look at can change."""
    policy = world.policy
    if _sees_something_move(world):
        return
    for number, rule in enumerate(policy.rules):
        waits = rule.then.action is Action.WAIT and not isinstance(rule.then.until, WhenOpens)
        if not waits or number in dead or _outlives(policy, rule):
            continue
        later = (r for i, r in deciding(policy) if i > number and i not in dead)
        if not any(hours_of(policy, other) for other in later):
            yield Finding(
                code=NOTHING_CHANGES,
                severity=Severity.NOTE,
                span=rule.name_span if rule.then.until is None else rule.then.until.span,
                message=f'while "{rule.name}" waits, nothing that the rules look at can change',
                detail="the checker looks again only when the manager asks it to",
                cure="decide at once, or escalate if a person is to look meanwhile",
            )


def late_deadline(world: PolicyModel, *, margin: float) -> Iterator[Finding]:
    """Find a last moment to decide that leaves no time to settle a write that went astray."""
    moment = world.policy.deadline.decide_by
    at = offset_of(moment)
    if at is None or WINDOW - at >= margin:
        return
    yield Finding(
        code=DECIDES_TOO_LATE,
        severity=Severity.WARNING,
        span=moment.span,
        message=f"this leaves {duration(max(WINDOW - at, 0))} to the deadline, too little to settle "
        "a decision whose answer was lost",
        cure=f"decide at least {duration(margin)} before the deadline",
    )


def short_hours(world: PolicyModel, *, poll: float) -> Iterator[Finding]:
    """Find hours that can open and close between two polls."""
    for hours in world.policy.hours:
        shortest = min(_stretches(hours), default=None)
        if shortest is not None and shortest * 60 < poll:
            yield Finding(
                code=SHORTER_THAN_POLL,
                severity=Severity.WARNING,
                span=hours.span,
                message=f'the hours "{hours.name}" are open for only {duration(shortest * 60)}; '
                f"the bot looks every {duration(poll)} and may miss them",
                cure="open them for longer, or let the bot look more often (REVIEWBOT_EVERY)",
            )


def _stretches(hours: Hours) -> Iterator[int]:
    """How long, in minutes, the hours are open at a time, whatever days are closed.

    Three weeks are laid out, so that what begins in the middle one has its beginning and its end.
    """
    starts = sorted(
        (
            week * _WEEK + day * _DAY + span.start,
            span.end - span.start + _DAY * (span.end <= span.start),
        )
        for span in hours.open
        for day in span.days
        for week in range(3)
    )
    joined: list[tuple[int, int]] = []
    for start, length in starts:
        end = start + length
        if joined and joined[-1][1] >= start:
            start, end = joined[-1][0], max(joined.pop()[1], end)
        joined.append((start, end))
    return (end - start for start, end in joined if _WEEK <= start < 2 * _WEEK)


def _caps_on(guards: Guardrails, fallbacks: Iterable[Action]) -> list[tuple[str, Cap]]:
    """The limits, by their key, that may hold what these fallbacks do; a limit of 0 is a prohibition."""
    actions, names = tuple(fallbacks), list[str]()
    if any(action.pays or action is Action.ESCALATE for action in actions):
        names += ["money approved", "approvals"]
    if any(action.sends_back for action in actions):
        names += ["disputes", "disputes per account", "dispute share"]
    caps = ((name, cap) for name in names for cap in getattr(guards, name.replace(" ", "_")))
    return [(name, cap) for name, cap in caps if cap.amount > 0]


def limits_that_end_in_silence(world: PolicyModel) -> Iterator[Finding]:
    """Find the limits that, once full, leave a task to the timer: they hold the fallback as well."""
    guards = world.policy.guardrails
    if guards.fallback_exempt:
        return
    fallbacks = [fallback.then.action for fallback in world.policy.deadline.fallbacks]
    caps = _caps_on(guards, fallbacks)
    if not caps:
        return
    acts = any(action.pays or action.sends_back for action in fallbacks)
    (name, first), *others = caps
    then = "a person is asked" if guards.when_over == "escalate" else "it is tried again"
    yield Finding(
        code=SILENCE_PAYS,
        severity=Severity.WARNING,
        span=first.span,
        message=f"once  {name}:  is full, silence pays: this limit saves no money",
        under="it holds the fallback too" if acts else "the fallback decides nothing",
        detail=f"{then}, and where that comes to nothing before the deadline, the manager is paid all the same",
        cure="delete  fallback exempt: no"
        if acts
        else "let  if undecided:  decide, and delete  fallback exempt: no",
        related=tuple(
            ("", cap.span, f"{other}:  as well") for other, cap in others if cap.span != NOWHERE
        ),
    )


# Calendar proof: the confirmation times from which a rule with hours can never act in time.
#
# A rule can decide a task only while the task's age lies in certain ranges: its own tests on time, and
# waits before it, bound them from below, `decide by` from above. Held by hours that are closed from `c`
# to `o`, a task confirmed at `t` is never acted upon when the whole range, laid off from `t`, falls into
# that gap: when c - low ≤ t ≤ o - high. Gaps come from the calendar itself, so holidays, clock changes
# and zones need no case of their own.

AHEAD = timedelta(days=365)
_MARGIN = timedelta(days=7)

Window = tuple[datetime, datetime]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the coming twelve months hold for one rule with hours.

    `windows` are the confirmation times, from and to, from which it can never act; `share` is how
    much of the time they are.
    """

    rule: int
    windows: tuple[Window, ...]
    share: float
    ordinary: float
    """The share of the week that is most common."""
    worst: tuple[date, float]
    """The Monday and the share of the worst week."""


def prove(world: PolicyModel, today: date, dead: frozenset[int] = frozenset()) -> tuple[Proof, ...]:
    """Prove every rule with hours over the twelve months from `today`."""
    latest = offset_of(world.policy.deadline.decide_by)
    calendars = calendars_of(world.policy)
    zone = ZoneInfo(world.policy.timezone)
    proofs = []
    for number, rule in deciding(world.policy):
        asked = tuple(_hours_asked(world.policy, rule))
        if number in dead or not asked or latest is None:
            continue
        ages = _ages(world, number, latest)
        if ages is not None:
            acts = _Together(asked, calendars)
            proofs.append(_prove(number, acts, ages, today, zone))
    return tuple(proofs)


def _hours_asked(policy: Policy, rule: Rule) -> Iterator[InHours]:
    """The hours in which a rule acts, and what each line that it must meet asks of the clock."""
    yield from (InHours(hours=name) for name in hours_of(policy, rule))
    if rule.when is not None:
        yield from _clock_tests(rule.when)


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


def _ages(world: PolicyModel, number: int, latest: float) -> tuple[timedelta, timedelta] | None:
    """The youngest and oldest age at which the rule can decide; None when it never can."""
    wishes = world.decides(number)
    cells = [
        cell
        for index, cell in enumerate(world.cells_of(world.waited))
        if cell.low is not None
        and cell.low < latest
        and _may_decide(world, [*wishes, (world.lies_in(world.waited, 1 << index), TRUE)])
    ]
    if not cells:
        return None
    high = latest if cells[-1].high is None else min(cells[-1].high, latest)
    return timedelta(seconds=cells[0].low or 0), timedelta(seconds=high)


def _may_decide(world: PolicyModel, wishes: list[Wish]) -> bool:
    """Whether an ordinary review meets the wishes, or may: a longer time to act claims less."""
    try:
        return world.example(wishes) is not None
    except TooHardError:
        return True


def _prove(
    number: int,
    calendar: OpeningHours,
    ages: tuple[timedelta, timedelta],
    today: date,
    zone: ZoneInfo,
) -> Proof:
    start = datetime.combine(today, time(), zone).astimezone(UTC)
    end = start + AHEAD
    gaps = (
        (max(closes - ages[0], start), min(opens - ages[1], end))
        for closes, opens in _gaps(calendar, start, end + ages[1] + _MARGIN)
    )
    windows = tuple((first, last) for first, last in gaps if first < last)
    monday = datetime.combine(today + timedelta(days=(-today.weekday()) % 7), time(), zone)
    weeks: list[tuple[date, float]] = []
    while monday + timedelta(days=7) <= end:
        week = (monday.astimezone(UTC), (monday + timedelta(days=7)).astimezone(UTC))
        weeks.append((monday.date(), _share(windows, *week)))
        monday += timedelta(days=7)
    shares = [round(share, 6) for _, share in weeks]
    return Proof(
        rule=number,
        windows=windows,
        share=_share(windows, start, end),
        ordinary=max(set(shares), key=lambda share: (shares.count(share), -share)),
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
    """Find the rules with hours that cannot act in time for some confirmation times."""
    zone = ZoneInfo(world.policy.timezone)
    for proof in prove(world, today, dead):
        rule = world.policy.rules[proof.rule]
        hours = listed((f'"{name}"' for name in _names_of_hours(world.policy, rule)), "and")
        if proof.share > 1 - 1e-9:
            yield Finding(
                code=NEVER_OPEN,
                severity=Severity.WARNING,
                span=rule.name_span,
                message=f'"{rule.name}" can never act: the hours {hours} do not open '
                "between the time it may act and  decide by",
                cure="open the hours longer, wait less, or decide later",
            )
        elif proof.windows:
            monday, share = proof.worst
            worse = share > proof.ordinary + 0.001
            longest = max(proof.windows, key=lambda window: window[1] - window[0])
            shown = dict.fromkeys(_window_words(w, zone) for w in (proof.windows[0], longest))
            yield Finding(
                code=WINDOWS,
                severity=Severity.WARNING if hours_of(world.policy, rule) else Severity.NOTE,
                span=rule.name_span,
                message=f'"{rule.name}" can never act on tasks confirmed at some times: the hours '
                f"{hours} stay closed until  decide by",
                under=f"{proof.ordinary:.1%} of an ordinary week"
                + (f", {share:.1%} of the week of {monday}" if worse else ""),
                detail="confirmed " + "; ".join(shown),
                cure="open the hours longer, wait less, or decide later; "
                "what is undecided then gets  if undecided",
            )


def _names_of_hours(policy: Policy, rule: Rule) -> list[str]:
    """The hours that a rule must find open, or closed where it asks for that."""
    return list(dict.fromkeys(test.hours for test in _hours_asked(policy, rule)))


def _window_words(window: Window, zone: ZoneInfo) -> str:
    start, end = (moment.astimezone(zone) for moment in window)
    return f"{start:%a %Y-%m-%d %H:%M} to {end:%a %H:%M}"
