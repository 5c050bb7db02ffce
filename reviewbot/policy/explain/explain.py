"""Why a policy says what it says: the winner, what it saw, why no rule above it matched, what else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Source
from reviewbot.policy.engine.calendar import hours_of
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.templates import Variants, duration, money
from reviewbot.policy.engine.trace import (
    ConditionResult,
    Evaluation,
    Outcome,
    RuleResult,
    case_results,
    rule_results,
)
from reviewbot.policy.explain import what_if
from reviewbot.policy.explain.phrases import Wording, deciding, met_leaves
from reviewbot.policy.explain.what_if import Nearest, nearest_other
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    EachAttempt,
    Named,
    NoneOf,
    Policy,
    Unless,
    compares_of,
)


class SeenCondition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of the winner with the value it saw."""

    mark: Outcome
    fact: str
    value: str
    test: str
    line: int


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A rule above the winner, and the one condition for which it did not match."""

    number: int
    rule: str
    mark: Outcome
    why: str
    short: str


class Branch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule, a condition or a group of them: its mark, its words, and the branches under it."""

    mark: Outcome
    words: str
    value: str | None = None
    line: int | None = None
    parts: tuple[Branch, ...] = ()


class TurningPoint(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on the answer is this one."""

    at: datetime
    action: Action
    rule: str
    until: datetime | None = None
    clock: tuple[str, ...] = ()
    """What the rule that decides asks of the clock itself, as written."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer to "why?", as values. Moments in words are in the policy's zone."""

    subject: str
    action: Action
    rule: str
    number: int | None
    line: int | None
    policy: str
    path: str
    revision: str
    timezone: str
    reason: str | None
    until: datetime | None
    note: str | None
    held_by_hours: str | None
    cannot_tell: tuple[str, ...]
    seen: tuple[SeenCondition, ...]
    passed: tuple[Passed, ...]
    nearest: str | None
    later: tuple[TurningPoint, ...]
    tree: tuple[Branch, ...]
    kept_back: str | None = None
    """What kept it from being sent, where the log says that something did, or a statement does."""
    instead: Action | None = None
    """What was decided in its place because of that: a question, or what the deadline does."""
    end: str | None = None
    """How its round ends if nobody steps in, in the words of the report; None where it is over."""
    end_at: datetime | None = None
    case: str | None = None
    """Which case of its text was chosen, where the text has cases."""


def explain(
    judge: Judge, facts: Facts, evaluation: Evaluation | None = None, *, over_time: bool = False
) -> Explanation:
    """Explain what the policy says of these facts.

    `evaluation` is judged anew where it is not given or carries no trace.
    """
    if evaluation is None or evaluation.trace is None:
        evaluation = judge.judge(facts, trace=True)
    assert evaluation.trace is not None
    policy = judge.policy
    wording = Wording(policy)
    results = rule_results(policy, evaluation.trace)
    cases = case_results(policy, evaluation.trace)
    winner = None if evaluation.rule_index is None else results[evaluation.rule_index]
    rule = None if winner is None else policy.rules[winner.index]
    return Explanation(
        subject=_subject(judge, facts),
        action=evaluation.action,
        rule=evaluation.rule,
        number=None if winner is None else winner.index + 1,
        line=None if rule is None else rule.span.line,
        policy=policy.name,
        path=policy.path,
        revision=policy.revision[:8],
        timezone=policy.timezone,
        reason=evaluation.reason,
        until=evaluation.until,
        note=evaluation.note,
        held_by_hours=None if rule is None else " and ".join(hours_of(policy, rule)) or None,
        cannot_tell=evaluation.cannot_tell,
        seen=() if winner is None else tuple(_seen(winner, wording, facts)),
        passed=tuple(
            _passed(result, wording, facts)
            for result in results
            if result is not winner and result.outcome is not Outcome.MET
        ),
        kept_back=_forbidden(judge, facts, evaluation),
        case=_case(judge, facts, evaluation, len(cases)),
        nearest=nearest_words(nearest_other(judge, facts), wording),
        later=_turning_points(judge, facts) if over_time else (),
        tree=_tree((*results, *cases), wording, facts),
    )


def _case(judge: Judge, facts: Facts, evaluation: Evaluation, tried: int) -> str | None:
    """Which case of a text is sent, with what it asks; `tried` cases of the fallback were asked."""
    policy = judge.policy
    then = policy.rules[evaluation.rule_index].then if evaluation.rule_index is not None else None
    if evaluation.rule == DEADLINE and tried:
        then = policy.deadline.fallbacks[tried - 1].then
    reason = None if then is None or not evaluation.action.sends_back else then.reason
    if reason is None or not reason.cases:
        return None
    catalogue, zone = CATALOGUE[policy.applies_to.review], ZoneInfo(policy.timezone)
    number = Variants(reason, catalogue, zone, judge.conditions).case_of(facts)
    if number is None:
        return None
    which = f"of {reason.name}" if reason.name else "of the text"
    if number == len(reason.cases):
        return f"otherwise {which}, as none of its cases fits"
    case = reason.cases[number]
    asked = " · ".join(f"{line.fact}: {line.text}" for line in compares_of(case.when))
    return f"case {number + 1} {which} (line {case.span.line}), for {asked}"


def _forbidden(judge: Judge, facts: Facts, evaluation: Evaluation) -> str | None:
    """Which statement keeps the answer from being carried out, where one does."""
    kept = judge.guarded(facts, evaluation)
    return None if kept is evaluation else kept.note


def _turning_points(judge: Judge, facts: Facts) -> tuple[TurningPoint, ...]:
    return tuple(
        TurningPoint(
            at=moment,
            action=answer.action,
            rule=answer.rule,
            until=answer.until,
            clock=_asked_of_clock(judge.policy, answer.rule_index),
        )
        for moment, answer in what_if.over_time(judge, facts)
    )


def _asked_of_clock(policy: Policy, index: int | None) -> tuple[str, ...]:
    when = None if index is None else policy.rules[index].when
    compares = () if when is None else compares_of(when)
    return tuple(f"now: {line.text}" for line in compares if line.fact == "now")


def _subject(judge: Judge, facts: Facts) -> str:
    zone = judge.policy.timezone
    words: list[str | None] = [f"account {facts.bundle.id}", facts.bundle.platform]
    began, deadline = "first seen", "deadline (an estimate)"
    if facts.feedback.corrections_applied is not None:
        words.append(f"round {facts.feedback.corrections_applied + 1}")
    if judge.policy.applies_to.review == "comments":
        task = facts.task
        began, deadline = "confirmed", "deadline"
        words = [f"task {task.id}", task.platform]
        if task.cm_payout_amount is not None:
            words.append(money(task.cm_payout_amount))
        if facts.past.sent_back_before is not None:
            words.append(f"round {facts.past.sent_back_before + 1}")
    if facts.started_at is not None:
        words.append(f"{began} {format_moment(facts.started_at, zone)}")
    if facts.deadline_at is not None:
        left = (facts.deadline_at - facts.now).total_seconds()
        still = f"{duration(left)} left" if left > 0 else "past"
        words.append(f"{deadline} {format_moment(facts.deadline_at, zone)} ({still})")
    return "  ".join(safe_line(word, 80) for word in words if word)


def _seen(winner: RuleResult, wording: Wording, facts: Facts) -> Iterator[SeenCondition]:
    for part in met_leaves(winner.parts):
        condition = part.condition
        if isinstance(condition, Compare):
            yield SeenCondition(
                mark=part.outcome,
                fact=condition.fact,
                value=wording.value(condition.fact, facts),
                test=condition.text + (f" ({part.label})" if part.label else ""),
                line=condition.test_span.line,
            )
        else:
            line = 0 if condition is None else condition.span.line
            place = wording.place(part)
            yield SeenCondition(mark=part.outcome, fact=place, value="", test="", line=line)


def _passed(result: RuleResult, wording: Wording, facts: Facts) -> Passed:
    line = deciding(result)
    return Passed(
        number=result.index + 1,
        rule=result.rule,
        mark=result.outcome,
        why="" if line is None else wording.why(line, facts),
        short="" if line is None else wording.short(line, facts),
    )


def nearest_words(found: Nearest | None, wording: Wording) -> str | None:
    """What one change would bring; None where there is none."""
    if found is None:
        return None
    who = f"rule {found.rule_index + 1}" if found.rule_index is not None else found.rule
    value = wording.value_words(found.fact, found.value)
    return f"with {found.fact} {value}, {who} would {found.action.upper()}"


MEASURED: frozenset[Source] = frozenset({"row", "evidence", "clock"})
"""What was measured of the task itself may lie on a threshold; what our log counts does not."""


def on_a_threshold(judge: Judge, facts: Facts) -> str | None:
    """What one step of one number would bring, in words; None where the answer does not hang on that."""
    near = nearest_other(judge, facts, MEASURED)
    if near is None or not _is_one_step(near.instead_of, near.value):
        return None
    here = f"{near.instead_of:g}" if isinstance(near.instead_of, float) else near.instead_of
    return f"it is {here}; {nearest_words(near, Wording(judge.policy))}"


def _is_one_step(here: object, there: object) -> bool:
    if isinstance(here, bool) or not isinstance(here, int | float):
        return False
    assert isinstance(there, int | float)
    if isinstance(here, int) and isinstance(there, int):
        return abs(there - here) <= 1
    return abs(there - here) <= 0.02 * max(abs(there), abs(here))


def _tree(results: Iterable[RuleResult], wording: Wording, facts: Facts) -> tuple[Branch, ...]:
    """The results as branches with the values that were compared."""

    def branch(result: ConditionResult, attempt: int | None) -> Branch:
        condition = result.condition
        if isinstance(condition, Compare):
            return Branch(
                mark=result.outcome,
                words=f"{condition.fact}: {condition.text}",
                value=_value(condition.fact, attempt, wording, facts),
                line=condition.test_span.line,
            )
        inside = isinstance(condition, EachAttempt)
        return Branch(
            mark=result.outcome,
            words=result.label or _group(condition),
            line=None if condition is None else condition.span.line,
            parts=tuple(
                branch(part, number if inside else attempt)
                for number, part in enumerate(result.parts)
            ),
        )

    return tuple(
        Branch(
            mark=result.outcome,
            words=f'rule {result.index + 1} "{result.rule}"' + " (shadow)" * result.shadow
            if result.rule != DEADLINE
            else f"case {result.index + 1} of  if undecided",
            parts=tuple(branch(part, None) for part in result.parts),
        )
        for result in results
    )


def _value(fact: str, attempt: int | None, wording: Wording, facts: Facts) -> str:
    if attempt is None:
        return wording.value(fact, facts)
    value = getattr((facts.attempts or ())[attempt], fact, None)
    choices = ATTEMPT_FACTS[fact].values
    return wording.value_words(fact, value if not choices or value in choices else None)


def _group(condition: object) -> str:
    match condition:
        case EachAttempt(quantifier=quantifier):
            return f"{quantifier} check"
        case Named(name=name):
            return f"condition {name}"
        case AnyOf():
            return "any of"
        case Unless():
            return "unless"
        case NoneOf():
            return "none of"
        case AllOf():
            return "all of"
    return ""
