"""Conditions as circuits over the cells of facts, and what the search is asked about them.

Theory of operation. The values of each fact are sorted into cells that no test of the policy tells
apart. A test is true, false or unknown (Kleene). While only part of a review is decided, what a
condition may come to is a set of these three, kept as three bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from reviewbot.policy.lint.boxes import MOST_BOXES, Boxes, Side, Sides, both_of
from reviewbot.policy.model import FactTest, Lists
from reviewbot.policy.operators import InList

TRUE, FALSE, UNKNOWN = 1, 2, 4
NOT_TRUE = FALSE | UNKNOWN

Masks = tuple[int, int, int]
"""The cells, as bits, in which a test may be true, false, unknown."""
Live = list[int]
"""For each variable, the cells (bits) that are still possible."""


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


def truth_of(answer: bool | None) -> int:
    """The set that holds just this answer; None is unknown."""
    if answer is None:
        return UNKNOWN
    return TRUE if answer else FALSE


def may_come_to(test: FactTest, value: Any, lists: Lists) -> int:
    """What a test may come to for a value: an entry of a list that ends counts on some days only."""
    met = test.matches(value, lists)
    if met is None and value is not None and isinstance(test, InList):
        return TRUE | FALSE
    return truth_of(met)


def opposite(truths: int) -> int:
    """The truths turned round; unknown stays unknown."""
    return (truths & TRUE and FALSE) | (truths & FALSE and TRUE) | (truths & UNKNOWN)


def bits(chosen: Iterable[bool]) -> int:
    """The numbers of what was chosen, as bits."""
    return sum(1 << i for i, is_set in enumerate(chosen) if is_set)


class PartitionedTest:
    """One test of one variable: the cells (bits) in which it may be true, false, unknown."""

    __slots__ = ("false", "leaves", "true", "unknown", "variable", "variables")

    def __init__(self, variable: int, true: int, false: int, unknown: int) -> None:
        self.variable = variable
        self.true, self.false, self.unknown = true, false, unknown
        self.variables = 1 << variable
        self.leaves: tuple[PartitionedTest, ...] = (self,)

    @classmethod
    def of(cls, variable: int, truths: Iterable[int]) -> PartitionedTest:
        """Make a test of what it may come to, cell by cell."""
        true = false = unknown = 0
        for cell, may_be in enumerate(truths):
            true |= (may_be & TRUE and 1) << cell
            false |= (may_be & FALSE and 1) << cell
            unknown |= (may_be & UNKNOWN and 1) << cell
        return cls(variable, true, false, unknown)

    def value(self, live: Live) -> int:
        """What it may come to in the cells still possible."""
        return self.truths_in(live[self.variable])

    def truths_in(self, cells: int) -> int:
        """What it may come to in some cells."""
        return (
            (TRUE if cells & self.true else 0)
            | (FALSE if cells & self.false else 0)
            | (UNKNOWN if cells & self.unknown else 0)
        )

    def cells_for(self, want: int) -> int:
        """The cells in which it may come to one of these truths."""
        return (
            (self.true if want & TRUE else 0)
            | (self.false if want & FALSE else 0)
            | (self.unknown if want & UNKNOWN else 0)
        )

    def classes(self, cells: int) -> list[int]:
        """Sort cells by what it comes to in them; those that may differ within are one class."""
        true, false, unknown = self.true, self.false, self.unknown
        sure = (
            cells & true & ~false & ~unknown,
            cells & false & ~true & ~unknown,
            cells & unknown & ~true & ~false,
        )
        return [part for part in (*sure, cells & ~(sure[0] | sure[1] | sure[2])) if part]

    def boxes(self) -> list[Sides] | None:
        """The one way in which it comes true, if there is one."""
        sure = self.true & ~(self.false | self.unknown)
        side = Side(self.true, sure, self.true | self.unknown, self.unknown)
        return [{self.variable: side}] if self.true else []

    def negated(self) -> PartitionedTest:
        """The test turned round."""
        return PartitionedTest(self.variable, self.false, self.true, self.unknown)


class Group:
    """Parts that must all hold (settled by one that is FALSE), or of which one is enough (TRUE)."""

    def __init__(self, settled_by: int, *parts: Expression) -> None:
        self.settled_by = settled_by
        self.parts = parts
        self.variables = 0
        for part in parts:
            self.variables |= part.variables
        leaves = dict.fromkeys(leaf for part in parts for leaf in part.leaves)
        self.leaves: tuple[PartitionedTest, ...] = tuple(leaves)

    def value(self, live: Live) -> int:
        """What it may come to: what settles it, or unknown, where a part may be that."""
        some, common = 0, TRUE | FALSE
        for part in self.parts:
            truths = part.value(live)
            if truths == self.settled_by:
                return truths
            some |= truths
            common &= truths
        return some & (self.settled_by | UNKNOWN) | common & ~self.settled_by

    def wants_of_each(self, want: int) -> bool:
        """Whether a wish for `want` is the same wish for each part."""
        return len(self.parts) == 1 or not (want & self.settled_by or want == UNKNOWN)

    def boxes(self) -> list[Sides] | None:
        """Every way in which it comes true; None where there are too many."""
        found: list[Sides] = [{}] if self.settled_by == FALSE else []
        for part in self.parts:
            more = part.boxes()
            if more is None:
                return None
            if self.settled_by == FALSE:
                joined = (both_of(box, other) for box in found for other in more)
                found = [box for box in joined if box is not None]
            else:
                found = found + more
            if len(found) > MOST_BOXES:
                return None
        return found

    def negated(self) -> Group:
        """The opposite of each part, and the other word between them."""
        return Group(opposite(self.settled_by), *(part.negated() for part in self.parts))


Expression = PartitionedTest | Group


def all_of(*parts: Expression) -> Group:
    """Whether every part holds; without parts it is true."""
    return Group(FALSE, *parts)


def any_of(*parts: Expression) -> Group:
    """Whether one part holds; without parts it is false."""
    return Group(TRUE, *parts)


def of_one_variable(node: Group) -> Expression:
    """What reads one variable alone as a single test of it, however large it is."""
    tests = [part for part in node.parts if isinstance(part, PartitionedTest)]
    if not tests or len(tests) < len(node.parts) or node.variables.bit_count() != 1:
        return node
    true, false = tests[0].true, tests[0].false
    unknown = settled = 0
    for test in tests:
        only_false = test.false & ~(test.true | test.unknown)
        only_true = test.true & ~(test.false | test.unknown)
        unknown |= test.unknown
        if node.settled_by == FALSE:
            true, false, settled = true & test.true, false | test.false, settled | only_false
        else:
            true, false, settled = true | test.true, false & test.false, settled | only_true
    return PartitionedTest(tests[0].variable, true, false, unknown & ~settled)


class NoneMatches:
    """A wish that none of some rules matches; it costs about the same for one rule and for a thousand."""

    def __init__(self, boxes: Boxes, wanted: int, large: tuple[Expression, ...] = ()) -> None:
        self.boxes = boxes
        self.wanted = wanted
        """The boxes of the rules, as bits."""
        self.large = large
        """Rules that have too many boxes."""


OpenWish = tuple[Expression, int]
Wish = tuple[Expression | NoneMatches, int]
"""A condition, and the truths it may come to; for `NoneMatches` that is TRUE."""


class TooHardError(Exception):
    """The question was given up: neither yes nor no."""


class Link(NamedTuple):
    """What a cell of a variable leaves of another one: `allowed`.

    With `one_attempt` it counts only once the round is known to have exactly one.
    """

    other: int
    allowed: int
    one_attempt: bool


class Variables(msgspec.Struct, frozen=True):
    """All that the search needs to know of the variables, by their numbers."""

    start: tuple[int, ...]
    """The cells possible at the beginning."""
    order: tuple[tuple[int, ...], ...]
    """Cells from the most to the least typical."""
    links: Callable[[int, int], tuple[Link, ...]]
    """What a cell (its number, behind that of its variable) leaves of the others."""
    count: int
    """The variable that counts the attempts, and its cell for just one; -1 and 0 where none does."""
    one_attempt: int


class Budget:
    """Work that one part of the analysis may still do, in answers of single tests."""

    def __init__(self, left: int) -> None:
        self.left = left
