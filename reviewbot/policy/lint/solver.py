"""Conditions as circuits: what a rule may come to while some facts are still open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, product
from typing import Any, NamedTuple

import msgspec

from reviewbot.domain.account import PROFILE_FIELDS
from reviewbot.domain.decision import Action
from reviewbot.domain.task import COMMENT_LIMITS
from reviewbot.domain.text import safe_line
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, FactType
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.engine.templates import duration, money, share, yes_no
from reviewbot.policy.lint import partitions
from reviewbot.policy.lint.partitions import (
    AND,
    ANY,
    FALSE,
    NOT,
    NOT_TRUE,
    OR,
    TRUE,
    UNKNOWN,
    WINDOW,
    Cell,
    Domain,
    PartitionedTest,
    as_number,
    bare,
    checks_in,
    compares_in,
    conditions_of,
    cut_points,
    deciding,
    documented_ends,
    domain_of,
    facts_in_texts,
    may_come_to,
    ordinarily_known,
    sent_texts,
    shape,
    texts_like,
    typical,
    variant_test,
    variant_tests,
)
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    BeforeDeadline,
    Compare,
    Condition,
    EachAttempt,
    FactTest,
    FromConfirmed,
    Lists,
    Moment,
    NoneOf,
    Policy,
    Rule,
    Template,
    Then,
)
from reviewbot.policy.operators import IsKnown, Range

Live = list[int]
"""For each variable, the cells (bits) that are still possible."""


class Expression(ABC):
    """A part of a condition. `leaves` are the tests in it, `variables` what they read, as bits."""

    variables: int
    leaves: tuple[PartitionedTest, ...]
    leaf: PartitionedTest | None = None
    """The test itself, where it is no more than one."""

    @abstractmethod
    def value(self, live: Live) -> int:
        """What it may come to: a set of truths."""

    def each_part(self, want: int) -> tuple[tuple[Expression, int], ...] | None:  # noqa: ARG002 most cannot say
        """What a wish for `want` asks of each part, where it comes to wishes that must all hold."""
        return None


class Test(Expression):
    """One test of one fact."""

    leaf: PartitionedTest

    def __init__(self, leaf: PartitionedTest) -> None:
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


class Constant(Expression):
    """A truth that depends on nothing."""

    def __init__(self, value: int) -> None:
        self.constant = value
        self.variables = 0
        self.leaves = ()

    def value(self, live: Live) -> int:  # noqa: ARG002 the same for all
        """Give the truth itself."""
        return self.constant


class _Several(Expression):
    def __init__(self, parts: tuple[Expression, ...]) -> None:
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

    def each_part(self, want: int) -> tuple[tuple[Expression, int], ...] | None:
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

    def each_part(self, want: int) -> tuple[tuple[Expression, int], ...] | None:
        """Each must fail where the whole must; none may hold where the whole may not."""
        if len(self.parts) == 1 or want in (FALSE, NOT_TRUE):
            return tuple((part, want) for part in self.parts)
        return None


class Negation(_Several):
    """The part turned round; unknown stays unknown."""

    def __init__(self, part: Expression) -> None:
        super().__init__((part,))

    def value(self, live: Live) -> int:
        """Turn the part round."""
        return NOT[self.parts[0].value(live)]

    def each_part(self, want: int) -> tuple[tuple[Expression, int], ...] | None:
        """The part must come to the opposite."""
        return ((self.parts[0], NOT[want]),)


class OverAttempts(_Several):
    """A test over the attempts of the round: nothing without the timeline, `empty` without attempts."""

    def __init__(self, count: PartitionedTest, body: Expression) -> None:
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


def of_one_variable(node: Expression, cells: int) -> Expression:
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
    return Test(PartitionedTest(variable, true, false, unknown))


# ------------------------------------------------------------------------------------------------
# Finding a task: cells for every fact such that given conditions come to given truths.
#
# Theory of operation. Each variable is a fact (or the rest of a round's attempts, see `world.py`) with
# a set of cells still possible. A wish is a condition and the truths it may come to. The search takes
# the first wish that is still open, picks a variable it reads, and tries its cells class by class,
# the most typical first. A wish that can no longer come true ends a branch; one that can no longer
# fail is dropped. Relations between facts narrow the sets at each step.


MOST_STEPS = 5_000
"""Steps after which a question counts as too hard. No policy of a person came near it."""


MOST_DEEP = 300
"""Cells split one within the other, after which a question counts as too hard as well."""


EVERYTHING = -1
"""All variables, as bits."""


Wish = tuple[Expression, int]


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

    def _narrow(self, live: Live, node: Expression, want: int, clauses: list[Wish]) -> bool:
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

    def _classes(self, leaf: PartitionedTest, cells: int) -> list[int]:
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


# ------------------------------------------------------------------------------------------------
# What is true between facts, whatever the policy: rules out tasks that cannot exist.
#
# `CERTAIN` relations follow from how the facts are made and are used for every claim. `DOCUMENTED` ones
# are limits that the API states and nothing here enforces: a claim that rests on them says so. `USUAL`
# ones are what a sensible task looks like: they only keep examples realistic, so that nothing is ever
# called impossible because of them.


Holds = Callable[[Cell, Cell], bool]


class Relation(msgspec.Struct, frozen=True):
    """Two facts and which of their cells go together."""

    first: str
    second: str
    holds: Holds
    one_attempt: bool = False
    """Holds only where the round has exactly one attempt."""


def _known(cell: Cell) -> bool:
    return cell.value is not None


def _same_knowledge(a: Cell, b: Cell) -> bool:
    return _known(a) is _known(b)


def _known_with(a: Cell, b: Cell) -> bool:
    """The second is known wherever the first is."""
    return not _known(a) or _known(b)


def _later_by(amount: float) -> Holds:
    """The second is the first plus `amount`, class by class."""

    def holds(a: Cell, b: Cell) -> bool:
        if not _known(a) or not _known(b):
            return _same_knowledge(a, b)
        return _shifted(a.low, amount) == b.low and _shifted(a.high, amount) == b.high

    return holds


def _shifted(end: float | None, amount: float) -> float | None:
    return None if end is None else end + amount


def _adds_up_to_the_window(a: Cell, b: Cell) -> bool:
    if not _known(a) or not _known(b):
        return _same_knowledge(a, b)
    return _sum(a.low, b.high) == _sum(b.low, a.high) == WINDOW


def _sum(a: float | None, b: float | None) -> float:
    """The sum of two ends; two open ends belong together."""
    if a is None and b is None:
        return WINDOW
    return WINDOW + 1 if a is None or b is None else a + b


def _at_least(a: Cell, b: Cell) -> bool:
    """The first is at least the second, where both are known."""
    if a.value is None or b.value is None or a.high is None or b.low is None:
        return True
    return a.high > b.low or (a.high == b.low and _is_point(a) and _is_point(b))


def _more_than(a: Cell, b: Cell) -> bool:
    """The first is at least the second plus 1, where both are known."""
    less = msgspec.structs.replace(a, low=_shifted(a.low, -1), high=_shifted(a.high, -1))
    return _at_least(less, b)


def _is_point(cell: Cell) -> bool:
    return cell.low == cell.high


def _some_attempt(count: Cell, other: Cell) -> bool:
    """Without an attempt nothing of an attempt is known."""
    return bool(count.value) or not _known(other)


def _every_attempt_states_it(count: Cell, other: Cell) -> bool:
    return bool(count.value) is _known(other)


def _failed(count: Cell, failed: Cell) -> bool:
    if not _known(count) or not _known(failed):
        return _same_knowledge(count, failed)
    return _at_least(count, failed)


def _same_class(a: Cell, b: Cell) -> bool:
    if not _known(a) or not _known(b):
        return _same_knowledge(a, b)
    return a.low == b.low and a.high == b.high


def _failed_itself(outcome: Cell, failed: Cell) -> bool:
    return _known(failed) and (outcome.value == "scrape_failed") is (failed.value == 1)


def _counted(outcome: Cell, failed: Cell) -> bool:
    return outcome.value != "scrape_failed" or bool(failed.value)


def _says(first: Any, second: Any) -> Holds:
    """Where the first is this, the second is that."""
    return lambda a, b: a.value != first or b.value == second


def _length(text: Cell, length: Cell) -> bool:
    if not _known(text) or not _known(length):
        return _same_knowledge(text, length)
    assert length.low is not None
    return (text.high is None or length.low <= text.high) and (
        length.high is None or text.low is None or text.low <= length.high
    )


def _within_the_platform(platform: Cell, length: Cell) -> bool:
    limit = COMMENT_LIMITS.get(platform.value)
    return limit is None or length.low is None or length.low <= limit


_LAST = tuple(f"last.{name}" for name in ATTEMPT_FACTS)


_STATED = tuple(f"last.{fact.name}" for fact in ATTEMPT_FACTS.values() if fact.with_attempt)


LENGTHS: tuple[tuple[str, str], ...] = (
    ("task.comment_text", "task.comment_length"),
    *((f"profile.{name}", f"profile.{name}_length") for name in PROFILE_FIELDS),
)
"""Texts and the facts that count their characters."""


CERTAIN: tuple[Relation, ...] = (
    Relation("task.sent_back_before", "task.round", _later_by(1)),
    Relation("task.sent_back_before", "task.times_disputed", _at_least),
    Relation("task.sent_back_before", "task.times_disputed", _same_knowledge),
    Relation("task.round", "task.times_disputed", _more_than),
    Relation("task.round", "task.times_disputed", _same_knowledge),
    Relation("task.manually_confirmed_at", "task.waiting_for", _same_knowledge),
    Relation("task.client_dispute_deadline_at", "task.time_left", _same_knowledge),
    Relation("task.submitted_at", "task.posted_ago", _same_knowledge),
    *(Relation("checks.count", name, _some_attempt) for name in (*_LAST, "last.age")),
    *(
        Relation("checks.count", f"checks.{name}", _some_attempt)
        for name in ("best_score", "most_comments", "fewest_comments")
    ),
    Relation("checks.count", "checks.failed", _failed),
    Relation("last.scraped_at", "last.age", _same_knowledge),
    Relation("checks.best_score", "last.match_score", _at_least),
    Relation("last.match_score", "checks.best_score", _known_with),
    Relation("checks.most_comments", "last.comments_scraped", _at_least),
    Relation("last.comments_scraped", "checks.fewest_comments", _at_least),
    Relation("checks.most_comments", "checks.fewest_comments", _at_least),
    Relation("checks.most_comments", "checks.fewest_comments", _same_knowledge),
    Relation("last.comments_scraped", "checks.most_comments", _known_with),
    Relation("last.comments_scraped", "checks.fewest_comments", _known_with),
    Relation("last.outcome_kind", "checks.failed", _counted),
    Relation("last.outcome_kind", "checks.failed", _failed_itself, one_attempt=True),
    Relation("last.match_score", "checks.best_score", _same_class, one_attempt=True),
    Relation("last.comments_scraped", "checks.most_comments", _same_class, one_attempt=True),
    Relation("last.comments_scraped", "checks.fewest_comments", _same_class, one_attempt=True),
    *(Relation(text, length, _length) for text, length in LENGTHS),
    Relation("feedback.corrections_applied", "review.round", _later_by(1)),
    Relation("feedback.corrections_requested", "feedback.last_fields", _some_attempt),
    Relation("feedback.corrections_requested", "feedback.changed_since_request", _some_attempt),
    Relation("feedback.corrections_requested", "feedback.corrections_applied", _same_knowledge),
)


DOCUMENTED: tuple[Relation, ...] = (
    Relation("task.platform", "task.comment_length", _within_the_platform),
)


USUAL: tuple[Relation, ...] = (
    Relation(
        "task.manually_confirmed_at",
        "task.client_dispute_deadline_at",
        _later_by(WINDOW),
    ),
    Relation("task.waiting_for", "task.time_left", _adds_up_to_the_window),
    Relation("review.waiting_for", "review.time_left", _adds_up_to_the_window),
    Relation("task.posted_ago", "task.waiting_for", _at_least),
    *(Relation("checks.count", name, _every_attempt_states_it) for name in _STATED),
    Relation("last.attempt_n", "checks.count", _at_least),
    Relation("last.verified", "last.outcome_kind", _says(True, "verified")),
    Relation("last.outcome_kind", "last.verified", _says("verified", True)),
    Relation("last.outcome_kind", "last.comments_scraped", _says("scrape_failed", 0)),
    Relation(
        "task.platform",
        "last.platform",
        lambda a, b: a.value == b.value or not _known(b),
    ),
    Relation("account.decisions_30d", "account.disputes_30d", _at_least),
    Relation("account.decisions_30d", "account.approvals_30d", _at_least),
    Relation("account.decisions_30d", "account.dispute_share_30d", _some_attempt),
)


SHARED_CUTS: tuple[frozenset[str], ...] = (
    frozenset({"task.times_disputed", "task.sent_back_before"}),
    frozenset({"last.comments_scraped", "checks.most_comments", "checks.fewest_comments"}),
    frozenset({"last.match_score", "checks.best_score"}),
    frozenset({"checks.count", "checks.failed", "last.attempt_n"}),
    frozenset({"account.decisions_30d", "account.disputes_30d", "account.approvals_30d"}),
    frozenset({"task.posted_ago", "task.waiting_for"}),
)
"""Facts compared with each other, so that they must be cut at the same points."""


_FIXED_CUTS: dict[str, tuple[float, ...]] = {
    "task.comment_length": (min(COMMENT_LIMITS.values()), min(COMMENT_LIMITS.values()) + 1),
    "checks.count": (0, 1),
    "checks.failed": (0, 1),
    "feedback.corrections_requested": (0,),
    "task.waiting_for": (0, WINDOW),
    "task.time_left": (0, WINDOW),
    "review.waiting_for": (0, WINDOW),
    "review.time_left": (0, WINDOW),
    "account.decisions_30d": (0,),
    "last.comments_scraped": (0,),
}
"""Points at which a fact is always cut, because a relation turns there."""


_SHIFTS = (
    ("task.times_disputed", "task.round", 1),
    ("task.sent_back_before", "task.round", 1),
    ("feedback.corrections_applied", "review.round", 1),
    ("task.manually_confirmed_at", "task.client_dispute_deadline_at", WINDOW),
)


_MIRRORS = (
    ("task.waiting_for", "task.time_left"),
    ("review.waiting_for", "review.time_left"),
)


def shared_points(points: dict[str, set[float]]) -> dict[str, set[float]]:
    """Cut facts that are compared with each other at each other's points."""
    cuts = {name: found | set(_FIXED_CUTS.get(name, ())) for name, found in points.items()}
    for first, second in _MIRRORS:
        if first in cuts and second in cuts:
            cuts[first] |= {WINDOW - point for point in cuts[second]}
            cuts[second] |= {WINDOW - point for point in cuts[first]}
    for group in SHARED_CUTS:
        together = set().union(*(cuts[name] for name in group if name in cuts))
        cuts.update((name, cuts[name] | together) for name in group if name in cuts)
    for first, second in _MIRRORS:
        if first in cuts and second in cuts:
            cuts[second] |= {WINDOW - point for point in cuts[first]}
    for first, second, amount in _SHIFTS:
        if first in cuts and second in cuts:
            cuts[first] |= {point - amount for point in cuts[second]}
            cuts[second] |= {point + amount for point in cuts[first]}
    return cuts


# ------------------------------------------------------------------------------------------------
# Relations between facts, spelled out cell by cell for the search.


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
    rest: Iterable[tuple[int, EachAttempt]],
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


# ------------------------------------------------------------------------------------------------
# The world of one policy: its facts with their cells, its rules as circuits, and questions to both.
#
# Theory of operation. Every fact that the policy reads is a variable of the search. So are a few things
# that no fact states: what the earlier attempts of a round come to in a test over attempts, whether a
# share of a rollout holds the task, whether a moment of the calendar has passed. A test over attempts
# is the last attempt's answer (its fields are the `last.*` facts) together with that of the others.


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


class Witness(msgspec.Struct, frozen=True):
    """A review that answers a question: a value for each fact (None: unknown).

    `rest` says what the attempts before the last come to in each test over attempts.
    """

    facts: dict[str, Any]
    rest: dict[EachAttempt, bool | None]
    cells: dict[str, int]
    """Which cell each fact lies in."""


class PolicyModel:
    """All that can be asked about a policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.doubts: list[Doubt] = []
        """What was asked and could not be told."""
        self._budget = Budget(MOST_WORK)
        self.lists = Lists(policy)
        self._patterns = {pattern.name: pattern for pattern in policy.patterns}
        self.waited, self.left, self.returns = _CLOCKS[policy.applies_to.review]
        self._catalogue = CATALOGUE[policy.applies_to.review]
        self._cells: list[tuple[Cell, ...]] = []
        self._order: list[tuple[int, ...]] = []
        self._sensible_cells: list[int] = []
        self._domains: dict[str, tuple[int, Domain]] = {}
        self._tests: dict[tuple[str, FactTest], PartitionedTest] = {}
        self._rest: dict[object, tuple[int, EachAttempt]] = {}
        self._reach: dict[int, tuple[int, ...]] = {}
        self._make_facts()
        self.rules: tuple[Expression, ...] = tuple(map(self._rule, policy.rules))
        self.fallbacks = tuple(self.circuit(case.when) for case in policy.deadline.fallbacks)
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
            chosen = [bits.bit_length() - 1 for bits in live]
            facts = self._values(chosen)
            unfit = self._misfit(facts, chosen)
            if unfit is None:
                return Witness(
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

    def surely(self, wishes: Sequence[Wish], doubt: Doubt) -> Witness | None:
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
                [(self.rules[number], partitions.TRUE)]
            )
        return self._reach[number]

    def may_come_to(self, node: Expression) -> int:
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

    def lies_in(self, fact: str, cells: int) -> Expression:
        """Whether a fact lies in one of several cells (bits)."""
        number, domain = self._domains[fact]
        everything = (1 << len(domain.cells)) - 1
        return Test(PartitionedTest(number, everything & cells, everything & ~cells, 0))

    def known(self, fact: str) -> Expression:
        """Whether a fact is known."""
        return self.meets(fact, KNOWN)

    def meets(self, fact: str, test: FactTest) -> Expression:
        """Whether a fact meets a test that the policy makes of it."""
        return Test(self._leaf(fact, bare(test)))

    def circuit(self, condition: Condition | None) -> Expression:
        """A condition of this policy as a circuit; None always holds."""
        return Constant(partitions.TRUE) if condition is None else self._node(condition)

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
        lists = self.lists
        patterns = self._patterns
        for name in sorted(tests, key=lambda name: name != COUNT):
            fact = self._catalogue[name]
            domain = domain_of(fact, tuple(tests[name]), points[name], lists, patterns)
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

    def _free(self, cells: tuple[Cell, ...]) -> tuple[int, Expression]:
        """A new variable that no fact states, and its truth."""
        number = self._new_variable(cells, tuple(range(len(cells))))
        return number, _truth(number)

    def _rule(self, rule: Rule) -> Expression:
        parts = [self.circuit(rule.when)]
        if rule.then.until is not None:
            parts.append(self._not_yet(rule.then.until))
        if rule.rollout is not None and rule.rollout < 1:
            parts.append(
                self._free(_TWO_WAYS)[1] if rule.rollout > 0 else Constant(partitions.FALSE)
            )
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not_yet(self, until: Moment) -> Expression:
        """Whether a wait's moment is still to come; without its clock that cannot be said."""
        gate = self._clock_test(until)
        if gate is None:
            return self._free(_FREE)[1]
        number, domain = self._domains[gate[0]]
        leaf = _leaf(number, domain.masks[gate[1]])
        return Test(
            PartitionedTest(
                number, leaf.true | leaf.unknown, leaf.false | leaf.unknown, leaf.unknown
            )
        )

    def _clock_test(self, until: Moment | None) -> tuple[str, FactTest] | None:
        if isinstance(until, FromConfirmed):
            return self.waited, Range(high=until.seconds, high_included=False)
        if isinstance(until, BeforeDeadline):
            return self.left, Range(low=until.seconds, low_included=False)
        return None

    def _node(self, condition: Condition, prefix: str = "") -> Expression:
        if isinstance(condition, Compare):
            return self.meets(prefix + condition.fact, condition.test)
        if isinstance(condition, EachAttempt):
            return self._over_attempts(condition)
        parts = tuple(self._node(part, prefix) for part in condition.parts)
        if isinstance(condition, AllOf):
            return self._small(And(parts))
        some = self._small(Or(parts))
        return Negation(some) if isinstance(condition, NoneOf) else some

    def _small(self, node: Expression) -> Expression:
        """As one test, where it asks for one fact alone."""
        return of_one_variable(node, len(self._cells[max(node.variables.bit_length() - 1, 0)]))

    def _over_attempts(self, checks: EachAttempt) -> Expression:
        asked = shape(checks)
        if asked not in self._rest:
            number = self._free(_FREE)[0]
            self._rest[asked] = (number, checks)
            lines = compares_in(checks.condition)
            if all(ATTEMPT_FACTS[line.fact].with_attempt for _, line in lines):
                self._sensible_cells[number] = 0b011
        number = self._rest[asked][0]
        last, rest = self._node(checks.condition, "last."), _truth(number)
        parts: tuple[Expression, ...] = (last, rest)
        body: Expression = And(parts) if checks.quantifier == "every" else Or(parts)
        over = OverAttempts(self._leaf(COUNT, EXISTS), body)
        return Negation(over) if checks.quantifier == "no" else over

    def _leaf(self, fact: str, test: FactTest) -> PartitionedTest:
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
                return (Or(tuple(others)), partitions.TRUE)
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
            if all(may_come_to(test, candidate, self.lists) == mask for test, mask in answers):
                facts[name], facts[length] = candidate, len(candidate)
                return True
        return False


def _bits(cells: Sequence[Cell], chosen: Callable[[Cell], bool]) -> int:
    """Some of the cells, as bits."""
    return sum(1 << i for i, cell in enumerate(cells) if chosen(cell))


def _truth(variable: int) -> Expression:
    """The truth of a variable that no fact states."""
    return Test(PartitionedTest(variable, 0b010, 0b001, 0b100))


def _leaf(variable: int, masks: Iterable[int]) -> PartitionedTest:
    true = false = unknown = 0
    for cell, mask in enumerate(masks):
        bit = 1 << cell
        true |= bit if mask & partitions.TRUE else 0
        false |= bit if mask & partitions.FALSE else 0
        unknown |= bit if mask & partitions.UNKNOWN else 0
    return PartitionedTest(variable, true, false, unknown)


# ------------------------------------------------------------------------------------------------
# Attempts behind an example: a task of a test over attempts must have attempts that make it true.


MOST_TRIED = 500
"""Earlier attempts that are tried before an example counts as not found."""


Attempt = dict[str, Any]


def realistic(world: PolicyModel, found: Witness) -> bool:
    """Say whether attempts exist that look as `found` says they do."""
    return attempts_behind(world, found) is not None


def attempts_behind(world: PolicyModel, found: Witness) -> tuple[Attempt, ...] | None:
    """Make the attempts of an example, oldest first; None when none were found."""
    count = found.facts.get(COUNT)
    if not count:
        return ()
    last = _last(world, found)
    if count == 1:
        return (last,)
    for one in _candidates(world, found):
        for rest in (one, last):
            others = (one, *[rest] * (count - 2))
            if _fits(world, found, others, last):
                return (*others, last)
    return None


def _last(world: PolicyModel, found: Witness) -> Attempt:
    usual = {name: typical(world.fact(f"last.{name}")) for name in ATTEMPT_FACTS}
    usual["found_comment_id"] = None
    stated = {n: found.facts[f"last.{n}"] for n in ATTEMPT_FACTS if f"last.{n}" in found.facts}
    return usual | stated


def _candidates(world: PolicyModel, found: Witness) -> Iterator[Attempt]:
    last = _last(world, found)
    yield last
    names = [name for name in ATTEMPT_FACTS if f"last.{name}" in found.facts]
    values = [[cell.value for cell in world.cells_of(f"last.{name}")] for name in names]
    for combination in islice(product(*values), MOST_TRIED):
        yield last | dict(zip(names, combination, strict=True))


def _fits(world: PolicyModel, found: Witness, others: tuple[Attempt, ...], last: Attempt) -> bool:
    for checks, wanted in found.rest.items():
        fold = partitions.both if checks.quantifier == "every" else partitions.either
        come_to = partitions.TRUE if checks.quantifier == "every" else partitions.FALSE
        for attempt in others:
            come_to = fold(come_to, _inside(checks.condition, attempt, world.lists))
        if come_to != partitions.of(wanted):
            return False
    return all(
        found.facts[name] == value
        for name, value in _figures((*others, last)).items()
        if name in found.facts
    )


def _figures(attempts: tuple[Attempt, ...]) -> dict[str, Any]:
    scores = [a["match_score"] for a in attempts if a["match_score"] is not None]
    counts = [a["comments_scraped"] for a in attempts if a["comments_scraped"] is not None]
    return {
        "checks.failed": sum(a["outcome_kind"] == "scrape_failed" for a in attempts),
        "checks.best_score": max(scores, default=None),
        "checks.most_comments": max(counts, default=None),
        "checks.fewest_comments": min(counts, default=None),
    }


def _inside(condition: Condition, attempt: Mapping[str, Any], lists: Lists) -> int:
    if isinstance(condition, Compare):
        return partitions.of(condition.test.matches(attempt[condition.fact], lists))
    assert not isinstance(condition, EachAttempt)
    some = isinstance(condition, AnyOf | NoneOf)
    result = partitions.FALSE if some else partitions.TRUE
    for part in condition.parts:
        inside = _inside(part, attempt, lists)
        result = partitions.either(result, inside) if some else partitions.both(result, inside)
    return partitions.NOT[result] if isinstance(condition, NoneOf) else result


# ------------------------------------------------------------------------------------------------
# Values and examples in the words of the language, for messages.


_LONGEST_TEXT = 40


def say_value(fact: Fact, value: Any) -> str:
    """Write a value as a test in a policy would."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return yes_no(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    match fact.type:
        case FactType.MONEY:
            return money(value)
        case FactType.SHARE:
            return share(value)
        case FactType.DURATION:
            return duration(value)
        case FactType.NAMES:
            return ", ".join(value) or "none"
        case FactType.TEXT:
            return f'"{safe_line(value, _LONGEST_TEXT)}"'
    return f"{value:g}" if isinstance(value, float) else str(value)


def say_example(world: PolicyModel, found: Witness, facts: Iterable[str]) -> str:
    """Describe a review by the facts that matter."""
    named = [name for name in dict.fromkeys(facts) if name in found.facts]
    parts = [f"{name}: {say_value(world.fact(name), found.facts[name])}" for name in named]
    if any(rest is not None for rest in found.rest.values()):
        parts += _earlier_attempts(world, found)
    return " · ".join(parts) or "any task"


def _earlier_attempts(world: PolicyModel, found: Witness) -> list[str]:
    """The first attempt, where an example needs one before the last."""
    attempts = attempts_behind(world, found) or ()
    if len(attempts) < 2:
        return []
    asked = dict.fromkeys(line.fact for c in found.rest for _, line in compares_in(c.condition))
    stated = (f"{n} {say_value(ATTEMPT_FACTS[n], attempts[0][n])}" for n in asked)
    return [f"checks.count: {len(attempts)}", f"an earlier try: {join(stated)}"]


def say_rule(number: int, rule: Rule) -> str:
    """Name a rule by its place and its name."""
    return f'rule {number + 1} "{rule.name}"'


def join(parts: Iterable[str], last: str = "and") -> str:
    """Join words: a, b and c."""
    words = list(parts)
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


# ------------------------------------------------------------------------------------------------
# The ways by which a text reaches the other side: the rule or fallback, and the variant.


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """One text and what must hold when it is sent."""

    what: str
    """The rule, or the fallback, in words."""
    rule: int
    """Its number; one beyond the last for the fallback."""
    span: Span
    template: Template
    variant_index: int
    any_variant: tuple[Wish, ...]
    """What must hold for any of its texts."""
    wishes: tuple[Wish, ...]
    repeats: bool = False


def sending_paths(world: PolicyModel, dead: frozenset[int]) -> Iterator[Path]:
    """Every text that can be sent, with its conditions."""
    for number, rule in enumerate(world.policy.rules):
        if number in dead:
            continue
        earlier = [i for i, _ in deciding(world.policy) if i < number]
        wishes = ((world.rules[number], TRUE), *((world.rules[i], NOT_TRUE) for i in earlier))
        what = f'rule "{rule.name}"'
        yield from _paths(
            world, rule.then, wishes, (what, number), rule.name_span, repeats=rule.repeat
        )
    undecided = tuple(
        (world.rules[i], NOT_TRUE)
        for i, rule in deciding(world.policy)
        if rule.act_during is None and rule.then.action not in (Action.ESCALATE, Action.WAIT)
    )
    for fallback, node in zip(world.policy.deadline.fallbacks, world.fallbacks, strict=True):
        sender = ("the deadline", len(world.policy.rules))
        yield from _paths(world, fallback.then, ((node, TRUE), *undecided), sender, fallback.span)
        undecided = (*undecided, (node, NOT_TRUE))


def _paths(
    world: PolicyModel,
    then: Then,
    wishes: tuple[Wish, ...],
    sender: tuple[str, int],
    span: Span,
    *,
    repeats: bool = False,
) -> Iterator[Path]:
    if not then.action.sends_back:
        return
    for index, (variant, template) in enumerate(sent_texts(then)):
        asked = variant_test(then.reason, variant) if then.reason is not None else None
        narrower = () if asked is None else ((world.meets(*asked), TRUE),)
        yield Path(
            what=sender[0],
            rule=sender[1],
            span=span,
            template=template,
            variant_index=index,
            any_variant=wishes,
            wishes=(*wishes, *narrower),
            repeats=repeats,
        )
