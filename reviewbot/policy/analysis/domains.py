"""The domain of each fact: its cells, cut by all tests of the policy, and what each test says in each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import product
from typing import Any

import msgspec

from reviewbot.policy.analysis import truth
from reviewbot.policy.analysis.answers import Book, may_come_to
from reviewbot.policy.analysis.cells import UNKNOWN_CELL, Cell, number_cells
from reviewbot.policy.analysis.texts import text_rows
from reviewbot.policy.analysis.typical import STEPS, typical
from reviewbot.policy.fields import Fact, FactType
from reviewbot.policy.model import Has, OneOf, Pattern, Range, Test

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


def documented_ends(fact: Fact) -> set[float]:
    """The ends of the values that the API's documents know of; others are kept as they come."""
    return {float(end) for end in (fact.low, fact.high) if end is not None}


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
        rows = text_rows(tests, book, patterns, typical=usual)
        cells = tuple(cell for cell, _ in rows)
        masks = {test: tuple(row[i] for _, row in rows) for i, test in enumerate(tests)}
    elif fact.type is FactType.NAMES:
        cells, masks = _names(fact, tests, book)
    else:
        cells = _cells(fact, points, usual)
        masks = {
            test: tuple(may_come_to(test, cell.value, book) for cell in cells) for test in tests
        }
    return Domain(fact=fact, cells=cells, order=_order(cells, usual), masks=masks)


def _cells(fact: Fact, points: Iterable[float], usual: Any) -> tuple[Cell, ...]:
    if fact.type in NUMBERS:
        low, high = fact.sure
        numbers = number_cells(
            points,
            low=low,
            high=high,
            whole=fact.type is FactType.COUNT,
            typical=as_number(usual),
            step=STEPS[fact.type],
        )
        if fact.type is FactType.MOMENT:
            numbers = tuple(
                msgspec.structs.replace(c, value=datetime.fromtimestamp(c.value, UTC))
                for c in numbers
            )
        return (*(_marked(cell, fact) for cell in numbers), UNKNOWN_CELL)
    values = list(fact.values) if fact.type is FactType.CHOICE else [False, True]
    return (*(Cell(value=value) for value in values), UNKNOWN_CELL)


def _marked(cell: Cell, fact: Fact) -> Cell:
    """Mark the numbers that the documents exclude; a cut lies at each of their ends."""
    below = fact.low is not None and (cell.low is None or cell.low < fact.low)
    above = fact.high is not None and (cell.high is None or cell.high > fact.high)
    return msgspec.structs.replace(cell, documented=False) if below or above else cell


def _names(
    fact: Fact, tests: tuple[Test, ...], book: Book
) -> tuple[tuple[Cell, ...], dict[Test, tuple[int, ...]]]:
    """Every choice of the tested names: in the list, not in it, or, where that can be, in doubt."""
    names = sorted({test.member for test in tests if isinstance(test, Has)})
    states = (False, True, None) if fact.doubtful else (False, True)
    cells: list[Cell] = []
    masks: dict[Test, list[int]] = {test: [] for test in tests}
    for chosen in sorted(
        product(states, repeat=len(names)), key=lambda c: (None in c, sum(map(bool, c)))
    ):
        held = tuple(name for name, state in zip(names, chosen, strict=True) if state)
        doubtful = {name for name, state in zip(names, chosen, strict=True) if state is None}
        cells.append(Cell(value=held, sure=not doubtful))
        for test, row in masks.items():
            in_doubt = isinstance(test, Has) and test.member in doubtful
            row.append(truth.UNKNOWN if in_doubt else may_come_to(test, held, book))
    for test, row in masks.items():
        row.append(may_come_to(test, None, book))
    return (*cells, UNKNOWN_CELL), {test: tuple(row) for test, row in masks.items()}


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
        return (False, not (cell.sure and cell.documented), near)

    return tuple(sorted(range(len(cells)), key=oddness))
