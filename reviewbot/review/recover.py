"""Resume: settle, by reading, the writes that a crash or an outage left without a clear answer.

Theory of operation. Nothing is concluded from one answer that contradicts another: what the list
shows waiting is open, and what is gone is gone from the list too. The quarantine is counted by the
clock of this process, which nothing sets; where another process sent the write, by the API's clock
and by this machine's, whichever is later: a jump of one must not make an unclear write a lost one.
What the log calls ended, and the list goes on showing in its round, is opened again by a reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from reviewbot.core import remote_state
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Backoff, ReviewPipeline
from reviewbot.core.remote_state import NOTHING_CAME
from reviewbot.domain.decision import DONE, OPEN, State
from reviewbot.domain.errors import ApiError, Forbidden, KeyRefused, NotFound, OutOfDate
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewItem
from reviewbot.ports.ledger import Logged
from reviewbot.review.fetch import is_conclusive, with_window

PAUSE = 15 * 60.0
"""Seconds until a round is read again that the list shows, and a reading does not, after its end."""


def resume(app: BotContext, bench: ReviewPipeline, waiting: Mapping[str, ReviewItem]) -> int:
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


def _settle(
    app: BotContext, bench: ReviewPipeline, logged: Logged, listed: ReviewItem | None
) -> bool:
    decision = logged.decision
    still = (
        listed is not None
        and remote_state.fate(listed, decision.epoch) is remote_state.RoundState.WAITING
    )
    if still and not _given_up(app, logged):
        return False
    try:
        item = with_window(bench, bench.queue.look(decision.task_id))
    except KeyRefused:
        raise
    except NotFound:
        return _unseen(app, bench, logged, still, "it is gone")
    except Forbidden as error:
        if "NOT_OWNED" in (error.code or ""):
            return _unseen(app, bench, logged, still, "it is no longer ours to see")
        raise
    except ApiError as error:
        app.events("cannot settle", level="warning", task_id=decision.task_id, error=str(error))
        return False
    fault_point("resume.read")
    if not is_conclusive(bench, item, decision.epoch):
        return False
    settled = remote_state.settle(decision, item)
    if settled is not None:
        return _mark(app, logged, *settled)
    waits = remote_state.fate(item, decision.epoch) is remote_state.RoundState.WAITING
    # Asked again: this answer has told the API's time anew, and the list's may have lingered.
    if still and waits and _given_up(app, logged):
        return _mark(app, logged, State.VOID, NOTHING_CAME)
    return False


def _unseen(app: BotContext, bench: ReviewPipeline, logged: Logged, still: bool, note: str) -> bool:
    """The API does not know it, or does not show it to us: that may be a lapse, and is no last word.

    Where the list shows it waiting all the same, two lists in a row count as the two readings.
    """
    name = logged.decision.id
    if not _quarantine_is_over(app, logged):
        return False
    if not still:
        return _mark(app, logged, State.OVERTAKEN, note)
    if name not in bench.contradicted:
        bench.contradicted.add(name)
        return False
    bench.contradicted.discard(name)
    return _mark(app, logged, State.VOID, NOTHING_CAME)


def reopen(app: BotContext, bench: ReviewPipeline, logged: Logged) -> bool:
    """Open a round again that the log calls ended and the list shows waiting; give whether it is open.

    Read once more now and then, until the two agree.
    """
    key = f"reopen {logged.decision.id}"
    puzzle = bench.puzzles.get(key)
    if puzzle is not None and app.clock.monotonic() < puzzle.until:
        return False
    if _may_yet_arrive(app, logged):
        return False
    bench.puzzles[key] = Backoff(tries=1, until=app.clock.monotonic() + PAUSE)
    return waits_after_all(app, bench, logged) and call_open(app, logged)


def waits_after_all(app: BotContext, bench: ReviewPipeline, logged: Logged) -> bool:
    """Whether a reading shows a round waiting that the log calls ended, whatever was answered.

    Where a write of ours may still arrive, not within its quarantine. Raises KeyRefused.
    """
    if _may_yet_arrive(app, logged):
        return False
    decision = logged.decision
    try:
        item = bench.queue.look(decision.task_id)
    except KeyRefused:
        raise
    except ApiError as error:
        app.events("cannot reopen", level="warning", task_id=decision.task_id, error=str(error))
        return False
    return remote_state.fate(item, decision.epoch) is remote_state.RoundState.WAITING


def call_open(app: BotContext, logged: Logged) -> bool:
    """Write down that a round waits that the log called ended."""
    return _mark(app, logged, State.VOID, f"it was {logged.state}, and waits all the same")


def _may_yet_arrive(app: BotContext, logged: Logged) -> bool:
    """Whether a write of ours on this round may be on its way, or its effect not be seen yet."""
    if logged.state in OPEN:
        return True
    entries = () if logged.state in DONE else app.ledger.entries(logged.decision.id)
    sent = logged.state in DONE or any(entry.state is State.UNKNOWN for entry in entries)
    return sent and not _quarantine_is_over(app, logged)


def _given_up(app: BotContext, logged: Logged) -> bool:
    """Whether its quarantine is over; one that outlives the deadline is never over."""
    deadline = None if logged.decision.deadline_is_estimate else logged.decision.deadline_at
    if deadline is not None and _quarantine_end(app, logged) >= deadline:
        return False
    return _quarantine_is_over(app, logged)


def _quarantine_is_over(app: BotContext, logged: Logged) -> bool:
    patience, decision = app.limits.quarantine, logged.decision
    sent = app.sent.get(decision.key)
    if sent is not None and sent.is_newest_of(logged):
        return app.clock.monotonic() - sent.at >= patience.total_seconds()
    by_api = app.clock.now() - (logged.intended_at or decision.decided_at)
    ahead = app.skew() or timedelta(0)
    by_machine = by_api - ahead + timedelta(seconds=decision.clock_ahead or 0.0)
    return min(by_api, by_machine) >= patience


def _quarantine_end(app: BotContext, logged: Logged) -> datetime:
    return (logged.intended_at or logged.decision.decided_at) + app.limits.quarantine


def _mark(app: BotContext, logged: Logged, state: State, note: str) -> bool:
    decision = logged.decision
    app.sent.pop(decision.key, None)
    try:
        app.ledger.mark(decision.id, state, app.clock.now(), note=note, was=logged.state)
    except OutOfDate:
        return True  # whoever sent it has had its answer meanwhile
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
