"""The life of one task as a story: what the API shows of it, and what our log says we did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from reviewbot.domain.comments import CommentTask
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_line
from reviewbot.domain.timeline import Attempt, Timeline
from reviewbot.ports import Ledger, Logged
from reviewbot.service.orders.cancelling import CancelState, CancelWord
from reviewbot.service.orders.cancelling import story_of as cancel_story
from reviewbot.service.orders.orderbook import OrderState, Word, stories_of


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, by whom: `api` as it shows the task, or `reviewbot`."""

    at: datetime
    by: str
    what: str


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one task. `events` are in the order of time."""

    task: CommentTask
    attempts: tuple[Attempt, ...]
    events: tuple[Event, ...]


def life_of(
    task: CommentTask, timeline: Timeline | None, ledger: Ledger, zone: str = "UTC"
) -> Life:
    """Tell the story of a task; moments within a sentence are in this zone."""
    attempts = timeline.attempts if timeline else ()
    events = [
        *_of_task(task, zone),
        *_of_checks(attempts),
        *_of_order(stories_of(ledger, task.id)),
        *_of_cancellation([(note.at, word) for note, word in cancel_story(ledger, task.id)]),
        *_of_decisions(ledger, ledger.decisions(task_id=task.id)),
    ]
    return Life(task=task, attempts=tuple(attempts), events=tuple(sorted(events, key=_in_time)))


def in_words(event: Event, zone: str) -> str:
    """One line of the story."""
    return f"{format_moment(event.at, zone)}  {event.by:<9}  {event.what}"


def _in_time(event: Event) -> tuple[datetime, int]:
    """Sort key. The API counts whole seconds, so within one what we were about to do comes first."""
    ours = event.by == "reviewbot"
    rank = 0 if ours and event.what.startswith(_ABOUT_TO) else 2 if ours else 1
    return event.at.replace(microsecond=0), rank


_ABOUT_TO = "about to "


def _of_task(task: CommentTask, zone: str) -> Iterator[Event]:
    told = (
        (task.created_at, "ordered; until the manager posts it, it can be cancelled"),
        (task.submitted_at, "the manager says that it is posted"),
        (task.verified_at, "the checker found it; it is paid 24 h later"),
        (
            task.manually_confirmed_at,
            "the checker did not find it and the manager insists; silence pays at "
            + format_moment(task.client_dispute_deadline_at, zone),
        ),
        (task.finalized_at, "final: the manager is paid"),
        (
            task.updated_at if task.status == "cancelled" else None,
            _cancelled(task),
        ),
        (
            task.updated_at if task.status == "pending_corrections" else None,
            "with the manager for a correction",
        ),
    )
    for at, what in told:
        if at is not None:
            yield Event(at=at, by="api", what=what)


def _cancelled(task: CommentTask) -> str:
    """The API sweeps up what is still pending at its deadline; either way its credit comes back."""
    late = task.updated_at and task.deadline_at and task.updated_at >= task.deadline_at
    if late and task.submitted_at is None:
        return "cancelled by itself, as nobody had posted it in 72 h; its credit came back"
    return "cancelled before it was posted; its credit came back"


def _of_checks(attempts: Sequence[Attempt]) -> Iterator[Event]:
    for attempt in attempts:
        if attempt.scraped_at is None:
            continue
        number = "?" if attempt.attempt_n is None else attempt.attempt_n
        read = (
            "an unknown number of" if attempt.comments_scraped is None else attempt.comments_scraped
        )
        what = f"check {number}: {safe_line(attempt.outcome_kind or 'unknown', 40)}, {read} comments read"
        if attempt.match_score is not None:
            what += f", best match {attempt.match_score:g}"
        if attempt.reason:
            what += f" ({safe_line(attempt.reason, 60)})"
        yield Event(at=attempt.scraped_at, by="api", what=what)


def _of_order(story: Sequence[tuple[datetime, Word]]) -> Iterator[Event]:
    for at, word in story:
        if word.state is OrderState.INTENDED:
            what = (
                f"{_ABOUT_TO}order it (attempt {word.attempt}, {safe_line(word.source or '', 80)})"
            )
        else:
            why = f": {safe_line(word.reason, 160)}" if word.reason else ""
            what = f"the order is {word.state.value}{why}"
        yield Event(at=at, by="reviewbot", what=what)


def _of_cancellation(story: Sequence[tuple[datetime, CancelWord]]) -> Iterator[Event]:
    for at, word in story:
        if word.state is CancelState.INTENDED:
            what = f"{_ABOUT_TO}cancel it"
        else:
            what = f"the cancellation is {word.state.value}"
        if word.credits is not None:
            what += f", credits back: {word.credits:g}"
        if word.status:
            what += f"; the task is {safe_line(word.status, 40)}"
        if word.reason:
            what += f": {safe_line(word.reason, 160)}"
        yield Event(at=at, by="reviewbot", what=what)


def _of_decisions(ledger: Ledger, found: Sequence[Logged]) -> Iterator[Event]:
    for logged in found:
        decision = logged.decision
        who = decision.decided_by or f"rule {decision.rule!r} of {decision.policy}"
        reason = f': "{safe_line(decision.reason, 200)}"' if decision.reason else ""
        for entry in ledger.entries(decision.id):
            what = f"round {decision.round}: {decision.action.value} {entry.state.value}"
            first = entry.at == decision.decided_at
            tail = f", by {safe_line(who, 120)}{reason}" if first else ""
            note = f" ({safe_line(entry.note, 160)})" if entry.note else ""
            yield Event(at=entry.at, by="reviewbot", what=what + tail + note)
