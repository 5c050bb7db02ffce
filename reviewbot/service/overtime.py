"""Over time: the exact moments at which a policy's answer changes while the facts stay.

Theory of operation. With the facts fixed, only a clock can change an answer: a length of time that
crosses a number the policy names, a moment the policy names, hours that open or close, a list entry
that runs out. Those moments are collected from the policy itself, and it is judged at each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.calendar import calendars_of, resolver
from reviewbot.policy.evaluate import Evaluation, Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.fields import CATALOGUE
from reviewbot.policy.model import (
    BeforeDeadline,
    Compare,
    Fixed,
    FromConfirmed,
    Node,
    OneOf,
    Policy,
    Range,
    WhenOpens,
)

INSTANT = timedelta(microseconds=1)
"""`more than 6h` changes just after six hours, `at least 6h` at them; both are asked."""
_SPAN = re.compile(r"_since\(([\w.]+), ([\w.]+)\)")
_OTHER_NAMES = {"first_seen": "started_at", "deadline": "deadline_at"}


def over_time(judge: Judge, facts: Facts, until: datetime) -> list[tuple[datetime, Evaluation]]:
    """The answer at `facts.now`, and each later one with the moment from which it holds."""
    answers = [(facts.now, judge.judge(facts))]
    for moment in turns(judge.policy, facts, until):
        answer = judge.judge(msgspec.structs.replace(facts, now=moment))
        if not _same(answer, answers[-1][1]):
            answers.append((moment, answer))
    return answers


def turns(policy: Policy, facts: Facts, until: datetime) -> list[datetime]:
    """Every moment after `facts.now` and up to `until` at which the answer may change, in order."""
    found: set[datetime] = set()
    calendars = calendars_of(policy)
    for node in _nodes(policy):
        match node:
            case FromConfirmed() | BeforeDeadline() | WhenOpens() | Fixed():
                moment = resolver(node, calendars)(facts.started_at, facts.deadline_at)
                if moment is not None:
                    found |= {moment, moment + INSTANT}
            case Compare():
                found.update(_crossings(policy, node, facts))
    for calendar in calendars.values():
        found.update(calendar.turning_points(facts.now, until))
    found.update(_ends_of_entries(policy))
    return sorted(moment for moment in found if facts.now < moment <= until)


def _same(one: Evaluation, other: Evaluation) -> bool:
    return (one.action, one.rule, one.until) == (other.action, other.rule, other.until)


def _nodes(value: Any) -> Iterator[Node]:
    """Every node of the policy, itself first."""
    if isinstance(value, Node):
        yield value
        for name in value.__struct_fields__:
            yield from _nodes(getattr(value, name))
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


def _crossings(policy: Policy, line: Compare, facts: Facts) -> Iterator[datetime]:
    """When the fact of a line reaches the numbers that the line names, if time moves it."""
    fact = CATALOGUE[policy.applies_to.review].get(line.fact)
    span = _SPAN.fullmatch(fact.read) if fact is not None else None
    if span is None:
        return
    later, earlier = span.groups()
    fixed = _moment(facts, earlier if later == "now" else later)
    if fixed is None:
        return
    for seconds in _numbers(line):
        distance = timedelta(seconds=seconds)
        moment = fixed + distance if later == "now" else fixed - distance
        yield from (moment, moment + INSTANT)


def _moment(facts: Facts, path: str) -> datetime | None:
    value: Any = facts
    for name in path.split("."):
        value = getattr(value, _OTHER_NAMES.get(name, name))
    return value if isinstance(value, datetime) else None


def _numbers(line: Compare) -> Iterator[float]:
    values: tuple[Any, ...] = ()
    match line.test:
        case Range(low=low, high=high):
            values = (low, high)
        case OneOf(values=listed):
            values = listed
    yield from (float(v) for v in values if isinstance(v, int | float) and abs(v) < 1e9)


def _ends_of_entries(policy: Policy) -> Iterator[datetime]:
    zone = ZoneInfo(policy.timezone)
    for named in policy.lists:
        for entry in named.entries:
            if entry.until is not None:
                day_after = entry.until + timedelta(days=1)
                yield datetime.combine(day_after, time(), zone).astimezone(UTC)
