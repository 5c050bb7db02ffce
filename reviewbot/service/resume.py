"""Resume: settle, by reading, the writes that a crash or an outage left without a clear answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reviewbot.domain.errors import ApiError, Forbidden, KeyRefused, NotFound
from reviewbot.domain.faultpoints import fault_point
from reviewbot.domain.lifecycle import State
from reviewbot.domain.review import ReviewItem
from reviewbot.ports import Logged
from reviewbot.service import effects
from reviewbot.service.app import App, Bench
from reviewbot.service.look import is_conclusive, with_window


def resume(app: App, bench: Bench, waiting: Mapping[str, ReviewItem]) -> int:
    """Settle what can be settled; give the number of writes that stay in quarantine.

    `waiting` is the list as just read: what stands there in the round of an open write counts as one
    reading that nothing has happened.
    """
    left = 0
    for logged in app.ledger.open_intents():
        if logged.decision.review != bench.review:
            continue
        if app.stopping() or not _settle(app, bench, logged, waiting.get(logged.decision.task_id)):
            left += 1
    return left


def _settle(app: App, bench: Bench, logged: Logged, listed: ReviewItem | None) -> bool:
    decision = logged.decision
    still = listed is not None and effects.fate(listed, decision.epoch) is effects.Fate.WAITING
    if still and not _given_up(app, logged):
        return False
    try:
        item = with_window(bench, bench.queue.look(decision.task_id))
    except NotFound:
        # One 404 may be a lapse of the API, and this word would be the last.
        if not _quarantine_is_over(app, logged):
            return False
        return _mark(app, logged, State.OVERTAKEN, "it is gone")
    except KeyRefused:
        raise
    except Forbidden as error:
        if "NOT_OWNED" in (error.code or ""):
            return _mark(app, logged, State.OVERTAKEN, "it is no longer ours to see")
        raise
    except ApiError as error:
        app.events("cannot settle", level="warning", task_id=decision.task_id, error=str(error))
        return False
    fault_point("resume.read")
    if not is_conclusive(bench, item, decision.epoch):
        return False
    settled = effects.settle(decision, item)
    if settled is not None:
        return _mark(app, logged, *settled)
    waits = effects.fate(item, decision.epoch) is effects.Fate.WAITING
    # Asked again: this answer has told the API's time anew, and the list's may have lingered.
    if still and waits and _given_up(app, logged):
        return _mark(app, logged, State.VOID, effects.NOTHING_CAME)
    return False


def _given_up(app: App, logged: Logged) -> bool:
    """Whether its quarantine is over; one that outlives the deadline is never over."""
    deadline = None if logged.decision.deadline_is_estimate else logged.decision.deadline_at
    if deadline is not None and _quarantine_end(app, logged) >= deadline:
        return False
    return _quarantine_is_over(app, logged)


def _quarantine_is_over(app: App, logged: Logged) -> bool:
    return app.clock.now() >= _quarantine_end(app, logged)


def _quarantine_end(app: App, logged: Logged) -> datetime:
    return (logged.intended_at or logged.decision.decided_at) + app.limits.quarantine


def _mark(app: App, logged: Logged, state: State, note: str) -> bool:
    decision = logged.decision
    app.ledger.mark(decision.id, state, app.clock.now(), note=note)
    fault_point("resume.settled")
    app.events(
        "settled",
        id=decision.id,
        task_id=decision.task_id,
        epoch=decision.epoch,
        action=decision.action.value,
        state=state.value,
        note=note,
    )
    return True
