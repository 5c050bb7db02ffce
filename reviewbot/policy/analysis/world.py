"""The world of one policy: its facts with their cells, its rules as circuits, and questions to both.

Theory of operation. Every fact that the policy reads is a variable of the search. So are a few things
that no fact states: what the earlier attempts of a round come to in a test over attempts, whether a
share of a rollout holds the task, whether a moment of the calendar has passed. A test over attempts
is the last attempt's answer (its fields are the `last.*` facts) together with that of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from reviewbot.policy.analysis import truth
from reviewbot.policy.analysis.answers import may_come_to, open_book
from reviewbot.policy.analysis.cells import WINDOW, Cell
from reviewbot.policy.analysis.circuit import (
    And,
    Constant,
    Node,
    Not,
    Or,
    OverAttempts,
    Test,
    of_one_variable,
)
from reviewbot.policy.analysis.domains import (
    Domain,
    Leaf,
    as_number,
    cut_points,
    documented_ends,
    domain_of,
)
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
from reviewbot.policy.analysis.search import Budget, Search, TooHardError, Variables, Wish
from reviewbot.policy.analysis.texts import texts_like
from reviewbot.policy.fields import ATTEMPT_FACTS, CATALOGUE, Fact
from reviewbot.policy.model import (
    AllOf,
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


MOST_WORK = 1_000_000
"""Answers of single tests that one part of the analysis may take, unless it is told otherwise."""

MOST_RETRIES = 8
"""Examples that are looked at before a text of the right length counts as not found."""


class Doubt(NamedTuple):
    """A question that could not be told: of which kind, and about which rule (its number)."""

    kind: str
    rule: int


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
        self.doubts: list[Doubt] = []
        """What was asked and could not be told."""
        self._budget = Budget(MOST_WORK)
        self.book = open_book(policy)
        self._patterns = {pattern.name: pattern for pattern in policy.patterns}
        self.waited, self.left, self.returns = _CLOCKS[policy.applies_to.review]
        self._catalogue = CATALOGUE[policy.applies_to.review]
        self._cells: list[tuple[Cell, ...]] = []
        self._order: list[tuple[int, ...]] = []
        self._sensible_cells: list[int] = []
        self._domains: dict[str, tuple[int, Domain]] = {}
        self._tests: dict[tuple[str, FactTest], Leaf] = {}
        self._rest: dict[object, tuple[int, Checks]] = {}
        self._reach: dict[int, tuple[int, ...]] = {}
        self._make_facts()
        self.rules: tuple[Node, ...] = tuple(map(self._rule, policy.rules))
        names = {name: number for name, (number, _) in self._domains.items()}
        tables = links_between(names, self._cells, tuple(self._rest.values()), names.get(COUNT))
        order = tuple(self._order)
        everything = tuple((1 << len(cells)) - 1 for cells in self._cells)
        documented = tuple(_bits(cells, lambda cell: cell.documented) for cells in self._cells)
        self._possible = Variables(everything, order, tables.certain)
        self._documented = Variables(documented, order, tables.documented)
        self._sensible = Variables(tuple(self._sensible_cells), order, tables.usual)
        self._usual = Variables(
            tuple(
                bits & _bits(cells, lambda cell: cell.sure)
                for bits, cells in zip(self._sensible_cells, self._cells, strict=True)
            ),
            order,
            tables.usual,
        )

    # Questions ---------------------------------------------------------------------------

    def allow(self, work: int) -> None:
        """Begin another part of the analysis, which may do so much work: answers of single tests."""
        self._budget = Budget(work)

    def possible(self, wishes: Sequence[Wish], *, documented: bool = False) -> bool:
        """Say whether any review at all, however odd, meets `wishes`.

        With `documented` only reviews within what the API documents count. Raises TooHardError when
        it cannot be told.
        """
        variables = self._documented if documented else self._possible
        return Search(variables, self._budget).find(wishes) is not None

    def example(self, wishes: Sequence[Wish]) -> Found | None:
        """Find an ordinary review that meets `wishes`; None where there is none.

        Raises TooHardError when none was found and yet there may be one.
        """
        asked = list(wishes)
        for _ in range(MOST_RETRIES):
            try:
                live = Search(self._usual, self._budget).find(asked)
            except TooHardError:
                break
            if live is None:
                break
            chosen = [bits.bit_length() - 1 for bits in live]
            facts = self._values(chosen)
            unfit = self._misfit(facts, chosen)
            if unfit is None:
                return Found(
                    facts=facts,
                    rest={
                        checks: self._cells[number][chosen[number]].value
                        for number, checks in self._rest.values()
                    },
                    cells={name: chosen[number] for name, (number, _) in self._domains.items()},
                )
            asked.append(unfit)
        if Search(self._sensible, self._budget).find(wishes) is None:
            return None
        raise TooHardError

    def surely(self, wishes: Sequence[Wish], doubt: Doubt) -> Found | None:
        """As `example`; what cannot be told is noted down as `doubt`, to be said in the end."""
        try:
            return self.example(wishes)
        except TooHardError:
            self.doubts.append(doubt)
            return None

    def apart(self, i: int, j: int) -> bool:
        """Whether two rules surely have no sensible review in common: a quick look, fact by fact."""
        return any(
            not one & other for one, other in zip(self._reach_of(i), self._reach_of(j), strict=True)
        )

    def _reach_of(self, number: int) -> tuple[int, ...]:
        if number not in self._reach:
            self._reach[number] = Search(self._sensible, self._budget).narrowed(
                [(self.rules[number], truth.TRUE)]
            )
        return self._reach[number]

    def may_come_to(self, node: Node) -> int:
        """What a condition may come to over all ordinary reviews, at most."""
        return node.value(list(self._sensible.start))

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
        return Test(Leaf(number, everything & cells, everything & ~cells, 0))

    def known(self, fact: str) -> Node:
        """Whether a fact is known."""
        return self.meets(fact, KNOWN)

    def meets(self, fact: str, test: FactTest) -> Node:
        """Whether a fact meets a test that the policy makes of it."""
        return Test(self._leaf(fact, bare(test)))

    def circuit(self, condition: Condition | None) -> Node:
        """A condition of this policy as a circuit; None always holds."""
        return Constant(truth.TRUE) if condition is None else self._node(condition)

    def _values(self, chosen: list[int]) -> dict[str, Any]:
        return {
            name: domain.cells[chosen[number]].value
            for name, (number, domain) in self._domains.items()
        }

    def answers(self, fact: str, test: FactTest) -> list[tuple[Cell, int]]:
        """What a test comes to in each cell of its fact."""
        domain = self._domains[fact][1]
        return list(zip(domain.cells, domain.masks[bare(test)], strict=True))

    # Making ------------------------------------------------------------------------------

    def _make_facts(self) -> None:
        tests = self._collect_tests()
        points = {
            name: cut_points(found) | documented_ends(self._catalogue[name])
            for name, found in tests.items()
        }
        points = shared_points(points)
        book = self.book
        patterns = self._patterns
        for name in sorted(tests, key=lambda name: name != COUNT):
            fact = self._catalogue[name]
            domain = domain_of(fact, tuple(tests[name]), points[name], book, patterns)
            number = self._new_variable(domain.cells, domain.order)
            self._domains[name] = (number, domain)
            self._sensible_cells[number] = sum(
                1 << i for i, cell in enumerate(domain.cells) if self._is_sensible(fact, cell)
            )

    def _is_sensible(self, fact: Fact, cell: Cell) -> bool:
        """Whether a sensible review that the policy applies to may lie in a cell of a fact."""
        applies = self.policy.applies_to
        judged = {
            "task.platform": applies.platform,
            "bundle.platform": applies.platform,
        }.get(fact.name)
        if cell.value is None:
            return not judged and not ordinarily_known(fact)
        return cell.documented and (not judged or cell.value in judged)

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
        self._sensible_cells.append((1 << len(cells)) - 1)
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
        if isinstance(condition, AllOf):
            return self._small(And(parts))
        some = self._small(Or(parts))
        return Not(some) if isinstance(condition, NoneOf) else some

    def _small(self, node: Node) -> Node:
        """As one test, where it asks for one fact alone."""
        return of_one_variable(node, len(self._cells[max(node.variables.bit_length() - 1, 0)]))

    def _over_attempts(self, checks: Checks) -> Node:
        asked = shape(checks)
        if asked not in self._rest:
            number = self._free(_FREE)[0]
            self._rest[asked] = (number, checks)
            lines = compares_in(checks.condition)
            if all(ATTEMPT_FACTS[line.fact].with_attempt for _, line in lines):
                self._sensible_cells[number] = 0b011
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

    def _misfit(self, facts: dict[str, Any], chosen: list[int]) -> Wish | None:
        """Let values that follow from each other agree, to the second and to the letter.

        Where a text cannot have the length that was chosen, the wish for other cells is given.
        """
        waited, left = facts.get(self.waited), facts.get(self.left)
        if waited is not None and left is not None:
            facts[self.left] = WINDOW - as_number(waited)
        for text, length in LENGTHS:
            if facts.get(text) is None or facts.get(length) is None:
                continue
            cells = {name: chosen[self._domains[name][0]] for name in (text, length)}
            if not self._fit(facts, cells, text, length):
                others = [self.lies_in(name, ~(1 << cell)) for name, cell in cells.items()]
                return (Or(tuple(others)), truth.TRUE)
        return None

    def _fit(self, facts: dict[str, Any], cells: dict[str, int], name: str, length: str) -> bool:
        """Give a text the length that was chosen, if that changes no answer about it."""
        wanted = self.cells_of(length)[cells[length]]
        masks = self._domains[name][1].masks
        answers = [(test, row[cells[name]]) for test, row in masks.items()]
        for candidate in texts_like(
            facts[name], answers, self._patterns, int(wanted.low or 0), wanted.high
        ):
            self._budget.left -= len(answers)
            if all(may_come_to(test, candidate, self.book) == mask for test, mask in answers):
                facts[name], facts[length] = candidate, len(candidate)
                return True
        return False


def _bits(cells: Sequence[Cell], chosen: Callable[[Cell], bool]) -> int:
    """Some of the cells, as bits."""
    return sum(1 << i for i, cell in enumerate(cells) if chosen(cell))


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
