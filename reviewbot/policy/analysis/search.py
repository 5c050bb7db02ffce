"""Finding a task: cells for every fact such that given conditions come to given truths.

Theory of operation. Each variable is a fact (or the rest of a round's attempts, see `world.py`) with
a set of cells still possible. A wish is a condition and the truths it may come to. The search takes
the first wish that is still open, picks a variable it reads, and tries its cells class by class,
the most typical first. A wish that can no longer come true ends a branch; one that can no longer
fail is dropped. Relations between facts narrow the sets at each step.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from reviewbot.policy.analysis.circuit import Live, Node
from reviewbot.policy.analysis.domains import Leaf
from reviewbot.policy.analysis.truth import FALSE, TRUE, UNKNOWN

MOST_STEPS = 5_000
"""Steps after which a question counts as too hard. No policy of a person came near it."""

MOST_DEEP = 300
"""Cells split one within the other, after which a question counts as too hard as well."""

EVERYTHING = -1
"""All variables, as bits."""

Wish = tuple[Node, int]


class TooHardError(Exception):
    """The question was given up: neither yes nor no."""


class Link(msgspec.Struct, frozen=True):
    """What one cell of a variable leaves of another: `allowed` cells of `other`.

    With a `guard` variable it counts only once that variable lies within `guard_cells`.
    """

    other: int
    allowed: int
    guard: int = -1
    guard_cells: int = 0


class Variables(msgspec.Struct, frozen=True):
    """All that the search needs to know of the variables, by their numbers."""

    start: tuple[int, ...]
    """The cells possible at the beginning."""
    order: tuple[tuple[int, ...], ...]
    """Cells from the most to the least typical."""
    links: tuple[tuple[tuple[Link, ...], ...], ...]
    """Per variable and cell."""


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

    def find(self, wishes: Sequence[Wish]) -> Live | None:
        """Find one cell for each variable so that every wish comes true; None when there are none.

        Raises TooHardError when it cannot be told, or when there is no work left to be done.
        """
        live = list(self._variables.start)
        clauses: list[Wish] = []
        for node, want in wishes:
            if not self._narrow(live, node, want, clauses):
                return None
        if self._budget.left <= 0:
            raise TooHardError
        if not self._settle(live, range(len(live))):
            return None
        found = self._solve(live, clauses, EVERYTHING, 0)
        if found is None and self._undecided:
            raise TooHardError
        return found

    def narrowed(self, wishes: Sequence[Wish]) -> tuple[int, ...]:
        """What each variable is left with where its own part of the wishes comes true."""
        live = list(self._variables.start)
        for node, want in wishes:
            if not self._narrow(live, node, want, []):
                return (0,) * len(live)
        return tuple(live)

    def _narrow(self, live: Live, node: Node, want: int, clauses: list[Wish]) -> bool:
        """Take a wish apart into what it asks of single variables, and what is left of it.

        False where a variable has no cell left for it.
        """
        self._budget.left -= 1
        leaf = node.leaf
        if leaf is not None:
            cells = (
                (leaf.true if want & TRUE else 0)
                | (leaf.false if want & FALSE else 0)
                | (leaf.unknown if want & UNKNOWN else 0)
            )
            live[leaf.variable] &= cells
            if node.value(live) & ~want:
                clauses.append((node, want))  # in some of these cells its answer is not known
            return live[leaf.variable] != 0
        parts = node.each_part(want)
        if parts is None:
            clauses.append((node, want))
            return True
        return all(self._narrow(live, part, wanted, clauses) for part, wanted in parts)

    def _solve(self, live: Live, wishes: list[Wish], changed: int, depth: int) -> Live | None:
        self._steps -= 1
        if self._steps <= 0 or self._budget.left <= 0 or depth > MOST_DEEP:
            self._undecided = True
            return None
        open_wishes: list[Wish] = []
        for wish in wishes:
            node, want = wish
            if changed != EVERYTHING and not node.variables & changed:
                open_wishes.append(wish)
                continue
            self._budget.left -= len(node.leaves)
            value = node.value(live)
            if not value & want:
                return None
            if value & ~want:
                open_wishes.append(wish)
        if not open_wishes:
            return self._complete(live)
        split = self._split(live, open_wishes)
        if split is None:
            self._undecided = True
            return None
        variable, classes = split
        for cells in classes:
            narrowed = live.copy()
            narrowed[variable] = cells
            touched = self._settle(narrowed, (variable,))
            if touched:
                found = self._solve(narrowed, open_wishes, touched, depth + 1)
                if found is not None:
                    return found
        return None

    def _split(self, live: Live, wishes: list[Wish]) -> tuple[int, list[int]] | None:
        """Pick a variable by which a wish can still change, and split its cells by a test on it.

        None where only cells are left in which a test's answer cannot be told.
        """
        for node, _ in wishes:
            for leaf in node.leaves:
                cells = live[leaf.variable]
                if cells & (cells - 1):
                    classes = self._classes(leaf, cells)
                    if len(classes) > 1:
                        return leaf.variable, classes
        return None

    def _classes(self, leaf: Leaf, cells: int) -> list[int]:
        """Sort cells by what `leaf` may come to in them, the class of the most typical cell first."""
        true, false, unknown = leaf.true, leaf.false, leaf.unknown
        sure = (
            cells & true & ~false & ~unknown,
            cells & false & ~true & ~unknown,
            cells & unknown & ~true & ~false,
        )
        unsure = cells & ~(sure[0] | sure[1] | sure[2])
        classes = [part for part in (*sure, unsure) if part]
        if len(classes) > 1:
            typical = next(1 << c for c in self._variables.order[leaf.variable] if cells >> c & 1)
            classes.sort(key=lambda part: not part & typical)
        return classes

    def _settle(self, live: Live, variables: Sequence[int]) -> int:
        """Apply the links of every decided variable until nothing changes.

        Gives the variables that were narrowed or looked at, as bits; 0 when one has nothing left.
        """
        touched = 0
        queue = [v for v in variables if not live[v] & (live[v] - 1)]
        touched |= sum(1 << v for v in variables)
        while queue:
            variable = queue.pop()
            cell = live[variable].bit_length() - 1
            if cell < 0:
                return 0
            for link in self._variables.links[variable][cell]:
                if link.guard >= 0 and live[link.guard] & ~link.guard_cells:
                    continue
                before = live[link.other]
                after = before & link.allowed
                if after == before:
                    continue
                if not after:
                    return 0
                live[link.other] = after
                touched |= 1 << link.other
                if not after & (after - 1):
                    queue.append(link.other)
                    queue += self._guarded_by(link.other, live)
        return touched

    def _guarded_by(self, guard: int, live: Live) -> list[int]:
        """Decided variables whose links may count only now that `guard` is decided."""
        return [
            v
            for v, per_cell in enumerate(self._variables.links)
            if not live[v] & (live[v] - 1)
            and any(link.guard == guard for link in per_cell[live[v].bit_length() - 1])
        ]

    def _complete(self, live: Live) -> Live | None:
        """Decide every variable, the most typical cells first."""
        self._steps -= 1
        self._budget.left -= 1
        if self._steps <= 0:
            self._undecided = True
            return None
        for variable, cells in enumerate(live):
            if not cells & (cells - 1):
                continue
            for cell in self._variables.order[variable]:
                if not cells & 1 << cell:
                    continue
                narrowed = live.copy()
                narrowed[variable] = 1 << cell
                if self._settle(narrowed, (variable,)):
                    found = self._complete(narrowed)
                    if found is not None:
                        return found
            return None
        return live
