"""A typical task for each rule: what its texts are shown with before anything was ever sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from reviewbot.domain.decision import DEADLINE
from reviewbot.policy.catalog import CATALOGUE, Fact, FactType
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.lint.usual import Impossible, usual_facts
from reviewbot.policy.model import AllOf, AnyOf, Compare, Condition, Lists, Policy
from reviewbot.policy.operators import InList, Matches, OneOf
from reviewbot.policy.testing.cases import CaseResult

_MOST_TRIED = 64
"""Ways to arrange a task that are tried for a rule."""
_STEPS: dict[FactType, float] = {FactType.COUNT: 1, FactType.SCORE: 0.01, FactType.MONEY: 0.01}


def examples(judge: Judge, results: Iterable[CaseResult]) -> dict[str, Facts]:
    """By the name of a rule, a task that it decides: of the policy's tests, else the usual one changed.

    By `deadline` one that its text is sent to. Who has found none is left out.
    """
    tested = {
        look.evaluation.rule: look.facts
        for result in reversed(tuple(results))
        for look in reversed(result.looks)
        if look.evaluation.rule_index is not None
    }
    found: dict[str, Facts] = {}
    cases = judge.policy.deadline.fallbacks
    spoken = [(DEADLINE, case.when) for case in cases if case.then.reason is not None]
    for name, when in (*((rule.name, rule.when) for rule in judge.policy.rules), *spoken[:1]):
        facts = tested.get(name) or _arranged(judge, name, when)
        if facts is not None:
            found[name] = facts
    return found


def _arranged(judge: Judge, name: str, when: Condition | None) -> Facts | None:
    """The usual task with as little changed as is asked for."""
    review = judge.policy.applies_to.review
    catalogue = CATALOGUE[review]
    usual = usual_facts(review, {})
    lists = Lists(judge.policy, judge.calendars)
    nearest: Facts | None = None
    for compares in _ways(when):
        choices: list[list[tuple[str, Any]]] = []
        for compare in compares:
            fact = catalogue[compare.fact]
            if not compare.test.matches(fact.read(usual), lists, usual.now):
                fits = [
                    (fact.name, value)
                    for value in _values(fact, compare, lists, judge.policy)
                    if compare.test.matches(value, lists, usual.now)
                ]
                choices.append(fits)
        for given in _firsts(product(*choices)):
            try:
                facts = usual_facts(review, dict(given))
            except Impossible:
                continue
            if judge.decide(facts).rule == name:
                return facts
            nearest = nearest or facts
    return nearest


def _firsts(ways: Iterator[Any]) -> Iterator[Any]:
    return (way for way, _ in zip(ways, range(_MOST_TRIED), strict=False))


def _ways(condition: Condition | None) -> Iterator[tuple[Compare, ...]]:
    """The lines that must hold together, once for each alternative; what no line says is left out."""
    match condition:
        case Compare():
            yield (condition,)
        case AllOf(parts=parts):
            for way in _firsts(product(*(tuple(_ways(part)) for part in parts))):
                yield tuple(compare for compares in way for compare in compares)
        case AnyOf(parts=parts):
            for part in parts:
                yield from _ways(part)
        case _:
            yield ()


def _values(fact: Fact, compare: Compare, lists: Lists, policy: Policy) -> Iterator[Any]:
    """Values of a fact that a test may be met by."""
    test = compare.test
    if isinstance(test, OneOf):
        yield from test.values
    if isinstance(test, InList):
        yield from lists.entries[test.list]
    if isinstance(test, Matches):
        yield from (text for named in policy.patterns for text in named.matches)
    for end in test.boundaries():
        step: Any = _STEPS.get(fact.type, 1)
        if isinstance(end, int | float):
            yield from (end, end + step, end - step)
    yield from fact.values
    yield from (True, False) if fact.type is FactType.YES_NO else ()
    yield None
