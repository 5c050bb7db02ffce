"""How short and how long a text can be, over all tasks that it can be sent to.

Lengths are counted as the API may count them: in code points for the shortest, in UTF-16 units (an
emoji is two) for the longest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.analysis.cells import Cell
from reviewbot.policy.analysis.paths import Path
from reviewbot.policy.analysis.reads import placeholders_in
from reviewbot.policy.analysis.truth import TRUE
from reviewbot.policy.analysis.world import Doubt, World
from reviewbot.policy.fields import Fact, FactType
from reviewbot.policy.model import Placeholder
from reviewbot.policy.texts import LONGEST, formatter

_NUMBER = 20
"""The widest a number, an amount or a length of time gets."""

_UNITS = 2
"""UTF-16 units that one character may take."""

FITS = "how long its text can be"

Extent = tuple[int, int | None]


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """The shortest and longest a text can be (None: without end), and its widest place."""

    shortest: int
    longest: int | None
    widest: Placeholder | None
    room: int
    """Characters that the widest place may have for the text to fit."""


def lengths_in(world: World, path: Path) -> Lengths:
    """Measure a text, first over all values and, where that does not fit, over those that can be."""
    lengths = _add_up(world, path, exact=False)
    if lengths.longest is not None and lengths.longest <= LONGEST:
        return lengths
    return _add_up(world, path, exact=True)


def _add_up(world: World, path: Path, *, exact: bool) -> Lengths:
    plain = "".join(part for part in path.template.parts if isinstance(part, str))
    shortest, fixed = len(plain.strip()), len(plain.encode("utf-16-le", "surrogatepass")) // 2
    extents = [(p, _extent(world, path, p, exact=exact)) for p in placeholders_in(path.template)]
    shortest += sum(low for _, (low, _) in extents)
    widths = [high for _, (_, high) in extents]
    total = None if None in widths else fixed + sum(w for w in widths if w is not None)
    widest = max(extents, key=lambda e: LONGEST * 100 if e[1][1] is None else e[1][1], default=None)
    others = fixed + sum(e[1][1] or 0 for e in extents if e is not widest)
    room = (LONGEST - others - 1) // _UNITS
    return Lengths(
        shortest=shortest, longest=total, widest=widest[0] if widest else None, room=room
    )


def _extent(world: World, path: Path, place: Placeholder, *, exact: bool) -> Extent:
    fact = world.fact(place.fact)
    cells = [c for c in _cells(world, path, place.fact, exact=exact) if c.value is not None]
    if not cells:
        return 0, 0
    extents = [_cell_extent(world, fact, place, cell) for cell in cells]
    low = min(low for low, _ in extents)
    highs = [high for _, high in extents]
    high = None if None in highs else max(h for h in highs if h is not None)
    if fact.name == "task.comment_text" and exact:
        lengths = [c.high for c in _cells(world, path, "task.comment_length", exact=True)]
        if None not in lengths and lengths and high is not None:
            high = min(high, _UNITS * int(max(h for h in lengths if h is not None)))
    if place.format == "first" and place.first is not None:
        cut = _UNITS * place.first + 1
        high = cut if high is None else min(high, cut)
        low = min(low, place.first)
    return low, high


def _cells(world: World, path: Path, fact: str, *, exact: bool) -> list[Cell]:
    """The cells that the fact may lie in; where that cannot be told a cell is left out, and noted."""
    cells = [cell if cell.documented else None for cell in world.cells_of(fact)]
    doubt = Doubt(FITS, path.rule)
    return [
        cell
        for i, cell in enumerate(cells)
        if cell is not None
        and (
            not exact
            or (
                cell.value is not None
                and world.surely([*path.wishes, (world.lies_in(fact, 1 << i), TRUE)], doubt)
            )
        )
    ]


def _cell_extent(world: World, fact: Fact, place: Placeholder, cell: Cell) -> Extent:
    if fact.type is FactType.TEXT:
        longest = cell.high if cell.high is not None else fact.longest
        return int(cell.low or 0), None if longest is None else _UNITS * int(longest)
    say = _sayer(world, fact, place)
    if fact.type in (FactType.COUNT, FactType.MOMENT, FactType.CHOICE, FactType.YES_NO):
        ends = [cell.low, cell.high] if fact.type is FactType.COUNT else []
        said = [len(say(int(end))) for end in ends if end is not None] + [len(say(cell.value))]
        endless = fact.type is FactType.COUNT and cell.high is None
        return min(said), max(*said, _NUMBER if endless else 0)
    if fact.type is FactType.NAMES:
        return 0, len(", ".join(fact.values))
    return 1, _NUMBER


def _sayer(world: World, fact: Fact, place: Placeholder) -> Callable[[Any], str]:
    zone = ZoneInfo(world.policy.timezone)
    plain = msgspec.structs.replace(place, format="plain") if place.format == "first" else place
    return formatter(plain, fact, zone)
