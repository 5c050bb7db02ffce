"""Turning moments: the moments at which what a policy says may change though all facts stay as they are.

Between two of them nothing that depends on time can change: the moments of waits and of the deadline,
the bounds of tests on lengths of time, the hours' turning points, the last days of list entries.
So the policy is judged at each and, for bounds, a moment after it, nowhere else, and what it says there is all
that it will ever say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reviewbot.policy.catalog import CATALOGUE, FactType
from reviewbot.policy.engine.calendar import Calendar, resolver
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import Policy
from reviewbot.policy.parts import all_compares

_INSTANT = timedelta(microseconds=1)


class TurningMoments:
    """What of a policy the clock alone changes, gathered once: a look ahead asks it of every open round."""

    def __init__(self, policy: Policy, calendars: Mapping[str, Calendar]) -> None:
        named = [rule.then.until for rule in policy.rules if rule.then.until is not None]
        self._moments = [
            resolver(moment, calendars) for moment in (*named, policy.deadline.decide_by)
        ]
        self._calendars = tuple(calendars.values())
        self._fixed: set[datetime] = set()
        self._lengths: dict[str, tuple[Callable[[Facts], Any], set[float]]] = {}
        facts = CATALOGUE[policy.applies_to.review]
        for compare in all_compares(policy):
            fact = facts.get(compare.fact)
            if compare.fact == "now":
                self._fixed.update(compare.test.boundaries())
            elif fact is not None and fact.type is FactType.DURATION:
                _, bounds = self._lengths.setdefault(compare.fact, (fact.read, set()))
                bounds.update(compare.test.boundaries())
        zone = ZoneInfo(policy.timezone)
        for listed in policy.lists:
            self._fixed |= {
                datetime.combine(entry.until + timedelta(days=1), time(), zone)
                for entry in listed.entries
                if entry.until is not None
            }

    def between(self, facts: Facts, end: datetime) -> list[datetime]:
        """Every moment after that of the facts and before `end` at which the answer may change, in order."""
        found: set[datetime] = set()
        for moment in self._bounds(facts):
            found |= {moment, moment + _INSTANT}
        for calendar in self._calendars:  # which are open from their very moment on, or not
            found.update(calendar.turning_points(facts.now, end))
        return sorted(moment for moment in found if facts.now < moment < end)

    def _bounds(self, facts: Facts) -> Iterator[datetime]:
        yield from self._fixed
        for moment in self._moments:
            at = moment(facts.started_at, facts.deadline_at)
            if at is not None:
                yield at
        for name, (read, bounds) in self._lengths.items():
            value = read(facts)
            if value is None:
                continue
            # It grows, or runs down, to each bound of its tests.
            grows = not name.endswith("time_left")
            for bound in bounds:
                yield facts.now + timedelta(seconds=bound - value if grows else value - bound)
