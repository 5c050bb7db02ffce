"""Replay: judge recorded facts again, by the same revision; the answer must be the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import msgspec

from reviewbot.core.log_text import SEALED
from reviewbot.core.revisions import Revisions
from reviewbot.core.verdict import NO_TRACE
from reviewbot.domain.decision import DEADLINE, Action, Decision
from reviewbot.domain.review import ReviewKind, Subject
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.facts import Facts
from reviewbot.policy.recorded_facts import facts_from_json
from reviewbot.ports.ledger import Logged


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a decision that came out otherwise: what the log says, and what replay said."""

    part: str
    logged: object
    replayed: object


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """One decision judged again. `problem` says why it could not be."""

    seq: int
    decision: Decision
    differences: tuple[Difference, ...] = ()
    problem: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether the answer was the same in every part."""
        return not self.differences and self.problem is None


def replay(decisions: Iterable[Logged], revisions: Revisions) -> Iterator[Replayed]:
    """Judge each of the policy's decisions again, as they come.

    What no policy decided is left out, see `was_judged`.
    """
    for logged in decisions:
        if was_judged(logged.decision):
            judge = revisions.judge(logged.decision.revision)
            yield _again(logged.seq, logged.decision, judge)


def was_judged(decision: Decision) -> bool:
    """Whether a policy judged it.

    None did where a person decided, where no policy covers the thing, and where nothing could be
    sent or no evidence be had, which the loop says by itself. Those have no trace.
    """
    return decision.decided_by is None and decision.trace != NO_TRACE


def _again(seq: int, decision: Decision, judge: Judge | None) -> Replayed:
    if judge is None:
        problem = f"revision {decision.revision[:8]} is not in the log, or can no longer be read"
        return Replayed(seq=seq, decision=decision, problem=problem)
    try:
        facts = facts_from_json(decision.facts)
    except (ValueError, KeyError, msgspec.MsgspecError) as error:
        return Replayed(seq=seq, decision=decision, problem=f"its facts cannot be read: {error}")
    logged, replayed = _of_log(decision), _of_answer(_answer(decision, judge, facts))
    different = tuple(
        Difference(part=part, logged=logged[part], replayed=replayed[part])
        for part in logged
        if logged[part] != replayed[part]
    )
    return Replayed(seq=seq, decision=decision, differences=different)


def _answer(decision: Decision, judge: Judge, facts: Facts) -> Evaluation:
    answer = judge.judge(facts)
    if decision.rule != DEADLINE or answer.rule == DEADLINE or decision.wanted is None:
        return answer
    # What the rule wanted was kept back, so the deadline decided.
    return judge.fallback(facts) or answer


def _of_log(decision: Decision) -> dict[str, object]:
    if decision.wanted is not None and decision.action is Action.ESCALATE:
        # A full cap asked a person in place of what the rule wanted: the texts are the question's.
        return {"action": decision.wanted.value, "rule": decision.rule, "until": decision.until}
    return {
        "action": decision.action.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "fields": decision.fields,
        # What is sealed is due by the policy, and lies only for a while.
        "until": None if (decision.held_by or "").startswith(SEALED) else decision.until,
        "to": decision.to,
        "cannot tell": decision.cannot_tell,
    }


def _of_answer(answer: Evaluation) -> dict[str, object]:
    return {
        "action": answer.action.value,
        "rule": answer.rule,
        "reason": answer.reason if answer.reason is not None else answer.note,
        "fields": answer.fields,
        "until": answer.until,
        "to": answer.to,
        "cannot tell": answer.cannot_tell,
    }


# ------------------------------------------------------------------------------------------------
# The past as recorded reviews: each round of the decision log once, as it was first judged.


class PastReview(msgspec.Struct, frozen=True, kw_only=True):
    """One round of the log: the facts its first decision was judged by."""

    logged: Logged
    seen: Facts

    @property
    def review(self) -> ReviewKind:
        """Which kind of review it was."""
        return self.logged.decision.review

    @property
    def subject(self) -> Subject:
        """The thing as it was seen."""
        return self.seen.task if self.seen.task.id else self.seen.bundle

    @property
    def amount_micros(self) -> int:
        """What an approval paid, or would have, in millionths of a US dollar."""
        return self.logged.decision.amount_micros or 0

    def facts(self, at: datetime) -> Facts:  # noqa: ARG002 - the log has the moment
        """The facts, as of the moment of that decision."""
        return self.seen


def past_reviews(
    decisions: Iterable[Logged], since: datetime, unread: Callable[[Logged], None]
) -> Iterator[PastReview]:
    """Give each round first decided since then, oldest first, from decisions in the log's order.

    What no policy judged is left out; what can no longer be read goes to `unread`.
    """
    met: set[tuple[str, str, str | None]] = set()
    for logged in decisions:
        decision = logged.decision
        key = (decision.review, decision.task_id, decision.epoch)
        if decision.decided_at < since or key in met or not was_judged(decision):
            continue
        met.add(key)
        review = read_past(logged)
        if review is None:
            unread(logged)
        else:
            yield review


def read_past(logged: Logged) -> PastReview | None:
    """One decision as a review to judge again; None where its facts can no longer be read."""
    try:
        facts = facts_from_json(logged.decision.facts)
        # Which limits were full then is worked out anew.
        return PastReview(logged=logged, seen=msgspec.structs.replace(facts, full=()))
    except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError):
        return None
