"""Waits, hours and the last moment to decide: what cannot work out in time."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.domain.decision import Action
from reviewbot.policy.analysis.cells import WINDOW
from reviewbot.policy.analysis.reads import compares_in, conditions_of, deciding
from reviewbot.policy.analysis.world import World
from reviewbot.policy.findings import NOWHERE, Finding, Severity
from reviewbot.policy.model import (
    BeforeDeadline,
    FromConfirmed,
    Hours,
    Moment,
    Policy,
    Rule,
    WhenOpens,
)
from reviewbot.policy.texts import duration

WAIT_OUTLIVES = "P140"
NOTHING_CHANGES = "P230"
SHORTER_THAN_POLL = "P232"
DECIDES_TOO_LATE = "P234"

_MOVING = frozenset({"clock", "account", "fleet"})


def offset_of(moment: Moment) -> float | None:
    """Seconds from confirmation to a moment; None where that differs from task to task."""
    if isinstance(moment, FromConfirmed):
        return moment.seconds
    return WINDOW - moment.seconds if isinstance(moment, BeforeDeadline) else None


def waits_too_long(world: World) -> Iterator[Finding]:
    """Find waits whose moment lies beyond the last moment to decide."""
    deadline = world.policy.deadline
    latest = offset_of(deadline.decide_by)
    for rule in world.policy.rules:
        until = rule.then.until
        if until is None or latest is None or not _outlives(world.policy, rule):
            continue
        line = (
            "" if deadline.decide_by.span == NOWHERE else f" on line {deadline.decide_by.span.line}"
        )
        yield Finding(
            code=WAIT_OUTLIVES,
            severity=Severity.ERROR,
            span=until.span,
            message="this wait can outlive the deadline",
            under=f"decisions stop {duration(WINDOW - latest)} before the {_hours(WINDOW)} deadline, "
            f"so {_hours(latest)} is the latest",
            cure=f"change to {_hours(latest)} or less, or lower  decide by {line}".rstrip(),
            related=(("", deadline.decide_by.span, "decisions stop here"),),
        )


def _hours(seconds: float) -> str:
    """A length of time in hours, as the window is counted."""
    return f"{seconds / 3600:g}h"


def idle_waits(world: World, dead: frozenset[int]) -> Iterator[Finding]:
    """Find waits during which nothing that the rules look at can change."""
    policy = world.policy
    guards = policy.guardrails
    moving = any(
        world.fact(name).source in _MOVING
        for condition in conditions_of(policy)
        for name, _ in compares_in(condition)
    )
    if moving or guards.pause_approvals_when or guards.pause_disputes_when:
        return
    for place, rule in enumerate(policy.rules):
        if rule.then.action is not Action.WAIT or isinstance(rule.then.until, WhenOpens):
            continue
        later = [r for i, r in deciding(policy) if i > place and i not in dead]
        if (
            place not in dead
            and not _outlives(policy, rule)
            and not any(r.act_during for r in later)
        ):
            yield _idle(rule)


def _outlives(policy: Policy, rule: Rule) -> bool:
    latest = offset_of(policy.deadline.decide_by)
    at = None if rule.then.until is None else offset_of(rule.then.until)
    return latest is not None and at is not None and at > latest


def _idle(rule: Rule) -> Finding:
    return Finding(
        code=NOTHING_CHANGES,
        severity=Severity.NOTE,
        span=rule.name_span if rule.then.until is None else rule.then.until.span,
        message=f'while "{rule.name}" waits, nothing that the rules look at can change',
        detail="the checker looks again only when the manager asks it to",
        cure="decide at once, or escalate if a person is to look meanwhile",
    )


def late_deadline(world: World, *, margin: float) -> Iterator[Finding]:
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


def short_hours(world: World, *, poll: float) -> Iterator[Finding]:
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


_DAY = 24 * 60
_WEEK = 7 * _DAY


def _stretches(hours: Hours) -> Iterator[int]:
    """How long, in minutes, the hours are open at a time, whatever days are closed.

    Three weeks are laid out, so that what begins in the middle one has its beginning and its end.
    """
    starts = sorted(
        (week * _WEEK + day * _DAY + one.start, one.end - one.start + _DAY * (one.end <= one.start))
        for one in hours.open
        for day in one.days
        for week in range(3)
    )
    joined: list[tuple[int, int]] = []
    for start, length in starts:
        if joined and joined[-1][1] >= start:
            joined[-1] = (joined[-1][0], max(joined[-1][1], start + length))
        else:
            joined.append((start, start + length))
    return (end - start for start, end in joined if _WEEK <= start < 2 * _WEEK)
