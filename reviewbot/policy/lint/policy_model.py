"""The model of one policy: its facts with their cells, its rules as circuits, questions to both.

Theory of operation. Every fact that the policy reads is a variable of the search. So are a few things
that no fact states: what the earlier attempts of a round come to in a test over attempts, whether a
share of a rollout holds the task, whether a rule's limit has room, whether a moment of the calendar
has passed. A test over attempts is the last attempt's answer (its fields are the `last.*` facts)
together with that of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, NamedTuple

import msgspec

from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact
from reviewbot.policy.engine.calendar import calendars_of
from reviewbot.policy.lint.boxes import Boxes
from reviewbot.policy.lint.partitions import Domain, as_number, cut_points, domain_of
from reviewbot.policy.lint.relations import (
    CERTAIN,
    DOCUMENTED,
    LENGTHS,
    USUAL,
    Links,
    shared_cuts,
    without_others,
)
from reviewbot.policy.lint.search import Search
from reviewbot.policy.lint.solver import (
    FALSE,
    TRUE,
    UNKNOWN,
    Budget,
    Cell,
    Expression,
    NoneMatches,
    PartitionedTest,
    TooHardError,
    Variables,
    Wish,
    all_of,
    any_of,
    bits,
    may_come_to,
    of_one_variable,
)
from reviewbot.policy.lint.texts import texts_like
from reviewbot.policy.lint.usual import WINDOW, narrowed, ordinarily_known
from reviewbot.policy.lint.walks import (
    CLOCKS,
    COUNT,
    EXISTS,
    bare,
    clock_test,
    compares_in,
    facts_asked,
    shape,
    tests_asked,
    texts_of,
)
from reviewbot.policy.model import (
    AllOf,
    Compare,
    Condition,
    EachAttempt,
    FactTest,
    Fixed,
    Lists,
    Moment,
    NoneOf,
    Policy,
    Rule,
)

MOST_WORK = 1_000_000
"""Answers of single tests that one part of the analysis may take, unless it is told otherwise."""
MOST_RETRIES = 8
"""Examples that are looked at before a text of the right length counts as not found."""
_TRUTHS = (FALSE, TRUE, UNKNOWN)
"""What a variable that no fact states comes to, cell by cell; a share of a rollout is never unknown."""


class Doubt(NamedTuple):
    """A question that could not be told: of which kind, and about which rule (its number)."""

    kind: str
    rule: int


class Witness(msgspec.Struct, frozen=True):
    """A review that answers a question: a value for each fact (None: unknown).

    `rest` says what the attempts before the last come to in each test over attempts.
    """

    facts: dict[str, Any]
    rest: dict[EachAttempt, bool | None]
    cells: dict[str, int]
    """Which cell each fact lies in."""
    live: tuple[int, ...] = ()
    """The cell (a bit) of every variable."""


class PolicyModel:
    """All that can be asked about a policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.doubts: list[Doubt] = []
        """What was asked and could not be told."""
        self.lists = Lists(policy, calendars_of(policy))
        self.waited, self.left, self.returns = CLOCKS[policy.applies_to.review]
        self._patterns = {pattern.name: pattern for pattern in policy.patterns}
        self.narrowed = narrowed(policy.applies_to)
        self._catalogue = CATALOGUE[policy.applies_to.review] | self.narrowed
        self._budget = Budget(MOST_WORK)
        self._domains: list[Domain] = []
        self._sensible_cells: list[int] = []
        self._known_cells: list[tuple[int, int]] = []
        self._numbers: dict[str, int] = {}
        self._tests: dict[tuple[str, FactTest], PartitionedTest] = {}
        self._rest: dict[object, tuple[int, EachAttempt]] = {}
        self._make_facts()
        self.rules = tuple(map(self._rule, policy.rules))
        self.statements = tuple(self.circuit(statement.when) for statement in policy.never)
        self.fallbacks = tuple(self.circuit(case.when) for case in policy.deadline.fallbacks)
        for demands, _ in texts_of(policy):
            for condition, _ in demands:
                self.circuit(condition)  # lays out what it asks of the attempts
        self._relate()
        self._lengths = [both for both in LENGTHS if self._numbers.keys() >= set(both)]
        self._box_up()

    # Questions ---------------------------------------------------------------------------

    def allow(self, work: int) -> None:
        """Begin another part of the analysis, which may do so much work: answers of single tests."""
        self._budget = Budget(work)

    def possible(self, wishes: Iterable[Wish], *, documented: bool = False) -> bool:
        """Say whether any review at all, however odd, meets `wishes`.

        With `documented` only reviews within what the API documents count. Raises TooHardError when
        it cannot be told.
        """
        variables = self._documented if documented else self._possible
        return Search(variables, self._budget).find(wishes) is not None

    def in_the_way(self, wishes: Iterable[Wish]) -> list[int]:
        """Rules that together leave nothing of what is wished: enough of them, if not as few as can be."""
        search = Search(self._possible, self._budget)
        search.find(wishes)
        return list(self.boxes.rules_in(search.pressed))

    def example(self, wishes: Sequence[Wish]) -> Witness | None:
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
            found = self._witness(live)
            unfit = self._misfit(found)
            if unfit is None:
                return found
            asked.append(unfit)
        if Search(self._sensible, self._budget).find(wishes) is None:
            return None
        raise TooHardError

    def documented(self, wishes: Sequence[Wish]) -> Witness | None:
        """Find a review that meets `wishes` within what the API documents, however unusual."""
        for variables in (self._unusual, self._shown):
            live = Search(variables, self._budget).find(wishes)
            found = None if live is None else self._witness(live)
            if found is not None and self._misfit(found) is None:
                return found
        return None

    def not_due(self) -> Expression | None:
        """Whether `decide by` is still to come; None where no clock tells. Only for statements."""
        clock = clock_test(self.policy, self.policy.deadline.decide_by)
        return None if clock is None else self.meets(*clock)

    def surely(self, wishes: Sequence[Wish], doubt: Doubt) -> Witness | None:
        """As `example`; what cannot be told is noted down as `doubt`, to be said in the end."""
        try:
            return self.example(wishes)
        except TooHardError:
            self.doubts.append(doubt)
            return None

    def decides(self, number: int) -> list[Wish]:
        """What must hold for a rule to decide: it matches, and no rule before it does."""
        return [(self.rules[number], TRUE), self.none_above(number)]

    def none_above(self, number: int, *, but: int | None = None) -> Wish:
        """The wish that no rule above one that can decide matches, `but` one rule."""
        wish, want = self._above[number]
        assert isinstance(wish, NoneMatches)
        if but is None:
            return wish, want
        own = self.boxes.of_rule.get(but, 0)
        large = tuple(node for node in wish.large if node is not self.rules[but])
        return NoneMatches(self.boxes, wish.wanted & ~own, large), want

    def none_of(self, numbers: Iterable[int]) -> Wish:
        """The wish that none of these rules matches."""
        numbers = list(numbers)
        large = tuple(self.rules[number] for number in numbers if number in self.large)
        return NoneMatches(self.boxes, self.boxes.of_rules(numbers), large), TRUE

    # Many rules at once, as the bits of their boxes: necessary signs, where a search would be sure;
    # rules that have too many boxes (`large`) are not among them.

    def implied_by(self, number: int) -> int:
        """Boxes of rules that are seen to match whatever this rule matches."""
        reach = Search(self._possible, self._budget).narrowed([(self.rules[number], TRUE)])
        return self.boxes.look(reach)[1] if all(reach) else 0

    def meeting(self, number: int) -> int:
        """Boxes of rules that may have a sensible review in common with this one."""
        return self.boxes.look(self._sensibly(number))[0]

    def matched(self, found: Witness) -> int:
        """Boxes of the rules that match a review."""
        return self.boxes.look(found.live)[1]

    def perhaps_untold(self, number: int) -> int:
        """Boxes of rules of which it may not be told whether they match, where this one does, and that might."""
        reach = self._sensibly(number)
        asked = {self._numbers[name] for name in facts_asked(self.policy.rules[number])}
        fixed = [
            cells
            if v in asked and self._domains[v].cells[cells.bit_length() - 1].value is not None
            else every
            for v, (cells, every) in enumerate(zip(reach, self._sensible.start, strict=True))
        ]
        return self.boxes.may_be_unknown(reach) & self.boxes.look(fixed)[0]

    def reaches(self, number: int, fact: str) -> int:
        """The cells (bits) of a fact that a rule may match: all but those its own tests exclude."""
        return self._sensibly(number)[self._numbers[fact]]

    def _sensibly(self, number: int) -> tuple[int, ...]:
        return Search(self._sensible, self._budget).narrowed([(self.rules[number], TRUE)])

    def _box_up(self) -> None:
        """Take the rules apart into boxes."""
        boxes = {number: node.boxes() for number, node in enumerate(self.rules)}
        self.large = frozenset(number for number, parts in boxes.items() if parts is None)
        self.boxes = Boxes((n, parts) for n, parts in boxes.items() if parts is not None)
        self._above: list[Wish] = []
        wanted, large = 0, tuple[Expression, ...]()
        for number, rule in enumerate(self.policy.rules):
            self._above.append((NoneMatches(self.boxes, wanted, large), TRUE))
            if not rule.shadow:
                wanted |= self.boxes.of_rule.get(number, 0)
                large += (self.rules[number],) if number in self.large else ()

    def reads(self, fact: str) -> bool:
        """Whether the policy reads a fact."""
        return fact in self._numbers

    def cells_of(self, fact: str) -> tuple[Cell, ...]:
        """The cells of a fact that the policy reads."""
        return self._domain(fact).cells

    def fact(self, name: str) -> Fact:
        """The fact of that name."""
        return self._catalogue[name]

    def lies_in(self, fact: str, cells: int) -> Expression:
        """Whether a fact lies in one of several cells (bits)."""
        every = (1 << len(self.cells_of(fact))) - 1
        return PartitionedTest(self._numbers[fact], every & cells, every & ~cells, 0)

    def meets(self, fact: str, test: FactTest) -> PartitionedTest:
        """Whether a fact meets a test that the policy makes of it."""
        test = bare(test)
        if (fact, test) not in self._tests:
            masks = self._domain(fact).masks[test]
            self._tests[fact, test] = PartitionedTest(self._numbers[fact], *masks)
        return self._tests[fact, test]

    def within(self, fact: str, *, documented: bool) -> int:
        """The cells (bits) of the values that a fact can have, or of those the API documents."""
        return self._known_cells[self._numbers[fact]][documented]

    def _domain(self, fact: str) -> Domain:
        return self._domains[self._numbers[fact]]

    # Facts as variables ------------------------------------------------------------------

    def _make_facts(self) -> None:
        tests = tests_asked(self.policy)
        cuts = {name: cut_points(self._catalogue[name], own) for name, own in tests.items()}
        cuts = shared_cuts(cuts)
        for name in sorted(tests, key=lambda name: name != COUNT):
            fact = self._catalogue[name]
            known = name == "now" or name in self.narrowed
            found = tuple(tests[name])
            domain = domain_of(fact, found, cuts[name], self.lists, self._patterns, known=known)
            sensible = bits(_is_sensible(fact, cell) for cell in domain.cells)
            self._numbers[name] = self._new_variable(domain, sensible)

    def _new_variable(self, domain: Domain, sensible: int) -> int:
        self._domains.append(domain)
        known = [cell.value is not None for cell in domain.cells]
        documented = (cell.documented for cell in domain.cells)
        within = (is_known and says for is_known, says in zip(known, documented, strict=True))
        self._known_cells.append((bits(known), bits(within)))
        self._sensible_cells.append(sensible)
        return len(self._domains) - 1

    def _relate(self) -> None:
        """Lay out how the variables depend on each other, for each kind of question."""
        cells = [domain.cells for domain in self._domains]
        order = tuple(domain.order for domain in self._domains)
        count = self._numbers.get(COUNT, -1)
        one = bits(cell.value == 1 for cell in cells[count]) if count >= 0 else 0
        links = Links(cells)
        for number, checks in self._rest.values():
            links.add(count, number, without_others(checks.quantifier))

        def variables(start: Iterable[int]) -> Variables:
            return Variables(tuple(start), order, links.so_far(), count, one)

        links.add_all(CERTAIN, self._numbers)
        self._possible = variables((1 << len(row)) - 1 for row in cells)
        links.add_all(DOCUMENTED, self._numbers)
        documented = [bits(cell.documented for cell in row) for row in cells]
        shown = [bits(cell.sure for cell in row) for row in cells]
        self._documented = variables(documented)
        self._shown = variables(map(int.__and__, documented, shown))
        links.add_all(USUAL, self._numbers)
        self._sensible = variables(self._sensible_cells)
        self._usual = variables(map(int.__and__, self._sensible_cells, shown))
        self._unusual = variables(map(int.__and__, documented, shown))

    # Conditions as circuits --------------------------------------------------------------

    def _rule(self, rule: Rule) -> Expression:
        parts = [self.circuit(rule.when)]
        if rule.then.until is not None:
            parts.append(self._not_yet(rule.then.until))
        if rule.rollout is not None and rule.rollout < 1:
            parts.append(self._free(_TRUTHS[:2]) if rule.rollout > 0 else any_of())
        if rule.stage is not None:
            parts.append(self._free(_TRUTHS[:2]))
        if rule.limit and rule.when_over == "skip":
            parts.append(self._free(_TRUTHS[:2]))
        return parts[0] if len(parts) == 1 else all_of(*parts)

    def _not_yet(self, until: Moment) -> Expression:
        """Whether a wait's moment is still to come; without its clock that cannot be said."""
        clock = clock_test(self.policy, until)
        if isinstance(until, Fixed):
            return self._free(_TRUTHS[:2])
        if clock is None:
            opens = self._free(_TRUTHS)
            self._sensible_cells[opens.variable] = 0b011
            return opens
        test = self.meets(*clock)
        return PartitionedTest(
            test.variable, test.true | test.unknown, test.false | test.unknown, test.unknown
        )

    def _free(self, truths: tuple[int, ...]) -> PartitionedTest:
        """A truth that no fact states, as a variable of its own."""
        cells = tuple(Cell(value=_VALUES[truth]) for truth in truths)
        domain = Domain(cells=cells, order=tuple(range(len(cells))))
        return PartitionedTest.of(self._new_variable(domain, (1 << len(cells)) - 1), truths)

    def circuit(self, condition: Condition | None, prefix: str = "") -> Expression:
        """A condition, of tests that the policy makes; `last.` stands before those of attempts."""
        match condition:
            case None:
                return all_of()
            case Compare(fact=fact, test=test):
                return self.meets(prefix + fact, test)
            case EachAttempt():
                return self._over_attempts(condition)
        parts = [self.circuit(part, prefix) for part in condition.parts]
        node = of_one_variable(all_of(*parts) if isinstance(condition, AllOf) else any_of(*parts))
        return node.negated() if isinstance(condition, NoneOf) else node

    def _over_attempts(self, checks: EachAttempt) -> Expression:
        """Unknown without the timeline, false without attempts, else what its condition comes to."""
        asked = shape(checks)
        if asked not in self._rest:
            rest = self._free(_TRUTHS)
            self._rest[asked] = (rest.variable, checks)
            lines = compares_in(checks.condition)
            if all(ATTEMPT_FACTS[line.fact].with_attempt for _, line in lines):
                self._sensible_cells[rest.variable] = 0b011
        rest = PartitionedTest.of(self._rest[asked][0], _TRUTHS)
        parts = (self.circuit(checks.condition, "last."), rest)
        body = all_of(*parts) if checks.quantifier == "every" else any_of(*parts)
        exists = self.meets(COUNT, EXISTS)
        unknown = PartitionedTest(exists.variable, 0, exists.true | exists.false, exists.unknown)
        over = all_of(exists, any_of(body, unknown))
        return over.negated() if checks.quantifier == "no" else over

    # Examples ----------------------------------------------------------------------------

    def _witness(self, live: list[int]) -> Witness:
        chosen = [cells.bit_length() - 1 for cells in live]
        cells = {name: chosen[number] for name, number in self._numbers.items()}
        return Witness(
            facts={name: self.cells_of(name)[cell].value for name, cell in cells.items()},
            rest={
                checks: self._domains[number].cells[chosen[number]].value
                for number, checks in self._rest.values()
            },
            cells=cells,
            live=tuple(live),
        )

    def _misfit(self, found: Witness) -> Wish | None:
        """Let values that follow from each other agree, to the second and to the letter.

        Where a text cannot have the length that was chosen, the wish for other cells is given.
        """
        facts = found.facts
        waited, left = facts.get(self.waited), facts.get(self.left)
        if waited is not None and left is not None:
            facts[self.left] = rest = WINDOW - as_number(waited)
            cell = self.cells_of(self.left)[found.cells[self.left]]
            low = -inf if cell.low is None else cell.low
            high = inf if cell.high is None else cell.high
            if not (low < rest < high or low == rest == high):
                return self._others(found, self.waited, self.left)
        for text, length in self._lengths:
            if facts.get(text) is None or facts.get(length) is None:
                continue
            if not self._fit(found, text, length):
                return self._others(found, text, length)
        return None

    def _others(self, found: Witness, *names: str) -> Wish:
        """The wish that one of some facts lies in another cell."""
        return any_of(*(self.lies_in(name, ~(1 << found.cells[name])) for name in names)), TRUE

    def _fit(self, found: Witness, name: str, length: str) -> bool:
        """Give a text the length that was chosen, if that changes no answer about it."""
        wanted = self.cells_of(length)[found.cells[length]]
        own = len(found.facts[name])
        if own >= (wanted.low or 0) and (wanted.high is None or own <= wanted.high):
            found.facts[length] = own
            return True
        here = 1 << found.cells[name]
        answers = [
            (test, PartitionedTest(0, *masks).truths_in(here))
            for test, masks in self._domain(name).masks.items()
        ]
        for candidate in texts_like(
            found.facts[name], answers, self._patterns, int(wanted.low or 0), wanted.high
        ):
            self._budget.left -= len(answers)
            if all(
                may_come_to(test, candidate, self.lists) in (truth, TRUE | FALSE)
                for test, truth in answers
            ):
                found.facts.update({name: candidate, length: len(candidate)})
                return True
        return False


_VALUES = {FALSE: False, TRUE: True, UNKNOWN: None}


def _is_sensible(fact: Fact, cell: Cell) -> bool:
    """Whether a sensible review may lie in a cell of a fact."""
    return cell.documented if cell.value is not None else not ordinarily_known(fact)
