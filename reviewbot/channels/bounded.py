"""A call that may hang, given up after a while.

Libraries time out per read or write; a server that sends one byte a second never does. So the call
runs in a thread of its own, which is left behind when the time is over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from reviewbot.domain.errors import ChannelFailed

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """Give the call's result, or raise its error; raise ChannelFailed when it takes longer."""
    results: list[T] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  # raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=work, name="channel", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if results:
        return results[0]
    raise ChannelFailed(f"not done within {seconds:g} s", passing=True)
