"""Reconcile: find out how rounds ended that we saw waiting and no longer see, and by whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from reviewbot.alarms.notices import tell_over, tell_silence
from reviewbot.alarms.reminders import now_and_then
from reviewbot.core.context import BotContext
from reviewbot.core.log_text import cause
from reviewbot.core.pipeline import Backoff, ReviewPipeline, deadline_of
from reviewbot.core.questions import asked_in
from reviewbot.domain.decision import CLAIMED, DEADLINE, DONE, OPEN, Action
from reviewbot.domain.errors import ApiError, CannotConnect, KeyRefused, NotFound, RateLimited
from reviewbot.domain.review import CHECKED_AGAIN, ReviewItem
from reviewbot.domain.round_state import (
    NOTHING_CAME,
    WORDS,
    RoundState,
    by_silence,
    fate,
    shows_our_text,
)
from reviewbot.domain.task import Attempt, CommentTask, Timeline
from reviewbot.ports.ledger import Attributed, Ending, Ledger, Logged, Memory, OpenRound
from reviewbot.review.fetch import is_conclusive, is_guessed
from reviewbot.safety import breaker

PAUSE = 15 * 60.0
"""Seconds until a round is looked at again whose end could not be read."""

UNFOUND = 4
"""Readings, `PAUSE` apart, that do not find a round before it is called gone."""


class Reconciled(NamedTuple):
    """How rounds ended that vanished from a list, and those of which that is not known."""

    endings: tuple[Ending, ...] = ()
    missing: tuple[OpenRound, ...] = ()


def reconcile(
    app: BotContext,
    bench: ReviewPipeline,
    waiting: Mapping[str, ReviewItem],
    *,
    looks: int | None = None,
) -> Reconciled:
    """Attribute what vanished from the list `waiting`; reads at most `looks` things (None: all)."""
    vanished = [
        sighting
        for sighting in app.ledger.unended(bench.review)
        if (item := waiting.get(sighting.task_id)) is None or item.epoch != sighting.epoch
    ]
    if not vanished:
        return Reconciled()
    ended, others = _told_by_the_log(app.ledger, bench, vanished)
    if ended:
        app.ledger.end(*ended)
    for sighting, last in others[:looks]:
        if app.stopping():
            break
        ending = _look(app, bench, sighting, last)
        if ending is not None:
            ended.append(ending)
    known = {(ending.task_id, ending.epoch) for ending in ended}
    missing = [sighting for sighting in vanished if (sighting.task_id, sighting.epoch) not in known]
    return Reconciled(tuple(ended), tuple(missing))


def _told_by_the_log(
    ledger: Ledger, bench: ReviewPipeline, vanished: Sequence[OpenRound]
) -> tuple[list[Ending], list[tuple[OpenRound, Logged | None]]]:
    """What our own writes ended, and the rounds that have to be read, the first to end first.

    What is still in doubt is neither: settling it tells how it ended.
    """
    memories = ledger.memories(bench.review, list({sighting.task_id for sighting in vanished}))
    ended: list[Ending] = []
    others: list[tuple[OpenRound, Logged | None]] = []
    for sighting in sorted(vanished, key=deadline_of):
        last = _last_decision(ledger, sighting, memories.get(sighting.task_id))
        if last is None or last.state not in DONE | OPEN:
            others.append((sighting, last))
        elif last.state in DONE:
            at = last.settled_at or last.state_at
            ended.append(_ending(sighting, "ours", None, at, _unanswered(ledger, last)))
    return ended, others


def reconcile_all(app: BotContext) -> tuple[Ending, ...]:
    """Attribute every round that no longer waits, however many there are. Raises `ApiError`."""
    found: list[Ending] = []
    for bench in app.benches:
        waiting = {item.id: item for item in bench.queue.waiting().items}
        found += reconcile(app, bench, waiting).endings
    return tuple(found)


def _look(
    app: BotContext, bench: ReviewPipeline, sighting: OpenRound, last: Logged | None
) -> Ending | None:
    """Read how a round ended, and write it down; None where that cannot be told yet."""
    key = f"{sighting.task_id} {sighting.epoch}"
    puzzle = bench.puzzles.get(key)
    if puzzle is not None and app.clock.monotonic() < puzzle.until:
        return None
    later = Backoff(tries=1, until=app.clock.monotonic() + PAUSE)
    try:
        item = bench.queue.look(sighting.task_id)
    except NotFound:
        # A 404 may be a lapse of the API: a payment by silence behind it would be told to nobody.
        bench.unfound[key] = bench.unfound.get(key, 0) + 1
        if bench.unfound[key] < UNFOUND:
            bench.puzzles[key] = later
            return None
        del bench.unfound[key]
        return _end(app.ledger, sighting, "other", None, app.clock.now(), note="it is gone")
    except KeyRefused:
        raise
    except ApiError as error:
        app.events("cannot reconcile", level="warning", task_id=sighting.task_id, error=str(error))
        bench.puzzles[key] = later
        return None
    bench.unfound.pop(key, None)
    found = fate(item, sighting.epoch)
    if found is RoundState.WAITING:
        return None
    if found is RoundState.UNREADABLE or not is_conclusive(bench, item, sighting.epoch):
        bench.puzzles[key] = later
        return None
    bench.puzzles.pop(key, None)
    return _attributed(app, sighting, item, found, last)


def _attributed(
    app: BotContext, sighting: OpenRound, item: ReviewItem, found: RoundState, last: Logged | None
) -> Ending:
    """Write down how a round ended that was read, and tell whom it concerns."""
    by = _whose(item, sighting, found, last)
    if by == "other" and last is not None and _may_be_ours(app.ledger, item, found, last):
        app.events("unattributed effect", level="error", task_id=item.id, epoch=sighting.epoch)
        breaker.open_breaker(
            app.guard_post,
            last.decision.policy,
            "unattributed",
            f"task {item.id} was ended by somebody else, or by a write given up as not done",
        )
    ended_at = (found is RoundState.PAID and item.subject.finalized_at) or app.clock.now()
    note = cause(last) if by == "silence" else None
    ending = _end(app.ledger, sighting, by, item.status, ended_at, note=note)
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
        tell_silence(app.clock, app.notifier, ending)
    asked = None if by == "ours" else asked_in(app.ledger, ending.task_id, ending.epoch)
    if asked is not None:
        how = "silence paid it" if by == "silence" else f"it is {item.status} by {by}"
        tell_over(app.notifier, asked, how)
    return ending


def _may_be_ours(ledger: Ledger, item: ReviewItem, found: RoundState, last: Logged) -> bool:
    """Whether a write of ours that was given up as not done may have done this, far too late."""
    if not any(entry.note == NOTHING_CAME for entry in ledger.entries(last.decision.id)):
        return False
    if last.decision.action.pays:
        return found is RoundState.PAID
    return shows_our_text(last.decision, item) is True


def _whose(
    item: ReviewItem, sighting: OpenRound, found: RoundState, last: Logged | None
) -> Attributed:
    estimated = is_guessed(sighting)
    if found is not RoundState.PAID or not by_silence(
        item, deadline_of(sighting), estimated=estimated
    ):
        return "other"
    left_on_purpose = last is not None and last.decision.action is Action.LEAVE
    return "leave" if left_on_purpose else "silence"


def _unanswered(ledger: Ledger, last: Logged) -> str | None:
    """Say so where a person was asked and the deadline decided instead: that is nobody's answer."""
    decision = last.decision
    if decision.decided_by is not None or decision.rule != DEADLINE:
        return None
    asked = asked_in(ledger, decision.task_id, decision.epoch)
    if asked is None:
        return None
    return f"nobody answered (escalated by {asked.rule}); the deadline decided {decision.action}"


def _end(
    ledger: Ledger,
    sighting: OpenRound,
    by: Attributed,
    status: str | None,
    at: datetime,
    note: str | None = None,
) -> Ending:
    ending = _ending(sighting, by, status, at, note)
    ledger.end(ending)
    return ending


def _ending(
    sighting: OpenRound, by: Attributed, status: str | None, at: datetime, note: str | None = None
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


def _last_decision(ledger: Ledger, sighting: OpenRound, memory: Memory | None) -> Logged | None:
    """What became of this very round: the decision that was sent, or the newest of those that were not."""
    if memory is None or memory.latest is None:
        return None
    if memory.latest.decision.epoch == sighting.epoch:
        return memory.latest
    of_round: Sequence[Logged] = [
        logged
        for logged in ledger.decisions(task_id=sighting.task_id)
        if logged.decision.epoch == sighting.epoch
    ]
    return max(
        of_round, key=lambda logged: (logged.state in CLAIMED, logged.state_at), default=None
    )


# ------------------------------------------------------------------------------------------------
# Follow-up: look once more at what was decided, so that the rule that decided it can be graded.
#
# Theory of operation. A task that was sent back leaves the list of what waits, and what the checker
# sees of it afterwards is in no list. So once a day the checker's tries are read again of what was
# decided at least a day ago: of everything sent back in the last two weeks until it is over, and once
# of some approvals (decision ids are hashes, so the first by id are drawn by lot). What was seen is noted (topic
# `later`); nothing that decides or sends reads that topic.


TOPIC = "later"
"""What was seen of a thing after it was decided, by review and id."""

LAST = "followed up"
"""When this was last done."""

EVERY = timedelta(hours=20)
"""Not sooner again; a daily chore may come a little early."""

FOLLOWED = timedelta(days=14)
"""How long something sent back is followed."""

RIPE = timedelta(days=1)
"""How old a decision is when it is first looked at."""

SENT_BACK_LOOKS, APPROVAL_LOOKS = 200, 25
"""Reads a day at most; one costs one request."""

MOST_FAILING = 60.0
"""Seconds that reads which fail may take; polls wait meanwhile."""

KEPT = 10
"""Tries of a thing that are kept, the newest."""

NAMES = ("scraped_at", "outcome_kind", "comments_scraped", "found_comment_id", "platform")
"""What is kept of each."""


def follow_up(app: BotContext) -> int:
    """Look again at what was decided, if that is due; give how many things were read.

    Raises KeyRefused and `LedgerError`; what cannot be read is left for the next day.
    """
    now = app.clock.now()
    words = app.ledger.notes(LAST)
    last = words[0].at if words else None
    if last is not None and now - last < EVERY:
        return 0
    read, failing = 0, 0.0
    due = (
        (bench, task_id)
        for bench in app.benches
        if bench.review in CHECKED_AGAIN
        for task_id in _due(app.ledger, bench, last or now - RIPE, now)
    )
    for bench, task_id in due:
        if app.stopping():
            break
        now_and_then(app)
        began = app.clock.monotonic()
        try:
            seen = _look_again(bench, task_id)
        except KeyRefused:
            raise
        except (CannotConnect, RateLimited):
            break
        except ApiError as error:
            app.events("cannot follow up", level="warning", task_id=task_id, error=str(error))
            failing += app.clock.monotonic() - began
            if failing > MOST_FAILING:
                break
            continue
        read += 1
        if seen != _seen_before(app.ledger, bench, task_id):
            app.ledger.note(TOPIC, _subject(bench, task_id), seen, app.clock.now())
    app.ledger.note(LAST, "all", {"read": read}, now)
    app.events("followed up", read=read)
    return read


def _due(ledger: Ledger, bench: ReviewPipeline, last: datetime, now: datetime) -> Iterator[str]:
    """What was sent back and is not over, newest first; then some approvals that are a day old."""
    decided = [
        logged
        for policy in dict.fromkeys(judge.policy.name for judge in bench.judges)
        for logged in ledger.decided(policy, now - FOLLOWED)
        if logged.state in DONE and logged.decision.review == bench.review
    ]
    back = {
        logged.decision.task_id: logged.state_at
        for logged in decided
        if logged.decision.action.sends_back
    }
    for ending in ledger.endings(now - FOLLOWED):
        paid = ending.status in WORDS[bench.review].paid
        if ending.review == bench.review and ending.by == "other" and not paid:
            back[ending.task_id] = ending.at
    # What has just been sent back is as we saw it when we decided.
    back = {task_id: at for task_id, at in back.items() if at <= now - RIPE}
    newest_first = sorted(back, key=lambda task_id: back[task_id], reverse=True)
    open_ones = (id_ for id_ in newest_first if not _seen_before(ledger, bench, id_).get("over"))
    yield from islice(open_ones, SENT_BACK_LOOKS)
    ripe = sorted(
        (logged.decision.id, logged.decision.task_id)
        for logged in decided
        if logged.decision.action.pays and last - RIPE < logged.state_at <= now - RIPE
    )
    yield from islice((task_id for _, task_id in ripe if task_id not in back), APPROVAL_LOOKS)


def _look_again(bench: ReviewPipeline, task_id: str) -> dict[str, Any]:
    seen = bench.queue.evidence(_named(bench, task_id))
    assert isinstance(seen, Timeline)
    words = WORDS[bench.review]
    dated = [attempt for attempt in seen.attempts if attempt.scraped_at is not None]
    newest = sorted(dated, key=lambda attempt: attempt.scraped_at)[-KEPT:]  # type: ignore[arg-type,return-value]
    return {
        "review": bench.review,
        "task": task_id,
        "status": seen.status,
        "over": seen.status in words.paid | words.gone,
        "checks": [_kept(attempt) for attempt in newest],
    }


def _named(bench: ReviewPipeline, task_id: str) -> ReviewItem:
    """As much of an item as it takes to ask what the checker saw of it."""
    return ReviewItem(
        review=bench.review,
        id=task_id,
        epoch=None,
        status=None,
        started_at=None,
        deadline_at=None,
        subject=CommentTask(id=task_id),
    )


def _kept(attempt: Attempt) -> dict[str, Any]:
    """What a grade rests on, in the form in which the log gives it back."""
    plain = msgspec.to_builtins(attempt)
    return {name: plain[name] for name in NAMES if plain[name] is not None}


def _seen_before(ledger: Ledger, bench: ReviewPipeline, task_id: str) -> dict[str, Any]:
    words = ledger.story(TOPIC, _subject(bench, task_id))
    return words[-1].value if words else {}


def _subject(bench: ReviewPipeline, task_id: str) -> str:
    return f"{bench.review}:{task_id}"
