"""Texts proven before they are sent: every place known, and the whole within the API's limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.diagnostics import NOWHERE, Finding, Severity, Span
from reviewbot.policy.engine.templates import LONGEST, SHORTEST, formatter
from reviewbot.policy.lint.partitions import FALSE, TRUE, Cell, placeholders_in
from reviewbot.policy.lint.solver import (
    Doubt,
    Path,
    PolicyModel,
    realistic,
    say_example,
    sending_paths,
)
from reviewbot.policy.model import Placeholder

# ------------------------------------------------------------------------------------------------
# How short and how long a text can be, over all tasks that it can be sent to.
#
# Lengths are counted as the API may count them: in code points for the shortest, in UTF-16 units (an
# emoji is two) for the longest.


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


def lengths_in(world: PolicyModel, path: Path) -> Lengths:
    """Measure a text, first over all values and, where that does not fit, over those that can be."""
    lengths = _add_up(world, path, exact=False)
    if lengths.longest is not None and lengths.longest <= LONGEST:
        return lengths
    return _add_up(world, path, exact=True)


def _add_up(world: PolicyModel, path: Path, *, exact: bool) -> Lengths:
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


def _extent(world: PolicyModel, path: Path, place: Placeholder, *, exact: bool) -> Extent:
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


def _cells(world: PolicyModel, path: Path, fact: str, *, exact: bool) -> list[Cell]:
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


def _cell_extent(world: PolicyModel, fact: Fact, place: Placeholder, cell: Cell) -> Extent:
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


def _sayer(world: PolicyModel, fact: Fact, place: Placeholder) -> Callable[[Any], str]:
    zone = ZoneInfo(world.policy.timezone)
    plain = msgspec.structs.replace(place, format="plain") if place.format == "first" else place
    return formatter(plain, fact, zone)


PERHAPS_UNKNOWN = "P220"


TOO_LONG = "P221"


TOO_SHORT = "P222"


ALL_KNOWN = "whether every place of its text is known when it is sent"


def unproven_texts(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find places that may be unknown when their text is sent, and texts that may not fit."""
    for path in sending_paths(world, dead):
        places = placeholders_in(path.template)
        seen: set[str] = set()
        for place in places:
            if place.fact not in seen:
                seen.add(place.fact)
                yield from _known(world, path, place)
        if places:
            yield from _fits(world, path)


def _known(world: PolicyModel, path: Path, place: Placeholder) -> Iterator[Finding]:
    doubt = Doubt(ALL_KNOWN, path.rule)
    found = world.surely([*path.wishes, (world.known(place.fact), FALSE)], doubt)
    if found is not None and not realistic(world, found):
        world.doubts.append(doubt)
        found = None
    if found is None:
        return
    fact = world.fact(place.fact)
    yield Finding(
        code=PERHAPS_UNKNOWN,
        severity=Severity.ERROR,
        span=_place_of(path, place),
        message=f"{place.fact} may be unknown when {path.what} sends this text",
        detail="for example " + say_example(world, found, [place.fact, *_neighbours(fact)]),
        cure=f"add  {place.fact}: known  to the rule, or leave it out of the text",
        see=f"reviewbot policy facts {place.fact}",
        related=(("", path.span, "sends it"),),
    )


def _neighbours(fact: Fact) -> tuple[str, ...]:
    return ("checks.count",) if fact.source == "evidence" else ()


def _fits(world: PolicyModel, path: Path) -> Iterator[Finding]:
    lengths = lengths_in(world, path)
    if lengths.longest is None or lengths.longest > LONGEST:
        yield _too_long(path, lengths)
    if lengths.shortest < SHORTEST:
        yield Finding(
            code=TOO_SHORT,
            severity=Severity.ERROR,
            span=path.template.span,
            message=f"this text can be as short as {lengths.shortest} characters; "
            f"the API takes {SHORTEST} to {LONGEST}",
            cure="say what is wrong and what to do",
        )


def _too_long(path: Path, lengths: Lengths) -> Finding:
    place, room = lengths.widest, lengths.room
    extent = (
        "is not bounded" if lengths.longest is None else f"can reach {lengths.longest} characters"
    )
    assert place is not None
    return Finding(
        code=TOO_LONG,
        severity=Severity.ERROR,
        span=_place_of(path, place),
        message=f"this text {extent}; the API takes {SHORTEST} to {LONGEST}",
        detail="an emoji counts as two characters there",
        cure=f"cut it: {{{place.fact}, first {room}}}" if room > 0 else "shorten the text",
        related=(("", path.span, "sends it"),),
    )


def _place_of(path: Path, place: Placeholder) -> Span:
    return path.template.span if place.span == NOWHERE else place.span
