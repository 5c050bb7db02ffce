"""The watcher: a thread beside the loop that speaks, and lets a stop end the process, while the loop hangs.

Theory of operation. A call that never returns (a frozen database, a dead disk, a name that nobody
resolves) takes the loop with it: it tells nobody, ends for no signal, and silence pays meanwhile. So
a second thread looks at the loop's signs of life every second. What it says goes to the channels
directly: it touches neither the decision log nor anything else that the loop may be hanging in, and
knows of deadlines what the loop last kept in mind. Signals reach it through the interpreter's wake-up
socket, also where no handler can run.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from reviewbot.alarms.dispatcher import log_alarm
from reviewbot.alarms.reminders import most_urgent_first
from reviewbot.alarms.standing import standing
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Events, Undecided
from reviewbot.domain.alarm import HOUR, Alarm, AlarmKind, Urgency
from reviewbot.domain.review import things
from reviewbot.domain.text import format_moment
from reviewbot.runtime.liveness import HANGS, INTERRUPTED, Pulse, StopSignals

LOOK = 1.0
"""Seconds between two looks."""
LATEST = 9.0
"""Seconds after the first signal to stop at which the process is ended, whatever it is doing.

A write in flight gets most of it; what it came to is written down, and the last words go out, before that.
"""
STAGES = (1, 6, 24)
"""Hours before a deadline at which it is spoken of, nearest first, as the loop itself would."""
_REACH = timedelta(hours=STAGES[-1])


class Watcher:
    """The thread beside the loops, from `with` to its end. `look` is one look at each of them."""

    def __init__(
        self,
        loops: Callable[[], Iterable[HangWatch]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._loops = loops
        self._leave = leave
        self._monotonic = monotonic
        self._signals = StopSignals(monotonic)
        self._over = threading.Event()
        self._heard, self._rung = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def __enter__(self) -> Self:
        """Begin. Hears signals where this is the main thread, which alone can arrange that."""
        self._rung.setblocking(False)
        with suppress(ValueError):
            signal.set_wakeup_fd(self._rung.fileno(), warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        with suppress(ValueError):
            signal.set_wakeup_fd(-1)
        self._over.set()
        with suppress(OSError):
            self._rung.send(b"\0")
        self._thread.join()
        self._heard.close()
        self._rung.close()

    def heard(self, number: int) -> None:
        """Note a signal; one that means at once ends the process, also where no handler can run."""
        if number in (signal.SIGTERM, signal.SIGINT) and self._signals.again():
            self._leave(INTERRUPTED)

    def look(self) -> None:
        """Look once: end a stop that takes too long, and say of each loop that it hangs, or goes on."""
        first = self._signals.first_at
        if first is not None and self._monotonic() - first > LATEST:
            self._leave(INTERRUPTED)
        for loop in self._loops():
            loop.look()

    # The thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._over.is_set():
            for number in self._numbers():
                self.heard(number)
            self.look()

    def _numbers(self) -> Iterator[int]:
        ready, _, _ = select.select([self._heard], [], [], LOOK)
        yield from self._heard.recv(64) if ready else b""


class HangWatch:
    """Says that one loop hangs, or goes on again."""

    def __init__(self, app: BotContext, pulse: Pulse, events: Events) -> None:
        """`events` are not the loop's own, for those count as its signs of life."""
        self._app = app
        self._pulse = pulse
        self._events = events
        self._monotonic = app.clock.monotonic
        self._hung_since: float | None = None
        self._told_at = float("-inf")
        self._told: set[tuple[str, str | None, int]] = set()

    def look(self) -> None:
        """Look once."""
        quiet = self._pulse.quiet()
        if quiet > HANGS:
            self._hangs(quiet)
        elif self._hung_since is not None:
            self._goes_on()

    # What it says ----------------------------------------------------------------------------

    def _hangs(self, quiet: float) -> None:
        now, at = self._monotonic(), self._app.clock.now()
        if self._hung_since is None:
            self._hung_since = now - quiet
        near = self._near(at)
        alarms = [
            self._deadline(seen, hours, at) for seen, hours in near if self._is_news(seen, hours)
        ]
        if now - self._told_at >= HOUR / timedelta(seconds=1):
            self._told_at = now
            alarms.insert(0, self._hanging(quiet, [seen for seen, _ in near], at))
        self._say(alarms)

    def _goes_on(self) -> None:
        assert self._hung_since is not None
        lasted = self._monotonic() - self._hung_since
        self._hung_since, self._told_at, self._told = None, float("-inf"), set()
        sentence = f"The loop goes on, after {lasted:.0f} s without a sign of life"
        at = self._app.clock.now()
        over = Alarm(kind=AlarmKind.HANGS, sentence=sentence, at=at, urgency="info", mended=True)
        self._say([over])

    def _hanging(self, quiet: float, near: list[Undecided], at: datetime) -> Alarm:
        first = near[0].deadline_at if near else None
        zone = self._app.notifier.zone()
        expire = (
            f"; {things(len(near))} that nobody has decided expire within {STAGES[-1]} h,"
            f" the first on {format_moment(first, zone)}"
            if first is not None
            else ""
        )
        return Alarm(
            kind=AlarmKind.HANGS,
            sentence=f"The loop has shown no sign of life for {quiet:.0f} s: a call or the decision"
            f" log hangs, and nothing is decided until it goes on or is started again{expire}",
            at=at,
            zone=zone,
            facts={"seconds": round(quiet), "undecided": len(near), "deadline_at": first},
        )

    def _deadline(self, seen: Undecided, hours: int, at: datetime) -> Alarm:
        assert seen.deadline_at is not None
        zone = self._app.notifier.zone(review=seen.review, policy=seen.policy)
        urgency: Urgency = "error" if hours == STAGES[0] else "warning"
        return Alarm(
            kind=AlarmKind.UNDECIDED,
            sentence=f"{standing(seen)}, {hours} h or less before its deadline"
            f" ({format_moment(seen.deadline_at, zone)}); the loop hangs, and silence pays it unless that ends"
            " or somebody decides it by hand",
            at=at,
            subject=f"{seen.task_id}@{seen.epoch} {hours}h",
            group=f"{hours}h",
            urgency=urgency,
            zone=zone,
            facts={
                "review": seen.review,
                "task_id": seen.task_id,
                "epoch": seen.epoch,
                "deadline_at": seen.deadline_at,
                "hours_left": hours,
            },
        )

    def _near(self, at: datetime) -> list[tuple[Undecided, int]]:
        """What is open and expires within reach, with the stage it has come to; first things first."""
        found = [
            seen
            for bench in self._app.benches
            for seen in list((bench.open_rounds or {}).values())
            if seen.deadline_at is not None and at < seen.deadline_at <= at + _REACH
        ]
        return [(seen, _stage(seen, at)) for seen in most_urgent_first(found)]

    def _is_news(self, seen: Undecided, hours: int) -> bool:
        """Whether neither the loop nor this thread has spoken of it at this stage."""
        if any(
            (seen.task_id, seen.epoch, f"{hours}h") in bench.reminded for bench in self._app.benches
        ):
            return False
        mark = (seen.task_id, seen.epoch, hours)
        news = mark not in self._told
        self._told.add(mark)
        return news

    def _say(self, alarms: list[Alarm]) -> None:
        if not alarms:
            return
        self._app.notifier.alarms.aside(alarms)
        # In a thread of its own, for what hangs may be whoever reads the log.
        threading.Thread(target=self._log, args=(alarms,), name="watcher log", daemon=True).start()

    def _log(self, alarms: list[Alarm]) -> None:
        for alarm in alarms:
            log_alarm(self._events, alarm)


def _stage(seen: Undecided, at: datetime) -> int:
    assert seen.deadline_at is not None
    return next(hours for hours in STAGES if seen.deadline_at - at <= hours * HOUR)
