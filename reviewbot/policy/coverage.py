"""What a policy's tests have tried: rules that decided, conditions both ways, bounds of ranges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from reviewbot.policy.assemble import reader
from reviewbot.policy.blame import Speaker
from reviewbot.policy.cases import CaseResult
from reviewbot.policy.compares import compares_of
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.fields import CATALOGUE
from reviewbot.policy.model import Checks, Compare, Range
from reviewbot.policy.trace import ConditionResult, Outcome, rule_results


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
                    self._values[name].add(reader(fact)(look.facts))
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
        if isinstance(part.condition, Compare | Checks):
            yield part
        elif part.condition is not None:
            yield from _leaves(part.parts)


def _conditions(condition: Any) -> Iterator[Compare | Checks]:
    if isinstance(condition, Compare | Checks):
        yield condition
    elif condition is not None:
        for part in condition.parts:
            yield from _conditions(part)


def _words(condition: Compare | Checks) -> tuple[int, str]:
    if isinstance(condition, Compare):
        return condition.test_span.line, f"`{condition.fact}: {condition.text}`"
    return condition.span.line, f"`{condition.quantifier} check`"


def _ends(compare: Compare) -> tuple[Any, ...]:
    if not isinstance(compare.test, Range):
        return ()
    return tuple(end for end in (compare.test.low, compare.test.high) if end is not None)
