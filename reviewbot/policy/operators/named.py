"""Tests by a name that the policy declares: `in list` and `matches pattern`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from reviewbot.policy.catalog import Fact
from reviewbot.policy.model import FactTest, Lists, Value
from reviewbot.policy.operators.operator import ANY_TEXT, MOMENTS, TEXTS, Operator
from reviewbot.policy.source import Emitted, Pool, three_valued, three_way
from reviewbot.policy.text_forms import fold


class InList(FactTest, frozen=True, kw_only=True):
    """`in list NAME`."""

    list: str
    negated: bool = False

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        held = lists.holds(self.list, value, now)
        return None if held is None else held is not self.negated

    def emit(self, fact: Fact, pool: Pool, lists: Lists) -> Emitted:
        if lists.lasts(self.list):
            local = pool.fact(fact, fold)
            return three_valued(local, pool.among(local, lists.entries[self.list]), self.negated)
        local = pool.fact(fact)
        holds, name = pool.constant(lists.holds), pool.constant(self.list)
        return three_way(pool.local(f"{holds}({name}, {local}, f.now)", local), self.negated)

    def describe(self, words: Callable[[Value], str]) -> str:
        return f"is {'not ' if self.negated else ''}on the list {self.list}"

    def refers(self) -> tuple[str, str]:
        return "list", self.list


class Matches(FactTest, frozen=True, kw_only=True):
    """`matches pattern NAME`."""

    pattern: str
    negated: bool = False

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        found = lists.searches[self.pattern](value)
        return None if found is None else found is not self.negated

    def emit(self, fact: Fact, pool: Pool, lists: Lists) -> Emitted:
        local = pool.fact(fact)
        search = pool.constant(lists.searches[self.pattern])
        return three_way(pool.local(f"{search}({local})", local), self.negated)

    def describe(self, words: Callable[[Value], str]) -> str:
        return f"{'does not match' if self.negated else 'matches'} the pattern {self.pattern}"

    def refers(self) -> tuple[str, str]:
        return "pattern", self.pattern


class InHours(FactTest, frozen=True, kw_only=True):
    """`in hours NAME`, of a moment."""

    hours: str
    negated: bool = False

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        return None if value is None else lists.hours[self.hours].is_open(value) is not self.negated

    def emit(self, fact: Fact, pool: Pool, lists: Lists) -> Emitted:
        local = pool.fact(fact)
        is_open = pool.constant(lists.hours[self.hours].is_open)
        return three_valued(local, f"{is_open}({local})", self.negated)

    def describe(self, words: Callable[[Value], str]) -> str:
        return f"is {'outside' if self.negated else 'in'} the hours {self.hours}"

    def refers(self) -> tuple[str, str]:
        return "calendar", self.hours


WORDS = (
    Operator(
        "matches pattern",
        TEXTS,
        lambda asked: Matches(pattern=asked.rest, negated=asked.negated),
        "the named regular expression finds something in it",
        "matches pattern many_digits",
        negatable=True,
        behind=ANY_TEXT,
    ),
    Operator(
        "in list",
        TEXTS,
        lambda asked: InList(list=asked.rest, negated=asked.negated),
        "is one of the named list, in any letter case",
        "in list watched",
        negatable=True,
        behind=ANY_TEXT,
    ),
    Operator(
        "in hours",
        MOMENTS,
        lambda asked: InHours(hours=asked.rest, negated=asked.negated),
        "the named hours are open at that moment",
        "in hours desk",
        negatable=True,
        behind=ANY_TEXT,
    ),
)
