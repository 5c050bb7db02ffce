"""What a policy's tests have tried: rules that decided, conditions both ways, bounds of ranges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from reviewbot.policy.catalog import CATALOGUE, FactType
from reviewbot.policy.engine.calendar import calendars_of
from reviewbot.policy.engine.conditions import Conditions
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.engine.templates import Variants
from reviewbot.policy.engine.trace import ConditionResult, Outcome, rule_results
from reviewbot.policy.explain.phrases import Wording
from reviewbot.policy.explain.what_if import SMALLEST_STEPS, within_documents
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.solver import TRUE, TooHardError
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    Named,
    NoneOf,
    Policy,
    ReasonText,
    Rule,
    Unless,
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


def _conditions(policy: Policy, looks: Sequence[Look]) -> Iterator[Tried]:
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
    yield from _cases_of_texts(policy, looks)


def _cases_of_texts(policy: Policy, looks: Sequence[Look]) -> Iterator[Tried]:
    """Each case of a text counts once: a test was sent its text."""
    conditions = Conditions(policy, calendars_of(policy))
    for index, rule in enumerate(policy.rules):
        reason = rule.then.reason
        if reason is None or not reason.cases:
            continue
        facts, zone = CATALOGUE[policy.applies_to.review], ZoneInfo(policy.timezone)
        texts = Variants(reason, facts, zone, conditions)
        sent = {texts.case_of(look.facts) for look in looks if look.evaluation.rule_index == index}
        for number, template in enumerate(reason.templates()):
            message = "no test is sent this text"
            untried = Untried(line=template.span.line, rule=rule.name, message=message)
            yield number in sent, untried


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
        case Unless(span=span):
            return span.line, "`unless`"
        case Named(span=span, name=name):
            return span.line, f"`condition: {name}`"
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
    named: dict[str, tuple[Named, Rule]] = {}
    for index, rule in enumerate(policy.rules):
        for when, line, change in () if rule.when is None else _changed(rule.when, wording):
            rules = (*policy.rules[:index], replace(rule, when=when), *policy.rules[index + 1 :])
            changed = replace(policy, rules=rules)
            yield Mutant(policy=changed, line=line, rule=rule.name, change=change)
        if rule.limit:
            free = replace(rule, limit=())
            yield Mutant(
                policy=replace(
                    policy, rules=(*policy.rules[:index], free, *policy.rules[index + 1 :])
                ),
                line=rule.limit[0].span.line,
                rule=rule.name,
                change="its limit is dropped",
            )
        for condition in () if rule.when is None else _named_in(rule.when):
            named.setdefault(condition.name, (condition, rule))
        for reason, line, change in _changed_texts(rule.then.reason, wording):
            other = replace(rule, then=replace(rule.then, reason=reason))
            rules = (*policy.rules[:index], other, *policy.rules[index + 1 :])
            changed = replace(policy, rules=rules)
            yield Mutant(policy=changed, line=line, rule=rule.name, change=change)
    for name, (condition, rule) in named.items():
        whole = AllOf(parts=condition.parts, span=condition.span)
        for when, line, change in _changed(whole, wording):
            rules = tuple(_with_named(rule, name, when.parts) for rule in policy.rules)
            changed = replace(policy, rules=rules)
            yield Mutant(policy=changed, line=line, rule=rule.name, change=change)
    yield from _swapped(policy)


def _changed_texts(reason: ReasonText | None, wording: Wording) -> Iterator[_Change]:
    """Every change of one case of a text: a change of its condition, or the case dropped."""
    if reason is None:
        return
    for place, case in enumerate(reason.cases):
        before, after = reason.cases[:place], reason.cases[place + 1 :]
        line = case.span.line
        yield replace(reason, cases=(*before, *after)), line, "this case of the text is dropped"
        for when, line, change in _changed(case.when, wording):
            changed = replace(case, when=when)
            yield replace(reason, cases=(*before, changed, *after)), line, change


def _named_in(condition: Condition) -> Iterator[Named]:
    if isinstance(condition, Named):
        yield condition
    for part in getattr(condition, "parts", ()):
        yield from _named_in(part)


def _with_named(rule: Rule, name: str, parts: tuple[Condition, ...]) -> Rule:
    """A rule that asks for something else under the name of a condition."""

    def changed(condition: Any) -> Any:
        if isinstance(condition, Named) and condition.name == name:
            return replace(condition, parts=parts)
        if not hasattr(condition, "parts"):
            return condition
        return replace(condition, parts=tuple(map(changed, condition.parts)))

    return replace(rule, when=changed(rule.when))


def _swapped(policy: Policy) -> Iterator[Mutant]:
    """Neighbours in the other order, where a task could match both; elsewhere order means nothing."""
    world = PolicyModel(policy)
    for index, (first, second) in enumerate(pairwise(policy.rules)):
        both = [(node, TRUE) for node in world.rules[index : index + 2]]
        can_meet = first.then.action is not second.then.action
        with suppress(TooHardError):  # where it cannot be told, they may meet
            can_meet = can_meet and world.possible(both)
        if can_meet:
            rules = (*policy.rules[:index], second, first, *policy.rules[index + 2 :])
            yield Mutant(
                policy=replace(policy, rules=rules),
                line=second.span.line,
                rule=second.name,
                change=f'it comes before "{first.name}"',
            )


_Change = tuple[Any, int, str]


def _changed(condition: Condition, wording: Wording) -> Iterator[_Change]:
    """Every change of one place in a condition: (the condition, the line, the change in words)."""
    match condition:
        case Compare(test=Range() as test):
            yield from _moved(condition, test, wording)
        case Compare() | Named():
            return
        case AllOf(parts=(Unless() as only,)):
            line, words = _words(only)
            yield None, line, f"{words} is dropped"
            for unless, line, change in _changed(only, wording):
                yield replace(condition, parts=(unless,)), line, change
        case EachAttempt(condition=inner):
            for changed, line, change in _changed(inner, wording):
                yield replace(condition, condition=changed), line, change
        case AllOf(parts=parts) | AnyOf(parts=parts) | NoneOf(parts=parts):
            for place, part in enumerate(parts):
                before, after = parts[:place], parts[place + 1 :]
                if before or after:
                    line, words = _words(part)
                    yield replace(condition, parts=(*before, *after)), line, f"{words} is dropped"
                for changed, line, change in _changed(part, wording):
                    yield replace(condition, parts=(*before, changed, *after)), line, change


def _moved(compare: Compare, test: Range, wording: Wording) -> Iterator[_Change]:
    fact = wording.fact(compare.fact)
    ends = [end for end in ("low", "high") if getattr(test, end) is not None]
    for end, direction in product(ends, (-1, 1)):
        moved: Any = getattr(test, end)
        if isinstance(moved, datetime):
            moved += direction * timedelta(hours=1)
        else:
            moved = round(moved + direction * _STEPS.get(fact.type, 1), 6)
            if not within_documents(moved, fact):
                continue
        changed: Any = replace(test, **{end: moved})
        if changed.low is not None and changed.high is not None and changed.low > changed.high:
            continue
        words = changed.describe(partial(wording.value_words, compare.fact)).removeprefix("is ")
        yield (
            replace(compare, test=changed, text=words),
            compare.test_span.line,
            f"`{compare.fact}: {compare.text}` becomes `{words}`",
        )
