"""What keeps orders and cancellations back: a pause of everything, or a log that has forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from reviewbot.domain.errors import Halted
from reviewbot.ports import CheckpointBook, Ledger
from reviewbot.service.guards import checkpoints, switches


class OrderStops:
    """Looks, right before each write, whether one may leave. `file` reads the pause file."""

    def __init__(
        self, ledger: Ledger, *, file: Callable[[], str | None], book: CheckpointBook | None
    ) -> None:
        self._ledger = ledger
        self._file = file
        self._book = book

    def check(self, now: datetime) -> None:
        """Raise Halted where everything is paused, or where the log may be a restored copy.

        A log that has forgotten orders would place them again.
        """
        for pause in switches.pauses_on(self._ledger.notes(switches.TOPIC), self._file(), now):
            if pause.word == switches.ALL:
                raise Halted(pause.sentence(), by="pause", subject=pause.word)
        departed = checkpoints.departure(self._ledger, self._book) if self._book else None
        if departed is not None:
            raise Halted(
                f"the log is not the one that was last checkpointed: {departed}; find out why, then"
                "  reviewbot log checkpoint --accept REASON",
                by="checkpoint",
            )

    def keep(self, now: datetime) -> None:
        """Take a checkpoint of what was written, so that a log without it is noticed."""
        checkpoints.keep(self._ledger, self._book, now)
