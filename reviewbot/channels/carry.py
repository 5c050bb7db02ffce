"""Carry a message through a channel: a few tries, further and further apart, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from reviewbot.domain.errors import ChannelFailed

PAUSES = (2.0, 8.0)
"""Seconds before the second and the third try. A message may be sent again: it is not a write."""

T = TypeVar("T")


def carry(
    deliver: Callable[[], T],
    pause: Callable[[float], object],
    pauses: Sequence[float] = PAUSES,
) -> T:
    """Deliver, and try again after each pause where that may help. Raises ChannelFailed."""
    for seconds in pauses:
        try:
            return _once(deliver)
        except ChannelFailed as failed:
            if not failed.passing:
                raise
            pause(max(seconds, failed.retry_after or 0.0))
    return _once(deliver)


def _once(deliver: Callable[[], T]) -> T:
    """One try. A fault of ours is told like a fault of theirs: it must not end the sender."""
    try:
        return deliver()
    except ChannelFailed:
        raise
    except Exception as error:  # noqa: BLE001  # its text could hold an address, so only its name is told
        raise ChannelFailed(f"unexpected {type(error).__name__}") from None
