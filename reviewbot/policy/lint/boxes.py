"""Hundreds of rules at once: which of them may still match, by one bit for each way to match.

Theory of operation. A rule matches in one of a few ways, each a box: for some variables the cells in
which its tests are true. For a set of cells of one variable two numbers say, by their bits, which
boxes may still hold there and which are not sure to. The numbers of all variables, joined by `and` and
`or`, tell of all rules in as many steps as there are variables: which can no longer match, which match
whatever is left open, and which match unless one last variable is kept out of their cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

MOST_BOXES = 16
"""Ways to match into which one rule is taken apart; what has more stays one condition."""


class Side(NamedTuple):
    """The cells of one variable in which the tests of a box may be true, and in which they surely are;

    in which they are true or unknown at least, and in which they may be unknown.
    """

    may: int
    sure: int
    hopeful: int
    unknown: int

    def both(self, other: Side) -> Side:
        """What the tests of both come to together."""
        hopeful = self.hopeful & other.hopeful
        unknown = (self.unknown | other.unknown) & hopeful
        return Side(self.may & other.may, self.sure & other.sure, hopeful, unknown)


Sides = dict[int, Side]
"""A box: its sides, by variable."""


def each_bit(number: int) -> Iterator[int]:
    """The places of the bits that are set, in order."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


class Axis:
    """What the boxes say of one variable: for some cells, which boxes may hold and which are marked.

    A box is marked in the cells that it is given with, or (`beyond`) in all others.
    """

    def __init__(self, sides: Iterable[tuple[int, int, int]], every: int, *, beyond: bool) -> None:
        by_cells: dict[tuple[int, int], int] = {}
        named = 0
        for box, may, marked in sides:
            by_cells[may, marked] = by_cells.get((may, marked), 0) | 1 << box
            named |= 1 << box
        self._may: dict[int, int] = {}
        self._marked: dict[int, int] = {}
        self._elsewhere = every & ~named
        self._usual = named if beyond else 0
        for (may, marked), boxes in by_cells.items():
            for cell in each_bit(may):
                self._may[cell] = self._may.get(cell, 0) | boxes
            for cell in each_bit(marked):
                self._marked[cell] = self._marked.get(cell, self._usual) ^ boxes
        self.known: dict[int, tuple[int, int]] = {}
        """What was looked at before, by its cells."""

    def look(self, cells: int) -> tuple[int, int]:
        """The boxes that may hold in some of the cells, and those that are marked in some."""
        found = self.known.get(cells)
        if found is None:
            may, marked = self._elsewhere, 0
            for cell in each_bit(cells):
                may |= self._may.get(cell, 0)
                marked |= self._marked.get(cell, self._usual)
            found = self.known[cells] = may, marked
        return found


class Boxes:
    """The boxes of all rules that are given with theirs."""

    def __init__(self, of_rules: Iterable[tuple[int, list[Sides]]]) -> None:
        self.sides: list[Sides] = []
        self.of_rule: dict[int, int] = {}
        """By the number of a rule: its boxes, as bits."""
        self.rule_of: list[int] = []
        """By box: the number of its rule."""
        for number, boxes in of_rules:
            self.of_rule[number] = ((1 << len(boxes)) - 1) << len(self.sides)
            self.sides += boxes
            self.rule_of += [number] * len(boxes)
        self._every = (1 << len(self.sides)) - 1
        self.axes = self._laid_out(lambda side: (side.may, side.sure), beyond=True)
        """By variable: the boxes that may hold in some of its cells, and those that do not in all."""
        self._hopes = self._laid_out(lambda side: (side.hopeful, side.unknown), beyond=False)

    def _laid_out(
        self, part: Callable[[Side], tuple[int, int]], *, beyond: bool
    ) -> dict[int, Axis]:
        found: dict[int, list[tuple[int, int, int]]] = {}
        for box, sides in enumerate(self.sides):
            for variable, side in sides.items():
                found.setdefault(variable, []).append((box, *part(side)))
        return {v: Axis(found[v], self._every, beyond=beyond) for v in sorted(found)}

    def look(self, live: Sequence[int]) -> tuple[int, int]:
        """The boxes that may hold in the cells that are left, and those that surely do."""
        may, unsure = self._every, 0
        for variable, axis in self.axes.items():
            boxes, open_here = axis.look(live[variable])
            may &= boxes
            unsure |= open_here
        return may, may & ~unsure

    def may_be_unknown(self, live: Sequence[int]) -> int:
        """The boxes of which, in the cells that are left, it may not be known whether they hold."""
        boxes, some = self._every, 0
        for variable, axis in self._hopes.items():
            hopeful, unknown = axis.look(live[variable])
            boxes, some = boxes & hopeful, some | unknown
        return boxes & some

    def rules_in(self, boxes: int) -> Iterator[int]:
        """The rules that some of these boxes are of, in order."""
        while boxes:
            number = self.rule_of[(boxes & -boxes).bit_length() - 1]
            yield number
            boxes &= ~self.of_rule[number]

    def of_rules(self, numbers: Iterable[int]) -> int:
        """The boxes of some rules."""
        boxes = 0
        for number in numbers:
            boxes |= self.of_rule.get(number, 0)
        return boxes


def both_of(box: Sides, other: Sides) -> Sides | None:
    """What lies in both boxes; None where nothing does."""
    joined = dict(box)
    for variable, side in other.items():
        joined[variable] = side.both(box[variable]) if variable in box else side
        if not joined[variable].may:
            return None
    return joined
