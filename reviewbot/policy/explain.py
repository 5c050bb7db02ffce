"""Why a policy says what it says: the winner, what it saw, why no rule above it matched, what else."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.blame import Speaker, deciding, met_leaves
from reviewbot.policy.evaluate import Evaluation, Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.future import Later, answers_over_time
from reviewbot.policy.model import Compare
from reviewbot.policy.nearest import Nearest, nearest_other
from reviewbot.policy.texts import duration, moment, money
from reviewbot.policy.trace import Outcome, RuleResult, case_results, rule_results


class Seen(msgspec.Struct, frozen=True, kw_only=True):
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


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer to "why?", as values."""

    subject: str
    action: Action
    rule: str
    number: int | None
    line: int | None
    policy: str
    path: str
    revision: str
    reason: str | None
    until: str | None
    note: str | None
    seen: tuple[Seen, ...]
    passed: tuple[Passed, ...]
    nearest: str | None
    later: tuple[Later, ...]
    results: tuple[RuleResult, ...]
    case_results: tuple[RuleResult, ...]


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
    speaker = Speaker(policy)
    results = rule_results(policy, evaluation.trace)
    winner = None if evaluation.rule_index is None else results[evaluation.rule_index]
    zone = ZoneInfo(policy.timezone)
    return Explanation(
        subject=_subject(judge, facts, zone),
        action=evaluation.action,
        rule=evaluation.rule,
        number=None if winner is None else winner.index + 1,
        line=None if winner is None else policy.rules[winner.index].span.line,
        policy=policy.name,
        path=policy.path,
        revision=policy.revision[:8],
        reason=evaluation.reason,
        until=None if evaluation.until is None else moment(evaluation.until, zone),
        note=evaluation.note,
        seen=() if winner is None else _seen(winner, speaker, facts),
        passed=tuple(
            _passed(result, speaker, facts)
            for result in results
            if result is not winner and result.outcome is not Outcome.MET
        ),
        nearest=_nearest(nearest_other(judge, facts), speaker),
        later=answers_over_time(judge, facts) if over_time else (),
        results=results,
        case_results=case_results(policy, evaluation.trace),
    )


def _seen(winner: RuleResult, speaker: Speaker, facts: Facts) -> tuple[Seen, ...]:
    lines = []
    for part in met_leaves(winner.parts):
        condition = part.condition
        if isinstance(condition, Compare):
            name, line = condition.fact, condition.test_span.line
            lines.append(
                Seen(
                    mark=part.outcome,
                    fact=name,
                    value=speaker.value(name, facts),
                    test=condition.text,
                    line=line,
                )
            )
        else:
            line = 0 if condition is None else condition.span.line
            lines.append(
                Seen(mark=part.outcome, fact=speaker.place(part), value="", test="", line=line)
            )
    return tuple(lines)


def _passed(result: RuleResult, speaker: Speaker, facts: Facts) -> Passed:
    line = deciding(result)
    return Passed(
        number=result.index + 1,
        rule=result.rule,
        mark=result.outcome,
        why="" if line is None else speaker.why(line, facts),
        short="" if line is None else speaker.short(line, facts),
    )


def _nearest(found: Nearest | None, speaker: Speaker) -> str | None:
    if found is None:
        return None
    who = f"rule {found.rule_index + 1}" if found.rule_index is not None else found.rule
    value = speaker.said(found.fact, found.value)
    return f"with {found.fact} {value}, {who} would {found.action.upper()}"


def _subject(judge: Judge, facts: Facts, zone: ZoneInfo) -> str:
    words = [f"account {facts.bundle.id}", facts.bundle.platform]
    if judge.policy.applies_to.review == "comments":
        task = facts.task
        words = [f"task {task.id}", task.platform]
        if task.cm_payout_amount is not None:
            words.append(money(task.cm_payout_amount))
        if facts.past.disputes is not None:
            words.append(f"round {facts.past.disputes + 1}")
    if facts.started_at is not None:
        words.append(f"since {moment(facts.started_at, zone)}")
    if facts.deadline_at is not None:
        left = (facts.deadline_at - facts.now).total_seconds()
        still = f"{duration(left)} left" if left > 0 else "past"
        words.append(f"deadline {moment(facts.deadline_at, zone)} ({still})")
    return "  ".join(safe_line(word, 80) for word in words if word)


# As text -------------------------------------------------------------------------------------


def explanation_text(told: Explanation, *, everything: bool = False) -> str:
    """The explanation for a terminal: about a dozen lines, or every rule with its line."""
    by = told.rule if told.number is None else f'rule {told.number} "{safe_line(told.rule, 80)}"'
    place = f"   {told.path}:{told.line}" if told.line is not None else f"   {told.path}"
    lines = [
        told.subject,
        f"{told.action.upper()} by {by}{place}   revision {told.revision}",
    ]
    width = max((len(seen.fact) for seen in told.seen), default=0)
    for seen in told.seen:
        shown = safe_line(seen.value, 60)
        line = f"  {seen.mark:<11}  {seen.fact:<{width}}  {shown:<6}  {safe_line(seen.test, 80)}"
        lines.append(line.rstrip())
    if told.reason is not None:
        lines.append(f"  says  {safe_line(told.reason, 160)}")
    if told.until is not None:
        word = "waits until" if told.action is Action.WAIT else "held until"
        lines.append(f"{word} {told.until}")
    if told.note is not None:
        lines.append(safe_line(told.note, 240))
    if told.passed:
        lines += _passed_lines(told, everything)
    if told.nearest is not None:
        lines.append(f"one change away: {safe_line(told.nearest, 200)}")
    lines += [
        f"from {later.at:%a %Y-%m-%d %H:%M} UTC  {later.action} by {safe_line(later.rule, 80)}"
        for later in told.later
    ]
    return "\n".join(lines)


def _passed_lines(told: Explanation, everything: bool) -> list[str]:
    if everything:
        return [
            f"  {passed.mark:<11}  rule {passed.number} "
            f'"{safe_line(passed.rule, 80)}": {safe_line(passed.why, 160)}'
            for passed in told.passed
        ]
    short = [
        f"{passed.number} {'cannot tell: ' if passed.mark is Outcome.CANNOT_TELL else ''}"
        f"{safe_line(passed.short, 100)}"
        for passed in told.passed
    ]
    head = "rules above did not match" if told.number is not None else "no rule matched"
    return [f"{head}: " + " · ".join(short)]
