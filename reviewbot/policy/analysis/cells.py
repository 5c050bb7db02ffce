"""Cells: the values of a fact, sorted into classes that the tests of a policy cannot tell apart.

Numbers and moments fall into points and the gaps between them, so that a cell is exact and not a
sample. Each cell carries one value that stands for it, the typical task's where it fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

HOUR = 3600.0
WINDOW = 72 * HOUR
"""From confirmation to the moment at which silence pays (API: lifecycle)."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A class of values. `value` stands for it; None is the cell of what is not known.

    `low` and `high` are the ends of a class of numbers (the ends themselves may be outside), or of
    the lengths of a class of texts. `sure` is False where nobody has yet shown a value that lies in
    the class; `documented` is False where the API's documents exclude it, although what comes is kept.
    """

    value: Any
    low: float | None = None
    high: float | None = None
    sure: bool = True
    documented: bool = True


UNKNOWN_CELL = Cell(value=None)


def number_cells(
    points: Iterable[float],
    *,
    low: float | None,
    high: float | None,
    whole: bool,
    typical: float,
    step: float,
) -> tuple[Cell, ...]:
    """Cut the numbers from `low` to `high` (None is endless) at `points`, in ascending order."""
    cuts = sorted({float(p) for p in points if _inside(p, low, high)})
    cells: list[Cell] = []
    start, included = low, True
    for point in cuts:
        cells += _gap(start, included, point, False, whole, typical, step)
        cells.append(Cell(value=_tidy(point, whole), low=point, high=point))
        start, included = point, False
    cells += _gap(start, included, high, True, whole, typical, step)
    return tuple(cells)


def _inside(point: float, low: float | None, high: float | None) -> bool:
    return (low is None or point >= low) and (high is None or point <= high)


def _gap(
    start: float | None,
    start_in: bool,
    end: float | None,
    end_in: bool,
    whole: bool,
    typical: float,
    step: float,
) -> list[Cell]:
    """The cell of the numbers between two cuts, if there is any number there."""
    if whole:
        start = start if start is None or start_in else start + 1
        end = end if end is None or end_in else end - 1
        start_in = end_in = True
    if (
        start is not None
        and end is not None
        and not (start < end or (start == end and start_in and end_in))
    ):
        return []
    value = _stand_in(start, start_in, end, end_in, typical, step)
    if whole:
        value = float(int(value))
    return [Cell(value=_tidy(value, whole), low=start, high=end)]


def _stand_in(
    start: float | None,
    start_in: bool,
    end: float | None,
    end_in: bool,
    typical: float,
    step: float,
) -> float:
    above = start is None or typical > start or (start_in and typical == start)
    below = end is None or typical < end or (end_in and typical == end)
    if above and below:
        return typical
    if not above:
        assert start is not None
        near = start if start_in else start + step
    else:
        assert end is not None
        near = end if end_in else end - step
    if (start is None or near >= start) and (end is None or near < end or (end_in and near == end)):
        return near
    assert start is not None
    assert end is not None
    return (start + end) / 2


def _tidy(value: float, whole: bool) -> float | int:
    return int(value) if whole else value
