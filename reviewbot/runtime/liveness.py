"""What signal handlers need: an event that they may set, and which of two signals means at once."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Events, Level, PassSummary
from reviewbot.domain.errors import LedgerError, ReviewbotError
from reviewbot.ports.ledger import DEFAULT_KEY
from reviewbot.runtime.meters import Meters, look_ahead
from reviewbot.safety.pauses import holds_on, nothing_is_sent


class SignalEvent(threading.Event):
    """An event that a handler may set whatever the thread it interrupts is doing with it.

    The lock of an ordinary event is not reentrant: set by a handler while the same thread is on its
    way into `wait`, it would wait for itself for ever. Here a bare lock is held until it is set, and
    may be released at any moment. (A `SimpleQueue` may be put to as well, but its `get` waits for ever
    where a signal comes after its time is over: a process that was stopped for a while, and told to
    end as it went on, never did.)
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False
        self._unset = threading.Lock()
        self._unset.acquire()

    def is_set(self) -> bool:
        """Whether it was set and not cleared since."""
        return self._is_set

    def set(self) -> None:
        """Let every wait end."""
        self._is_set = True
        self._let_go()

    def clear(self) -> None:
        """Let waits last again."""
        self._is_set = False
        self._unset.acquire(blocking=False)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or for so long; give whether it is set."""
        is_set = self._is_set or self._unset.acquire(timeout=-1 if timeout is None else timeout)
        # For whoever else waits. Where it was cleared meanwhile the lock stays held, as it should be.
        if is_set and self._is_set:
            self._let_go()
        return self._is_set

    def _let_go(self) -> None:
        with suppress(RuntimeError):  # somebody has, already
            self._unset.release()


INTERRUPTED = 130
"""The exit code of a process that was ended at once."""
TOGETHER = 1.0
"""Seconds within which further signals are the first one again: wrappers such as `timeout` send two."""


class StopSignals:
    """Tells the first word to stop from a later one, which means at once."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.first_at: float | None = None
        """When (monotonic) the first came."""

    def again(self) -> bool:
        """Note a signal; give whether it is one after the first, and so ends the process now."""
        now = self._monotonic()
        if self.first_at is None:
            self.first_at = now
        return now - self.first_at > TOGETHER


# ------------------------------------------------------------------------------------------------
# Words to the service manager that started us: ready, alive, stopping (systemd's notify socket).


def tell_manager(words: str, env: Mapping[str, str] = os.environ) -> None:
    """Say something like `READY=1`; nothing happens where no manager listens."""
    address = env.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    place = "\0" + address[1:] if address[0] == "@" else address
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line,
    ):
        line.sendto(words.encode(), place)


def watchdog_seconds(env: Mapping[str, str] = os.environ) -> float | None:
    """How long the manager waits for a sign of life; None where it does not."""
    wanted, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
    if not wanted.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return int(wanted) / 1_000_000


# ------------------------------------------------------------------------------------------------
# The pulse: what the loop says of itself, kept as plain values for whoever asks.


SLICE = 10.0
"""Seconds of a wait between two signs of life."""
HANGS = 60.0
"""Seconds without a sign of life after which the loop hangs; no call takes more than half of that."""
STUCK = 300.0
"""Seconds without one after which only a new start helps."""
MISSED = 5
"""Polls without a good pass after which the bot is not ready."""
AHEAD = 60.0
"""Seconds between two looks ahead for the figures that are scraped."""
BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Seconds between seeing a thing and a write on it; `freshness` is the end."""


class LivelyEvent(SignalEvent):
    """An event whose waits show signs of life; the stop of a bot, which ends its sleeps.

    A long list at a slow rate is many short waits and little else, so each of them is such a sign.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turn: Callable[[], None] = lambda: None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait as ever, in slices."""
        self.turn()
        while timeout is None or timeout > SLICE:
            if super().wait(SLICE):
                return True
            self.turn()
            timeout = None if timeout is None else timeout - SLICE
        return super().wait(timeout)


class Pulse:
    """Signs of life, the newest pass, and counts since the start. Written by the loop's thread alone."""

    def __init__(
        self,
        app: BotContext,
        every: float,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        key: str = DEFAULT_KEY,
        meters: Meters | None = None,
        is_scraped: bool = False,
        tell: Callable[[str], None] = tell_manager,
    ) -> None:
        """`wall` is this machine's own clock: what is told to its watchers is by no other.

        `key` is what the bot's key is called. What takes a look ahead is worked out where the
        figures are scraped. `tell` speaks to the service manager.
        """
        self._wall = wall
        self.app = app
        self.key = key
        self.meters = meters or Meters()
        self._is_scraped = is_scraped
        self._tell = tell
        self._looked_at = float("-inf")
        self._patience = max(STUCK, MISSED * every)
        self._turned_at = self._good_at = app.clock.monotonic()
        self._watchdog = watchdog_seconds()
        self._told_at = float("-inf")
        self._problem: str | None = "no pass has gone through yet"
        self._held: str | None = None
        self.ledger_writable = True
        self.good_pass_at: datetime | None = None
        self.summary: PassSummary | None = None
        self.lines = 0
        self.breakers_open = 0
        self.paused = False
        self.policy_problem: Callable[[], str | None] = lambda: None
        self.decisions: Counter[tuple[str, str, str, str, str]] = Counter()
        """By policy, rule, action, state and mode."""
        self.failures: Counter[str] = Counter()
        """Failed passes, by the name of the error."""
        self.read_to_post: list[float] = []
        self.waits = [0] * (len(BUCKETS) + 1)
        self.waited = 0.0

    # What the loop says ----------------------------------------------------------------------

    def hearing(self, events: Events) -> Events:
        """The same events, counted on their way."""

        def say(event: str, /, *, level: Level = "info", **about: object) -> None:
            self.turn()
            if event == "decision":
                self._count(about)
            elif event == "checkpoint" and isinstance(at := about.get("at"), datetime):
                self.meters.checkpoint_at = at
            events(event, level=level, **about)

        return say

    def turn(self) -> None:
        """Show a sign of life; passed on to the service manager now and then."""
        now = self._turned_at = self.app.clock.monotonic()
        if self._watchdog is not None and now - self._told_at >= self._watchdog / 4:
            self._told_at = now
            self._tell("WATCHDOG=1")

    def passed(self, summary: PassSummary) -> None:
        """A pass could be made."""
        self.turn()
        self.ledger_writable = True
        self.summary = summary
        self._problem = summary.stopped
        if summary.stopped is None:
            self._good_at = self.app.clock.monotonic()
            self.good_pass_at = self._wall()
        self._read_ledger()
        left = f", {summary.left} not reviewed yet" if summary.left else ""
        self._tell(f"STATUS={summary.waiting} waiting, {len(summary.undecided)} undecided{left}")

    def failed(self, error: ReviewbotError) -> None:
        """A pass could not be made."""
        self.turn()
        self.failures[type(error).__name__] += 1
        self.ledger_writable = not isinstance(error, LedgerError)
        self._problem = str(error)

    def _count(self, about: dict[str, object]) -> None:
        mode = self.app.mode.value
        self.decisions[
            f"{about['policy']}",
            f"{about['rule']}",
            f"{about['action']}",
            f"{about['state']}",
            mode,
        ] += 1
        seconds = about.get("seen_ago")
        if isinstance(seconds, float):
            self.waited += seconds
            self.waits[sum(seconds > edge for edge in BUCKETS)] += 1

    def _read_ledger(self) -> None:
        ledger = self.app.ledger
        try:
            self.lines = ledger.checkpoint(self.app.clock.now()).count
            breakers = ledger.notes("breaker")
            self.breakers_open = sum(note.value.get("open") is not False for note in breakers)
            self._held = self._what_holds()
            self._look_ahead()
        except LedgerError as error:
            self.failed(error)

    def _what_holds(self) -> str | None:
        """Why nothing at all is sent; None where something is, or would be."""
        app, now = self.app, self.app.clock.now()
        holds = holds_on(app.ledger, now, app.guard.paused_by_file(), brake=app.guard.braked())
        self.paused = any(hold.by == "pause" for hold in holds)
        policies = [judge.policy.name for bench in app.benches for judge in bench.judges]
        if not nothing_is_sent(holds, policies, now):
            return None
        return f"nothing is sent: {'; '.join(hold.sentence for hold in holds)}"

    def _look_ahead(self) -> None:
        now = self.app.clock.monotonic()
        if self._is_scraped and now - self._looked_at >= AHEAD:
            self.meters.ahead = look_ahead(self.app)
            self._looked_at = now

    # What is asked of it ---------------------------------------------------------------------

    def quiet(self) -> float:
        """Seconds since the loop's last sign of life."""
        return self.app.clock.monotonic() - self._turned_at

    def stuck(self, patience: float = STUCK) -> str | None:
        """Why the process should be started anew; None while its loop turns."""
        quiet = self.quiet()
        return (
            None if quiet <= patience else f"the loop has shown no sign of life for {quiet:.0f} s"
        )

    def pulses(self) -> tuple[Pulse, ...]:
        """Itself, for whoever asks all that there are."""
        return (self,)

    def leaders(self) -> dict[str, bool]:
        """Its key, which nobody else can hold."""
        return {self.key: True}

    def unready(self) -> str | None:
        """Why it cannot do its work now: the loop hangs, the log, the API, a pause, a pass too long."""
        if (hangs := self.stuck(HANGS)) is not None:
            return hangs
        if self._problem is not None:
            return self._problem
        if self._held is not None:
            return self._held
        quiet = self.app.clock.monotonic() - self._good_at
        if quiet > self._patience:
            return f"the last good pass was {timedelta(seconds=round(quiet))} ago"
        return None
