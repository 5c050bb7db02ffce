"""Tests by a name that the policy declares: `in list` and `matches pattern`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from reviewbot.policy.model import FactTest, Lists, Value
from reviewbot.policy.operators.operator import ANY_TEXT, TEXTS, Operator


class InList(FactTest, frozen=True, kw_only=True):
    """`in list NAME`."""

    list: str
    negated: bool = False

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        held = None if value is None else lists.holds(self.list, value, now)
        return None if held is None else held is not self.negated

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

    def describe(self, words: Callable[[Value], str]) -> str:
        return f"{'does not match' if self.negated else 'matches'} the pattern {self.pattern}"

    def refers(self) -> tuple[str, str]:
        return "pattern", self.pattern


MATCHES_PATTERN = Operator(
    words="matches pattern",
    takes=TEXTS,
    parse=lambda asked: Matches(pattern=asked.rest, negated=asked.negated),
    negatable=True,
    behind=ANY_TEXT,
    meaning="the named regular expression finds something in it",
    example="matches pattern many_digits",
)
IN_LIST = Operator(
    words="in list",
    takes=TEXTS,
    parse=lambda asked: InList(list=asked.rest, negated=asked.negated),
    negatable=True,
    behind=ANY_TEXT,
    meaning="is one of the named list, in any letter case",
    example="in list watched",
)
