"""What a policy's tests have tried: rules that decided, conditions both ways, bounds of ranges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, FactType
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.engine.trace import ConditionResult, Outcome, rule_results
from reviewbot.policy.explain.phrases import Speaker
from reviewbot.policy.lint.circuits import TRUE
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.solver import TooHardError
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
from reviewbot.policy.testing.cases import CaseResult, still_passes


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


def measure(judge: Judge, results: Iterable[CaseResult]) -> Coverage:
    """Measure what the judgements of `results` have tried."""
    return _Meter(judge).measure(results)


class _Meter:
    def __init__(self, judge: Judge) -> None:
        self._policy = judge.policy
        self._facts = CATALOGUE[judge.policy.applies_to.review]
        self._speaker = Speaker(judge.policy)
        self._decided: set[int] = set()
        self._outcomes: dict[tuple[int, int], set[Outcome]] = defaultdict(set)
        self._values: dict[str, set[Any]] = defaultdict(set)
        self._untried: list[Untried] = []

    def measure(self, results: Iterable[CaseResult]) -> Coverage:
        """Look at every judgement, then count."""
        for result in results:
            for look in result.looks:
                made = look.evaluation
                if made.rule_index is not None:
                    self._decided.add(made.rule_index)
                if made.trace is not None:
                    for rule in rule_results(self._policy, made.trace):
                        self._note(rule.index, rule.parts)
                for name, fact in self._facts.items():
                    self._values[name].add(fact.read(look.facts))
        counts = (self._rules(), self._conditions(), self._boundaries())
        self._untried.sort(key=lambda one: one.line)
        rules, conditions, boundaries = counts
        return Coverage(
            rules=rules,
            conditions=conditions,
            boundaries=boundaries,
            untried=tuple(self._untried),
        )

    def _note(self, rule: int, parts: Iterable[ConditionResult]) -> None:
        for number, leaf in enumerate(_leaves(parts)):
            self._outcomes[rule, number].add(leaf.outcome)

    def _rules(self) -> tuple[int, int]:
        live = [index for index, rule in enumerate(self._policy.rules) if not rule.shadow]
        for index in live:
            if index not in self._decided:
                rule = self._policy.rules[index]
                self._miss(rule.span.line, rule.name, "no test is decided by this rule")
        return sum(index in self._decided for index in live), len(live)

    def _conditions(self) -> tuple[int, int]:
        tried = total = 0
        for index, rule in enumerate(self._policy.rules):
            for number, condition in enumerate(_conditions(rule.when)):
                for wanted in (Outcome.MET, Outcome.NOT_MET):
                    total += 1
                    if wanted in self._outcomes[index, number]:
                        tried += 1
                    else:
                        line, words = _words(condition)
                        said = "no test meets" if wanted is Outcome.MET else "every test meets"
                        self._miss(line, rule.name, f"{said} {words}")
        return tried, total

    def _boundaries(self) -> tuple[int, int]:
        tried = total = 0
        for rule in self._policy.rules:
            for compare in compares_of(rule.when) if rule.when is not None else ():
                for end in _ends(compare):
                    total += 1
                    if end in self._values[compare.fact]:
                        tried += 1
                        continue
                    value = self._speaker.said(compare.fact, end)
                    words = f"no test has {compare.fact} at {value}, a bound of `{compare.text}`"
                    self._miss(compare.test_span.line, rule.name, words)
        return tried, total

    def _miss(self, line: int, rule: str, message: str) -> None:
        self._untried.append(Untried(line=line, rule=rule, message=message))


def _leaves(parts: Iterable[ConditionResult]) -> Iterator[ConditionResult]:
    """The results of a rule's own conditions, in the order of `_conditions`."""
    for part in parts:
        if isinstance(part.condition, Compare | EachAttempt):
            yield part
        elif part.condition is not None:
            yield from _leaves(part.parts)


def _conditions(condition: Any) -> Iterator[Compare | EachAttempt]:
    if isinstance(condition, Compare | EachAttempt):
        yield condition
    elif condition is not None:
        for part in condition.parts:
            yield from _conditions(part)


def _words(condition: Compare | EachAttempt) -> tuple[int, str]:
    if isinstance(condition, Compare):
        return condition.test_span.line, f"`{condition.fact}: {condition.text}`"
    return condition.span.line, f"`{condition.quantifier} check`"


def _ends(compare: Compare) -> tuple[Any, ...]:
    if not isinstance(compare.test, Range):
        return ()
    return tuple(end for end in (compare.test.low, compare.test.high) if end is not None)


# ------------------------------------------------------------------------------------------------
# Small faults put into a policy on purpose: one that no test notices is a test that is missing.


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


def _changed(condition: Condition, policy: Policy, speaker: Speaker) -> Iterator[_Change]:
    """Every change of one place in a condition: (the condition, the line, the change in words)."""
    match condition:
        case Compare(test=Range() as test):
            yield from _moved(condition, test, policy, speaker)
        case Compare():
            return
        case EachAttempt(condition=inner):
            for changed, line, change in _changed(inner, policy, speaker):
                yield replace(condition, condition=changed), line, change
        case _:
            yield from _changed_parts(condition, policy, speaker)


def _changed_parts(group: Any, policy: Policy, speaker: Speaker) -> Iterator[_Change]:
    for place, part in enumerate(group.parts):
        before, after = group.parts[:place], group.parts[place + 1 :]
        if before or after:
            line, words = _mutant_words(part)
            yield replace(group, parts=(*before, *after)), line, f"{words} is dropped"
        for changed, line, change in _changed(part, policy, speaker):
            yield replace(group, parts=(*before, changed, *after)), line, change


def _mutant_words(part: Condition) -> tuple[int, str]:
    match part:
        case Compare(fact=fact, text=text, test_span=span):
            return span.line, f"`{fact}: {text}`"
        case AllOf(parts=(Compare() as only,)):
            return _mutant_words(only)
        case EachAttempt(quantifier=quantifier, span=span):
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
