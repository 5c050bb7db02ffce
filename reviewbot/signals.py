"""An event that signal handlers may set."""

from __future__ import annotations

import threading
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
