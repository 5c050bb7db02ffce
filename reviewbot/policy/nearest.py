"""One change away: the smallest change of one fact that would bring another action."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from typing import Any

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.assemble import reader
from reviewbot.policy.changes import with_fact
from reviewbot.policy.compares import all_compares
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.fields import CATALOGUE, Fact, FactType, Source
from reviewbot.policy.model import Compare, OneOf, Range

_STEPS = {FactType.COUNT: 1, FactType.SCORE: 0.01, FactType.MONEY: 0.01, FactType.SHARE: 0.01}
_NUMBERS = frozenset(_STEPS)


class Nearest(msgspec.Struct, frozen=True, kw_only=True):
    """With `fact` at `value` in place of `instead_of`, `rule` would give `action`."""

    fact: str
    value: Any
    instead_of: Any
    action: Action
    rule: str
    rule_index: int | None


def nearest_other(
    judge: Judge, facts: Facts, among: Container[Source] | None = None
) -> Nearest | None:
    """Find the smallest change of one known fact that flips the action; None when none does.

    `among` narrows the search to facts from these sources.
    """
    action = judge.decide(facts).action
    catalogue = CATALOGUE[judge.policy.applies_to.review]
    best: tuple[float, Nearest] | None = None
    tried: set[tuple[str, Any]] = set()
    for compare in all_compares(judge.policy):
        fact = catalogue[compare.fact]
        now = reader(fact)(facts)
        if now is None or (among is not None and fact.source not in among):
            continue
        for value in _candidates(compare, fact):
            distance = _distance(fact, now, value)
            if value == now or (fact.name, value) in tried or (best and distance >= best[0]):
                continue
            tried.add((fact.name, value))
            changed = with_fact(facts, fact.name, value)
            if changed is None:
                continue
            made = judge.decide(changed)
            if made.action is not action:
                found = Nearest(
                    fact=fact.name,
                    value=value,
                    instead_of=now,
                    action=made.action,
                    rule=made.rule,
                    rule_index=made.rule_index,
                )
                best = (distance, found)
    return None if best is None else best[1]


def _candidates(compare: Compare, fact: Fact) -> Iterator[Any]:
    """Values just inside and just outside of what the test asks for."""
    if fact.type is FactType.YES_NO:
        yield from (True, False)
    elif fact.type is FactType.CHOICE:
        yield from fact.values
    elif fact.type in _NUMBERS:
        step = _STEPS[fact.type]
        for end in _ends(compare):
            for value in (end - step, end, end + step):
                tidy = round(value, 6)
                if _in_range(tidy, fact):
                    yield tidy


def _ends(compare: Compare) -> Iterator[float]:
    match compare.test:
        case Range(low=low, high=high):
            yield from (end for end in (low, high) if isinstance(end, int | float))
        case OneOf(values=values):
            yield from (value for value in values if isinstance(value, int | float))


def _in_range(value: float, fact: Fact) -> bool:
    low = -math.inf if fact.low is None else fact.low
    high = math.inf if fact.high is None else fact.high
    return low <= value <= high


def _distance(fact: Fact, now: Any, value: Any) -> float:
    """How far a change goes, as a part of the fact's range; a change of kind counts as the whole."""
    if fact.type not in _NUMBERS:
        return 1.0
    low = fact.low or 0.0
    size = (fact.high - low) if fact.high is not None else max(abs(now), abs(value), 1.0)
    return float(abs(value - now) / size)
