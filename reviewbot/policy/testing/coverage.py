"""What a policy's tests have tried: rules that decided, conditions both ways, bounds of ranges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, FactType
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.engine.trace import ConditionResult, Outcome, rule_results
from reviewbot.policy.explain.phrases import Wording
from reviewbot.policy.explain.what_if import SMALLEST_STEPS, within_documents
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.solver import TRUE, TooHardError
from reviewbot.policy.model import (
    AllOf,
    Compare,
    Condition,
    EachAttempt,
    Policy,
    Rule,
    compares_of,
)
from reviewbot.policy.operators import Range
from reviewbot.policy.testing.cases import CaseResult, Look, still_passes


class Untried(msgspec.Struct, frozen=True, kw_only=True):
    """Something that no test has tried, as a sentence with its place."""

    line: int
    rule: str
    message: str


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of what there is and what was tried, and each thing that was not."""

    rules: tuple[int, int]
    """(tried, of all): rules that decided a test."""
    conditions: tuple[int, int]
    """Each condition counts twice: met and not met."""
    boundaries: tuple[int, int]
    """Each end of a range counts once: a test stood on it."""
    untried: tuple[Untried, ...]

    @property
    def percent(self) -> int:
        """All three together, rounded down."""
        tried, total = (
            sum(pair[side] for pair in (self.rules, self.conditions, self.boundaries))
            for side in (0, 1)
        )
        return 100 if total == 0 else tried * 100 // total


Tried = tuple[bool, Untried]
"""Something that a test can try: whether one did, and what is said where none did."""


def measure(judge: Judge, results: Iterable[CaseResult]) -> Coverage:
    """Measure what the judgements of `results` have tried."""
    looks = [look for result in results for look in result.looks]
    kinds = [list(kind(judge.policy, looks)) for kind in (_rules, _conditions, _boundaries)]
    counts = [(sum(tried for tried, _ in things), len(things)) for things in kinds]
    untried = [untried for things in kinds for tried, untried in things if not tried]
    return Coverage(
        rules=counts[0],
        conditions=counts[1],
        boundaries=counts[2],
        untried=tuple(sorted(untried, key=lambda thing: thing.line)),
    )


def _rules(policy: Policy, looks: Iterable[Look]) -> Iterator[Tried]:
    decided = {look.evaluation.rule_index for look in looks}
    for index, rule in enumerate(policy.rules):
        if not rule.shadow:
            message = "no test is decided by this rule"
            yield index in decided, Untried(line=rule.span.line, rule=rule.name, message=message)


def _conditions(policy: Policy, looks: Iterable[Look]) -> Iterator[Tried]:
    outcomes: dict[tuple[int, int], set[Outcome]] = defaultdict(set)
    for look in looks:
        assert look.evaluation.trace is not None
        for result in rule_results(policy, look.evaluation.trace):
            for number, leaf in enumerate(_leaf_results(result.parts)):
                outcomes[result.index, number].add(leaf.outcome)
    for index, rule in enumerate(policy.rules):
        for number, condition in enumerate(_leaves(rule.when)):
            line, words = _words(condition)
            for outcome, none in (
                (Outcome.MET, "no test meets"),
                (Outcome.NOT_MET, "every test meets"),
            ):
                untried = Untried(line=line, rule=rule.name, message=f"{none} {words}")
                yield outcome in outcomes[index, number], untried


def _boundaries(policy: Policy, looks: Iterable[Look]) -> Iterator[Tried]:
    facts = CATALOGUE[policy.applies_to.review]
    wording = Wording(policy)
    for rule in policy.rules:
        for compare in compares_of(rule.when) if rule.when is not None else ():
            if not isinstance(compare.test, Range):
                continue
            read = facts[compare.fact].read
            values = {read(look.facts) for look in looks}
            for end in compare.test.boundaries():
                message = (
                    f"no test has {compare.fact} at {wording.value_words(compare.fact, end)},"
                    f" a bound of `{compare.text}`"
                )
                line = compare.test_span.line
                yield end in values, Untried(line=line, rule=rule.name, message=message)


def _leaves(condition: Condition | None) -> Iterator[Compare | EachAttempt]:
    if isinstance(condition, Compare | EachAttempt):
        yield condition
    elif condition is not None:
        for part in condition.parts:
            yield from _leaves(part)


def _leaf_results(parts: Iterable[ConditionResult]) -> Iterator[ConditionResult]:
    """The results of a rule's own conditions, in the order of `_leaves`."""
    for part in parts:
        if isinstance(part.condition, Compare | EachAttempt):
            yield part
        elif part.condition is not None:
            yield from _leaf_results(part.parts)


def _words(part: Condition) -> tuple[int, str]:
    """Where a condition stands, and how it is written."""
    match part:
        case Compare(fact=fact, text=text, test_span=span):
            return span.line, f"`{fact}: {text}`"
        case AllOf(parts=(Compare() as only,)):
            return _words(only)
        case EachAttempt(quantifier=quantifier, span=span):
            return span.line, f"`{quantifier} check`"
    return part.span.line, f"the group on line {part.span.line}"


# Small faults put into a policy on purpose: one that no test notices is a test that is missing.

_STEPS = SMALLEST_STEPS | {FactType.DURATION: 60.0}


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
    wording = Wording(policy)
    for index, rule in enumerate(policy.rules):
        if rule.when is None:
            continue
        for when, line, change in _changed(rule.when, policy, wording):
            changed = _with_rule(policy, index, replace(rule, when=when))
            yield Mutant(policy=changed, line=line, rule=rule.name, change=change)
    yield from _swapped(policy)


def _with_rule(policy: Policy, index: int, rule: Rule) -> Policy:
    rules = list(policy.rules)
    rules[index] = rule
    return replace(policy, rules=tuple(rules))


def _swapped(policy: Policy) -> Iterator[Mutant]:
    """Neighbours in the other order, where a task could match both; elsewhere order means nothing."""
    world = PolicyModel(policy)
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


def _can_meet(world: PolicyModel, one: int, other: int) -> bool:
    """Whether some task could match both rules; also where that cannot be told."""
    try:
        return world.possible([(world.rules[one], TRUE), (world.rules[other], TRUE)])
    except TooHardError:
        return True


_Change = tuple[Any, int, str]


def _changed(condition: Condition, policy: Policy, wording: Wording) -> Iterator[_Change]:
    """Every change of one place in a condition: (the condition, the line, the change in words)."""
    match condition:
        case Compare(test=Range() as test):
            yield from _moved(condition, test, policy, wording)
        case Compare():
            return
        case EachAttempt(condition=inner):
            for changed, line, change in _changed(inner, policy, wording):
                yield replace(condition, condition=changed), line, change
        case _:
            yield from _changed_parts(condition, policy, wording)


def _changed_parts(group: Any, policy: Policy, wording: Wording) -> Iterator[_Change]:
    for place, part in enumerate(group.parts):
        before, after = group.parts[:place], group.parts[place + 1 :]
        if before or after:
            line, words = _words(part)
            yield replace(group, parts=(*before, *after)), line, f"{words} is dropped"
        for changed, line, change in _changed(part, policy, wording):
            yield replace(group, parts=(*before, changed, *after)), line, change


def _moved(compare: Compare, test: Range, policy: Policy, wording: Wording) -> Iterator[_Change]:
    fact = CATALOGUE[policy.applies_to.review].get(compare.fact) or ATTEMPT_FACTS[compare.fact]
    ends = [end for end in ("low", "high") if getattr(test, end) is not None]
    for end, direction in product(ends, (-1, 1)):
        moved = _step(getattr(test, end), fact.type, direction)
        if not isinstance(moved, datetime) and not within_documents(moved, fact):
            continue
        changed: Any = replace(test, **{end: moved})
        if changed.low is not None and changed.high is not None and changed.low > changed.high:
            continue
        words = _range_words(changed, compare.fact, wording)
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


def _range_words(test: Range, fact: str, wording: Wording) -> str:
    """A range in the words of the language."""
    low = None if test.low is None else wording.value_words(fact, test.low)
    high = None if test.high is None else wording.value_words(fact, test.high)
    if low is not None and high is not None:
        return f"between {low} and {high}"
    if low is not None:
        return f"{'at least' if test.low_included else 'more than'} {low}"
    return f"{'at most' if test.high_included else 'less than'} {high}"
