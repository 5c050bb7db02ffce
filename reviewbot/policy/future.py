"""The exact moments at which an answer changes if the facts stay as they are.

Theory of operation. Between two boundaries nothing that depends on time can change: the moments of
waits and of the deadline, the bounds of tests on lengths of time, the hours' turning points, the
last days of list entries. So the policy is judged at each boundary and a moment after it, nowhere
else, and what it says there is all it will ever say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.assemble import reader
from reviewbot.policy.calendar import resolver
from reviewbot.policy.compares import all_compares
from reviewbot.policy.evaluate import Evaluation, Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.fields import CATALOGUE, FactType
from reviewbot.policy.model import Compare, OneOf, Policy, Range

_INSTANT = timedelta(microseconds=1)


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on the answer is this one."""

    at: datetime
    action: Action
    rule: str
    until: datetime | None = None


def answers_over_time(judge: Judge, facts: Facts, end: datetime | None = None) -> tuple[Later, ...]:
    """What is said from now on, first as of now, then at every change before `end`.

    `end` None is the deadline; where that is not known either, only the present answer is given.
    """
    return tuple(
        Later(at=moment, action=made.action, rule=made.rule, until=made.until)
        for moment, made in over_time(judge, facts, end)
    )


def over_time(
    judge: Judge, facts: Facts, end: datetime | None = None
) -> list[tuple[datetime, Evaluation]]:
    """As `answers_over_time`, with each answer in full."""
    found: list[tuple[datetime, Evaluation]] = []
    for moment in (facts.now, *turns(judge, facts, end)):
        made = judge.judge(msgspec.structs.replace(facts, now=moment))
        if not found or _said(found[-1][1]) != _said(made):
            found.append((moment, made))
    return found


def turns(judge: Judge, facts: Facts, end: datetime | None = None) -> list[datetime]:
    """Every moment after now and before `end` at which the answer may change, in order."""
    end = end or facts.deadline_at or facts.now
    candidates = {
        candidate
        for moment in _moments(judge, facts, end)
        for candidate in (moment, moment + _INSTANT)
    }
    return sorted(moment for moment in candidates if facts.now < moment < end)


def _said(answer: Evaluation) -> tuple[Action, str, datetime | None]:
    return answer.action, answer.rule, answer.until


def _moments(judge: Judge, facts: Facts, end: datetime) -> Iterator[datetime]:
    policy = judge.policy
    named = [rule.then.until for rule in policy.rules if rule.then.until is not None]
    for moment in (*named, policy.deadline.decide_by):
        at = resolver(moment, judge.calendars)(facts.started_at, facts.deadline_at)
        if at is not None:
            yield at
    for compare in all_compares(policy):
        yield from _crossings(policy, compare, facts)
    for calendar in judge.calendars.values():
        yield from calendar.turning_points(facts.now, end)
    zone = ZoneInfo(policy.timezone)
    for listed in policy.lists:
        for entry in listed.entries:
            if entry.until is not None:
                yield datetime.combine(entry.until + timedelta(days=1), time(), zone)


def _crossings(policy: Policy, compare: Compare, facts: Facts) -> Iterator[datetime]:
    """When a length of time reaches a bound of its test: it grows with now, or runs down to it."""
    fact = CATALOGUE[policy.applies_to.review].get(compare.fact)
    if fact is None or fact.type is not FactType.DURATION:
        return
    value = reader(fact)(facts)
    if value is None:
        return
    grows = not compare.fact.endswith("time_left")
    for bound in _bounds(compare):
        yield facts.now + timedelta(seconds=bound - value if grows else value - bound)


def _bounds(compare: Compare) -> tuple[float, ...]:
    match compare.test:
        case Range(low=low, high=high):
            return tuple(float(end) for end in (low, high) if isinstance(end, int | float))
        case OneOf(values=values):
            return tuple(float(value) for value in values if isinstance(value, int | float))
    return ()
