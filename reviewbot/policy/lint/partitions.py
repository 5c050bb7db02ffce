"""The cells of each fact, cut by all tests of a policy, and what each test says in each.

Numbers and moments fall into points and the gaps between them, so that a cell is exact and not a
sample. Each cell carries one value that stands for it, the usual review's where it fits.
Texts are sorted by `texts`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.lint.boxes import each_bit
from reviewbot.policy.lint.solver import (
    FALSE,
    TRUE,
    UNKNOWN,
    Cell,
    Masks,
    bits,
    may_come_to,
    truth_of,
)
from reviewbot.policy.lint.texts import TextClasses
from reviewbot.policy.lint.usual import STEPS, usual_value
from reviewbot.policy.model import FactTest, Lists, OpeningHours, Pattern
from reviewbot.policy.operators import Has, InHours, OneOf, Range

_ABOUT = timedelta(days=9)
"""How far about a typical moment it is looked up when hours open and close: a week and more."""


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of a variable; `order` names them from the most to the least usual."""

    cells: tuple[Cell, ...]
    order: tuple[int, ...]
    masks: dict[FactTest, Masks] = {}
    """What each test may come to."""


def domain_of(
    fact: Fact,
    tests: Sequence[FactTest],
    cuts: Iterable[float],
    lists: Lists,
    patterns: dict[str, Pattern],
    *,
    known: bool,
) -> Domain:
    """Cut `fact` by `tests`; `cuts` are those of a number, its neighbours' included.

    All but the moment, and what the policy is narrowed to, the API may one day say nothing of.
    """
    usual = usual_value(fact)
    cells: list[Cell]
    match fact.type:
        case FactType.TEXT:
            classes = TextClasses(tests, lists, patterns, usual)
            cells, masks = classes.cells(), classes.masks()
        case FactType.NAMES:
            choices = _choices_of_names(fact, tests)
            cells = [Cell(value=names, sure=not doubtful) for names, doubtful in choices]
            masks = [_masks_of_names(test, choices) for test in tests]
        case FactType.CHOICE | FactType.YES_NO:
            cells = [Cell(value=value) for value in fact.values or (False, True)]
            masks = [_masks(test, cells, lists) for test in tests]
        case _:
            cells = list(_number_cells(fact, cuts, usual))
            masks = list(_masks_of_numbers(tests, cells, lists))
            if any(isinstance(test, InHours) for test in tests):
                cells, masks = _cut_by_hours(cells, tests, masks, lists)
    every = dict(zip(tests, masks, strict=True))
    if not known:
        unknown = 1 << len(cells)
        cells.append(Cell(value=None))
        for test, parts in every.items():
            met = truth_of(test.matches(None, lists))
            true, false, neither = (
                cells_of | unknown * (met == part)
                for cells_of, part in zip(parts, _PARTS, strict=True)
            )
            every[test] = true, false, neither
    return Domain(cells=tuple(cells), order=_order(cells, usual), masks=every)


def _masks(test: FactTest, cells: Sequence[Cell], lists: Lists) -> Masks:
    """Ask a test of the value of each cell."""
    truths = [may_come_to(test, cell.value, lists) for cell in cells]
    true, false, unknown = (bits(truth & part > 0 for truth in truths) for part in _PARTS)
    return true, false, unknown


_PARTS = (TRUE, FALSE, UNKNOWN)


def _masks_of_numbers(
    tests: Iterable[FactTest], cells: Sequence[Cell], lists: Lists
) -> Iterator[Masks]:
    """A range holds from one cell to another, a list of numbers in their own; others are asked."""
    numbers = [
        as_number(cell.value if cell.low is None or cell.low != cell.high else cell.low)
        for cell in cells
    ]
    places = {number: 1 << place for place, number in enumerate(numbers)}
    every = (1 << len(cells)) - 1
    for test in tests:
        if isinstance(test, Range):
            first, end = 0, len(cells)
            if test.low is not None:
                beside = bisect_left if test.low_included else bisect_right
                first = beside(numbers, as_number(test.low))
            if test.high is not None:
                beside = bisect_right if test.high_included else bisect_left
                end = beside(numbers, as_number(test.high))
            true = ((1 << max(first, end)) - 1) & ~((1 << first) - 1)
        elif isinstance(test, OneOf):
            true = 0
            for value in test.values:
                true |= places.get(as_number(value), 0)
            true = every & ~true if test.negated else true
        else:
            yield _masks(test, cells, lists)
            continue
        yield true, every & ~true, 0


def _masks_of_names(
    test: FactTest, choices: Iterable[tuple[tuple[str, ...], frozenset[str]]]
) -> Masks:
    truths = [
        UNKNOWN
        if isinstance(test, Has) and test.member in doubtful
        else truth_of(test.matches(names, None))  # type: ignore[arg-type]  # asks no list
        for names, doubtful in choices
    ]
    true, false, unknown = (bits(truth == part for truth in truths) for part in _PARTS)
    return true, false, unknown


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


def _cut_by_hours(
    cells: Sequence[Cell], tests: Sequence[FactTest], masks: Sequence[Masks], lists: Lists
) -> tuple[list[Cell], list[Masks]]:
    """Cut the cells of moments further by which hours are open."""
    asked = [test for test in tests if isinstance(test, InHours)]
    parts: list[tuple[Cell, dict[FactTest, int]]] = []
    inside: list[int] = []
    for cell in cells:
        found = list(_by_hours(cell, asked, lists))
        inside.append(((1 << len(found)) - 1) << len(parts))
        parts += found

    def answers(test: FactTest, known: Masks) -> Masks:
        if not isinstance(test, InHours):
            true, false, unknown = (sum(inside[i] for i in each_bit(part)) for part in known)
        else:
            truths = [at.get(test, may_come_to(test, part.value, lists)) for part, at in parts]
            true, false, unknown = (bits(truth & part > 0 for truth in truths) for part in _PARTS)
        return true, false, unknown

    cut = [answers(test, mask) for test, mask in zip(tests, masks, strict=True)]
    return [part for part, _ in parts], cut


def _by_hours(
    cell: Cell, tests: Sequence[InHours], lists: Lists
) -> Iterator[tuple[Cell, dict[FactTest, int]]]:
    """A gap between two moments, cut by which of the named hours are open, and what that answers.

    What hours do within days of its typical moment is looked up; a choice of open hours that was not
    found there may come elsewhere, so it is kept but not `sure`.
    """
    names = sorted({test.hours for test in tests})
    if not names or cell.low == cell.high is not None:
        yield cell, {}
        return
    found = dict[tuple[bool, ...], datetime]()
    for moment in _near(cell, [lists.hours[name] for name in names]):
        found.setdefault(tuple(lists.hours[name].is_open(moment) for name in names), moment)
    for chosen in product((True, False), repeat=len(names)):
        is_open = dict(zip(names, chosen, strict=True))
        truths: dict[FactTest, int] = {
            test: truth_of(is_open[test.hours] is not test.negated) for test in tests
        }
        value = found.get(chosen)
        yield replace(cell, value=value or cell.value, sure=value is not None), truths


def _near(cell: Cell, hours: Iterable[OpeningHours]) -> Iterator[datetime]:
    """Moments of a gap: the typical one, then those about it at which hours may open or close."""
    yield cell.value
    for each in hours:
        for moment in each.turning_points(cell.value - _ABOUT, cell.value + _ABOUT):
            above = cell.low is None or moment.timestamp() > cell.low
            if above and (cell.high is None or moment.timestamp() < cell.high):
                yield moment


def _gap(
    start: float | None, end: float | None, usual: float, step: float, *, whole: bool
) -> Cell | None:
    """The numbers between two cuts, with one that stands for them; None where there are none."""
    if whole:
        return _whole_gap(start, end, usual)
    if start is not None and usual <= start:
        value = start + step
    elif end is not None and usual >= end:
        value = end - step
    else:
        value = usual
    if start is not None and end is not None and not start < value < end:
        value = (start + end) / 2
    return Cell(value=value, low=start, high=end)


def _whole_gap(start: float | None, end: float | None, usual: float) -> Cell | None:
    low = None if start is None else start + 1
    high = None if end is None else end - 1
    if low is not None and high is not None and low > high:
        return None
    value = usual if low is None else max(low, usual)
    return Cell(value=value if high is None else min(value, high), low=low, high=high)


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
