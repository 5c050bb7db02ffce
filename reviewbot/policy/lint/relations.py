"""What is true between facts, whatever the policy: rules out reviews that cannot exist.

`CERTAIN` relations follow from how the facts are made and are used for every claim. `DOCUMENTED`
ones are limits that the API states and nothing here enforces: a claim that rests on them says so.
`USUAL` ones are what a sensible review looks like: they only keep examples realistic, so that
nothing is ever called impossible because of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from reviewbot.domain.account import PROFILE_FIELDS
from reviewbot.domain.task import COMMENT_LIMITS, PLATFORMS
from reviewbot.policy.catalog import ATTEMPT_FACTS
from reviewbot.policy.lint.solver import Cell, Link, bits
from reviewbot.policy.lint.usual import WINDOW

Holds = Callable[[Cell, Cell], bool]


class Relation(NamedTuple):
    """Two facts and which of their cells go together.

    Where they are compared, both are cut at the same points: a cut of the first is one of the second
    at `offset` plus (or, `mirrored`, minus) that point.
    """

    first: str
    second: str
    holds: Holds
    one_attempt: bool = False
    """Holds only where the round has exactly one attempt."""
    offset: float | None = None
    mirrored: bool = False

    def share(self, cuts: dict[str, set[float]]) -> None:
        """Cut each of the facts where the other one is cut."""
        if self.offset is None or not cuts.keys() >= {self.first, self.second}:
            return
        first, second = cuts[self.first], cuts[self.second]
        sign = -1 if self.mirrored else 1
        second |= {self.offset + sign * point for point in first}
        first |= {sign * (point - self.offset) for point in second}


def _known(cell: Cell) -> bool:
    return cell.value is not None


def _same_knowledge(a: Cell, b: Cell) -> bool:
    return _known(a) is _known(b)


def _known_with(a: Cell, b: Cell) -> bool:
    """The second is known wherever the first is."""
    return not _known(a) or _known(b)


def _known_alike(holds: Holds) -> Holds:
    """Both are known, and this holds, or neither is."""
    return lambda a, b: holds(a, b) if _known(a) and _known(b) else _same_knowledge(a, b)


def _later_by(amount: float, first: str, second: str, *, one_attempt: bool = False) -> Relation:
    """The second is the first plus `amount`, class by class."""

    def holds(a: Cell, b: Cell) -> bool:
        return all(
            there is here if here is None or there is None else there - here == amount
            for here, there in ((a.low, b.low), (a.high, b.high))
        )

    return Relation(first, second, _known_alike(holds), one_attempt, offset=amount)


def _fill_the_window(first: str, second: str) -> Relation:
    """Both add up to the window, class by class."""

    def holds(a: Cell, b: Cell) -> bool:
        return all(
            there is here if here is None or there is None else here + there == WINDOW
            for here, there in ((a.low, b.high), (a.high, b.low))
        )

    return Relation(first, second, _known_alike(holds), offset=WINDOW, mirrored=True)


def _at_least(first: str, second: str, *, more: float = 0, known_alike: bool = False) -> Relation:
    """The first is at least the second (and `more`), where both are known."""

    def holds(a: Cell, b: Cell) -> bool:
        if not (_known(a) and _known(b)) or a.high is None or b.low is None:
            return True
        both_points = a.low == a.high and b.low == b.high
        return a.high > b.low + more or (a.high == b.low + more and both_points)

    return Relation(first, second, _known_alike(holds) if known_alike else holds, offset=-more)


def _some_attempt(count: Cell, other: Cell) -> bool:
    """Without an attempt nothing of an attempt is known."""
    return bool(count.value) or not _known(other)


def _every_attempt_states_it(count: Cell, other: Cell) -> bool:
    return bool(count.value) is _known(other)


def _failed_itself(outcome: Cell, failed: Cell) -> bool:
    return _known(failed) and (outcome.value == "scrape_failed") is (failed.value == 1)


def _counted(outcome: Cell, failed: Cell) -> bool:
    return outcome.value != "scrape_failed" or bool(failed.value)


def without_others(quantifier: str) -> Holds:
    """A single attempt has no others before it: they come to what decides nothing."""
    return lambda count, others: count.value != 1 or others.value is (quantifier == "every")


def _implies(first: Any, second: Any) -> Holds:
    """Where the first is this, the second is that."""
    return lambda a, b: a.value != first or b.value == second


@_known_alike
def _length(text: Cell, length: Cell) -> bool:
    assert length.low is not None
    return (text.high is None or length.low <= text.high) and (
        length.high is None or text.low is None or text.low <= length.high
    )


def _within_the_platform(platform: Cell, length: Cell) -> bool:
    limit = COMMENT_LIMITS.get(platform.value)
    return limit is None or length.low is None or length.low <= limit


_LAST = tuple(f"last.{name}" for name in ATTEMPT_FACTS)
_WITH_ATTEMPT = tuple(f"last.{fact.name}" for fact in ATTEMPT_FACTS.values() if fact.with_attempt)

LENGTHS: tuple[tuple[str, str], ...] = (
    ("task.comment_text", "task.comment_length"),
    *((f"profile.{name}", f"profile.{name}_length") for name in PROFILE_FIELDS),
)
"""Texts and the facts that count their characters."""

CERTAIN: tuple[Relation, ...] = (
    _later_by(1, "task.sent_back_before", "task.round"),
    _at_least("task.sent_back_before", "task.times_disputed", known_alike=True),
    _at_least("task.round", "task.times_disputed", more=1, known_alike=True),
    Relation("task.manually_confirmed_at", "task.waiting_for", _same_knowledge),
    Relation("task.client_dispute_deadline_at", "task.time_left", _same_knowledge),
    Relation("task.submitted_at", "task.posted_ago", _same_knowledge),
    *(Relation("checks.count", name, _some_attempt) for name in (*_LAST, "last.age")),
    *(
        Relation("checks.count", f"checks.{name}", _some_attempt)
        for name in ("best_score", "most_comments", "fewest_comments")
    ),
    _at_least("checks.count", "checks.failed", known_alike=True),
    Relation("last.scraped_at", "last.age", _same_knowledge),
    _at_least("checks.best_score", "last.match_score"),
    Relation("last.match_score", "checks.best_score", _known_with),
    _at_least("checks.most_comments", "last.comments_scraped"),
    _at_least("last.comments_scraped", "checks.fewest_comments"),
    _at_least("checks.most_comments", "checks.fewest_comments", known_alike=True),
    Relation("last.comments_scraped", "checks.most_comments", _known_with),
    Relation("last.comments_scraped", "checks.fewest_comments", _known_with),
    Relation("last.outcome_kind", "checks.failed", _counted),
    Relation("last.outcome_kind", "checks.failed", _failed_itself, one_attempt=True),
    _later_by(0, "last.match_score", "checks.best_score", one_attempt=True),
    _later_by(0, "last.comments_scraped", "checks.most_comments", one_attempt=True),
    _later_by(0, "last.comments_scraped", "checks.fewest_comments", one_attempt=True),
    *(Relation(text, length, _length) for text, length in LENGTHS),
    _later_by(1, "feedback.corrections_applied", "review.round"),
    Relation("feedback.corrections_requested", "feedback.last_fields", _some_attempt),
    Relation("feedback.corrections_requested", "feedback.changed_since_request", _some_attempt),
    Relation("feedback.corrections_requested", "feedback.corrections_applied", _same_knowledge),
)

DOCUMENTED: tuple[Relation, ...] = (
    Relation("task.platform", "task.comment_length", _within_the_platform),
)

USUAL: tuple[Relation, ...] = (
    _later_by(WINDOW, "task.manually_confirmed_at", "task.client_dispute_deadline_at"),
    _fill_the_window("task.waiting_for", "task.time_left"),
    _fill_the_window("review.waiting_for", "review.time_left"),
    _at_least("task.posted_ago", "task.waiting_for"),
    *(Relation("checks.count", name, _every_attempt_states_it) for name in _WITH_ATTEMPT),
    _at_least("last.attempt_n", "checks.count"),
    Relation("last.verified", "last.outcome_kind", _implies(True, "verified")),
    Relation("last.outcome_kind", "last.verified", _implies("verified", True)),
    Relation("last.outcome_kind", "last.comments_scraped", _implies("scrape_failed", 0)),
    Relation("task.platform", "last.platform", lambda a, b: not _known(b) or a.value == b.value),
    *(
        relation
        for span in ("30d", "ever")
        for relation in (
            _at_least(f"account.decisions_{span}", f"account.disputes_{span}"),
            _at_least(f"account.decisions_{span}", f"account.approvals_{span}"),
            Relation(f"account.decisions_{span}", f"account.dispute_share_{span}", _some_attempt),
        )
    ),
    *(
        _at_least(f"account.{figure}_ever", f"account.{figure}_30d")
        for figure in ("decisions", "disputes", "approvals", "paid", "overruled")
    ),
    *(
        _at_least(f"fleet.blind_share_1h{where}", f"fleet.scrape_failed_share_1h{where}")
        for where in ("", *(f"_{platform}" for platform in PLATFORMS))
    ),
)

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
    "account.decisions_ever": (0,),
    "last.comments_scraped": (0,),
}
"""Points at which a fact is always cut, because a relation turns there."""


def shared_cuts(points: dict[str, set[float]]) -> dict[str, set[float]]:
    """Cut facts that are compared with each other at each other's points."""
    cuts = {name: places | set(_FIXED_CUTS.get(name, ())) for name, places in points.items()}
    before = 0
    while before < (now := sum(map(len, cuts.values()))):
        before = now
        for relation in (*CERTAIN, *DOCUMENTED, *USUAL):
            relation.share(cuts)
    return cuts


class Links:
    """Relations between variables, spelled out for the search from cell to cell, as they are asked for."""

    def __init__(self, cells: Sequence[tuple[Cell, ...]]) -> None:
        self._cells = cells
        self._held: list[list[tuple[int, Holds, bool, bool]]] = [[] for _ in cells]
        """By variable: the other one, what holds between them, whether turned round, with one attempt."""

    def add(self, first: int, second: int, holds: Holds, *, one_attempt: bool = False) -> None:
        """Add a relation of two variables, both ways."""
        self._held[first].append((second, holds, False, one_attempt))
        self._held[second].append((first, holds, True, one_attempt))

    def add_all(self, relations: Iterable[Relation], numbers: dict[str, int]) -> None:
        """Add those relations of which both facts have a variable."""
        for relation in relations:
            if relation.first in numbers and relation.second in numbers:
                first, second = numbers[relation.first], numbers[relation.second]
                self.add(first, second, relation.holds, one_attempt=relation.one_attempt)

    def so_far(self) -> Callable[[int, int], tuple[Link, ...]]:
        """What a cell of a variable leaves of the others, by all that was added until now."""
        held = [tuple(relations) for relations in self._held]
        known: dict[tuple[int, int], tuple[Link, ...]] = {}

        def links(variable: int, number: int) -> tuple[Link, ...]:
            if (variable, number) not in known:
                cell = self._cells[variable][number]
                known[variable, number] = tuple(self._spelled_out(cell, held[variable]))
            return known[variable, number]

        return links

    def _spelled_out(
        self, cell: Cell, held: Iterable[tuple[int, Holds, bool, bool]]
    ) -> Iterator[Link]:
        for other, holds, turned, one_attempt in held:
            others = self._cells[other]
            allowed = bits(holds(o, cell) if turned else holds(cell, o) for o in others)
            if allowed != (1 << len(others)) - 1:
                yield Link(other, allowed, one_attempt)
