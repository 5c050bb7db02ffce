"""Conditions as circuits: what a rule may come to while some facts are still open."""

from __future__ import annotations

from abc import ABC, abstractmethod

from reviewbot.policy.analysis.domains import Leaf
from reviewbot.policy.analysis.truth import AND, ANY, FALSE, NOT, NOT_TRUE, OR, TRUE, UNKNOWN

Live = list[int]
"""For each variable, the cells (bits) that are still possible."""


class Node(ABC):
    """A part of a condition. `leaves` are the tests in it, `variables` what they read, as bits."""

    variables: int
    leaves: tuple[Leaf, ...]
    leaf: Leaf | None = None
    """The test itself, where it is no more than one."""

    @abstractmethod
    def value(self, live: Live) -> int:
        """What it may come to: a set of truths."""

    def each_part(self, want: int) -> tuple[tuple[Node, int], ...] | None:  # noqa: ARG002 most cannot say
        """What a wish for `want` asks of each part, where it comes to wishes that must all hold."""
        return None


class Test(Node):
    """One test of one fact."""

    leaf: Leaf

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf
        self.variables = 1 << leaf.variable
        self.leaves = (leaf,)

    def value(self, live: Live) -> int:
        """Collect the answers over the cells still possible."""
        leaf = self.leaf
        cells = live[leaf.variable]
        return (
            (TRUE if cells & leaf.true else 0)
            | (FALSE if cells & leaf.false else 0)
            | (UNKNOWN if cells & leaf.unknown else 0)
        )


class Constant(Node):
    """A truth that depends on nothing."""

    def __init__(self, value: int) -> None:
        self.constant = value
        self.variables = 0
        self.leaves = ()

    def value(self, live: Live) -> int:  # noqa: ARG002 the same for all
        """Give the truth itself."""
        return self.constant


class _Several(Node):
    def __init__(self, parts: tuple[Node, ...]) -> None:
        self.parts = parts
        self.variables = 0
        for part in parts:
            self.variables |= part.variables
        self.leaves = tuple(dict.fromkeys(leaf for part in parts for leaf in part.leaves))


class And(_Several):
    """Every part must hold."""

    def value(self, live: Live) -> int:
        """Fold the parts together."""
        result = TRUE
        for part in self.parts:
            result = AND[result][part.value(live)]
            if result == FALSE:
                break
        return result

    def each_part(self, want: int) -> tuple[tuple[Node, int], ...] | None:
        """Each must hold where the whole must."""
        if len(self.parts) == 1 or want == TRUE:
            return tuple((part, want) for part in self.parts)
        return None


class Or(_Several):
    """One part is enough."""

    def value(self, live: Live) -> int:
        """Fold the parts together."""
        result = FALSE
        for part in self.parts:
            result = OR[result][part.value(live)]
            if result == TRUE:
                break
        return result

    def each_part(self, want: int) -> tuple[tuple[Node, int], ...] | None:
        """Each must fail where the whole must; none may hold where the whole may not."""
        if len(self.parts) == 1 or want in (FALSE, NOT_TRUE):
            return tuple((part, want) for part in self.parts)
        return None


class Not(_Several):
    """The part turned round; unknown stays unknown."""

    def __init__(self, part: Node) -> None:
        super().__init__((part,))

    def value(self, live: Live) -> int:
        """Turn the part round."""
        return NOT[self.parts[0].value(live)]

    def each_part(self, want: int) -> tuple[tuple[Node, int], ...] | None:
        """The part must come to the opposite."""
        return ((self.parts[0], NOT[want]),)


class OverAttempts(_Several):
    """A test over the attempts of the round: nothing without the timeline, `empty` without attempts."""

    def __init__(self, count: Leaf, body: Node) -> None:
        """Guard `body` by `count`: true with attempts, false without, unknown without the timeline."""
        self.count = Test(count)
        super().__init__((self.count, body))

    def value(self, live: Live) -> int:
        """Collect over the ways the timeline may look."""
        counts = self.count.value(live)
        result = counts & (FALSE | UNKNOWN)
        if counts & TRUE:
            result |= self.parts[1].value(live)
        return result & ANY


def of_one_variable(node: Node, cells: int) -> Node:
    """A node that reads one variable alone as a single test of its `cells`, however large it is."""
    if isinstance(node, Test) or node.variables.bit_count() != 1:
        return node
    variable = node.variables.bit_length() - 1
    true = false = unknown = 0
    live: Live = [0] * (variable + 1)
    for bit in (1 << cell for cell in range(cells)):
        live[variable] = bit
        answer = node.value(live)
        true |= bit if answer & TRUE else 0
        false |= bit if answer & FALSE else 0
        unknown |= bit if answer & UNKNOWN else 0
    return Test(Leaf(variable, true, false, unknown))
