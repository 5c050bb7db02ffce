"""The cells of each fact, cut by all tests of a policy, and what each test says in each.

Numbers and moments fall into points and the gaps between them, so that a cell is exact and not a
sample. Each cell carries one value that stands for it, the usual review's where it fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise, product
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.lint.circuits import UNKNOWN, Cell, may_come_to
from reviewbot.policy.lint.texts import TextClasses
from reviewbot.policy.lint.usual import STEPS, usual_value
from reviewbot.policy.model import FactTest, Lists, Pattern
from reviewbot.policy.operators import Has

Row = tuple[Cell, tuple[int, ...]]
"""A cell and what each test may come to in it."""


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of a variable; `order` names them from the most to the least usual."""

    cells: tuple[Cell, ...]
    order: tuple[int, ...]
    truths: dict[FactTest, tuple[int, ...]] = {}
    """What each test may come to, cell by cell."""


def domain_of(
    fact: Fact,
    tests: Sequence[FactTest],
    cuts: Iterable[float],
    lists: Lists,
    patterns: dict[str, Pattern],
) -> Domain:
    """Cut `fact` by `tests`; `cuts` are those of a number, its neighbours' included."""
    usual = usual_value(fact)

    def row(value: Any, doubtful: Iterable[str] = ()) -> tuple[int, ...]:
        return tuple(
            UNKNOWN
            if isinstance(test, Has) and test.member in doubtful
            else may_come_to(test, value, lists)
            for test in tests
        )

    rows: list[Row]
    match fact.type:
        case FactType.TEXT:
            rows = TextClasses(tests, lists, patterns, usual).rows()
        case FactType.NAMES:
            rows = [
                (Cell(value=names, sure=not doubtful), row(names, doubtful))
                for names, doubtful in _choices_of_names(fact, tests)
            ]
        case FactType.CHOICE | FactType.YES_NO:
            values = fact.values or (False, True)
            rows = [(Cell(value=value), row(value)) for value in values]
        case _:
            rows = [(cell, row(cell.value)) for cell in _number_cells(fact, cuts, usual)]
    rows.append((Cell(value=None), row(None)))
    cells = tuple(cell for cell, _ in rows)
    truths = {test: tuple(row[i] for _, row in rows) for i, test in enumerate(tests)}
    return Domain(cells=cells, order=_order(cells, usual), truths=truths)


def cut_points(fact: Fact, tests: Iterable[FactTest]) -> set[float]:
    """The numbers at which `tests` change their answer, and the ends that the API documents."""
    ends = (fact.low, fact.high)
    values = (*ends, *(value for test in tests for value in test.boundaries()))
    return {as_number(value) for value in values if value is not None}


def as_number(value: Any) -> float:
    """A number, or a moment as seconds since 1970."""
    return value.timestamp() if isinstance(value, datetime) else float(value)


def _number_cells(fact: Fact, cuts: Iterable[float], usual: Any) -> Iterable[Cell]:
    """Each cut and each gap between two of them, in ascending order, within the fact's sure ends."""
    low, high = fact.sure
    points = {float(p) for p in (*cuts, low, high) if p is not None}
    points = {p for p in points if (low is None or p >= low) and (high is None or p <= high)}
    whole = fact.type is FactType.COUNT
    for start, end in pairwise([None, *sorted(points), None]):
        if not ((start is None and low is not None) or (end is None and high is not None)):
            gap = _gap(start, end, as_number(usual), STEPS[fact.type], whole=whole)
            if gap is not None:
                yield _typed(gap, fact)
        if end is not None:
            yield _typed(Cell(value=end, low=end, high=end), fact)


def _gap(
    start: float | None, end: float | None, usual: float, step: float, *, whole: bool
) -> Cell | None:
    """The numbers between two cuts, with one that stands for them; None where there are none."""
    if whole:
        start, end = start if start is None else start + 1, end if end is None else end - 1
        if start is not None and end is not None and start > end:
            return None
        value = max(usual if start is None else start, usual)
        return Cell(value=value if end is None else min(value, end), low=start, high=end)
    if start is not None and usual <= start:
        value = start + step
    elif end is not None and usual >= end:
        value = end - step
    else:
        value = usual
    if start is not None and end is not None and not start < value < end:
        value = (start + end) / 2
    return Cell(value=value, low=start, high=end)


def _typed(cell: Cell, fact: Fact) -> Cell:
    """A cell of numbers with a value of its fact's type, marked where the documents exclude it."""
    value = cell.value
    if fact.type is FactType.COUNT:
        value = int(value)
    elif fact.type is FactType.MOMENT:
        value = datetime.fromtimestamp(value, UTC)
    below = fact.low is not None and (cell.low is None or cell.low < fact.low)
    above = fact.high is not None and (cell.high is None or cell.high > fact.high)
    return replace(cell, value=value, documented=not (below or above))


def _choices_of_names(
    fact: Fact, tests: Iterable[FactTest]
) -> list[tuple[tuple[str, ...], frozenset[str]]]:
    """Every choice of the tested names, and which of them are in doubt, where that can be."""
    names = sorted({test.member for test in tests if isinstance(test, Has)})
    states = (False, True, None) if fact.doubtful else (False, True)
    choices = sorted(
        product(states, repeat=len(names)), key=lambda c: (None in c, sum(map(bool, c)))
    )
    return [
        (
            tuple(name for name, state in zip(names, choice, strict=True) if state),
            frozenset(name for name, state in zip(names, choice, strict=True) if state is None),
        )
        for choice in choices
    ]


def _order(cells: Sequence[Cell], usual: Any) -> tuple[int, ...]:
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
