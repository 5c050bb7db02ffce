"""The post: each channel sends from a thread of its own, so that none delays a review or another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Full, Queue
from typing import TypeVar

from reviewbot.alarms.dispatcher import PING
from reviewbot.channels.base import Channel
from reviewbot.channels.webhook import Ping
from reviewbot.domain.errors import ChannelFailed
from reviewbot.ports.queue import Delivery, Letter

# ------------------------------------------------------------------------------------------------
# Carry a message through a channel: a few tries, further and further apart, and what came of them.


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


ROOM = 50
"""Letters that may wait for one channel."""


class DirectPost:
    """Sends at once, in the caller's thread: for tests, where time is not real."""

    def __init__(
        self,
        channels: Iterable[Channel],
        ping: Ping | None = None,
        *,
        pause: Callable[[float], object],
    ) -> None:
        self._lines = {channel.name: _Line(channel, pause) for channel in channels}
        self._pinger = None if ping is None else _PingLine(ping, pause)
        self._done: list[Delivery] = []

    def send(self, letter: Letter) -> bool:
        """Send a letter through all its channels."""
        self._done += [self._lines[name].carry(letter) for name in letter.channels]
        return True

    def ping(self) -> None:
        """Ping, where that is wanted."""
        if self._pinger is not None:
            self._done.append(self._pinger.carry(None))

    def deliveries(self) -> Sequence[Delivery]:
        """What became of the letters."""
        done, self._done = self._done, []
        return done

    def settle(self, seconds: float) -> None:
        """Nothing is ever on its way."""

    def close(self) -> None:
        """Nothing is open."""


class BackgroundPost:
    """Sends from one thread per channel; the loop never waits for it."""

    def __init__(self, channels: Iterable[Channel], ping: Ping | None = None) -> None:
        self._stop = threading.Event()
        self._done: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._on_its_way = 0
        wait = self._stop.wait
        self._workers = {one.name: _SenderWorker(_Line(one, wait).carry, self) for one in channels}
        self._pinger = (
            None if ping is None else _SenderWorker(_PingLine(ping, wait).carry, self, room=1)
        )

    def send(self, letter: Letter) -> bool:
        """Hand a letter to its channels; one whose queue is full counts as failed."""
        for name in letter.channels:
            self._begin()
            if not self._workers[name].take(letter):
                self.end(_failed(letter, name, "too many messages wait for it"))
        return True

    def ping(self) -> None:
        """Ping, unless earlier pings are still on their way."""
        if self._pinger is None:
            return
        self._begin()
        if not self._pinger.take(None):
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
        self._stop.set()
        for worker in (*self._workers.values(), self._pinger):
            if worker is not None:
                worker.end()

    @property
    def closed(self) -> bool:
        """Whether no more is sent."""
        return self._stop.is_set()

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


class _End:
    """The last thing in a queue."""


class _SenderWorker:
    """A thread that does one thing after another; it begins with the first."""

    def __init__(
        self, work: Callable[[Letter | None], Delivery], post: BackgroundPost, room: int = ROOM
    ) -> None:
        self._work = work
        self._post = post
        self._queue: Queue[Letter | _End | None] = Queue(room)
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()

    def take(self, letter: Letter | None) -> bool:
        try:
            self._queue.put_nowait(letter)
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
            self._queue.put_nowait(_End())

    def _run(self) -> None:
        while not self._post.closed:
            letter = self._queue.get()
            if not isinstance(letter, _End):
                self._post.end(self._work(letter))


class _Line:
    """The way to one channel. While it fails, each letter gets one try: others wait behind it."""

    def __init__(self, channel: Channel, pause: Callable[[float], object]) -> None:
        self._channel = channel
        self._pause = pause
        self._fails = False

    def carry(self, letter: Letter | None) -> Delivery:
        assert letter is not None
        name = self._channel.name
        pauses = () if self._fails else PAUSES
        try:
            note = carry(lambda: self._channel.deliver(letter.message), self._pause, pauses)
        except ChannelFailed as failed:
            self._fails = True
            return _failed(letter, name, str(failed))
        self._fails = False
        return Delivery(number=letter.number, channel=name, note=note)


class _PingLine:
    """The way to whoever waits for the ping."""

    def __init__(self, ping: Ping, pause: Callable[[float], object]) -> None:
        self._ping = ping
        self._pause = pause

    def carry(self, letter: Letter | None) -> Delivery:
        try:
            carry(self._ping.send, self._pause)
        except ChannelFailed as failed:
            return _failed(letter, PING, str(failed))
        return Delivery(number=0, channel=PING)


def _failed(letter: Letter | None, channel: str, why: str) -> Delivery:
    return Delivery(number=0 if letter is None else letter.number, channel=channel, error=why)
