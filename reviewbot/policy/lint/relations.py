"""What is true between facts, whatever the policy: rules out reviews that cannot exist.

`CERTAIN` relations follow from how the facts are made and are used for every claim. `DOCUMENTED`
ones are limits that the API states and nothing here enforces: a claim that rests on them says so.
`USUAL` ones are what a sensible review looks like: they only keep examples realistic, so that
nothing is ever called impossible because of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from reviewbot.domain.account import PROFILE_FIELDS
from reviewbot.domain.task import COMMENT_LIMITS
from reviewbot.policy.catalog import ATTEMPT_FACTS
from reviewbot.policy.lint.solver import Cell, Link
from reviewbot.policy.lint.usual import WINDOW

Holds = Callable[[Cell, Cell], bool]


class Relation(NamedTuple):
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


def _known_alike(holds: Holds) -> Holds:
    """Both are known, and this holds, or neither is."""
    return lambda a, b: holds(a, b) if _known(a) and _known(b) else _same_knowledge(a, b)


def _later_by(amount: float) -> Holds:
    """The second is the first plus `amount`, class by class."""
    return _known_alike(
        lambda a, b: _shifted(a.low, amount) == b.low and _shifted(a.high, amount) == b.high
    )


def _shifted(end: float | None, amount: float) -> float | None:
    return None if end is None else end + amount


@_known_alike
def _adds_up_to_the_window(a: Cell, b: Cell) -> bool:
    return all(
        low == high if low is None or high is None else low + high == WINDOW
        for low, high in ((a.low, b.high), (b.low, a.high))
    )


def _at_least(a: Cell, b: Cell) -> bool:
    """The first is at least the second, where both are known."""
    if not (_known(a) and _known(b)) or a.high is None or b.low is None:
        return True
    both_points = a.low == a.high and b.low == b.high
    return a.high > b.low or (a.high == b.low and both_points)


def _more_than(a: Cell, b: Cell) -> bool:
    """The first is at least the second plus 1, where both are known."""
    less = msgspec.structs.replace(a, low=_shifted(a.low, -1), high=_shifted(a.high, -1))
    return _at_least(less, b)


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
_same_class = _later_by(0)
_known_and_at_least = _known_alike(_at_least)

LENGTHS: tuple[tuple[str, str], ...] = (
    ("task.comment_text", "task.comment_length"),
    *((f"profile.{name}", f"profile.{name}_length") for name in PROFILE_FIELDS),
)
"""Texts and the facts that count their characters."""

CERTAIN: tuple[Relation, ...] = (
    Relation("task.sent_back_before", "task.round", _later_by(1)),
    Relation("task.sent_back_before", "task.times_disputed", _known_and_at_least),
    Relation("task.round", "task.times_disputed", _known_alike(_more_than)),
    Relation("task.manually_confirmed_at", "task.waiting_for", _same_knowledge),
    Relation("task.client_dispute_deadline_at", "task.time_left", _same_knowledge),
    Relation("task.submitted_at", "task.posted_ago", _same_knowledge),
    *(Relation("checks.count", name, _some_attempt) for name in (*_LAST, "last.age")),
    *(
        Relation("checks.count", f"checks.{name}", _some_attempt)
        for name in ("best_score", "most_comments", "fewest_comments")
    ),
    Relation("checks.count", "checks.failed", _known_and_at_least),
    Relation("last.scraped_at", "last.age", _same_knowledge),
    Relation("checks.best_score", "last.match_score", _at_least),
    Relation("last.match_score", "checks.best_score", _known_with),
    Relation("checks.most_comments", "last.comments_scraped", _at_least),
    Relation("last.comments_scraped", "checks.fewest_comments", _at_least),
    Relation("checks.most_comments", "checks.fewest_comments", _known_and_at_least),
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
    Relation("task.manually_confirmed_at", "task.client_dispute_deadline_at", _later_by(WINDOW)),
    Relation("task.waiting_for", "task.time_left", _adds_up_to_the_window),
    Relation("review.waiting_for", "review.time_left", _adds_up_to_the_window),
    Relation("task.posted_ago", "task.waiting_for", _at_least),
    *(Relation("checks.count", name, _every_attempt_states_it) for name in _WITH_ATTEMPT),
    Relation("last.attempt_n", "checks.count", _at_least),
    Relation("last.verified", "last.outcome_kind", _implies(True, "verified")),
    Relation("last.outcome_kind", "last.verified", _implies("verified", True)),
    Relation("last.outcome_kind", "last.comments_scraped", _implies("scrape_failed", 0)),
    Relation("task.platform", "last.platform", lambda a, b: not _known(b) or a.value == b.value),
    Relation("account.decisions_30d", "account.disputes_30d", _at_least),
    Relation("account.decisions_30d", "account.approvals_30d", _at_least),
    Relation("account.decisions_30d", "account.dispute_share_30d", _some_attempt),
)

# Points at which facts must be cut, so that a relation holds for whole cells.

_SHARED_CUTS: tuple[tuple[str, ...], ...] = (
    ("task.times_disputed", "task.sent_back_before"),
    ("last.comments_scraped", "checks.most_comments", "checks.fewest_comments"),
    ("last.match_score", "checks.best_score"),
    ("checks.count", "checks.failed", "last.attempt_n"),
    ("account.decisions_30d", "account.disputes_30d", "account.approvals_30d"),
    ("task.posted_ago", "task.waiting_for"),
)
"""Facts compared with each other."""
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
_SHIFTS = (
    ("task.times_disputed", "task.round", 1),
    ("task.sent_back_before", "task.round", 1),
    ("feedback.corrections_applied", "review.round", 1),
    ("task.manually_confirmed_at", "task.client_dispute_deadline_at", WINDOW),
)
_MIRRORS = (("task.waiting_for", "task.time_left"), ("review.waiting_for", "review.time_left"))


def shared_cuts(points: dict[str, set[float]]) -> dict[str, set[float]]:
    """Cut facts that are compared with each other at each other's points."""
    cuts = {name: found | set(_FIXED_CUTS.get(name, ())) for name, found in points.items()}
    mirrors = [pair for pair in _MIRRORS if cuts.keys() >= set(pair)]
    for first, second in mirrors:
        cuts[first] |= {WINDOW - point for point in cuts[second]}
    for group in _SHARED_CUTS:
        names = [name for name in group if name in cuts]
        together = set[float]().union(*(cuts[name] for name in names))
        cuts.update((name, together.copy()) for name in names)
    for first, second in mirrors:
        cuts[second] |= {WINDOW - point for point in cuts[first]}
    for first, second, amount in _SHIFTS:
        if first in cuts and second in cuts:
            cuts[first] |= {point - amount for point in cuts[second]}
            cuts[second] |= {point + amount for point in cuts[first]}
    return cuts


class Links:
    """Relations between variables, spelled out for the search from cell to cell."""

    def __init__(self, cells: Sequence[tuple[Cell, ...]]) -> None:
        self._cells = cells
        self._links: list[list[Link]] = [[] for _ in cells]

    def add(self, first: int, second: int, holds: Holds, *, one_attempt: bool = False) -> None:
        """Add a relation of two variables, both ways."""
        rows = [[holds(a, b) for b in self._cells[second]] for a in self._cells[first]]
        columns = list(zip(*rows, strict=True))
        for one, other, table in ((first, second, rows), (second, first, columns)):
            allowed = tuple(sum(may << i for i, may in enumerate(row)) for row in table)
            self._links[one].append(Link(other, allowed, one_attempt))

    def add_all(self, relations: Iterable[Relation], numbers: dict[str, int]) -> None:
        """Add those relations of which both facts have a variable."""
        for relation in relations:
            if relation.first in numbers and relation.second in numbers:
                first, second = numbers[relation.first], numbers[relation.second]
                self.add(first, second, relation.holds, one_attempt=relation.one_attempt)

    def so_far(self) -> tuple[tuple[Link, ...], ...]:
        """All that was added until now."""
        return tuple(map(tuple, self._links))
