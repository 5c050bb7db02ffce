"""Attempts behind an example: a task of a test over attempts must have attempts that make it true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from reviewbot.policy.analysis import truth
from reviewbot.policy.analysis.answers import Book, answer
from reviewbot.policy.analysis.typical import typical
from reviewbot.policy.analysis.world import COUNT, Found, World
from reviewbot.policy.fields import ATTEMPT_FACTS
from reviewbot.policy.model import AnyOf, Checks, Compare, Condition, NoneOf

MOST_TRIED = 500
"""Earlier attempts that are tried before an example counts as not found."""

Attempt = dict[str, Any]


def realistic(world: World, found: Found) -> bool:
    """Say whether attempts exist that look as `found` says they do."""
    return attempts_behind(world, found) is not None


def attempts_behind(world: World, found: Found) -> tuple[Attempt, ...] | None:
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


def _last(world: World, found: Found) -> Attempt:
    usual = {name: typical(world.fact(f"last.{name}")) for name in ATTEMPT_FACTS}
    usual["found_comment_id"] = None
    stated = {n: found.facts[f"last.{n}"] for n in ATTEMPT_FACTS if f"last.{n}" in found.facts}
    return usual | stated


def _candidates(world: World, found: Found) -> Iterator[Attempt]:
    last = _last(world, found)
    yield last
    names = [name for name in ATTEMPT_FACTS if f"last.{name}" in found.facts]
    values = [[cell.value for cell in world.cells_of(f"last.{name}")] for name in names]
    for combination in islice(product(*values), MOST_TRIED):
        yield last | dict(zip(names, combination, strict=True))


def _fits(world: World, found: Found, others: tuple[Attempt, ...], last: Attempt) -> bool:
    for checks, wanted in found.rest.items():
        fold = truth.both if checks.quantifier == "every" else truth.either
        come_to = truth.TRUE if checks.quantifier == "every" else truth.FALSE
        for attempt in others:
            come_to = fold(come_to, _inside(checks.condition, attempt, world.book))
        if come_to != truth.of(wanted):
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


def _inside(condition: Condition, attempt: Mapping[str, Any], book: Book) -> int:
    if isinstance(condition, Compare):
        return truth.of(answer(condition.test, attempt[condition.fact], book))
    assert not isinstance(condition, Checks)
    some = isinstance(condition, AnyOf | NoneOf)
    result = truth.FALSE if some else truth.TRUE
    for part in condition.parts:
        inside = _inside(part, attempt, book)
        result = truth.either(result, inside) if some else truth.both(result, inside)
    return truth.NOT[result] if isinstance(condition, NoneOf) else result
