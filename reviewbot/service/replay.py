"""Replay: judge recorded facts again, by the same revision; the answer must be the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from reviewbot.domain.decision import Action, Decision
from reviewbot.policy.evaluate import Evaluation, Judge
from reviewbot.ports import Logged
from reviewbot.service.records import facts_from_json
from reviewbot.service.verdict import NO_TRACE


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """One decision judged again. `problem` is None where the answer was the same."""

    decision: Decision
    problem: str | None = None


def replay(
    decisions: Iterable[Logged], judge_of: Callable[[str], Judge | None]
) -> Iterator[Replayed]:
    """Judge each of the policy's decisions again; `judge_of` gives the judge of a revision.

    What no policy decided has no trace and is left out: a person's decisions, a task that no policy
    covers, a write that could not be sent for want of a deadline.
    """
    for logged in decisions:
        decision = logged.decision
        if decision.decided_by is not None or decision.trace == NO_TRACE:
            continue
        yield Replayed(decision=decision, problem=_problem(decision, judge_of(decision.revision)))


def _problem(decision: Decision, judge: Judge | None) -> str | None:
    if judge is None:
        return f"revision {decision.revision[:8]} is not in the log"
    try:
        facts = facts_from_json(decision.facts)
    except (ValueError, KeyError, msgspec.MsgspecError) as error:
        return f"its facts cannot be read: {error}"
    answer = judge.judge(facts)
    if decision.held_by is not None and decision.action is Action.ESCALATE:
        # A full cap asked a person instead; what the rule itself said stands in the question.
        same = (answer.rule, answer.cannot_tell) == (decision.rule, decision.cannot_tell)
        return None if same else f"held back by {decision.rule}, replayed by {answer.rule}"
    found = _plain(answer)
    logged = (
        decision.action.value,
        decision.rule,
        decision.reason,
        decision.until,
        decision.cannot_tell,
    )
    if found == logged:
        return None
    return f"logged {logged[0]} by {logged[1]}, replayed {found[0]} by {found[1]}"


def _plain(answer: Evaluation) -> tuple[object, ...]:
    reason = answer.reason if answer.reason is not None else answer.note
    return (answer.action.value, answer.rule, reason, answer.until, answer.cannot_tell)
