"""Numbers and moments between two ends: `at least` and its like, `between`, `before`, `after`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.model import FactTest, Lists, Value
from reviewbot.policy.operators.operator import MOMENTS, NUMBERS, Argument, Operator
from reviewbot.policy.source import Emitted, Pool, three_valued
from reviewbot.policy.values import Day, Misread, read_when


class Range(FactTest, frozen=True, kw_only=True):
    """Lies between two ends; an absent end is open. `at least 5` is low=5, low_included."""

    low: int | float | datetime | None = None
    low_included: bool = True
    high: int | float | datetime | None = None
    high_included: bool = True

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        return None if value is None else self.holds(value)

    def holds(self, value: Any) -> bool:
        """Whether a known value lies between the ends."""
        low, high = self.low, self.high
        if low is not None and not (value > low or (self.low_included and value == low)):
            return False
        return high is None or value < high or (self.high_included and value == high)

    def emit(self, fact: Fact, pool: Pool, lists: Lists) -> Emitted:
        local = pool.fact(fact)
        low = high = ""
        if self.low is not None:
            low = f"{pool.constant(self.low)} {'<=' if self.low_included else '<'} "
        if self.high is not None:
            high = f" {'<=' if self.high_included else '<'} {pool.constant(self.high)}"
        return three_valued(local, f"{low}{local}{high}")

    def describe(self, words: Callable[[Value], str]) -> str:
        low = None if self.low is None else words(self.low)
        high = None if self.high is None else words(self.high)
        if low is not None and high is not None:
            ends = "" if self.high_included else ", the end not included"
            return f"is between {low} and {high}{ends}"
        if isinstance(self.low, datetime) or isinstance(self.high, datetime):
            return f"is before {high}" if low is None else f"is after {low}"
        if low is not None:
            return f"is {'at least' if self.low_included else 'more than'} {low}"
        return f"is {'at most' if self.high_included else 'less than'} {high}"

    def boundaries(self) -> tuple[Any, ...]:
        return tuple(end for end in (self.low, self.high) if end is not None)


def _comparison(
    words: str, end: Literal["low", "high"], meaning: str, example: str, opposite: str
) -> Operator:
    included = words in ("at least", "at most")

    def parse(asked: Argument) -> FactTest:
        value = asked.number(asked.rest, asked.at)
        if end == "low":
            return Range(low=value, low_included=included)
        return Range(high=value, high_included=included)

    return Operator(words, NUMBERS, parse, meaning, example, opposite=opposite)


def _between(asked: Argument) -> FactTest:
    first, word, second = asked.rest.partition(" and ")
    if not word:
        raise _no_and(asked)
    second_at = asked.at + len(asked.rest) - len(second.lstrip(" "))
    first, second = first.strip(" "), second.strip(" ")
    if asked.fact.type is FactType.MOMENT:
        return _between_moments(asked, first, second, second_at)
    low = asked.number(first, asked.at)
    high = asked.number(second, second_at)
    if low > high:
        raise _swapped(asked, first, second)
    return Range(low=low, high=high)


def _between_moments(asked: Argument, first: str, second: str, second_at: int) -> FactTest:
    begin = read_when(first, asked.at, asked.zone)
    end = read_when(second, second_at, asked.zone)
    low = begin.begins if isinstance(begin, Day) else begin
    high = end.ends if isinstance(end, Day) else end
    if low > high or (isinstance(begin, Day) and low >= high):
        raise _swapped(asked, first, second)
    return Range(low=low, high=high, high_included=not isinstance(end, Day))


def _swapped(asked: Argument, first: str, second: str) -> Misread:
    message = "the first end lies above the second, so nothing is ever between them"
    under = f"write  between {second} and {first}"
    return asked.refused("P105", message, under=under, replacement=f"{second} and {first}")


def _no_and(asked: Argument) -> Misread:
    for joint in (" to ", "..", " - ", "-", ",", " or "):
        first, _, second = (part.strip() for part in asked.rest.partition(joint))
        if first and second:
            message = "the two ends of  between  are joined by  and"
            under = f"write  between {first} and {second}"
            return asked.refused("P112", message, under=under, replacement=f"{first} and {second}")
    return asked.refused("P112", "between  needs two ends", cure="write it as  between 1 and 99")


def _before(asked: Argument) -> FactTest:
    moment = read_when(asked.rest, asked.at, asked.zone)
    return Range(high=moment.begins if isinstance(moment, Day) else moment, high_included=False)


def _after(asked: Argument) -> FactTest:
    moment = read_when(asked.rest, asked.at, asked.zone)
    if isinstance(moment, Day):
        return Range(low=moment.ends)
    return Range(low=moment, low_included=False)


WORDS = (
    _comparison("at least", "low", "the value or more", "at least 50", "less than"),
    _comparison("at most", "high", "the value or less", "at most 0.30 USD", "more than"),
    _comparison("more than", "low", "above the value", "more than 35%", "at most"),
    _comparison("less than", "high", "below the value", "less than 6h", "at least"),
    Operator(
        "between",
        NUMBERS | MOMENTS,
        _between,
        "from the first to the second, both ends count",
        "between 1 and 99",
        behind="{value} and {value}",
    ),
    Operator(
        "before",
        MOMENTS,
        _before,
        "earlier; a date begins at midnight in the policy's zone",
        "before 2026-12-01",
    ),
    Operator(
        "after",
        MOMENTS,
        _after,
        "later; a date ends at midnight in the policy's zone",
        "after 2026-12-01 09:00",
    ),
)
