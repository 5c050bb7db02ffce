"""Reconcile: find out how rounds ended that we saw waiting and no longer see, and by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.errors import ApiError, KeyRefused, NotFound
from reviewbot.domain.lifecycle import CLAIMED, DONE, OPEN
from reviewbot.domain.review import ReviewItem
from reviewbot.ports import Attributed, Ending, Logged, Memory, Sighting
from reviewbot.service.app import App, Bench, Trouble
from reviewbot.service.effects import (
    NOTHING_CAME,
    Fate,
    by_silence,
    fate,
    shows_our_text,
)
from reviewbot.service.guards import breaker
from reviewbot.service.look import deadline_of, is_conclusive, is_guessed
from reviewbot.service.people.questions import asked_in
from reviewbot.service.telling.notices import tell_silence

PAUSE = 15 * 60.0
"""Seconds until a round is looked at again whose end could not be read."""

UNFOUND = 4
"""Readings, `PAUSE` apart, that do not find a round before it is called gone."""


class Reconciled(NamedTuple):
    """How rounds ended that vanished from a list, and those of which that is not known."""

    endings: tuple[Ending, ...] = ()
    missing: tuple[Sighting, ...] = ()


def reconcile(
    app: App, bench: Bench, waiting: Mapping[str, ReviewItem], *, looks: int | None = None
) -> Reconciled:
    """Attribute what vanished from the list `waiting`; reads at most `looks` things (None: all)."""
    vanished = [
        sighting
        for sighting in app.ledger.unended(bench.review)
        if (item := waiting.get(sighting.task_id)) is None or item.epoch != sighting.epoch
    ]
    if not vanished:
        return Reconciled()
    memories = app.ledger.memories(bench.review, list({one.task_id for one in vanished}))
    ended, others = [], []
    for sighting in sorted(vanished, key=deadline_of):
        last = _last_decision(app, sighting, memories.get(sighting.task_id))
        if last is None or last.state not in DONE | OPEN:
            others.append((sighting, last))
        elif last.state in DONE:
            at = last.settled_at or last.state_at
            ended.append(_ending(sighting, "ours", None, at, _unanswered(app, last)))
    if ended:
        app.ledger.end(*ended)
    for sighting, last in others:
        if app.stopping():
            break
        if looks is not None:
            if looks == 0:
                continue
            looks -= 1
        ending = _look(app, bench, sighting, last)
        if ending is not None:
            ended.append(ending)
    known = {(one.task_id, one.epoch) for one in ended}
    missing = [one for one in vanished if (one.task_id, one.epoch) not in known]
    return Reconciled(tuple(ended), tuple(missing))


def reconcile_all(app: App) -> tuple[Ending, ...]:
    """Attribute every round that no longer waits, however many there are. Raises `ApiError`."""
    found: list[Ending] = []
    for bench in app.benches:
        waiting = {item.id: item for item in bench.queue.waiting().items}
        found += reconcile(app, bench, waiting).endings
    return tuple(found)


def _look(app: App, bench: Bench, sighting: Sighting, last: Logged | None) -> Ending | None:
    key = f"{sighting.task_id} {sighting.epoch}"
    puzzle = bench.puzzles.get(key)
    if puzzle is not None and app.clock.monotonic() < puzzle.until:
        return None
    try:
        item = bench.queue.look(sighting.task_id)
    except NotFound:
        # A 404 may be a lapse of the API: a payment by silence behind it would be told to nobody.
        bench.unfound[key] = bench.unfound.get(key, 0) + 1
        if bench.unfound[key] < UNFOUND:
            bench.puzzles[key] = Trouble(tries=1, until=app.clock.monotonic() + PAUSE)
            return None
        del bench.unfound[key]
        return _end(app, sighting, "other", None, app.clock.now(), note="it is gone")
    except KeyRefused:
        raise
    except ApiError as error:
        app.events("cannot reconcile", level="warning", task_id=sighting.task_id, error=str(error))
        bench.puzzles[key] = Trouble(tries=1, until=app.clock.monotonic() + PAUSE)
        return None
    bench.unfound.pop(key, None)
    found = fate(item, sighting.epoch)
    if found is Fate.WAITING:
        return None
    if found is Fate.UNREADABLE or not is_conclusive(bench, item, sighting.epoch):
        bench.puzzles[key] = Trouble(tries=1, until=app.clock.monotonic() + PAUSE)
        return None
    bench.puzzles.pop(key, None)
    by = _whose(item, sighting, found, last)
    if by == "other" and last is not None and _may_be_ours(app, item, found, last):
        app.events("unattributed effect", level="error", task_id=item.id, epoch=sighting.epoch)
        what = f"task {item.id} was ended by somebody else, or by a write given up as not done"
        breaker.open_breaker(app, last.decision.policy, "unattributed", what)
    ended_at = (found is Fate.PAID and item.subject.finalized_at) or app.clock.now()
    note = cause(last) if by == "silence" else None
    if by == "silence":
        app.events(
            "paid by silence",
            level="error",
            task_id=sighting.task_id,
            epoch=sighting.epoch,
            at=ended_at,
            amount_micros=sighting.amount_micros,
            cause=note,
        )
    ending = _end(app, sighting, by, item.status, ended_at, note=note)
    if by == "silence":
        tell_silence(app, ending)
    return ending


def _may_be_ours(app: App, item: ReviewItem, found: Fate, last: Logged) -> bool:
    """Whether a write of ours that was given up as not done may have done this, far too late."""
    if not any(entry.note == NOTHING_CAME for entry in app.ledger.entries(last.decision.id)):
        return False
    if last.decision.action.pays:
        return found is Fate.PAID
    return shows_our_text(last.decision, item) is True


def _whose(item: ReviewItem, sighting: Sighting, found: Fate, last: Logged | None) -> Attributed:
    estimated = is_guessed(sighting)
    if found is not Fate.PAID or not by_silence(item, deadline_of(sighting), estimated=estimated):
        return "other"
    left_on_purpose = last is not None and last.decision.action is Action.LEAVE
    return "leave" if left_on_purpose else "silence"


def cause(last: Logged | None) -> str:
    """Why nobody decided, as far as our log knows."""
    if last is None:
        return "it was never decided"
    decision = last.decision
    if decision.action is Action.ESCALATE:
        return f"nobody answered (escalated by {decision.rule})"
    return f"{decision.action} by {decision.rule} was {last.state}: {last.note or 'not sent'}"


def _unanswered(app: App, last: Logged) -> str | None:
    """Say so where a person was asked and the deadline decided instead: that is nobody's answer."""
    decision = last.decision
    if decision.decided_by is not None or decision.rule != DEADLINE:
        return None
    asked = asked_in(app.ledger, decision.task_id, decision.epoch)
    if asked is None:
        return None
    return f"nobody answered (escalated by {asked.rule}); the deadline decided {decision.action}"


def _end(
    app: App,
    sighting: Sighting,
    by: Attributed,
    status: str | None,
    at: datetime,
    note: str | None = None,
) -> Ending:
    ending = _ending(sighting, by, status, at, note)
    app.ledger.end(ending)
    return ending


def _ending(
    sighting: Sighting,
    by: Attributed,
    status: str | None,
    at: datetime,
    note: str | None = None,
) -> Ending:
    return Ending(
        review=sighting.review,
        task_id=sighting.task_id,
        epoch=sighting.epoch,
        by=by,
        status=status,
        at=at,
        amount_micros=sighting.amount_micros,
        note=note,
    )


def _last_decision(app: App, sighting: Sighting, memory: Memory | None) -> Logged | None:
    """What became of this very round: the decision that was sent, or the newest of those that were not."""
    if memory is None or memory.latest is None:
        return None
    if memory.latest.decision.epoch == sighting.epoch:
        return memory.latest
    of_round: Sequence[Logged] = [
        logged
        for logged in app.ledger.decisions(task_id=sighting.task_id)
        if logged.decision.epoch == sighting.epoch
    ]
    return max(of_round, key=lambda one: (one.state in CLAIMED, one.state_at), default=None)
