"""Perform: carry out one decision, once, and write down how that went. The only place that sends.

Theory of operation. The intent is on disk before the request leaves, so whatever happens next, the
log knows that something may have been done. A clear answer closes the intent here. An answer that
tells nothing leaves it `unknown`, and only reading settles that (`resume.py`). A refusal ends nothing
(`refusals.py`): where it says that somebody was first, that is read, and only what was read counts.
Nothing is ever sent a second time from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from reviewbot.alarms.notices import tell_over, tell_stale_effect
from reviewbot.core import refusals
from reviewbot.core.context import BotContext, Sent
from reviewbot.core.guard_state import GuardState
from reviewbot.core.pipeline import HeldEvidence, ReviewPipeline, Sight
from reviewbot.core.questions import asked_in
from reviewbot.core.refusals import Says
from reviewbot.core.verdict import NO_TRACE, Verdict
from reviewbot.domain import round_state
from reviewbot.domain.decision import DONE, Decision, Mode, State, decision_id
from reviewbot.domain.errors import (
    AlreadyIntended,
    ApiError,
    ApiRefusal,
    CannotConnect,
    CapReached,
    Halted,
    Intercepted,
    KeyRefused,
    LeaseLost,
    LedgerUnwritable,
    NotDone,
    OutOfDate,
    RateLimited,
)
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.recorded_facts import facts_to_json
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.ports.queue import Receipt, ReviewWriter
from reviewbot.review.fetch import with_window
from reviewbot.safety import breaker, gate, limits, writes


def perform(
    app: BotContext, bench: ReviewPipeline, decision: Decision, facts: Facts, judge: Judge | None
) -> State | None:
    """Write the intent down, send it, write down the outcome; give the outcome.

    `facts` are what it was decided by, `judge` is the policy whose statements it must keep. None when
    the round already has an intent: then nothing is sent. Raises Halted when a pause, a statement, a
    breaker, a cap or probation keeps it back, KeyRefused after having noted that nothing was done,
    and `LedgerError` when the log cannot be written.
    """
    assert bench.desk is not None, "a dry run has no desk to send from"
    assert decision.action.writes and decision.epoch is not None
    gate.decide(app.guard_post, bench, judge, facts, decision)
    sent, claimed_at = app.sent.get(decision.key), app.clock.monotonic()
    try:
        if sent is not None and (again := _restored(app.ledger, sent, app.clock.now())):
            app.sent[decision.key] = again
            return None
        by_rule = decision.decided_by is None  # a person's answer meets no limits
        met = limits.limits_met(app.guard, bench, decision) if by_rule else ()
        key = app.ledger.intend(decision, met)
    except AlreadyIntended:
        return None
    except CapReached as cap:
        raise gate.full(app.guard, bench, decision, cap) from cap
    run = _Execution(app, bench, decision, key)
    fault_point("write.before")
    try:
        gate.still(app.guard_post, bench, decision)
        if app.lead is not None:
            app.lead(claimed_at)
    except (Halted, LeaseLost, LedgerUnwritable) as error:
        words = "halted at the last moment" if isinstance(error, Halted) else str(error)
        run.close(State.VOID, f"not sent: {words}", None)
        raise
    if (why := run.overdue()) is not None:
        return run.close(State.VOID, f"not sent: {why}", None)
    state = run.send(bench.desk)
    count_for_probation(app.guard, decision, state)
    asked = None
    if state in DONE:
        asked = asked_in(app.ledger, decision.task_id, decision.epoch)
    if asked is not None:
        who = decision.decided_by or f"rule {decision.rule!r}"
        tell_over(app.notifier, asked, f"{decision.action} by {who}")
    return state


def count_for_probation(guard: GuardState, decision: Decision, state: State) -> None:
    """Take note of a write that left."""
    trial = guard.trials.get(decision.policy)
    if trial is not None and state in breaker.SENT and decision.decided_by is None:
        trial.add(decision.action, decision.rule, decision.decided_at)


def _restored(ledger: Ledger, sent: Sent, at: datetime) -> Sent | None:
    """What this process sent, written down again where the log has forgotten it; None where it has not.

    A server that fails over may lack lines in the midst of newer ones. What was sent is as unclear as
    before, so its quarantine goes on; that the log has gaps is noticed by counting its lines.
    """
    decision = sent.decision
    logged = ledger.decision(decision.id)
    if logged is not None and sent.is_among(logged):
        return None
    key = ledger.intend(decision)
    ledger.mark(decision.id, State.UNKNOWN, at, note="sent before, and forgotten by the log")
    ledger.recount()
    return replace(sent, key=key)


@dataclass(frozen=True, slots=True)
class _Execution:
    """One decision on its way out: sent, answered, written down."""

    app: BotContext
    bench: ReviewPipeline
    decision: Decision
    key: str
    """Of this try."""

    def overdue(self) -> str | None:
        """Why it is too late to send; None where it is not. A slow disk, or a process that was stopped,
        can put any time between the last look and this moment."""
        deadline = None if self.decision.deadline_is_estimate else self.decision.deadline_at
        if deadline is not None and self.app.clock.now() >= deadline:
            return "its deadline has passed"
        rests_on: list[Sight | HeldEvidence | None] = [self.bench.sights.get(self.decision.task_id)]
        if self.decision.evidence_hash is not None and self.decision.decided_by is None:
            rests_on.append(self.bench.evidence.get(self.decision.task_id))
        oldest = self.app.clock.monotonic() - self.app.limits.freshness
        if any(sight is None or sight.at < oldest for sight in rests_on):
            return "what it rests on was read too long ago"
        return None

    def send(self, desk: ReviewWriter) -> State:
        self.app.sent[self.decision.key] = Sent(self.decision, self.key, self.app.clock.monotonic())
        try:
            receipt = desk.perform(self.decision, self.key)
        except ApiError as error:
            fault_point("write.answered")
            return self._failed(error)
        fault_point("write.answered")
        return self._answered(receipt)

    def _answered(self, receipt: Receipt) -> State:
        self.app.contact.doubtful_writes = 0
        writes.taken(
            self.app.clock, self.app.guard, self.app.notifier, self.bench, self.decision.policy
        )
        state, note = State.PERFORMED, "replayed by the API" if receipt.replayed else None
        if receipt.status is not None and not round_state.fits(
            self.decision.action, self.decision.review, receipt.status
        ):
            state, note = State.UNKNOWN, f"the API said yes, but calls it {receipt.status}"
        elif (
            self.decision.action.pays
            and receipt.epoch is not None
            and receipt.epoch != self.decision.epoch
        ):
            note = f"stale effect: it landed in the round of {receipt.epoch}"
            what = f"an approval of task {self.decision.task_id} landed in another round than it was for"
            breaker.open_breaker(self.app.guard_post, self.decision.policy, "stale effect", what)
            self.app.events(
                "stale effect",
                level="error",
                task_id=self.decision.task_id,
                decided_for=self.decision.epoch,
                landed_in=receipt.epoch,
            )
            tell_stale_effect(self.app.notifier, self.decision, receipt)
        return self.close(state, note, receipt.request_id)

    def _failed(self, error: ApiError) -> State:
        about = error.request_id
        match error:
            case KeyRefused():
                self.close(State.VOID, "the key was refused", about)
                raise error
            case ApiRefusal() | Intercepted():
                return self._refused(error)
            case RateLimited():
                return self.close(State.VOID, "not done: too many requests", about)
            case CannotConnect():
                self.app.contact.doubtful_writes += 1
                return self.close(State.VOID, "not done: no connection", about)
            case NotDone():
                return self.close(State.VOID, f"not done: {error}", about)
        self.app.contact.doubtful_writes += 1
        return self.close(State.UNKNOWN, str(error), about)

    def _refused(self, error: ApiRefusal | Intercepted) -> State:
        says, note, about = refusals.meaning(error), refusals.words_of(error), error.request_id
        if says is Says.LOOK:
            found, note = self._what_stands_there(error)
            if found is State.UNKNOWN:
                self.app.contact.doubtful_writes += 1
                return self.close(found, note, about)
            if found is not None:
                writes.taken(
                    self.app.clock,
                    self.app.guard,
                    self.app.notifier,
                    self.bench,
                    self.decision.policy,
                )
                return self._someone_was_first(found, note, about)
        if says is not Says.ASK:
            writes.refused(self.app, self.bench, self.decision.policy, note)
        asks = (
            says is Says.ASK
            or refusals.earlier(self.app.ledger, self.decision.id) + 1 >= refusals.TRIES
        )
        state = State.REFUSED if asks else State.VOID
        return self.close(state, refusals.NOTE + note, about)

    def _someone_was_first(self, found: State, note: str, about: str | None) -> State:
        if found is not State.OVERTAKEN:
            return self.close(found, note, about)
        self.close(found, breaker.CONFLICT_NOTE + note, about)
        breaker.conflicted(self.app.guard_post, self.decision.policy)
        return found

    def _what_stands_there(self, refusal: ApiRefusal | Intercepted) -> tuple[State | None, str]:
        """Read what stands there now; no state where that shows no end of the round.

        The API's refusal is clear about this request, not about an earlier one: where one of those may
        have come late, and nothing can be read, what became of the decision is unknown. So it is where
        something in between has spoken.
        """
        said = refusals.words_of(refusal)
        doubtful = isinstance(refusal, Intercepted) or self._may_have_come_late()
        try:
            item = with_window(self.bench, self.bench.queue.look(self.decision.task_id))
        except KeyRefused as error:
            self.close(State.VOID, "the key was refused", error.request_id)
            raise
        except ApiError as error:
            unread = f"{said}; reading it failed: {refusals.words_of(error)}"
            return (State.UNKNOWN if doubtful else None), unread
        settled = round_state.settle(self.decision, item)
        if settled is None:
            return None, f"{said}, but it is {item.status} as before"
        state, note = settled
        if state is State.SETTLED and not (
            doubtful or round_state.shows_our_text(self.decision, item)
        ):
            return State.OVERTAKEN, f"someone else was first: it is {item.status} now"
        return state, note

    def _may_have_come_late(self) -> bool:
        """Whether an earlier try of this decision got no clear answer."""
        return any(
            entry.state is State.UNKNOWN or entry.note == round_state.NOTHING_CAME
            for entry in self.app.ledger.entries(self.decision.id)
        )

    def close(self, state: State, note: str | None, request_id: str | None) -> State:
        """Write the outcome down; where somebody has read it meanwhile, give what they found."""
        at = self.app.clock.now()
        if state is not State.UNKNOWN:
            self.app.sent.pop(self.decision.key, None)
        try:
            self.app.ledger.mark(
                self.decision.id,
                state,
                at,
                note=note,
                request_id=request_id,
                was=State.INTENT,
                key=self.key,
            )
        except OutOfDate:
            logged = self.app.ledger.decision(self.decision.id)
            assert logged is not None, "what was marked by somebody is in the log"
            return logged.state
        return state


# ------------------------------------------------------------------------------------------------
# Write down: the decision that a verdict amounts to, and whether it says anything new.


_encode = msgspec.json.Encoder().encode


def decide(
    mode: Mode,
    skew: Callable[[], timedelta | None] | None,
    item: ReviewItem,
    facts: Facts,
    verdict: Verdict,
    held: HeldEvidence | None,
    *,
    decided_by: str | None = None,
) -> Decision:
    """Put a verdict into the form that is written down, with its grounds."""
    clock_ahead = _clock_ahead(skew) if verdict.action.writes else None
    return Decision(
        id=decision_id(item.review, item.id, item.epoch, verdict.action),
        review=item.review,
        task_id=item.id,
        round=round_of(facts),
        epoch=item.epoch,
        action=verdict.action,
        rule=verdict.rule,
        reason=_reason(verdict),
        fields=verdict.fields,
        until=verdict.until,
        to=verdict.to,
        cannot_tell=verdict.cannot_tell,
        policy=verdict.policy,
        revision=verdict.revision,
        mode=mode,
        decided_at=facts.now,
        deadline_at=item.deadline_at,
        deadline_is_estimate=item.deadline_is_estimate,
        account_id=item.account_id,
        amount_micros=item.amount_micros,
        evidence_hash=None if held is None else hashlib.sha256(_encode(held.evidence)).hexdigest(),
        trace=NO_TRACE if verdict.trace is None else verdict.trace(),
        facts=facts_to_json(facts),
        decided_by=decided_by,
        clock_ahead=clock_ahead,
        held_by=verdict.held_by,
        wanted=verdict.wanted,
    )


def _clock_ahead(skew: Callable[[], timedelta | None] | None) -> float | None:
    ahead = None if skew is None else skew()
    return None if ahead is None else ahead.total_seconds()


def round_of(facts: Facts) -> int:
    """Count the rounds: what was sent back, by us or anybody, or what the API says was mended, plus 1."""
    return max(facts.past.sent_back_before or 0, facts.feedback.corrections_applied or 0) + 1


def differs(verdict: Verdict, item: ReviewItem, state: State, latest: Logged | None) -> bool:
    """Whether this says anything that the last decision of the round did not."""
    if latest is None or latest.state is not state or latest.decision.epoch != item.epoch:
        return True
    last = latest.decision
    return (last.action, last.rule, last.reason, last.until, last.cannot_tell, last.held_by) != (
        verdict.action,
        verdict.rule,
        _reason(verdict),
        verdict.until,
        verdict.cannot_tell,
        verdict.held_by,
    )


def _reason(verdict: Verdict) -> str | None:
    """The text of the action, or failing that what is to be said about it."""
    return verdict.reason if verdict.reason is not None else verdict.note
