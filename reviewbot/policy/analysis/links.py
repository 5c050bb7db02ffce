"""Relations between facts, spelled out cell by cell for the search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reviewbot.policy.analysis.cells import Cell
from reviewbot.policy.analysis.relations import CERTAIN, DOCUMENTED, USUAL, Relation
from reviewbot.policy.analysis.search import Link
from reviewbot.policy.model import Checks

Links = tuple[tuple[tuple[Link, ...], ...], ...]


class Tables(NamedTuple):
    """What each cell of a variable leaves of others: surely, as documented, in a sensible review.

    Each table holds what the one before it does.
    """

    certain: Links
    documented: Links
    usual: Links


def links_between(
    numbers: dict[str, int],
    cells: list[tuple[Cell, ...]],
    rest: Iterable[tuple[int, Checks]],
    count: int | None,
) -> Tables:
    """Spell out the relations."""
    table = [[list[Link]() for _ in row] for row in cells]
    one = -1 if count is None else sum(1 << i for i, c in enumerate(cells[count]) if c.value == 1)
    for number, checks in rest:
        assert count is not None
        neutral = 0b010 if checks.quantifier == "every" else 0b001
        for i in range(len(cells[count])):
            if one >> i & 1:
                table[count][i].append(Link(number, neutral))
        for i in range(len(cells[number])):
            if not neutral >> i & 1:
                table[number][i].append(Link(count, ((1 << len(cells[count])) - 1) & ~one))
    found = []
    for relations in (CERTAIN, DOCUMENTED, USUAL):
        _spell(table, relations, numbers, cells, count, one)
        found.append(_frozen(table))
    return Tables(*found)


def _spell(
    table: list[list[list[Link]]],
    relations: Iterable[Relation],
    numbers: dict[str, int],
    cells: list[tuple[Cell, ...]],
    count: int | None,
    one: int,
) -> None:
    for relation in relations:
        a, b = numbers.get(relation.first), numbers.get(relation.second)
        if a is None or b is None:
            continue
        guard = (count, one) if relation.one_attempt and count is not None else (-1, 0)
        for i, first in enumerate(cells[a]):
            allowed = sum(
                1 << j for j, second in enumerate(cells[b]) if relation.holds(first, second)
            )
            if allowed != (1 << len(cells[b])) - 1:
                table[a][i].append(Link(b, allowed, *guard))
        for j, second in enumerate(cells[b]):
            allowed = sum(
                1 << i for i, first in enumerate(cells[a]) if relation.holds(first, second)
            )
            if allowed != (1 << len(cells[a])) - 1:
                table[b][j].append(Link(a, allowed, *guard))


def _frozen(table: list[list[list[Link]]]) -> Links:
    return tuple(tuple(tuple(per_cell) for per_cell in row) for row in table)
