"""Brakes: what stops every write at once, whatever the policy says.

Two things do: a log that is older than its newest checkpoint, or lacks what this process wrote to
it, because it has forgotten what was done; and a machine whose clock is far from the API's, because nobody knows what else is wrong with
it. Reading, judging and reminding go on meanwhile, and both end by themselves once they are mended.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reviewbot.domain.alarms import Kind
from reviewbot.domain.errors import LedgerError
from reviewbot.ports import CheckpointBook, KeptCheckpoints
from reviewbot.service.app import App
from reviewbot.service.guards.checkpoints import accepted, are_gone, departure_from

NOTICEABLE = timedelta(minutes=5)
"""How far this machine's clock may be off before it is told."""
CURE = "find out why, then  reviewbot log checkpoint --accept REASON"


class Brakes:
    """Why nothing may be sent. Made once for a bot; `check` looks again, calling it is cheap."""

    def __init__(self, app: App, book: CheckpointBook | None) -> None:
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
            app.alarm(Kind.LEDGER, f"{error}", subject="checkpoints", urgency="warning")
            return
        if found is not None:
            self._departed = found
            app.alarm(
                Kind.LEDGER,
                f"Nothing is sent: {self._departed}. It may be a restored copy; {CURE}",
                subject="restored",
            )
        elif self._departed is not None:
            self._departed = None
            app.mended(
                Kind.LEDGER, "The log fits its checkpoints again; it acts.", subject="restored"
            )

    def _tell_gone(self, kept: KeptCheckpoints, place: str) -> None:
        """Once; it goes on, as what this process wrote is known without them."""
        before, self._kept = self._kept, kept
        if are_gone(before, kept):
            self._app.alarm(
                Kind.LEDGER,
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
        app, skew = self._app, self._app.skew()
        if skew is None or abs(skew) <= NOTICEABLE:
            app.mended(Kind.CLOCK, "This machine's clock and the API's agree again.")
            return
        stopped = (
            "; nothing is sent until it is set"
            if abs(skew).total_seconds() > app.limits.clock_brake
            else ""
        )
        app.alarm(
            Kind.CLOCK,
            f"{_off(skew)}{stopped}.",
            urgency="error" if stopped else "warning",
            skew_seconds=round(skew.total_seconds()),
        )

    def _clock_too_far(self) -> str | None:
        skew = self._app.skew()
        if skew is None or abs(skew).total_seconds() <= self._app.limits.clock_brake:
            return None
        return _off(skew)


def _off(skew: timedelta) -> str:
    minutes = round(abs(skew).total_seconds() / 60)
    side = "behind" if skew > timedelta(0) else "ahead of"
    return f"this machine's clock is {minutes} minutes {side} the API's"
