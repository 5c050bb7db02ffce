"""What signal handlers need: an event that they may set, and which of two signals means at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue


class SignalEvent(threading.Event):
    """An event that a handler may set whatever the thread it interrupts is doing with it.

    The lock of an ordinary event is not reentrant: set by a handler while the same thread is on its
    way into `wait`, it would wait for itself for ever. A `SimpleQueue` may be put to at any moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False
        self._rung: SimpleQueue[None] = SimpleQueue()

    def is_set(self) -> bool:
        """Whether it was set and not cleared since."""
        return self._is_set

    def set(self) -> None:
        """Let every wait end."""
        self._is_set = True
        self._rung.put(None)

    def clear(self) -> None:
        """Let waits last again."""
        self._is_set = False
        with suppress(Empty):
            while True:
                self._rung.get_nowait()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or for so long; give whether it is set."""
        if not self._is_set:
            with suppress(Empty):
                self._rung.get(timeout=timeout)
                self._rung.put(None)  # for whoever else waits
        return self._is_set


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
