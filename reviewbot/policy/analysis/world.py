"""The world of one policy: its facts with their cells, its rules as circuits, and questions to both.

Theory of operation. Every fact that the policy reads is a variable of the search. So are a few things
that no fact states: what the earlier attempts of a round come to in a test over attempts, whether a
share of a rollout holds the task, whether a moment of the calendar has passed. A test over attempts
is the last attempt's answer (its fields are the `last.*` facts) together with that of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from reviewbot.policy.analysis import truth
from reviewbot.policy.analysis.answers import may_come_to, open_book
from reviewbot.policy.analysis.cells import WINDOW, Cell
from reviewbot.policy.analysis.circuit import And, Constant, Node, Not, Or, OverAttempts, Test
from reviewbot.policy.analysis.domains import Domain, Leaf, as_number, cut_points, domain_of
from reviewbot.policy.analysis.links import links_between
from reviewbot.policy.analysis.ordinary import ordinarily_known
from reviewbot.policy.analysis.reads import (
    bare,
    checks_in,
    compares_in,
    conditions_of,
    facts_in_texts,
    shape,
    variant_tests,
)
from reviewbot.policy.analysis.relations import LENGTHS, shared_points
from reviewbot.policy.analysis.search import Search, Variables, Wish
from reviewbot.policy.fields import ATTEMPT_FACTS, CATALOGUE, Fact
from reviewbot.policy.model import (
    AnyOf,
    BeforeDeadline,
    Checks,
    Compare,
    Condition,
    FromConfirmed,
    IsKnown,
    Moment,
    NoneOf,
    Policy,
    Range,
    Rule,
)
from reviewbot.policy.model import Test as FactTest

COUNT = "checks.count"
EXISTS = Range(low=1)
KNOWN = IsKnown(known=True)
_FREE = (Cell(value=False), Cell(value=True), Cell(value=None))
_TWO_WAYS = _FREE[:2]
_CLOCKS = {
    "comments": ("task.waiting_for", "task.time_left", "task.times_disputed"),
    "accounts": ("review.waiting_for", "review.time_left", "feedback.corrections_requested"),
}
"""How long it has waited, how long is left, how often it was sent back."""


class Found(msgspec.Struct, frozen=True):
    """A review that answers a question: a value for each fact (None: unknown).

    `rest` says what the attempts before the last come to in each test over attempts.
    """

    facts: dict[str, Any]
    rest: dict[Checks, bool | None]
    cells: dict[str, int]
    """Which cell each fact lies in."""


class World:
    """All that can be asked about a policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.book = open_book(policy)
        self.waited, self.left, self.returns = _CLOCKS[policy.applies_to.review]
        self._catalogue = CATALOGUE[policy.applies_to.review]
        self._cells: list[tuple[Cell, ...]] = []
        self._order: list[tuple[int, ...]] = []
        self._ordinary: list[int] = []
        self._domains: dict[str, tuple[int, Domain]] = {}
        self._tests: dict[tuple[str, FactTest], Leaf] = {}
        self._rest: dict[object, tuple[int, Checks]] = {}
        self._make_facts()
        self.rules: tuple[Node, ...] = tuple(map(self._rule, policy.rules))
        names = {name: number for name, (number, _) in self._domains.items()}
        certain, usual = links_between(
            names, self._cells, tuple(self._rest.values()), names.get(COUNT)
        )
        order = tuple(self._order)
        everything = tuple((1 << len(cells)) - 1 for cells in self._cells)
        self._possible = Variables(everything, order, certain)
        self._usual = Variables(tuple(self._ordinary), order, usual)

    # Questions ---------------------------------------------------------------------------

    def possible(self, wishes: Sequence[Wish]) -> bool:
        """Say whether any review at all, however odd, meets `wishes`.

        Raises TooHardError when it cannot be told.
        """
        return Search(self._possible).find(wishes) is not None

    def example(self, wishes: Sequence[Wish]) -> Found | None:
        """Find an ordinary review that meets `wishes`; None when none was found."""
        live = Search(self._usual, give_up=False).find(wishes)
        if live is None:
            return None
        chosen = [bits.bit_length() - 1 for bits in live]
        values = [row[cell].value for row, cell in zip(self._cells, chosen, strict=True)]
        facts = {name: values[number] for name, (number, _) in self._domains.items()}
        cells = {name: chosen[number] for name, (number, _) in self._domains.items()}
        if not self._agree(facts, cells):
            return None
        return Found(
            facts=facts,
            rest={checks: values[number] for number, checks in self._rest.values()},
            cells=cells,
        )

    def may_come_to(self, node: Node) -> int:
        """What a condition may come to over all ordinary reviews, at most."""
        return node.value(list(self._usual.start))

    def reads(self, fact: str) -> bool:
        """Whether the policy reads a fact."""
        return fact in self._domains

    def cells_of(self, fact: str) -> tuple[Cell, ...]:
        """The cells of a fact that the policy reads."""
        return self._domains[fact][1].cells

    def fact(self, name: str) -> Fact:
        """The fact of that name."""
        return self._catalogue[name]

    def lies_in(self, fact: str, cells: int) -> Node:
        """Whether a fact lies in one of several cells (bits)."""
        number, domain = self._domains[fact]
        everything = (1 << len(domain.cells)) - 1
        return Test(Leaf(number, cells, everything & ~cells, 0))

    def known(self, fact: str) -> Node:
        """Whether a fact is known."""
        return self.meets(fact, KNOWN)

    def meets(self, fact: str, test: FactTest) -> Node:
        """Whether a fact meets a test that the policy makes of it."""
        return Test(self._leaf(fact, bare(test)))

    def circuit(self, condition: Condition | None) -> Node:
        """A condition of this policy as a circuit; None always holds."""
        return Constant(truth.TRUE) if condition is None else self._node(condition)

    def answers(self, fact: str, test: FactTest) -> list[tuple[Cell, int]]:
        """What a test comes to in each cell of its fact."""
        domain = self._domains[fact][1]
        return list(zip(domain.cells, domain.masks[bare(test)], strict=True))

    # Making ------------------------------------------------------------------------------

    def _make_facts(self) -> None:
        tests = self._collect_tests()
        points = {name: cut_points(found) for name, found in tests.items()}
        points = shared_points(points)
        book = self.book
        patterns = {pattern.name: pattern for pattern in self.policy.patterns}
        for name in sorted(tests, key=lambda name: name != COUNT):
            fact = self._catalogue[name]
            domain = domain_of(fact, tuple(tests[name]), points[name], book, patterns)
            number = self._new_variable(domain.cells, domain.order)
            self._domains[name] = (number, domain)
            self._ordinary[number] = sum(
                1 << i for i, cell in enumerate(domain.cells) if self._is_ordinary(fact, cell)
            )

    def _is_ordinary(self, fact: Fact, cell: Cell) -> bool:
        """Whether a sensible review that the policy applies to may lie in a cell of a fact."""
        applies = self.policy.applies_to
        judged = {
            "task.platform": applies.platform,
            "bundle.platform": applies.platform,
        }.get(fact.name)
        if cell.value is None:
            return not judged and not ordinarily_known(fact)
        return cell.sure and (not judged or cell.value in judged)

    def _collect_tests(self) -> dict[str, dict[FactTest, None]]:
        tests: dict[str, dict[FactTest, None]] = {name: {} for name in self._always_read()}
        for condition in conditions_of(self.policy):
            for name, line in compares_in(condition):
                tests.setdefault(name, {})[bare(line.test)] = None
        for rule in self.policy.rules:
            gate = self._clock_test(rule.then.until)
            if gate is not None:
                tests[gate[0]][gate[1]] = None
        for name, variant in variant_tests(self.policy):
            tests[name][variant] = None
        if COUNT in tests:
            tests[COUNT][EXISTS] = None
        for found in tests.values():
            found[KNOWN] = None
        return tests

    def _always_read(self) -> set[str]:
        names = {self.waited, self.left, self.returns, *facts_in_texts(self.policy)}
        names.update(name for name, _ in variant_tests(self.policy))
        for condition in conditions_of(self.policy):
            names.update(name for name, _ in compares_in(condition))
            if any(checks_in(condition)):
                names.add(COUNT)
        if any(name.startswith(("last.", "checks.")) for name in names):
            names |= {COUNT, "last.outcome_kind"}
        if "task.comment_text" in names:
            names.add("task.comment_length")
        if "task.comment_length" in names:
            names.add("task.platform")
        return names & self._catalogue.keys()

    def _new_variable(self, cells: tuple[Cell, ...], order: tuple[int, ...]) -> int:
        self._cells.append(cells)
        self._order.append(order)
        self._ordinary.append((1 << len(cells)) - 1)
        return len(self._cells) - 1

    def _free(self, cells: tuple[Cell, ...]) -> tuple[int, Node]:
        """A new variable that no fact states, and its truth."""
        number = self._new_variable(cells, tuple(range(len(cells))))
        return number, _truth(number)

    def _rule(self, rule: Rule) -> Node:
        parts = [self.circuit(rule.when)]
        if rule.then.until is not None:
            parts.append(self._not_yet(rule.then.until))
        if rule.rollout is not None and rule.rollout < 1:
            parts.append(self._free(_TWO_WAYS)[1] if rule.rollout > 0 else Constant(truth.FALSE))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not_yet(self, until: Moment) -> Node:
        """Whether a wait's moment is still to come; without its clock that cannot be said."""
        gate = self._clock_test(until)
        if gate is None:
            return self._free(_FREE)[1]
        number, domain = self._domains[gate[0]]
        leaf = _leaf(number, domain.masks[gate[1]])
        return Test(Leaf(number, leaf.true | leaf.unknown, leaf.false | leaf.unknown, leaf.unknown))

    def _clock_test(self, until: Moment | None) -> tuple[str, FactTest] | None:
        if isinstance(until, FromConfirmed):
            return self.waited, Range(high=until.seconds, high_included=False)
        if isinstance(until, BeforeDeadline):
            return self.left, Range(low=until.seconds, low_included=False)
        return None

    def _node(self, condition: Condition, prefix: str = "") -> Node:
        if isinstance(condition, Compare):
            return self.meets(prefix + condition.fact, condition.test)
        if isinstance(condition, Checks):
            return self._over_attempts(condition)
        parts = tuple(self._node(part, prefix) for part in condition.parts)
        if isinstance(condition, AnyOf):
            return Or(parts)
        return Not(Or(parts)) if isinstance(condition, NoneOf) else And(parts)

    def _over_attempts(self, checks: Checks) -> Node:
        asked = shape(checks)
        if asked not in self._rest:
            number = self._free(_FREE)[0]
            self._rest[asked] = (number, checks)
            lines = compares_in(checks.condition)
            if all(ATTEMPT_FACTS[line.fact].with_attempt for _, line in lines):
                self._ordinary[number] = 0b011
        number = self._rest[asked][0]
        last, rest = self._node(checks.condition, "last."), _truth(number)
        parts: tuple[Node, ...] = (last, rest)
        body: Node = And(parts) if checks.quantifier == "every" else Or(parts)
        over = OverAttempts(self._leaf(COUNT, EXISTS), body)
        return Not(over) if checks.quantifier == "no" else over

    def _leaf(self, fact: str, test: FactTest) -> Leaf:
        leaf = self._tests.get((fact, test))
        if leaf is None:
            number, domain = self._domains[fact]
            leaf = self._tests[fact, test] = _leaf(number, domain.masks[test])
        return leaf

    def _agree(self, facts: dict[str, Any], cells: dict[str, int]) -> bool:
        """Let values that follow from each other agree, to the second and to the letter."""
        waited, left = facts.get(self.waited), facts.get(self.left)
        if waited is not None and left is not None:
            facts[self.left] = WINDOW - as_number(waited)
        return all(
            self._fit(facts, cells, text, length)
            for text, length in LENGTHS
            if facts.get(text) is not None and facts.get(length) is not None
        )

    def _fit(self, facts: dict[str, Any], cells: dict[str, int], name: str, length: str) -> bool:
        """Give a text the length that was chosen, if that changes no answer about it."""
        wanted = self.cells_of(length)[cells[length]]
        low, high = int(wanted.low or 0), wanted.high
        domain = self._domains[name][1]
        text = facts[name]
        more = "x" * (low - len(text))
        for candidate in (text, f"{text}{more}", f"{more}{text}", f"{text[:1]}{more}{text[1:]}"):
            fits = low <= len(candidate) and (high is None or len(candidate) <= high)
            if fits and all(
                may_come_to(test, candidate, self.book) == masks[cells[name]]
                for test, masks in domain.masks.items()
            ):
                facts[name], facts[length] = candidate, len(candidate)
                return True
        return False


def _truth(variable: int) -> Node:
    """The truth of a variable that no fact states."""
    return Test(Leaf(variable, 0b010, 0b001, 0b100))


def _leaf(variable: int, masks: Iterable[int]) -> Leaf:
    true = false = unknown = 0
    for cell, mask in enumerate(masks):
        bit = 1 << cell
        true |= bit if mask & truth.TRUE else 0
        false |= bit if mask & truth.FALSE else 0
        unknown |= bit if mask & truth.UNKNOWN else 0
    return Leaf(variable, true, false, unknown)
