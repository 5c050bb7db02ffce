"""Waits, hours and the last moment to decide: what cannot work out in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import NOWHERE, Finding, Severity
from reviewbot.policy.engine.calendar import hours_of
from reviewbot.policy.engine.templates import duration
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.usual import WINDOW
from reviewbot.policy.lint.walks import compares_in, conditions_of, deciding
from reviewbot.policy.model import (
    BeforeDeadline,
    Fixed,
    FromConfirmed,
    Hours,
    Moment,
    Policy,
    Rule,
    WhenOpens,
)

WAIT_OUTLIVES = "P140"
NOTHING_CHANGES = "P230"
NEVER_OPEN = "P231"
SHORTER_THAN_POLL = "P232"
WINDOWS = "P233"
DECIDES_TOO_LATE = "P234"
REMINDS_LATE = "P235"
FITS_NO_TASK = "P236"

_MOVING = frozenset({"clock", "account", "total", "fleet"})
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


def late_reminders(world: PolicyModel) -> Iterator[Finding]:
    """Find reminders of tasks that are no longer open: `if undecided` acted at `decide by`."""
    deadline = world.policy.deadline
    latest = offset_of(deadline.decide_by)
    if latest is None or any(case.then.action is Action.ESCALATE for case in deadline.fallbacks):
        return
    questions = (reminder for rule in world.policy.rules for reminder in rule.then.remind)
    for reminder in (*deadline.remind, *questions):
        at = offset_of(reminder.at)
        if at is not None and at >= latest:
            yield Finding(
                code=REMINDS_LATE,
                severity=Severity.WARNING,
                span=reminder.span,
                message=f"this reminder comes too late: everything is decided {deadline.decide_by.text}",
                cure=f"remind earlier than  {deadline.decide_by.text},  or lower  decide by",
                related=(("", deadline.decide_by.span, "decisions stop here"),),
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


def misfits(world: PolicyModel, today: date | None) -> Iterator[Finding]:
    """Find fixed moments and holds that do not fit the time that each task has."""
    moment = world.policy.deadline.decide_by
    if isinstance(moment, Fixed):
        yield Finding(
            code=FITS_NO_TASK,
            severity=Severity.WARNING,
            span=moment.span,
            message="this is one moment for all tasks: whose deadline comes before it is paid by silence",
            detail="and from then on every undecided task is settled at once",
            cure="count from each task's own times, as  3h before deadline",
        )
    latest = offset_of(moment)
    for rule in world.policy.rules:
        until = rule.then.until
        if today is not None and isinstance(until, Fixed) and until.at.date() < today:
            yield Finding(
                code=FITS_NO_TASK,
                severity=Severity.WARNING,
                span=until.span,
                message=f'this moment has passed, so "{rule.name}" waits for nothing',
                cure="name a later one, or delete the rule",
            )
        if latest is not None and rule.hold is not None and rule.hold >= latest:
            yield Finding(
                code=FITS_NO_TASK,
                severity=Severity.WARNING,
                span=rule.name_span,
                message=f'"{rule.name}" is to be held for {duration(rule.hold)}, and decisions stop '
                f"{_hours(latest)} after the start at the latest",
                detail="it is sent then, for a hold never crosses  decide by",
                cure="hold it for a shorter time",
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
