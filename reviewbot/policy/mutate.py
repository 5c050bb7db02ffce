"""Small faults put into a policy on purpose: one that no test notices is a test that is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.policy.analysis.search import TooHardError
from reviewbot.policy.analysis.truth import TRUE
from reviewbot.policy.analysis.world import World
from reviewbot.policy.blame import Speaker
from reviewbot.policy.cases import CaseResult, still_passes
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.fields import ATTEMPT_FACTS, CATALOGUE, FactType
from reviewbot.policy.model import AllOf, Checks, Compare, Condition, Policy, Range, Rule

_STEPS = {
    FactType.COUNT: 1,
    FactType.SCORE: 0.01,
    FactType.MONEY: 0.01,
    FactType.SHARE: 0.01,
    FactType.DURATION: 60.0,
}


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """A policy with one fault, and the fault in words: `… becomes …`."""

    policy: Policy
    line: int
    rule: str
    change: str


def survives(mutant: Mutant, results: Iterable[CaseResult]) -> bool:
    """Whether no test that passes by the policy itself notices the mutant."""
    judge = compile_policy(mutant.policy)
    return all(still_passes(judge, result) for result in results if result.passed and result.looks)


def survivor_sentence(mutant: Mutant) -> str:
    """Say what no test notices."""
    return f'line {mutant.line}: nothing fails if {mutant.change} (rule "{mutant.rule}")'


def mutants(policy: Policy) -> Iterator[Mutant]:
    """Every mutant: a threshold moved by a step, a condition dropped, two neighbours swapped."""
    speaker = Speaker(policy)
    for index, rule in enumerate(policy.rules):
        if rule.when is None:
            continue
        for when, line, change in _changed(rule.when, policy, speaker):
            changed = _with_rule(policy, index, replace(rule, when=when))
            yield Mutant(policy=changed, line=line, rule=rule.name, change=change)
    yield from _swapped(policy)


def _with_rule(policy: Policy, index: int, rule: Rule) -> Policy:
    rules = list(policy.rules)
    rules[index] = rule
    return replace(policy, rules=tuple(rules))


def _swapped(policy: Policy) -> Iterator[Mutant]:
    """Neighbours in the other order, where a task could match both; elsewhere order means nothing."""
    world = World(policy)
    for index, (first, second) in enumerate(zip(policy.rules, policy.rules[1:], strict=False)):
        if first.then.action is second.then.action:
            continue
        if not _can_meet(world, index, index + 1):
            continue
        rules = list(policy.rules)
        rules[index : index + 2] = [second, first]
        yield Mutant(
            policy=replace(policy, rules=tuple(rules)),
            line=second.span.line,
            rule=second.name,
            change=f'it comes before "{first.name}"',
        )


def _can_meet(world: World, one: int, other: int) -> bool:
    """Whether some task could match both rules; also where that cannot be told."""
    try:
        return world.possible([(world.rules[one], TRUE), (world.rules[other], TRUE)])
    except TooHardError:
        return True


_Change = tuple[Any, int, str]


def _changed(condition: Condition, policy: Policy, speaker: Speaker) -> Iterator[_Change]:
    """Every change of one place in a condition: (the condition, the line, the change in words)."""
    match condition:
        case Compare(test=Range() as test):
            yield from _moved(condition, test, policy, speaker)
        case Compare():
            return
        case Checks(condition=inner):
            for changed, line, change in _changed(inner, policy, speaker):
                yield replace(condition, condition=changed), line, change
        case _:
            yield from _changed_parts(condition, policy, speaker)


def _changed_parts(group: Any, policy: Policy, speaker: Speaker) -> Iterator[_Change]:
    for place, part in enumerate(group.parts):
        before, after = group.parts[:place], group.parts[place + 1 :]
        if before or after:
            line, words = _words(part)
            yield replace(group, parts=(*before, *after)), line, f"{words} is dropped"
        for changed, line, change in _changed(part, policy, speaker):
            yield replace(group, parts=(*before, changed, *after)), line, change


def _words(part: Condition) -> tuple[int, str]:
    match part:
        case Compare(fact=fact, text=text, test_span=span):
            return span.line, f"`{fact}: {text}`"
        case AllOf(parts=(Compare() as only,)):
            return _words(only)
        case Checks(quantifier=quantifier, span=span):
            return span.line, f"`{quantifier} check`"
    return part.span.line, f"the group on line {part.span.line}"


def _moved(compare: Compare, test: Range, policy: Policy, speaker: Speaker) -> Iterator[_Change]:
    fact = CATALOGUE[policy.applies_to.review].get(compare.fact) or ATTEMPT_FACTS[compare.fact]
    for end in ("low", "high"):
        value = getattr(test, end)
        if value is None:
            continue
        for direction in (-1, 1):
            moved = _step(value, fact.type, direction)
            if isinstance(moved, int | float) and (
                (fact.low is not None and moved < fact.low)
                or (fact.high is not None and moved > fact.high)
            ):
                continue
            changed = replace(test, **{end: moved})
            if changed.low is not None and changed.high is not None and changed.low > changed.high:  # type: ignore[operator]  # both ends are of the fact's type
                continue
            words = range_words(changed, compare.fact, speaker)
            yield (
                replace(compare, test=changed, text=words),
                compare.test_span.line,
                f"`{compare.fact}: {compare.text}` becomes `{words}`",
            )


def _step(value: Any, kind: FactType, direction: int) -> Any:
    if isinstance(value, datetime):
        return value + direction * timedelta(hours=1)
    moved = value + direction * _STEPS.get(kind, 1)
    return round(moved, 6) if isinstance(moved, float) else moved


def range_words(test: Range, fact: str, speaker: Speaker) -> str:
    """A range in the words of the language."""
    low = None if test.low is None else speaker.said(fact, test.low)
    high = None if test.high is None else speaker.said(fact, test.high)
    if low is not None and high is not None:
        return f"between {low} and {high}"
    if low is not None:
        return f"{'at least' if test.low_included else 'more than'} {low}"
    return f"{'at most' if test.high_included else 'less than'} {high}"
