"""Conditions as circuits over the cells of facts, and the search for a review that meets them.

Theory of operation. The values of each fact are sorted into cells that no test of the policy tells
apart. A test is true, false or unknown (Kleene). While only part of a review is decided, what a
condition may come to is a set of these three, kept as three bits.

Each variable is a fact (or what no fact states, see `policy_model`) with a set of cells still
possible. A wish is a condition and the truths it may come to. The search takes the first wish that is
still open, picks a variable it reads, and tries its cells class by class, the most typical first. A
wish that can no longer come true ends a branch; one that can no longer fail is dropped. Relations
between facts narrow the sets at each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from reviewbot.policy.model import FactTest, Lists
from reviewbot.policy.operators import InList

TRUE, FALSE, UNKNOWN = 1, 2, 4
NOT_TRUE = FALSE | UNKNOWN
MOST_STEPS = 5_000
"""Steps after which a question counts as too hard. No policy of a person came near it."""
MOST_DEEP = 300
"""Cells split one within the other, after which a question counts as too hard as well."""

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
        cells = live[self.variable]
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


def of_one_variable(node: Expression, cells: int) -> Expression:
    """What reads one variable alone as a single test of its `cells`, however large it is."""
    if isinstance(node, PartitionedTest) or node.variables.bit_count() != 1:
        return node
    variable = node.variables.bit_length() - 1
    live = [0] * variable
    return PartitionedTest.of(variable, [node.value([*live, 1 << cell]) for cell in range(cells)])


Wish = tuple[Expression, int]


class TooHardError(Exception):
    """The question was given up: neither yes nor no."""


class Link(NamedTuple):
    """What each cell of a variable leaves of another one: `allowed`, by the number of the cell.

    With `one_attempt` it counts only once the round is known to have exactly one.
    """

    other: int
    allowed: tuple[int, ...]
    one_attempt: bool


class Variables(msgspec.Struct, frozen=True):
    """All that the search needs to know of the variables, by their numbers."""

    start: tuple[int, ...]
    """The cells possible at the beginning."""
    order: tuple[tuple[int, ...], ...]
    """Cells from the most to the least typical."""
    links: tuple[tuple[Link, ...], ...]
    count: int
    """The variable that counts the attempts, and its cell for just one; -1 and 0 where none does."""
    one_attempt: int


class Budget:
    """Work that one part of the analysis may still do, in answers of single tests."""

    def __init__(self, left: int) -> None:
        self.left = left


class Search:
    """One question put to the variables."""

    def __init__(self, variables: Variables, budget: Budget) -> None:
        self._variables = variables
        self._budget = budget
        self._steps = MOST_STEPS
        self._undecided = False

    def find(self, wishes: Iterable[Wish]) -> Live | None:
        """Find one cell for each variable so that every wish comes true; None when there are none.

        Raises TooHardError when it cannot be told, or when there is no work left to be done.
        """
        live = list(self._variables.start)
        open_wishes: list[Wish] = []
        if not all(self._narrow(live, node, want, open_wishes) for node, want in wishes):
            return None
        if self._budget.left <= 0:
            raise TooHardError
        if not self._settle(live, range(len(live))):
            return None
        found = self._solve(live, open_wishes, 0, 0)
        if found is None and self._undecided:
            raise TooHardError
        return found

    def narrowed(self, wishes: Iterable[Wish]) -> tuple[int, ...]:
        """What each variable is left with where its own part of the wishes comes true."""
        live = list(self._variables.start)
        if not all(self._narrow(live, node, want, []) for node, want in wishes):
            return (0,) * len(live)
        return tuple(live)

    def _narrow(self, live: Live, node: Expression, want: int, open_wishes: list[Wish]) -> bool:
        """Take a wish apart into what it asks of single variables, and what is left of it.

        False where a variable has no cell left for it.
        """
        self._budget.left -= 1
        if isinstance(node, PartitionedTest):
            live[node.variable] &= node.cells_for(want)
            if node.value(live) & ~want:
                open_wishes.append((node, want))  # in some of these cells its answer is not known
            return live[node.variable] != 0
        if node.wants_of_each(want):
            return all(self._narrow(live, part, want, open_wishes) for part in node.parts)
        open_wishes.append((node, want))
        return True

    def _solve(self, live: Live, wishes: list[Wish], changed: int, depth: int) -> Live | None:
        self._steps -= 1
        self._budget.left -= 1
        if self._steps <= 0 or self._budget.left <= 0 or depth > MOST_DEEP:
            self._undecided = True
            return None
        open_wishes: list[Wish] = []
        for wish in wishes:
            node, want = wish
            if depth and not node.variables & changed:
                open_wishes.append(wish)
                continue
            self._budget.left -= len(node.leaves)
            value = node.value(live)
            if not value & want:
                return None
            if value & ~want:
                open_wishes.append(wish)
        variable, classes = self._split(live, open_wishes)
        if not classes:
            self._undecided |= bool(open_wishes)
            return None if open_wishes else live
        for cells in classes:
            narrowed = live.copy()
            narrowed[variable] = cells
            touched = self._settle(narrowed, (variable,))
            if touched:
                found = self._solve(narrowed, open_wishes, touched, depth + bool(open_wishes))
                if found is not None:
                    return found
        return None

    def _split(self, live: Live, wishes: list[Wish]) -> tuple[int, list[int]]:
        """Pick a variable by which a wish can still change, and split its cells by a test on it.

        Without a wish any variable is split, cell by cell. There are no classes where all is
        decided, or where only cells are left in which a test's answer cannot be told.
        """
        for node, _ in wishes:
            for leaf in node.leaves:
                cells = live[leaf.variable]
                if cells & (cells - 1):
                    classes = leaf.classes(cells)
                    if len(classes) > 1:
                        order = self._variables.order[leaf.variable]
                        typical = next(1 << cell for cell in order if cells >> cell & 1)
                        classes.sort(key=lambda part: not part & typical)
                        return leaf.variable, classes
        for variable, cells in enumerate(live if not wishes else ()):
            if cells & (cells - 1):
                order = self._variables.order[variable]
                return variable, [1 << cell for cell in order if cells >> cell & 1]
        return 0, []

    def _settle(self, live: Live, variables: Sequence[int]) -> int:
        """Apply the links of every decided variable until nothing changes.

        Gives the variables that were narrowed or looked at, as bits; 0 when one has nothing left.
        """
        count, one_attempt = self._variables.count, self._variables.one_attempt
        touched = sum(1 << variable for variable in variables)
        queue = [variable for variable in variables if not live[variable] & (live[variable] - 1)]
        while queue:
            variable = queue.pop()
            cell = live[variable].bit_length() - 1
            if cell < 0:
                return 0
            if variable == count:  # links that count with one attempt only may do so now
                queue += [v for v, bits in enumerate(live) if v != count and not bits & (bits - 1)]
            for link in self._variables.links[variable]:
                if link.one_attempt and live[count] & ~one_attempt:
                    continue
                before = live[link.other]
                after = before & link.allowed[cell]
                if after == before:
                    continue
                if not after:
                    return 0
                live[link.other] = after
                touched |= 1 << link.other
                if not after & (after - 1):
                    queue.append(link.other)
        return touched
