"""A plain value, or a list of them: the fact equals it, or one of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.model import FactTest, Lists, Value
from reviewbot.policy.operators.operator import Argument, either, read_exactly, read_literal
from reviewbot.policy.operators.range import Range
from reviewbot.policy.operators.words import operator_of
from reviewbot.policy.source import Emitted, Pool, three_valued, three_way
from reviewbot.policy.text_forms import fold, nfc
from reviewbot.policy.values import Day, Misread


class OneOf(FactTest, frozen=True, kw_only=True):
    """Equals one of `values`; `not` turns it round. A plain value is a list of one.

    `exact[i]` says whether the i-th text is compared letter by letter; other texts, and all names
    of a closed list, ignore case.
    """

    values: tuple[Value, ...]
    exact: tuple[bool, ...]
    negated: bool = False

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        if value is None:
            return None
        pairs = zip(self.values, self.exact, strict=True)
        return any(_equal(wanted, exact, value) for wanted, exact in pairs) is not self.negated

    def emit(self, fact: Fact, pool: Pool, lists: Lists) -> Emitted:
        if fact.type is not FactType.TEXT:
            local = pool.fact(fact)
            if self.values in ((True,), (False,)) and fact.type is FactType.YES_NO:
                return three_way(local, self.values[0] is self.negated)
            return three_valued(local, pool.among(local, self.values), self.negated)
        locals_, tests = [], []
        for form, exact in ((fold, False), (nfc, True)):
            texts = [
                form(str(v)) for v, e in zip(self.values, self.exact, strict=True) if e is exact
            ]
            if texts:
                locals_.append(pool.fact(fact, form))
                tests.append(pool.among(locals_[-1], texts))
        return three_valued(locals_[0], f"({' or '.join(tests)})", self.negated, *locals_)

    def describe(self, words: Callable[[Value], str]) -> str:
        exact = " (letter by letter)" if any(self.exact) else ""
        return f"is {'not ' if self.negated else ''}{either(list(map(words, self.values)))}{exact}"

    def boundaries(self) -> tuple[Any, ...]:
        return tuple(value for value in self.values if not isinstance(value, str))


def _equal(wanted: Value, exact: bool, value: Any) -> bool:
    if isinstance(wanted, str) and isinstance(value, str):
        return nfc(wanted) == nfc(value) if exact else fold(wanted) == fold(value)
    return bool(wanted == value)


def parse_equals(asked: Argument) -> FactTest:
    """Read a plain value or a list in brackets; a whole day is a range."""
    fact = asked.fact
    if fact.type is FactType.NAMES:
        message = f"{fact.name} is a list of names, which a plain value cannot equal"
        no = "not " * asked.negated
        raise asked.refused("P109", message, under=f"write  {no}contains {asked.rest}")
    if asked.rest.startswith("["):
        read = [read_listed(text, at, fact, asked.zone) for text, at in _split_list(asked)]
        values, exact = zip(*read, strict=True)
        return OneOf(values=values, exact=exact, negated=asked.negated)
    value, is_exact = _read_value(asked.rest, asked.at, fact, asked.zone)
    if isinstance(value, Day):
        if asked.negated:
            raise asked.refused(
                "P110", "not  cannot stand before a whole day", cure="put the line under  none of:"
            )
        return Range(low=value.begins, high=value.ends, high_included=False)
    return OneOf(values=(value,), exact=(is_exact,), negated=asked.negated)


def read_listed(text: str, at: int, fact: Fact, zone: ZoneInfo) -> tuple[Value, bool]:
    """Read one value of a list, and whether letter case counts."""
    if not text:
        message = "an empty value stands in this list"
        raise Misread("P032", message, at, at + 1, cure="delete it, or write the value")
    asked = Argument(fact, zone, text, at)
    is_text = fact.type is FactType.TEXT
    is_negation = not is_text and (text == "not" or text.startswith("not "))
    if is_negation or operator_of(text) is not None:
        raise asked.refused(
            "P109",
            "a list takes plain values, not tests",
            under=f"for the text itself write  exactly {text}" if is_text else None,
            cure="put each test into a mapping of its own under  any of:",
        )
    value, exact = _read_value(text, at, fact, zone)
    if isinstance(value, Day):
        cure = "put each day into a mapping of its own under  any of:"
        raise asked.refused("P109", "a list cannot hold whole days", cure=cure)
    return value, exact


def _read_value(text: str, at: int, fact: Fact, zone: ZoneInfo) -> tuple[Value | Day, bool]:
    if fact.type is FactType.TEXT:
        return read_exactly(text, at)
    if text.startswith("exactly ") and fact.type is FactType.CHOICE:
        inner = text[8:].lstrip(" ")
        return read_literal(inner, fact, zone, at + len(text) - len(inner)), True
    return read_literal(text, fact, zone, at), False


def _split_list(asked: Argument) -> list[tuple[str, int]]:
    """Split `[a, "b, c"]` into its texts with their places."""
    text = asked.rest
    if not text.endswith("]"):
        raise asked.refused("P014", "this list is never closed", cure="close it with ]")
    texts: list[tuple[str, int]] = []
    start, inside = 1, ""
    for index, char in enumerate(text):
        if inside:
            inside = "" if char == inside else inside
        elif char in "\"'" and not text[start:index].strip():
            inside = char
        elif index and (char == "," or index == len(text) - 1):
            piece = text[start:index]
            bare = piece.strip()
            place = asked.at + start + len(piece) - len(piece.lstrip())
            if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
                bare, place = bare[1:-1], place + 1
            texts.append((bare, place))
            start = index + 1
    if len(texts) == 1 and not texts[0][0]:
        message = "this list is empty, so nothing is ever in it"
        raise asked.refused("P108", message, cure="put values into it, or delete the line")
    return texts
