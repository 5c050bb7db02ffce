"""The daemon: a pass, a pause by the monotonic clock, and again, until told to stop.

A long pass is made in stretches without a pause: what is done between two passes is done between
two stretches as well, at least as often as it polls.

Polling never looks at the wall clock, so a clock that jumps or a zone that changes moves no poll.
The timed chores (checkpoint, reconciliation, digest) do follow it, in UTC; `schedule` runs them.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import schedule

from reviewbot.alarms.outages import tell_stopped
from reviewbot.core.context import BotContext
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import Events, PassSummary
from reviewbot.domain.errors import (
    ApiError,
    LeaseLost,
    LedgerBroken,
    LedgerCorrupt,
    LedgerUnwritable,
    ReviewbotError,
)
from reviewbot.foresight.future import HURRY
from reviewbot.ports.ledger import CheckpointBook, Ledger
from reviewbot.review.poll import STRETCH, Polling, undecided
from reviewbot.review.reconcile import follow_up, reconcile_all
from reviewbot.runtime.chores import forget_old, move_ladders, tell_week
from reviewbot.runtime.liveness import (
    INTERRUPTED,
    SLICE,
    Pulse,
    SignalEvent,
    StopSignals,
    tell_manager,
)
from reviewbot.safety import stop_conditions
from reviewbot.safety.stop_conditions import StopConditions

LONGEST_PAUSE = 120.0
"""Seconds between two tries while the API is away, unless the poll interval itself is longer."""
HOUR = 3600.0
SOON, SOON_TRIES = 1.0, 3
"""Seconds before a pass that the log has failed is tried again, and how often in a row: a server that
starts again is there in a moment."""
STOPPED = 0
PROBE = 120.0
"""Seconds between two questions whether the API takes our key again."""
FATAL = (LedgerCorrupt, LedgerBroken)
"""What no later pass can mend: the process ends with the error's own code."""


class Daemon:
    """Runs one bot until `stop` is set.

    `poll` makes a pass, or a stretch of one. `refresh` takes over changed policies before it; it is
    told whether somebody asked for that. `key_changed` says whether a key that is refused may have
    become another one, `retain` for how many seconds texts are kept, `tell` speaks to the service manager, `tell_fatal` to people at such an end. `book` is where checkpoints are kept.
    `stop` is the event that also ends the sleeps of the bot's clock, `wake` the one that its pauses
    wait for.
    """

    def __init__(
        self,
        app: BotContext,
        *,
        every: float,
        stop: threading.Event,
        refresh: Callable[[bool], None],
        book: CheckpointBook | None = None,
        pulse: Pulse | None = None,
        poll: Callable[[BotContext], PassSummary] | None = None,
        wake: threading.Event | None = None,
        key_changed: Callable[[], bool] = lambda: False,
        retain: float | None = None,
        tell: Callable[[str], None] = tell_manager,
        tell_fatal: Callable[[Notifier, ReviewbotError], None] = tell_stopped,
    ) -> None:
        self._app = app
        self._every = every
        self._stop = stop
        self._refresh = refresh
        self._key_changed, self._tell = key_changed, tell
        self._book, self._tell_fatal = book, tell_fatal
        self._retain = retain
        self.ended_by: ReviewbotError | None = None
        """What no later pass could mend."""
        self._pulse = pulse or Pulse(app, every)
        self._brakes = app.guard.brake = StopConditions(app, book)
        self._poll = poll or Polling(min(every, STRETCH))
        self._goes_on = False
        self.next_poll_at = 0.0
        """When (monotonic) the pause under way ends by itself."""
        self._wake = wake or SignalEvent()
        self._signals = StopSignals(time.monotonic)
        self._reload_wanted = False
        self._outages = self._log_failures = 0
        self._passes = 0
        self._chores = schedule.Scheduler()

    def run(self) -> int:
        """Poll until stopped; give the exit code."""
        self._plan_chores()
        self._tell("READY=1")
        code, began = STOPPED, 0.0
        while not self._stop.is_set():
            if not self._goes_on:
                began = self._app.clock.monotonic()
            try:
                self._tick()
            except FATAL as error:
                self._app.events("stopped", level="error", error=str(error))
                self._tell_fatal(self._app.notifier, error)
                self.ended_by, code = error, error.exit_code
                break
            if not self._goes_on:
                self._pause(began)
        self._tell("STOPPING=1")
        self._safely(self._checkpoint)
        self._app.events("ended", passes=self._passes, exit_code=code)
        return code

    def stop(self) -> None:
        """Finish the write in flight, then end."""
        self._stop.set()
        self._wake.set()

    def ask_reload(self) -> None:
        """Load the policies anew before the next pass."""
        self._reload_wanted = True
        self._wake.set()

    def obey_signals(self) -> None:
        """SIGTERM and SIGINT stop in order, a later one at once; SIGHUP reloads.

        A handler is set for each, so they also work for process 1, which ignores them otherwise.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, lambda *_: self.ask_reload())

    def _on_stop(self, *_: object) -> None:
        if self._signals.again():
            os._exit(INTERRUPTED)
        self.stop()

    # One round of the loop -------------------------------------------------------------------

    def _tick(self) -> None:
        """Reload, one pass or a stretch of it, chores. The one place that keeps the watch alive."""
        app = self._app
        self._wake.clear()
        asked, self._reload_wanted = self._reload_wanted, False
        self._goes_on = False
        if self._leads():
            self._refresh(asked)
        self._brakes.check()
        try:
            summary = self._poll(app)
        except FATAL:
            raise
        except LeaseLost as error:
            app.events("lease lost", level="warning", why=str(error))
        except ReviewbotError as error:
            self._pulse.failed(error)
            self._outages += isinstance(error, ApiError)
            self._log_failures += isinstance(error, LedgerUnwritable)
            app.events("pass failed", level="error", error=str(error), in_a_row=self._outages)
        else:
            self._goes_on, self._log_failures = summary.goes_on, 0
            self._passes += not summary.goes_on
            self._pulse.passed(summary)
            self._outages = 0 if summary.stopped is None else self._outages + 1
            say_pass(app.events, summary)
        self._run_chores()

    def _leads(self) -> bool:
        try:
            if self._app.lead is not None:
                self._app.lead(None)
        except (LeaseLost, LedgerUnwritable):
            return False
        return True

    def _pause(self, began: float) -> None:
        """Wait for the next poll."""
        self.next_poll_at = began + self._interval()
        while (left := self.next_poll_at - self._app.clock.monotonic()) > 0:
            if self._stop.is_set():
                break
            self._pulse.turn()
            if self._wake.wait(min(left, SLICE, self._every or SLICE)):
                break
            if self._app.contact.key_refused_since is not None and self._key_changed():
                break

    def _interval(self) -> float:
        """Seconds to the next poll: few where the log was away for a moment, longer and longer while the API is away, a few minutes while it
        refuses our key, and never so long that what is undecided expires meanwhile without a try."""
        pause = self._every
        if 0 < self._log_failures <= SOON_TRIES:
            return min(self._every, SOON)
        if self._app.contact.key_refused_since is not None:
            pause = PROBE
        elif self._outages:
            longest = max(self._every, LONGEST_PAUSE)
            pause = min(self._every * 2.0 ** min(self._outages - 1, 10), longest)
        if pause > HURRY and self._expires_within(pause):
            return HURRY
        return pause

    def _expires_within(self, seconds: float) -> bool:
        now = self._app.clock.now()
        deadlines = (seen.deadline_at for seen in undecided(self._app.benches))
        return any(
            at is not None and now < at <= now + timedelta(seconds=seconds) for at in deadlines
        )

    # Chores ----------------------------------------------------------------------------------

    def _plan_chores(self) -> None:
        os.environ["TZ"] = "UTC"
        time.tzset()
        self._chores.clear()
        app = self._app
        self._chores.every().hour.at(":00").do(self._safely, self._checkpoint)
        self._chores.every().hour.at(":20").do(self._safely, self._move_ladders)
        self._chores.every(5).minutes.do(
            self._safely, lambda: tell_week(app.ledger, app.notifier, app.limits.digest)
        )
        self._chores.every().day.at("03:10").do(self._safely, self._reconcile)
        self._chores.every().day.at("03:40").do(self._safely, lambda: follow_up(app))
        self._chores.every().day.at("07:00").do(self._safely, self._digest)
        self._chores.every().sunday.at("04:10").do(self._safely, self._forget_old)

    def _run_chores(self) -> None:
        if (self._chores.idle_seconds or 0.0) > HOUR:
            # The machine's clock was set back, whatever ours makes of the API's: one chore is hourly.
            self._plan_chores()
        self._chores.run_pending()

    def _safely(self, chore: Callable[[], None]) -> None:
        """A chore that fails is told, and done again at its next time."""
        try:
            chore()
        except (ReviewbotError, OSError) as error:
            self._app.events("chore failed", level="error", error=str(error))

    def _checkpoint(self) -> None:
        point = stop_conditions.keep(self._app.ledger, self._book, self._app.clock.now())
        self._app.events(
            "checkpoint",
            count=point.count,
            head=point.head,
            at=point.at,
            signature=point.signature or "none: no key is configured",
        )
        stop_conditions.tell(self._app.notifier, point)

    def _move_ladders(self) -> None:
        app = self._app
        move_ladders(app.ledger, app.events, app.notifier, app.benches)

    def _reconcile(self) -> None:
        found = reconcile_all(self._app)
        self._app.events("reconciled", endings=Counter(ending.by for ending in found))

    def _forget_old(self) -> None:
        done = forget_old(self._app.ledger, self._app.clock.now(), self._retain)
        if done is not None:
            self._app.events("erased by age", lines=done.lines, tasks=done.tasks)

    def _digest(self) -> None:
        say_digest(self._app.ledger, self._app.events, self._app.clock.now() - timedelta(days=1))


def say_pass(events: Events, summary: PassSummary) -> None:
    """One line per pass."""
    events(
        "pass",
        level="info" if summary.stopped is None else "warning",
        waiting=summary.waiting,
        reviewed=summary.reviewed,
        left=summary.left,
        outcomes=summary.outcomes,
        requests=summary.requests,
        in_quarantine=summary.in_quarantine,
        undecided=len(summary.undecided),
        first_deadline=summary.undecided[0].deadline_at if summary.undecided else None,
        stopped=summary.stopped,
    )


def say_digest(ledger: Ledger, events: Events, since: datetime) -> None:
    """What happened since then, in one line: decisions by outcome, endings by whom, money by silence."""
    endings = ledger.endings(since)
    silent = [ending for ending in endings if ending.by == "silence"]
    events(
        "digest",
        since=since,
        decisions=Counter(logged.state.value for logged in ledger.decisions(since=since)),
        endings=Counter(ending.by for ending in endings),
        paid_by_silence_micros=sum(ending.amount_micros or 0 for ending in silent),
    )
