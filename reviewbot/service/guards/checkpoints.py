"""Checkpoints: state how far the log has come in a second place, and notice a log that went back.

Theory of operation. A log that was restored from an older copy, cut or swapped is whole in itself;
only a checkpoint kept elsewhere shows that decisions are missing from it. Acting on such a log could
repeat what it has forgotten, so nothing is sent until a person accepts it. What was done meanwhile
is then read off the API, round by round, as after any outage.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from reviewbot.domain.alarms import EACH_TIME, Kind
from reviewbot.domain.errors import LedgerCorrupt
from reviewbot.ports import Checkpoint, CheckpointBook, KeptCheckpoints, Ledger

if TYPE_CHECKING:
    from reviewbot.service.app import App

TOPIC = "checkpoint"
TARGET = "checkpoints"
"""The name under which a channel takes checkpoints."""
ACCEPTED = "accepted"
"""The note of a person who took the log as it is."""


def departure(ledger: Ledger, book: CheckpointBook) -> str | None:
    """How the log departs from the checkpoint that knows most of it; None where it goes on from there.

    That is the one of the most lines, not the last in the book: an older one can be added again.
    Raises `LedgerError`.
    """
    return departure_from(ledger, book.read())


def departure_from(ledger: Ledger, kept: KeptCheckpoints) -> str | None:
    """The same of checkpoints that are read already."""
    if kept.problems:
        return kept.problems[-1]
    furthest = max(kept.checkpoints, key=lambda point: point.count, default=None)
    return None if furthest is None else ledger.departure(furthest)


def are_gone(before: KeptCheckpoints, now: KeptCheckpoints) -> bool:
    """Whether the one that knew most of the log is no longer kept, and no person's word took its place."""
    accepted = now.checkpoints[:1] and now.checkpoints[0].accepted
    if accepted and now.checkpoints[0] not in before.checkpoints:
        return False
    lines = [max((point.count for point in kept.checkpoints), default=0) for kept in (before, now)]
    return lines[0] > lines[1]


def keep(ledger: Ledger, book: CheckpointBook | None, at: datetime) -> Checkpoint:
    """Take a checkpoint, and keep it where there is a place for it.

    Raises LedgerCorrupt, and keeps nothing, where the log departs from the newest one: a new
    checkpoint would hide that.
    """
    point = ledger.checkpoint(at)
    if book is None:
        return point
    found = departure(ledger, book)
    if found is not None:
        raise LedgerCorrupt(f"no checkpoint was taken: {found}")
    return book.add(point)


def accepted(ledger: Ledger) -> tuple[int, datetime] | None:
    """By which word, and when, a person last took the log as it is."""
    words = [word for word in ledger.notes(TOPIC) if word.subject == ACCEPTED]
    return (words[-1].seq, words[-1].at) if words else None


def tell(app: App, point: Checkpoint) -> None:
    """Send a checkpoint to the channels that stand for `checkpoints`, as one line of its file."""
    line = msgspec.json.encode(point).decode()
    app.alarm(
        Kind.CHECKPOINT,
        f"Checkpoint of the log: {line}",
        urgency="info",
        to=(TARGET,),
        again=EACH_TIME,
        checkpoint=msgspec.to_builtins(point),
    )


def accept(ledger: Ledger, book: CheckpointBook, *, why: str, who: str, at: datetime) -> Checkpoint:
    """Take the log as it is, from here on; earlier checkpoints no longer count.

    Who did so and why stands in the log and in the checkpoint.
    """
    departed = departure(ledger, book)
    ledger.note(TOPIC, ACCEPTED, {"why": why, "who": who, "departed": departed}, at)
    return book.add(replace(ledger.checkpoint(at), accepted=f"{who}: {why}"))
