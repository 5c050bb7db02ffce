"""Whether there is a value at all: `known` and `unknown`, the only tests of the unknown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.model import FactTest, Lists, Value
from reviewbot.policy.operators.operator import Operator
from reviewbot.policy.source import Emitted, Pool


class IsKnown(FactTest, frozen=True, kw_only=True):
    """`known` (True) or `unknown` (False)."""

    known: bool

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        return (value is not None) is self.known

    def emit(self, fact: Fact, pool: Pool, lists: Lists) -> Emitted:
        local = pool.fact(fact)
        test = f"{local} is not None" if self.known else f"{local} is None"
        return Emitted((local,), possible=test, sure=test, outcome=test)

    def describe(self, words: Callable[[Value], str]) -> str:
        return "is known" if self.known else "is not known"


WORDS = (
    Operator(
        "known",
        frozenset(FactType),
        lambda _: IsKnown(known=True),
        "there is a value",
        "known",
        opposite="unknown",
        behind="",
    ),
    Operator(
        "unknown",
        frozenset(FactType),
        lambda _: IsKnown(known=False),
        "there is none",
        "unknown",
        opposite="known",
        behind="",
    ),
)
