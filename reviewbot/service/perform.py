"""Perform: carry out one decision, once, and write down how that went. The only place that sends.

Theory of operation. The intent is on disk before the request leaves, so whatever happens next, the
log knows that something may have been done. A clear answer closes the intent here. An answer that
tells nothing leaves it `unknown`, and only reading settles that (`resume.py`). Nothing is ever sent
a second time from here.
"""

from __future__ import annotations

from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import (
    AlreadyIntended,
    ApiError,
    ApiRefusal,
    CannotConnect,
    CapReached,
    Halted,
    InvalidStatus,
    KeyRefused,
    NotDone,
    NotFound,
    RateLimited,
    TaskBlocked,
)
from reviewbot.domain.faultpoints import fault_point
from reviewbot.domain.lifecycle import State
from reviewbot.domain.review import ReviewItem
from reviewbot.ports import Desk, Receipt
from reviewbot.service import effects
from reviewbot.service.app import App, Bench, HeldEvidence, Sight
from reviewbot.service.guards import breaker, gate
from reviewbot.service.telling.notices import tell_stale_effect


def perform(app: App, bench: Bench, decision: Decision) -> State | None:
    """Write the intent down, send it, write down the outcome; give the outcome.

    None when the round already has an intent: then nothing is sent. Raises Halted when a pause, a
    breaker, a cap or probation keeps it back, KeyRefused after having noted that nothing was done,
    and `LedgerError` when the log cannot be written.
    """
    assert bench.desk is not None, "a dry run has no desk to send from"
    assert decision.action.writes and decision.epoch is not None
    by_person = decision.decided_by is not None
    gate.check(app, bench, decision, by_person=by_person)
    try:
        app.ledger.intend(decision, gate.limits_for(app, bench, decision))
    except AlreadyIntended:
        return None
    except CapReached as cap:
        raise gate.full(app, bench, decision, cap) from cap
    fault_point("write.before")
    try:
        gate.check(app, bench, decision, by_person=by_person)
    except Halted:
        _close(app, decision, State.VOID, "not sent: halted at the last moment", None)
        raise
    if (why := _overdue(app, bench, decision)) is not None:
        return _close(app, decision, State.VOID, f"not sent: {why}", None)
    state = _send(app, bench.desk, bench, decision)
    gate.sent(app, decision, state)
    return state


def _overdue(app: App, bench: Bench, decision: Decision) -> str | None:
    """Why it is too late to send; None where it is not. A slow disk, or a process that was stopped,
    can put any time between the last look and this moment."""
    deadline = None if decision.deadline_is_estimate else decision.deadline_at
    if deadline is not None and app.clock.now() >= deadline:
        return "its deadline has passed"
    rests_on: list[Sight | HeldEvidence | None] = [bench.sights.get(decision.task_id)]
    if decision.evidence_hash is not None and decision.decided_by is None:
        rests_on.append(bench.evidence.get(decision.task_id))
    oldest = app.clock.monotonic() - app.limits.freshness
    if any(one is None or one.at < oldest for one in rests_on):
        return "what it rests on was read too long ago"
    return None


def _send(app: App, desk: Desk, bench: Bench, decision: Decision) -> State:
    try:
        receipt = desk.perform(decision)
    except ApiError as error:
        fault_point("write.answered")
        return _refused(app, bench, decision, error)
    fault_point("write.answered")
    return _answered(app, decision, receipt)


def _answered(app: App, decision: Decision, receipt: Receipt) -> State:
    app.doubtful_writes = 0
    state, note = State.PERFORMED, "replayed by the API" if receipt.replayed else None
    if receipt.status is not None and not effects.fits(
        decision.action, decision.review, receipt.status
    ):
        state, note = State.UNKNOWN, f"the API said yes, but calls it {receipt.status}"
    elif decision.action.pays and receipt.epoch is not None and receipt.epoch != decision.epoch:
        note = f"stale effect: it landed in the round of {receipt.epoch}"
        what = f"an approval of task {decision.task_id} landed in another round than it was for"
        breaker.open_breaker(app, decision.policy, "stale effect", what)
        app.events(
            "stale effect",
            level="error",
            task_id=decision.task_id,
            decided_for=decision.epoch,
            landed_in=receipt.epoch,
        )
        tell_stale_effect(app, decision, receipt)
    return _close(app, decision, state, note, receipt.request_id)


def _refused(app: App, bench: Bench, decision: Decision, error: ApiError) -> State:
    about = error.request_id
    match error:
        case KeyRefused():
            _close(app, decision, State.VOID, "the key was refused", about)
            raise error
        case InvalidStatus():
            return _someone_was_first(app, bench, decision, error)
        case NotFound():
            return _close(app, decision, State.OVERTAKEN, "it is gone", about)
        case TaskBlocked():
            note = "refused while the account's Coverage is inactive"
            return _close(app, decision, State.REFUSED, note, about)
        case ApiRefusal():
            return _close(app, decision, State.REFUSED, str(error), about)
        case RateLimited():
            return _close(app, decision, State.VOID, "not done: too many requests", about)
        case CannotConnect():
            app.doubtful_writes += 1
            return _close(app, decision, State.VOID, "not done: no connection", about)
        case NotDone():
            return _close(app, decision, State.VOID, f"not done: {error}", about)
    app.doubtful_writes += 1
    return _close(app, decision, State.UNKNOWN, str(error), about)


def _someone_was_first(app: App, bench: Bench, decision: Decision, error: InvalidStatus) -> State:
    """Read what stands there now. A 409 is clear about this request, not about an earlier one."""
    state, note = _what_stands_there(app, bench, decision, error)
    if state is not State.OVERTAKEN:
        return _close(app, decision, state, note, error.request_id)
    _close(app, decision, state, breaker.CONFLICT_NOTE + note, error.request_id)
    breaker.conflicted(app, decision.policy)
    return state


def _what_stands_there(
    app: App, bench: Bench, decision: Decision, error: InvalidStatus
) -> tuple[State, str]:
    note = f"it was {error.current_status or 'in another status'} already"
    state = State.OVERTAKEN
    try:
        item = bench.queue.look(decision.task_id)
    except ApiError:
        return state, note
    settled = effects.settle(decision, item)
    if settled is not None:
        state, note = settled
        if state is State.SETTLED and not _surely_ours(app, decision, item):
            state, note = State.OVERTAKEN, f"someone else was first: it is {item.status} now"
    return state, note


def _surely_ours(app: App, decision: Decision, item: ReviewItem) -> bool:
    if effects.shows_our_text(decision, item):
        return True
    earlier = app.ledger.entries(decision.id)
    return any(
        entry.state is State.UNKNOWN or entry.note == effects.NOTHING_CAME for entry in earlier
    )


def _close(
    app: App, decision: Decision, state: State, note: str | None, request_id: str | None
) -> State:
    at = app.clock.now()
    app.ledger.mark(decision.id, state, at, note=note, request_id=request_id)
    return state
