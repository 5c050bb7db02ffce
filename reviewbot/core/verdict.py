"""Verdict: what is to be done with one thing, whoever said so: a rule, the deadline, or nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from reviewbot.domain.decision import DEADLINE, NO_RULE, Action
from reviewbot.domain.errors import Halted
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.round_state import elsewhere
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.facts import Facts

NO_TRACE = b"null"
"""The trace of what no policy decided."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, and why."""

    action: Action
    rule: str
    reason: str | None = None
    fields: dict[str, str] | None = None
    until: datetime | None = None
    to: tuple[str, ...] = ()
    cannot_tell: tuple[str, ...] = ()
    note: str | None = None
    held_by: str | None = None
    """What keeps back an action that is due: a pause, a breaker, a cap, probation."""
    wanted: Action | None = None
    """What the rule wanted, where a person is asked or the deadline decides because of that."""
    shadow: tuple[tuple[str, Action], ...] = ()
    """What the policy's own shadow rules would have done; they never decide."""
    broke: bool = False
    """Whether the policy itself failed, so that nothing can be said."""
    policy: str = ""
    revision: str = ""
    trace: Callable[[], bytes] | None = None
    """Writes the trace of every rule tried as JSON, on demand; None where no policy decided."""

    @property
    def due(self) -> bool:
        """Whether it is something to send, now: not held back, by hours or by anything else."""
        return self.action.writes and self.until is None and self.held_by is None

    @property
    def undecided(self) -> bool:
        """Whether silence would pay against nobody's decision."""
        return not self.due and self.action is not Action.LEAVE


UNCOVERED = Verdict(
    action=Action.ESCALATE, rule=NO_RULE, reason="no running policy covers this task"
)


def verdict_of(judge: Judge, facts: Facts, answer: Evaluation) -> Verdict:
    """The verdict that an evaluation amounts to."""
    policy = judge.policy
    return Verdict(
        action=answer.action,
        rule=answer.rule,
        reason=answer.reason,
        fields=answer.fields,
        until=answer.until,
        to=answer.to,
        cannot_tell=answer.cannot_tell,
        note=answer.note,
        shadow=answer.shadow,
        policy=policy.name,
        revision=policy.revision,
        trace=lambda: trace_of(judge, facts),
    )


def trace_of(judge: Judge, facts: Facts) -> bytes:
    """Every rule tried on these facts, as JSON."""
    trace = judge.judge(facts, trace=True).trace
    return NO_TRACE if trace is None else judge.trace_json(trace)


def failed(judge: Judge, error: Exception) -> Verdict:
    """A person must look: the policy itself broke on these facts, which must never pay."""
    return Verdict(
        action=Action.ESCALATE,
        rule=NO_RULE,
        reason=f"the policy could not be evaluated ({type(error).__name__})",
        broke=True,
        policy=judge.policy.name,
        revision=judge.policy.revision,
    )


def no_evidence(judge: Judge, answer: Evaluation) -> Verdict:
    """A person must look: a rule needs evidence that cannot be had."""
    return Verdict(
        action=Action.ESCALATE,
        rule=NO_RULE,
        reason="the evidence that a rule needs cannot be fetched",
        cannot_tell=answer.cannot_tell,
        policy=judge.policy.name,
        revision=judge.policy.revision,
    )


def kept_back(verdict: Verdict, halted: Halted) -> Verdict:
    """The verdict that may not be sent now: held as it is, or a question where a person is asked."""
    if not halted.asks:
        return msgspec.structs.replace(verdict, held_by=str(halted))
    text = f': "{verdict.reason}"' if verdict.action.sends_back and verdict.reason else ""
    return msgspec.structs.replace(
        verdict,
        action=Action.ESCALATE,
        reason=f"{halted}; the rule says {verdict.action.value}{text}",
        fields=None,
        held_by=str(halted),
        wanted=verdict.action,
    )


def in_its_place(judge: Judge, facts: Facts, verdict: Verdict) -> Verdict | None:
    """What the deadline says of a verdict that a guardrail keeps back; None where it changes nothing.

    A question would only take the place of the one that the guardrail asks.
    """
    answer = None if verdict.rule == DEADLINE else judge.fallback(facts)
    if answer is None or answer.action is Action.ESCALATE:
        return None
    return msgspec.structs.replace(verdict_of(judge, facts, answer), wanted=verdict.action)


def not_waiting(item: ReviewItem, judge: Judge) -> Verdict:
    """A person must look: the API lists it as waiting, in a status that is not the one that waits."""
    return Verdict(
        action=Action.ESCALATE,
        rule=NO_RULE,
        reason=f"it is listed as waiting, but {elsewhere(item.review, item.status)}: what becomes of it nobody has"
        " documented; look in the dashboard",
        policy=judge.policy.name,
        revision=judge.policy.revision,
    )
