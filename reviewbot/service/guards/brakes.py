"""Brakes: what stops every write at once, whatever the policy says.

Two things do: a log that is older than its newest checkpoint, because it has forgotten what was
done, and a machine whose clock is far from the API's, because nobody knows what else is wrong with
it. Reading, judging and reminding go on meanwhile, and both end by themselves once they are mended.
"""

from __future__ import annotations

from datetime import timedelta

from reviewbot.domain.alarms import Kind
from reviewbot.domain.errors import LedgerError
from reviewbot.ports import CheckpointBook
from reviewbot.service.app import App
from reviewbot.service.guards.checkpoints import departure

NOTICEABLE = timedelta(minutes=5)
"""How far this machine's clock may be off before it is told."""
CURE = "find out why, then  reviewbot log checkpoint --accept REASON"


class Brakes:
    """Why nothing may be sent. Made once for a bot; `check` looks again, calling it is cheap."""

    def __init__(self, app: App, book: CheckpointBook | None) -> None:
        self._app = app
        self._book = book
        self._departed: str | None = None

    def __call__(self) -> str | None:
        """Give the reason, or None where all is well."""
        return self._departed or self._clock_too_far()

    def check(self) -> None:
        """Hold the log against its newest checkpoint, and tell people about either brake."""
        self._check_log()
        self._check_clock()

    def _check_log(self) -> None:
        app, found = self._app, None
        if self._book is not None:
            try:
                found = departure(app.ledger, self._book)
            except LedgerError as error:
                app.alarm(Kind.LEDGER, f"{error}", subject="checkpoints", urgency="warning")
                return
        if found is not None:
            self._departed = f"the log is not the one that was last checkpointed: {found}"
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
