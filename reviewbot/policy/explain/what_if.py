"""What if: the smallest change that would bring another action, and what time alone will bring."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime
from typing import Any

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.catalog import CATALOGUE, Fact, FactType, Source
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.facts import Facts, with_fact
from reviewbot.policy.model import Compare
from reviewbot.policy.parts import all_compares

SMALLEST_STEPS: dict[FactType, float] = {
    FactType.COUNT: 1,
    FactType.SCORE: 0.01,
    FactType.MONEY: 0.01,
    FactType.SHARE: 0.01,
}
"""The smallest change of a number that a person would speak of."""


class Nearest(msgspec.Struct, frozen=True):
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
        now = fact.read(facts)
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
                best = (
                    distance,
                    Nearest(fact.name, value, now, made.action, made.rule, made.rule_index),
                )
    return None if best is None else best[1]


def within_documents(value: float, fact: Fact) -> bool:
    """Whether a number lies in the range that the API documents."""
    return (fact.low is None or fact.low <= value) and (fact.high is None or value <= fact.high)


def _candidates(compare: Compare, fact: Fact) -> Iterator[Any]:
    """Values just inside and just outside of what the test asks for."""
    if fact.type is FactType.YES_NO:
        yield from (True, False)
    elif fact.type is FactType.CHOICE:
        yield from fact.values
    elif fact.type in SMALLEST_STEPS:
        step = SMALLEST_STEPS[fact.type]
        for end in compare.test.boundaries():
            values = (round(value, 6) for value in (end - step, end, end + step))
            yield from (value for value in values if within_documents(value, fact))


def _distance(fact: Fact, now: Any, value: Any) -> float:
    """How far a change goes, as a part of the fact's range; a change of kind counts as the whole."""
    if fact.type not in SMALLEST_STEPS:
        return 1.0
    low = fact.low or 0.0
    size = (fact.high - low) if fact.high is not None else max(abs(now), abs(value), 1.0)
    return float(abs(value - now) / size)


def over_time(
    judge: Judge, facts: Facts, end: datetime | None = None
) -> list[tuple[datetime, Evaluation]]:
    """What is said from now on: first as of now, then at every change before `end`.

    `end` None is the deadline; where that is not known either, only the present answer is given.
    """
    found: list[tuple[datetime, Evaluation]] = []
    for moment in (facts.now, *turns(judge, facts, end)):
        then = msgspec.structs.replace(facts, now=moment)
        made = judge.guarded(then, judge.judge(then))
        if not found or _said(found[-1][1]) != _said(made):
            found.append((moment, made))
    return found


def turns(judge: Judge, facts: Facts, end: datetime | None = None) -> list[datetime]:
    """Every moment after now and before `end` at which the answer may change, in order."""
    return judge.turns.between(facts, end or facts.deadline_at or facts.now)


def _said(answer: Evaluation) -> tuple[Action, str, datetime | None]:
    return answer.action, answer.rule, answer.until
