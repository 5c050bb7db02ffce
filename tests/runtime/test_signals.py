"""An event that signal handlers set: it never waits for itself, and no wait misses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any

import pytest

from reviewbot.runtime.liveness import LivelyEvent, SignalEvent, StopSignals


class Wait:
    """A wait in a thread of its own, whose event is set before one of its lines runs."""

    def __init__(self, event: threading.Event, timeout: float | None, set_at: int = 0) -> None:
        self.event, self.timeout, self.set_at, self.lines = event, timeout, set_at, 0
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()

    def has_ended(self, within: float) -> bool:
        """Whether it ends in time."""
        self.thread.join(within)
        return not self.thread.is_alive()

    def _wait(self) -> None:
        sys.settrace(self._at_each_line)
        self.event.wait(self.timeout)
        sys.settrace(None)

    def _at_each_line(self, frame: FrameType, what: str, _: Any) -> Any:
        if what == "line":
            self.lines += 1
            if self.lines == self.set_at:
                self.event.set()
        return self._at_each_line


@pytest.mark.parametrize("timeout", [None, 0.0])
@pytest.mark.parametrize("kind", [SignalEvent, LivelyEvent])
def test_a_signal_at_any_moment_of_a_wait_ends_it(
    kind: type[threading.Event], timeout: float | None
) -> None:
    """Set before each line, as a handler may; an ordinary event would wait for its own lock."""
    usual = Wait(kind(), timeout)
    usual.has_ended(within=0.05)
    assert usual.lines >= 1

    for number in range(1, usual.lines + 1):
        event = kind()
        assert Wait(event, timeout, set_at=number).has_ended(within=5), number
        assert event.is_set()
    usual.event.set()


def test_it_is_an_event_like_any_other() -> None:
    """Set for all who wait, until it is cleared."""
    event = SignalEvent()
    assert not event.wait(0.0)
    event.set()
    event.set()

    assert event.is_set() and event.wait() and event.wait(1.0)

    event.clear()
    assert not event.is_set() and not event.wait(0.0)


def test_all_who_wait_are_woken() -> None:
    """One signal, three threads."""
    event, woken = SignalEvent(), threading.Barrier(4)
    for _ in range(3):
        threading.Thread(target=lambda: event.wait() and woken.wait(5), daemon=True).start()

    event.set()

    woken.wait(5)


WAITS_IN_SLICES = """
import signal
from reviewbot.runtime.liveness import SignalEvent
event = SignalEvent()
signal.signal(signal.SIGUSR1, lambda *_: None)
print("waits", flush=True)
for _ in range(20):
    event.wait(0.05)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped here")
def test_a_wait_ends_though_a_signal_comes_when_its_time_is_long_over() -> None:
    """As after a machine that slept: stopped within a wait, and told something before it goes on."""
    ends = time.monotonic() + 10
    with subprocess.Popen(
        [sys.executable, "-c", WAITS_IN_SLICES], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "waits\n"
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        time.sleep(0.1)  # noqa: TID251  the time of the other process, which stands
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGCONT)
        try:
            assert process.wait(timeout=ends - time.monotonic()) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("moments", "ends"),
    [
        ([5.0, 5.0], False),
        ([5.0, 6.0], False),
        ([5.0, 6.1], True),
        ([5.0, 5.9, 6.1], True),
        ([5.0, 5.9, 6.0], False),
    ],
)
def test_only_a_signal_more_than_a_second_after_the_first_ends_at_once(
    moments: list[float], ends: bool
) -> None:
    """Counted from the first, however many come in between."""
    left = list(moments)
    signals = StopSignals(lambda: left.pop(0))

    said = [signals.again() for _ in moments]

    assert said == [False] * (len(moments) - 1) + [ends]
    assert signals.first_at == moments[0]
