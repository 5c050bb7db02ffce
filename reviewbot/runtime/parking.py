"""Parking: how people hear of a key whose bot does not run, and the ways out of one key among several."""

from __future__ import annotations

import threading
from collections.abc import Callable

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.channels.config import make_channels, make_ping
from reviewbot.channels.sender import BackgroundPost
from reviewbot.config import Settings
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import Events
from reviewbot.domain.alarm import AlarmKind
from reviewbot.ledger.open import IN_MEMORY, open_ledger
from reviewbot.ports.queue import Post
from reviewbot.runtime.bootstrap import LAST_WORDS, SystemClock


class ParkingAlarms:
    """Tells people of a parked key, without its log: what was told is remembered by the process alone."""

    def __init__(self, settings: Settings, events: Events) -> None:
        clock = SystemClock()
        self._lock = threading.Lock()
        self._alarms = AlarmDispatcher(
            ledger=open_ledger(IN_MEMORY),
            clock=clock,
            events=events,
            routes=settings.notices.routes,
            post=post_of(settings, lambda: False),
            key=settings.key,
            owner=settings.owner,
        )
        self._notifier = Notifier(clock, self._alarms, lambda: ())

    def tell(self, why: str) -> None:
        """Tell why it is parked, unless that was told lately."""
        with self._lock:
            self._notifier.notify(
                AlarmKind.PARKED,
                "The bot of this key does not run, so nothing is reviewed and silence pays; it is tried"
                f" again every few minutes, and when one of its files changes: {why}",
            )
            self._alarms.flush()

    def over(self) -> None:
        """Tell that it runs again, where people know that it was parked."""
        with self._lock:
            self._notifier.alarms.mended(AlarmKind.PARKED, "The bot of this key runs again")
            self._alarms.flush()

    def flush(self) -> None:
        """Send what has gathered, and hear what became of it."""
        with self._lock:
            self._alarms.flush()

    def close(self) -> None:
        """Let the last words arrive."""
        with self._lock:
            self._alarms.close(LAST_WORDS)


class _KeyPost(BackgroundPost):
    """Pings the outside only where every key that runs has passed since the last ping."""

    all_passed: Callable[[], bool]

    def ping(self) -> None:
        if self.all_passed():
            super().ping()


def post_of(settings: Settings, all_passed: Callable[[], bool]) -> Post | None:
    """The channels of a key; None where it has none, and alarms stand in the log alone."""
    notices = settings.notices
    if not notices.channels and notices.ping is None:
        return None
    post = _KeyPost(make_channels(notices, settings.proxy), make_ping(notices, settings.proxy))
    post.all_passed = all_passed
    return post
