"""The trace of a judgement: what every condition of every rule that was tried came to.

While judging it is one flat tuple of outcomes; `rule_results` and `case_results` lay it out along
the policy afterwards, when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    Named,
    NoneOf,
    Policy,
    Unless,
)
from reviewbot.policy.operators import IsKnown


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
    to: tuple[str, ...] = ()
    cannot_tell: tuple[str, ...] = ()
    shadow: tuple[tuple[str, Action], ...] = ()
    trace: Trace | None = None
    note: str | None = None
    kept_by: str | None = None
    """What turned the action of its rule into a question (`statement`)."""

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
    of a rollout, a wait that is not over, room under a limit, one attempt of a check quantifier.
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
    results = []
    for index, rule in enumerate(policy.rules[: trace.tried]):
        parts = [*_top(rule.when, outcomes)]
        if rule.rollout is not None:
            parts.append(_labelled(f"in the {rule.rollout:.0%} of the rollout", outcomes))
        if rule.then.until is not None:
            parts.append(_labelled(f"until {rule.then.until.text} has not come", outcomes))
        if rule.limit and rule.when_over == "skip":
            parts.append(_labelled("its limit has room", outcomes))
        if rule.stage is not None:
            parts.append(_labelled("its stage takes it", outcomes))
        results.append(_rule_result(rule.name, index, parts, shadow=rule.shadow))
    return tuple(results)


def case_results(policy: Policy, trace: Trace) -> tuple[RuleResult, ...]:
    """Lay the trace out along the cases of the fallback that were tried."""
    outcomes = iter(trace.case_outcomes)
    cases = policy.deadline.fallbacks[: trace.cases_tried]
    return tuple(
        _rule_result(DEADLINE, index, _top(case.when, outcomes), shadow=False)
        for index, case in enumerate(cases)
    )


def _rule_result(
    rule: str, index: int, parts: Sequence[ConditionResult], *, shadow: bool
) -> RuleResult:
    return RuleResult(
        rule=rule, index=index, outcome=_every(parts), shadow=shadow, parts=tuple(parts)
    )


def _top(when: Condition | None, outcomes: Iterator[Any]) -> tuple[ConditionResult, ...]:
    if when is None:
        return ()
    result = _result(when, outcomes)
    return result.parts if isinstance(when, AllOf) else (result,)


def _labelled(label: str, outcomes: Iterator[Any]) -> ConditionResult:
    return ConditionResult(outcome=_MARKS[next(outcomes)], label=label)


def _result(condition: Condition, outcomes: Iterator[Any]) -> ConditionResult:
    if isinstance(condition, Compare):
        return ConditionResult(outcome=_MARKS[next(outcomes)], condition=condition)
    if isinstance(condition, EachAttempt):
        answer, rows = next(outcomes)
        results = [_result(condition.condition, iter(row)) for row in rows]
        parts = tuple(
            replace(result, label=f"attempt {number}") for number, result in enumerate(results, 1)
        )
        return ConditionResult(outcome=_MARKS[answer], condition=condition, parts=parts)
    parts = tuple(_result(part, outcomes) for part in condition.parts)
    outcome = _every(parts) if isinstance(condition, AllOf) else _some(parts)
    if isinstance(condition, NoneOf):
        outcome = _ORDER[-1 - _ORDER.index(outcome)]
    return ConditionResult(outcome=outcome, condition=condition, parts=parts)


_MARKS = {True: Outcome.MET, False: Outcome.NOT_MET, None: Outcome.CANNOT_TELL}
_ORDER = (Outcome.NOT_MET, Outcome.CANNOT_TELL, Outcome.MET)


def _every(parts: Iterable[ConditionResult]) -> Outcome:
    return min((part.outcome for part in parts), key=_ORDER.index, default=Outcome.MET)


def _some(parts: Iterable[ConditionResult]) -> Outcome:
    return max((part.outcome for part in parts), key=_ORDER.index, default=Outcome.NOT_MET)


def hangs_on(result: RuleResult, fact: str) -> bool:
    """Whether a rule could not be told for lack of a fact, or asks whether that is known."""
    lines = [line for line in _lines(result.parts) if line.fact == fact]
    if result.outcome is Outcome.CANNOT_TELL:
        return bool(lines)
    return any(isinstance(line.test, IsKnown) for line in lines)


def _lines(parts: Iterable[ConditionResult]) -> Iterator[Compare]:
    for part in parts:
        if isinstance(part.condition, Compare):
            yield part.condition
        yield from _lines(part.parts)


def trace_json(policy: Policy, trace: Trace) -> bytes:
    """The trace for the decision log: every rule that was tried, with its conditions as written."""
    rules = [_plain_rule(result) for result in rule_results(policy, trace)]
    cases = [_plain_rule(result) for result in case_results(policy, trace)]
    return msgspec.json.encode({"rules": rules} | ({"deadline": cases} if cases else {}))


def _plain_rule(result: RuleResult) -> Mapping[str, Any]:
    shadow = {"shadow": True} if result.shadow else {}
    conditions = [_plain(part) for part in result.parts]
    return {"rule": result.rule, "outcome": result.outcome} | shadow | {"conditions": conditions}


_GROUPS = {AllOf: "all of", AnyOf: "any of", NoneOf: "none of", Unless: "unless"}


def _plain(result: ConditionResult) -> Mapping[str, Any]:
    match result.condition:
        case None:
            plain = {}
        case Compare(fact=fact, text=text):
            plain = {"fact": fact, "test": text}
        case EachAttempt(quantifier=quantifier):
            plain = {"group": f"{quantifier} check"}
        case Named(name=name):
            plain = {"group": f"condition {name}"}
        case group:
            plain = {"group": _GROUPS[type(group)]}
    label = {"label": result.label} if result.label else {}
    conditions = {"conditions": [_plain(part) for part in result.parts]} if result.parts else {}
    return plain | label | {"outcome": result.outcome} | conditions
