"""The post: each channel sends from a thread of its own, so that none delays a review or another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from queue import Full, Queue

from reviewbot.alarms.dispatcher import PING
from reviewbot.channels.base import Channel
from reviewbot.channels.config import Ping
from reviewbot.domain.errors import ChannelFailed
from reviewbot.ports.queue import Delivery, Letter

PAUSES = (2.0, 8.0)
"""Seconds before the second and the third try. A message may be sent again: it is not a write."""
ROOM = 50
"""Letters that may wait for one channel."""
Deliver = Callable[[], str | None]


def carry(
    deliver: Deliver, pause: Callable[[float], object], pauses: Sequence[float] = PAUSES
) -> str | None:
    """Deliver, and try again after each pause where that may help. Raises ChannelFailed."""
    for seconds in pauses:
        try:
            return _once(deliver)
        except ChannelFailed as failed:
            if not failed.passing:
                raise
            pause(max(seconds, failed.retry_after or 0.0))
    return _once(deliver)


def _once(deliver: Deliver) -> str | None:
    """One try. A fault of ours is told like a fault of theirs: it must not end the sender."""
    try:
        return deliver()
    except ChannelFailed:
        raise
    except Exception as error:  # noqa: BLE001  # its text could hold an address, so only its name is told
        raise ChannelFailed(f"unexpected {type(error).__name__}") from None


class BackgroundPost:
    """Sends from one thread per channel; the loop never waits for it."""

    def __init__(
        self,
        channels: Iterable[Channel],
        ping: Ping | None = None,
        *,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self.stop = threading.Event()
        self.pauses = pauses
        self._done: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._on_its_way = 0
        self._channels = {channel.name: channel for channel in channels}
        self._workers = {name: _ChannelThread(self, name, ROOM) for name in self._channels}
        self._ping = ping
        self._pinger = _ChannelThread(self, PING, room=1)

    def send(self, letter: Letter) -> bool:
        """Hand a letter to its channels; one whose queue is full counts as failed."""
        for name in letter.channels:
            if letter.message.closes and not self._channels[name].keeps_open:
                continue
            self._begin()
            deliver = partial(self._channels[name].deliver, letter.message)
            if not self._workers[name].take(letter.number, deliver):
                full = "too many messages wait for it"
                self.end(Delivery(number=letter.number, channel=name, error=full))
        return True

    def ping(self) -> None:
        """Ping, unless earlier pings are still on their way."""
        if self._ping is None:
            return
        self._begin()
        if not self._pinger.take(0, self._ping.send):
            self.end(None)

    def deliveries(self) -> Sequence[Delivery]:
        """What became of letters since this was last asked."""
        found = []
        while self._done:
            found.append(self._done.popleft())
        return found

    def settle(self, seconds: float) -> None:
        """Wait at most so long until nothing is on its way."""
        with self._changed:
            self._changed.wait_for(lambda: self._on_its_way == 0, timeout=seconds)

    def close(self) -> None:
        """End the threads; a delivery that hangs is left behind."""
        self.stop.set()
        for worker in (*self._workers.values(), self._pinger):
            worker.end()

    def end(self, delivery: Delivery | None) -> None:
        """Note what became of a letter or a ping; called by the threads."""
        if delivery is not None:
            self._done.append(delivery)
        with self._changed:
            self._on_its_way -= 1
            self._changed.notify_all()

    def _begin(self) -> None:
        with self._changed:
            self._on_its_way += 1


class _ChannelThread:
    """A thread that delivers one thing after another; it begins with the first.

    While its channel fails, each letter gets one try: others wait behind it. Behind a ping nothing
    waits.
    """

    def __init__(self, post: BackgroundPost, name: str, room: int) -> None:
        self._post = post
        self._name = name
        self._fails = False
        self._queue: Queue[tuple[int, Deliver] | None] = Queue(room)
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()

    def take(self, number: int, deliver: Deliver) -> bool:
        """Take something to deliver; False where too much waits."""
        try:
            self._queue.put_nowait((number, deliver))
        except Full:
            return False
        with self._beginning:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="post", daemon=True)
                self._thread.start()
        return True

    def end(self) -> None:
        """Wake the thread, so that it sees that it is over; a full queue wakes it anyway."""
        with suppress(Full):
            self._queue.put_nowait(None)

    def _run(self) -> None:
        while not self._post.stop.is_set():
            job = self._queue.get()
            if job is not None:
                self._post.end(self._carry(*job))

    def _carry(self, number: int, deliver: Deliver) -> Delivery:
        pauses = () if self._fails and number else self._post.pauses
        try:
            note = carry(deliver, self._post.stop.wait, pauses)
        except ChannelFailed as failed:
            self._fails = True
            return Delivery(number=number, channel=self._name, error=str(failed))
        self._fails = False
        return Delivery(number=number, channel=self._name, note=note)
