"""Brakes: what stops every write at once, whatever the policy says.

Two things do: a log that is older than its newest checkpoint, or lacks what this process wrote to
it, because it has forgotten what was done; and a machine whose clock is far from the API's, because nobody knows what else is wrong with
it. Reading, judging and reminding go on meanwhile, and both end by themselves once they are mended.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from reviewbot.core.context import BotContext
from reviewbot.core.notifier import Notifier
from reviewbot.domain.alarm import EACH_TIME, AlarmKind
from reviewbot.domain.errors import LedgerCorrupt, LedgerError
from reviewbot.ports.ledger import Checkpoint, CheckpointBook, KeptCheckpoints, Ledger

# ------------------------------------------------------------------------------------------------
# Checkpoints: state how far the log has come in a second place, and notice a log that went back.
#
# Theory of operation. A log that was restored from an older copy, cut or swapped is whole in itself;
# only a checkpoint kept elsewhere shows that decisions are missing from it. Acting on such a log could
# repeat what it has forgotten, so nothing is sent until a person accepts it. What was done meanwhile
# is then read off the API, round by round, as after any outage.


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
    lines = [max((point.count for point in side.checkpoints), default=0) for side in (before, now)]
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


def newest_at(book: CheckpointBook | None) -> datetime | None:
    """When the newest checkpoint that counts was kept; None where there is none to be read."""
    try:
        points = () if book is None else book.read().checkpoints
    except LedgerError:
        return None
    return max((point.at for point in points), default=None)


def accepted(ledger: Ledger) -> tuple[int, datetime] | None:
    """By which word, and when, a person last took the log as it is."""
    words = [word for word in ledger.notes(TOPIC) if word.subject == ACCEPTED]
    return (words[-1].seq, words[-1].at) if words else None


def tell(notifier: Notifier, point: Checkpoint) -> None:
    """Send a checkpoint to the channels that stand for `checkpoints`, as one line of its file."""
    line = msgspec.json.encode(point).decode()
    notifier.notify(
        AlarmKind.CHECKPOINT,
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


NOTICEABLE = timedelta(minutes=5)
"""How far this machine's clock may be off before it is told."""

CURE = "find out why, then  reviewbot log checkpoint --accept REASON"


class StopConditions:
    """Why nothing may be sent. Made once for a bot; `check` looks again, calling it is cheap."""

    def __init__(self, app: BotContext, book: CheckpointBook | None) -> None:
        self._app = app
        self._book = book
        self._departed: str | None = None
        self._word: tuple[int, datetime] | None = None
        self._kept = KeptCheckpoints()
        self._is_lost = False
        """Whether the log lacks what we wrote; and what a person had last said of it by then."""

    def __call__(self) -> str | None:
        """Give the reason, or None where all is well."""
        return self._departed or self._clock_too_far()

    def check(self) -> None:
        """Hold the log against its newest checkpoint, and tell people about either brake."""
        self._check_log()
        self._check_clock()

    def _check_log(self) -> None:
        app, found = self._app, None
        try:
            found = self._lost()
            if found is None and self._book is not None:
                kept = self._book.read()
                self._tell_gone(kept, self._book.place)
                departed = departure_from(app.ledger, kept)
                found = (
                    departed and f"the log is not the one that was last checkpointed: {departed}"
                )
        except LedgerError as error:
            app.notifier.notify(
                AlarmKind.LEDGER, f"{error}", subject="checkpoints", urgency="warning"
            )
            return
        if found is not None:
            self._departed = found
            app.notifier.notify(
                AlarmKind.LEDGER,
                f"Nothing is sent: {self._departed}. It may be a restored copy; {CURE}",
                subject="restored",
            )
        elif self._departed is not None:
            self._departed = None
            app.notifier.alarms.mended(
                AlarmKind.LEDGER, "The log fits its checkpoints again; it acts.", subject="restored"
            )

    def _tell_gone(self, kept: KeptCheckpoints, place: str) -> None:
        """Once; it goes on, as what this process wrote is known without them."""
        before, self._kept = self._kept, kept
        if are_gone(before, kept):
            self._app.notifier.notify(
                AlarmKind.LEDGER,
                f"Checkpoints are gone from {place} while the bot ran: a log that is restored now would"
                " not be noticed. Put them back, or look at who removed them; it goes on, and adds the"
                " next one there",
                subject="checkpoints gone",
            )

    def _lost(self) -> str | None:
        """What this process wrote and the log has lost; a word of a person since then ends that."""
        ledger = self._app.ledger
        lost, was_lost = ledger.lost(), self._is_lost
        self._is_lost = lost is not None
        if lost is None:
            return None
        word = accepted(ledger)
        if not was_lost:
            self._word = word
        elif word != self._word:
            ledger.take_as_it_is()
            self._is_lost = False
            return None
        return f"the log went back: {lost}"

    def _check_clock(self) -> None:
        app, skew = self._app, self._skew()
        if skew is None or abs(skew) <= NOTICEABLE:
            app.notifier.alarms.mended(
                AlarmKind.CLOCK, "This machine's clock and the API's agree again."
            )
            return
        stopped = (
            "; nothing is sent until it is set"
            if abs(skew).total_seconds() > app.limits.clock_brake
            else ""
        )
        app.notifier.notify(
            AlarmKind.CLOCK,
            f"{_off(skew)}{stopped}.",
            urgency="error" if stopped else "warning",
            skew_seconds=round(skew.total_seconds()),
        )

    def _skew(self) -> timedelta | None:
        return None if self._app.skew is None else self._app.skew()

    def _clock_too_far(self) -> str | None:
        skew = self._skew()
        if skew is None or abs(skew).total_seconds() <= self._app.limits.clock_brake:
            return None
        return _off(skew)


def _off(skew: timedelta) -> str:
    minutes = round(abs(skew).total_seconds() / 60)
    side = "behind" if skew > timedelta(0) else "ahead of"
    return f"this machine's clock is {minutes} minutes {side} the API's"
