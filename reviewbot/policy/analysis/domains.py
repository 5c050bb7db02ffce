"""The domain of each fact: its cells, cut by all tests of the policy, and what each test says in each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import msgspec

from reviewbot.policy.analysis.answers import Book, may_come_to
from reviewbot.policy.analysis.cells import UNKNOWN_CELL, Cell, number_cells
from reviewbot.policy.analysis.texts import text_rows
from reviewbot.policy.analysis.typical import STEPS, typical
from reviewbot.policy.fields import Fact, FactType
from reviewbot.policy.model import Has, OneOf, Pattern, Range, Test

MOST_NAMES = 5
"""Tested names of a list of which all combinations are tried."""

NUMBERS = frozenset(STEPS)


class Leaf(msgspec.Struct, frozen=True):
    """One test of one fact: in which cells (bits) it may be true, false, unknown."""

    variable: int
    true: int
    false: int
    unknown: int


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A fact and its cells; `order` names them from the most to the least typical."""

    fact: Fact
    cells: tuple[Cell, ...]
    order: tuple[int, ...]
    masks: dict[Test, tuple[int, ...]]
    """What each test may come to, cell by cell."""


def cut_points(tests: Iterable[Test]) -> set[float]:
    """The numbers at which `tests` change their answer."""
    points: set[float] = set()
    for test in tests:
        values: tuple[Any, ...] = ()
        if isinstance(test, Range):
            values = (test.low, test.high)
        elif isinstance(test, OneOf):
            values = test.values
        points.update(as_number(v) for v in values if v is not None and not isinstance(v, str))
    return points


def as_number(value: Any) -> float:
    """A number, or a moment as seconds since 1970."""
    return value.timestamp() if isinstance(value, datetime) else float(value)


def domain_of(
    fact: Fact,
    tests: tuple[Test, ...],
    points: Iterable[float],
    book: Book,
    patterns: dict[str, Pattern],
) -> Domain:
    """Cut `fact` by `tests`; `points` are the cuts of a number, its neighbours' included."""
    usual = typical(fact)
    if fact.type is FactType.TEXT:
        rows = text_rows(tests, book, patterns, typical=usual, longest=fact.longest)
        cells = tuple(cell for cell, _ in rows)
        masks = {test: tuple(row[i] for _, row in rows) for i, test in enumerate(tests)}
    else:
        cells = _cells(fact, tests, points, usual)
        masks = {
            test: tuple(may_come_to(test, cell.value, book) for cell in cells) for test in tests
        }
    return Domain(fact=fact, cells=cells, order=_order(cells, usual), masks=masks)


def _cells(
    fact: Fact, tests: tuple[Test, ...], points: Iterable[float], usual: Any
) -> tuple[Cell, ...]:
    if fact.type in NUMBERS:
        numbers = number_cells(
            points,
            low=fact.low,
            high=fact.high,
            whole=fact.type is FactType.COUNT,
            typical=as_number(usual),
            step=STEPS[fact.type],
        )
        if fact.type is FactType.MOMENT:
            numbers = tuple(
                msgspec.structs.replace(c, value=datetime.fromtimestamp(c.value, UTC))
                for c in numbers
            )
        return (*numbers, UNKNOWN_CELL)
    if fact.type is FactType.NAMES:
        values = _subsets(sorted({t.member for t in tests if isinstance(t, Has)}))
    else:
        values = list(fact.values) if fact.type is FactType.CHOICE else [False, True]
    return (*(Cell(value=value) for value in values), UNKNOWN_CELL)


def _subsets(names: list[str]) -> list[Any]:
    most = len(names) if len(names) <= MOST_NAMES else 1
    found: list[Any] = [s for size in range(most + 1) for s in combinations(names, size)]
    return found if most == len(names) else [*found, tuple(names)]


def _order(cells: tuple[Cell, ...], usual: Any) -> tuple[int, ...]:
    def oddness(index: int) -> tuple[bool, bool, float]:
        cell = cells[index]
        if cell.value is None:
            return (True, True, 0)
        near = (
            abs(as_number(cell.value) - as_number(usual))
            if isinstance(cell.value, int | float | datetime)
            else float(cell.value != usual)
        )
        return (False, not cell.sure, near)

    return tuple(sorted(range(len(cells)), key=oddness))
