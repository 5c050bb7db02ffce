"""The search: one cell for each variable so that all that is wished comes true, or none.

Theory of operation. Each variable is a fact (or what no fact states, see `policy_model`) with a set of
cells still possible. A wish is a condition and the truths it may come to. The search takes the first
wish that is still open, picks a variable it reads, and tries its cells class by class, the most typical
first. A wish that can no longer come true ends a branch; one that can no longer fail is dropped.
Relations between facts narrow the sets at each step.

That none of hundreds of rules may match is one wish of its own: `boxes` tells which of them still can,
and of those that hang on one last variable it is kept out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reviewbot.policy.lint.boxes import Boxes, each_bit
from reviewbot.policy.lint.solver import (
    NOT_TRUE,
    Budget,
    Expression,
    Live,
    NoneMatches,
    OpenWish,
    PartitionedTest,
    TooHardError,
    Variables,
    Wish,
)

MOST_STEPS = 5_000
"""Steps after which a question counts as too hard. No policy of a person came near it."""
MOST_DEEP = 300
"""Cells split one within the other, after which a question counts as too hard as well."""


class Search:
    """One question put to the variables."""

    def __init__(self, variables: Variables, budget: Budget) -> None:
        self._variables = variables
        self._budget = budget
        self._steps = MOST_STEPS
        self._undecided = False
        self._boxes: Boxes | None = None
        self.pressed = 0
        """The boxes, as bits, that left no way, or only one, somewhere in the search."""

    def find(self, wishes: Iterable[Wish]) -> Live | None:
        """Find one cell for each variable so that every wish comes true; None when there are none.

        Raises TooHardError when it cannot be told, or when there is no work left to be done.
        """
        live = list(self._variables.start)
        open_wishes: list[OpenWish] = []
        unwanted = 0
        for node, want in wishes:
            asked: list[OpenWish] = []
            if isinstance(node, NoneMatches):
                self._boxes, unwanted = node.boxes, unwanted | node.wanted
                asked += [(rule, NOT_TRUE) for rule in node.large]
            else:
                asked.append((node, want))
            if not all(self._narrow(live, part, truths, open_wishes) for part, truths in asked):
                return None
        if self._budget.left <= 0:
            raise TooHardError
        if not self._settle(live, range(len(live))):
            return None
        found = self._solve(live, open_wishes, unwanted, 0, 0)
        if found is None and self._undecided:
            raise TooHardError
        return found

    def narrowed(self, wishes: Iterable[tuple[Expression, int]]) -> tuple[int, ...]:
        """What each variable is left with where its own part of the wishes comes true."""
        live = list(self._variables.start)
        if not all(self._narrow(live, node, want, []) for node, want in wishes):
            return (0,) * len(live)
        return tuple(live)

    def _narrow(self, live: Live, node: Expression, want: int, open_wishes: list[OpenWish]) -> bool:
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

    def _solve(
        self, live: Live, wishes: list[OpenWish], unwanted: int, changed: int, depth: int
    ) -> Live | None:
        self._steps -= 1
        self._budget.left -= 1
        if self._steps <= 0 or self._budget.left <= 0 or depth > MOST_DEEP:
            self._undecided = True
            return None
        pressed = self._press(live, unwanted)
        if pressed is None:
            return None
        unwanted, touched = pressed
        changed |= touched
        open_wishes = self._still_open(live, wishes, changed, first=not depth)
        if open_wishes is None:
            return None
        if not open_wishes:
            typical = self._typical(live, unwanted)
            if typical is not None:
                return typical
        variable, classes = self._split(live, open_wishes, unwanted)
        asked = bool(open_wishes or unwanted)
        if not classes:
            self._undecided |= asked
            return None if asked else live
        for cells in classes:
            narrowed = live.copy()
            narrowed[variable] = cells
            touched = self._settle(narrowed, (variable,))
            found = touched and self._solve(narrowed, open_wishes, unwanted, touched, depth + asked)
            if found:
                return found
        return None

    def _still_open(
        self, live: Live, wishes: list[OpenWish], changed: int, *, first: bool
    ) -> list[OpenWish] | None:
        """The wishes that may still fail; None where one has. Of variables that changed they are asked."""
        open_wishes: list[OpenWish] = []
        for wish in wishes:
            node, want = wish
            if not first and not node.variables & changed:
                open_wishes.append(wish)
                continue
            self._budget.left -= len(node.leaves)
            value = node.value(live)
            if not value & want:
                return None
            if value & ~want:
                open_wishes.append(wish)
        return open_wishes

    def _typical(self, live: Live, unwanted: int) -> Live | None:
        """Take the most typical cell of each variable that is still open; None where that fails."""
        found = self._typical_cells(live, 0)
        if found is None or not unwanted:
            return found
        assert self._boxes is not None
        if self._boxes.look(found)[0] & unwanted:  # so press after each of them
            return self._typical_cells(live, unwanted)
        return found

    def _typical_cells(self, live: Live, unwanted: int) -> Live | None:
        live = live.copy()
        for variable, order in enumerate(self._variables.order):
            cells = live[variable]
            if not cells & (cells - 1):
                continue
            self._budget.left -= 1
            live[variable] = _first(order, cells)
            if not self._settle(live, (variable,)):
                return None
            if unwanted:
                pressed = self._press(live, unwanted)
                if pressed is None:
                    return None
                unwanted, _ = pressed
        return None if unwanted else live

    def _press(self, live: Live, unwanted: int) -> tuple[int, int] | None:
        """Keep the variables out of the boxes that have only one way left not to hold.

        Gives the unwanted boxes that may still hold, and the variables that were narrowed, as bits;
        None where one is sure to hold.
        """
        touched = 0
        while unwanted and self._boxes is not None:
            once = twice = 0
            self._budget.left -= 1 + len(self._boxes.axes) // 4
            for variable, axis in self._boxes.axes.items():
                cells = live[variable]
                may, unsure = axis.known.get(cells) or axis.look(cells)
                unwanted &= may
                if not unwanted:
                    return 0, touched
                unsure &= unwanted
                twice |= once & unsure
                once |= unsure
            if unwanted & ~once:
                self.pressed |= unwanted & ~once
                return None
            single = unwanted & ~twice
            narrowed = self._keep_out(live, single) if single else 0
            if narrowed is None:
                return None
            if not narrowed:
                break
            touched |= narrowed
        return unwanted, touched

    def _keep_out(self, live: Live, single: int) -> int | None:
        """Take from each variable the cells in which a box with nothing else open would hold."""
        assert self._boxes is not None
        touched = 0
        for variable, axis in self._boxes.axes.items():
            cells = live[variable]
            pressing = single & axis.look(cells)[1]
            for box in each_bit(pressing):
                cells &= ~self._boxes.sides[box][variable].sure
            if cells == live[variable]:
                continue
            self.pressed |= pressing
            live[variable] = cells
            if not cells:
                return None
            reached = self._settle(live, (variable,))
            if not reached:
                return None
            touched |= reached
        return touched

    def _split(self, live: Live, wishes: list[OpenWish], unwanted: int) -> tuple[int, list[int]]:
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
                        return leaf.variable, self._typical_first(leaf.variable, classes)
        if wishes:
            return 0, []
        if unwanted:
            return self._split_box(live, unwanted)
        for variable, cells in enumerate(live):
            if cells & (cells - 1):
                order = self._variables.order[variable]
                return variable, [1 << cell for cell in order if cells >> cell & 1]
        return 0, []

    def _split_box(self, live: Live, unwanted: int) -> tuple[int, list[int]]:
        """Split a variable by whether the first unwanted box that can still be avoided holds there."""
        assert self._boxes is not None
        for box in each_bit(unwanted):
            for variable, side in self._boxes.sides[box].items():
                cells = live[variable]
                unsure = cells & side.may & ~side.sure
                parts = [part for part in (cells & ~side.may, unsure, cells & side.sure) if part]
                if len(parts) > 1:
                    return variable, self._typical_first(variable, parts)
        return 0, []

    def _typical_first(self, variable: int, classes: list[int]) -> list[int]:
        typical = _first(self._variables.order[variable], sum(classes))
        classes.sort(key=lambda part: not part & typical)
        return classes

    def _settle(self, live: Live, variables: Sequence[int]) -> int:
        """Apply the links of every decided variable until nothing changes.

        Gives the variables that were narrowed or looked at, as bits; 0 when one has nothing left.
        """
        count, one_attempt = self._variables.count, self._variables.one_attempt
        links = self._variables.links
        touched, queue = 0, []
        for variable in variables:
            touched |= 1 << variable
            if not live[variable] & (live[variable] - 1):
                queue.append(variable)
        while queue:
            variable = queue.pop()
            cell = live[variable].bit_length() - 1
            if cell < 0:
                return 0
            if variable == count:  # links that count with one attempt only may do so now
                queue += [
                    v for v, cells in enumerate(live) if v != count and not cells & (cells - 1)
                ]
            for other, allowed, only_one in links(variable, cell):
                if only_one and live[count] & ~one_attempt:
                    continue
                before = live[other]
                after = before & allowed
                if after == before:
                    continue
                if not after:
                    return 0
                live[other] = after
                touched |= 1 << other
                if not after & (after - 1):
                    queue.append(other)
        return touched


def _first(order: Sequence[int], cells: int) -> int:
    """The first of some cells, as a bit."""
    for cell in order:
        if cells >> cell & 1:
            return 1 << cell
    raise AssertionError(cells)
