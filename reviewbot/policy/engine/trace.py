"""The trace of a judgement: what every condition of every rule that was tried came to.

While judging it is one flat tuple of outcomes; `rule_results` and `case_results` lay it out along
the policy afterwards, when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    Fallback,
    NoneOf,
    Policy,
    Rule,
)


class Evaluation(msgspec.Struct, frozen=True, gc=False):
    """What a policy says of one review at one moment.

    `rule` is the rule's name, `no rule` or `deadline`. `reason` is the text for the other side
    (dispute, request corrections), the question for a person or why one is asked (escalate), or
    the policy's `because` (leave, deadline). `until` is when a wait ends, or when an action held by
    its hours may go. `cannot_tell` names the rules that were passed over as unknown, `shadow` the
    shadow rules that matched; `note` says what else a reader should know.
    """

    action: Action
    rule: str
    rule_index: int | None = None
    reason: str | None = None
    fields: dict[str, str] | None = None
    until: datetime | None = None
    to: str | None = None
    cannot_tell: tuple[str, ...] = ()
    shadow: tuple[tuple[str, Action], ...] = ()
    trace: Trace | None = None
    note: str | None = None

    @property
    def undecided(self) -> bool:
        """Whether nothing is done by it now: a person is asked, it waits, or its hours are closed."""
        return self.until is not None or self.action in _UNDECIDED


_UNDECIDED = (Action.ESCALATE, Action.WAIT)


class Outcome(StrEnum):
    """The three marks."""

    MET = "met"
    NOT_MET = "not met"
    CANNOT_TELL = "cannot tell"


class Trace(msgspec.Struct, frozen=True, gc=False):
    """Outcomes of the conditions of the first `tried` rules, and of the fallback's cases.

    Each outcome is True, False or None (cannot tell); a check quantifier's is a pair of that and
    one tuple of outcomes per attempt. The order is that of the conditions in the policy.
    """

    outcomes: tuple[Any, ...]
    tried: int
    case_outcomes: tuple[Any, ...] = ()
    cases_tried: int = 0


class ConditionResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one condition came to, with its parts under it.

    `condition` is the node of the policy; `label` names what is no condition of its own: the share
    of a rollout, a wait that is not over, one attempt of a check quantifier.
    """

    outcome: Outcome
    condition: Condition | None = None
    label: str = ""
    parts: tuple[ConditionResult, ...] = ()


class RuleResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule came to. `parts` are its conditions, then its rollout and its wait."""

    rule: str
    index: int
    outcome: Outcome
    shadow: bool = False
    parts: tuple[ConditionResult, ...] = ()


def rule_results(policy: Policy, trace: Trace) -> tuple[RuleResult, ...]:
    """Lay the trace out along the rules that were tried."""
    outcomes = iter(trace.outcomes)
    return tuple(
        _rule_result(index, rule, outcomes)
        for index, rule in enumerate(policy.rules[: trace.tried])
    )


def case_results(policy: Policy, trace: Trace) -> tuple[RuleResult, ...]:
    """Lay the trace out along the cases of the fallback that were tried."""
    outcomes = iter(trace.case_outcomes)
    cases = policy.deadline.fallbacks[: trace.cases_tried]
    return tuple(_case_result(index, case, outcomes) for index, case in enumerate(cases))


def _rule_result(index: int, rule: Rule, outcomes: Iterator[Any]) -> RuleResult:
    parts = _top(rule.when, outcomes)
    if rule.rollout is not None:
        label = f"in the {rule.rollout:.0%} of the rollout"
        parts.append(ConditionResult(outcome=_mark(next(outcomes)), label=label))
    if rule.then.until is not None:
        label = f"until {rule.then.until.text} has not come"
        parts.append(ConditionResult(outcome=_mark(next(outcomes)), label=label))
    return RuleResult(
        rule=rule.name,
        index=index,
        outcome=every(part.outcome for part in parts),
        shadow=rule.shadow,
        parts=tuple(parts),
    )


def _case_result(index: int, case: Fallback, outcomes: Iterator[Any]) -> RuleResult:
    parts = _top(case.when, outcomes)
    outcome = every(part.outcome for part in parts)
    return RuleResult(rule=DEADLINE, index=index, outcome=outcome, parts=tuple(parts))


def _top(when: Condition | None, outcomes: Iterator[Any]) -> list[ConditionResult]:
    if when is None:
        return []
    result = _result(when, outcomes)
    return list(result.parts) if isinstance(when, AllOf) else [result]


def _result(condition: Condition, outcomes: Iterator[Any]) -> ConditionResult:
    match condition:
        case Compare():
            return ConditionResult(outcome=_mark(next(outcomes)), condition=condition)
        case EachAttempt():
            return _checks_result(condition, *next(outcomes))
        case AllOf(parts=parts):
            results = tuple(_result(part, outcomes) for part in parts)
            outcome = every(r.outcome for r in results)
        case AnyOf(parts=parts):
            results = tuple(_result(part, outcomes) for part in parts)
            outcome = some(r.outcome for r in results)
        case NoneOf(parts=parts):
            results = tuple(_result(part, outcomes) for part in parts)
            outcome = turned(some(r.outcome for r in results))
    return ConditionResult(outcome=outcome, condition=condition, parts=results)


def _checks_result(
    checks: EachAttempt, answer: bool | None, rows: tuple[tuple[Any, ...], ...]
) -> ConditionResult:
    attempts = tuple(
        msgspec.structs.replace(_result(checks.condition, iter(row)), label=f"attempt {number}")
        for number, row in enumerate(rows, start=1)
    )
    return ConditionResult(outcome=_mark(answer), condition=checks, parts=attempts)


def _mark(outcome: bool | None) -> Outcome:
    if outcome is None:
        return Outcome.CANNOT_TELL
    return Outcome.MET if outcome else Outcome.NOT_MET


def every(outcomes: Iterable[Outcome]) -> Outcome:
    """Met when all are; not met as soon as one is not."""
    found = set(outcomes)
    if Outcome.NOT_MET in found:
        return Outcome.NOT_MET
    return Outcome.CANNOT_TELL if Outcome.CANNOT_TELL in found else Outcome.MET


def some(outcomes: Iterable[Outcome]) -> Outcome:
    """Met as soon as one is; not met when none is."""
    return turned(every(map(turned, outcomes)))


def turned(outcome: Outcome) -> Outcome:
    """Not met for met and the other way round."""
    return _TURNED[outcome]


_TURNED = {
    Outcome.MET: Outcome.NOT_MET,
    Outcome.NOT_MET: Outcome.MET,
    Outcome.CANNOT_TELL: Outcome.CANNOT_TELL,
}


def trace_json(policy: Policy, trace: Trace) -> bytes:
    """The trace for the decision log: every rule that was tried, with its conditions as written."""
    rules = [_plain_rule(result) for result in rule_results(policy, trace)]
    cases = [_plain_rule(result) for result in case_results(policy, trace)]
    return msgspec.json.encode({"rules": rules} | ({"deadline": cases} if cases else {}))


def _plain_rule(result: RuleResult) -> Mapping[str, Any]:
    plain: dict[str, Any] = {"rule": result.rule, "outcome": result.outcome}
    if result.shadow:
        plain["shadow"] = True
    return plain | {"conditions": [_plain(part) for part in result.parts]}


def _plain(result: ConditionResult) -> Mapping[str, Any]:
    plain: dict[str, Any] = {}
    match result.condition:
        case Compare(fact=fact, text=text):
            plain |= {"fact": fact, "test": text}
        case AllOf():
            plain["group"] = "all of"
        case AnyOf():
            plain["group"] = "any of"
        case NoneOf():
            plain["group"] = "none of"
        case EachAttempt(quantifier=quantifier):
            plain["group"] = f"{quantifier} check"
    if result.label:
        plain["label"] = result.label
    plain["outcome"] = result.outcome
    if result.parts:
        plain["conditions"] = [_plain(part) for part in result.parts]
    return plain
