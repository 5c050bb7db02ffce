"""The post: each channel sends from a thread of its own, so that none delays a review or another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from queue import Empty, Full, Queue

from reviewbot.channels.carry import carry
from reviewbot.channels.channel import Channel
from reviewbot.channels.deadman import PING, Ping
from reviewbot.domain.errors import ChannelFailed
from reviewbot.ports import Delivery, Letter

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
        self._channels = {channel.name: channel for channel in channels}
        self._ping = ping
        self._pause = pause
        self._done: list[Delivery] = []

    def send(self, letter: Letter) -> bool:
        """Send a letter through all its channels."""
        for name in letter.channels:
            self._done.append(_delivery(self._channels[name], letter, self._pause))
        return True

    def ping(self) -> None:
        """Ping, where that is wanted."""
        if self._ping is not None:
            self._done.append(_pinged(self._ping, self._pause))

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
        self._workers = {
            channel.name: _Worker(partial(_delivery, channel, pause=self._stop.wait), self)
            for channel in channels
        }
        self._pinger = (
            None
            if ping is None
            else _Worker(lambda _: _pinged(ping, self._stop.wait), self, room=1)
        )

    def send(self, letter: Letter) -> bool:
        """Hand a letter to its channels; one whose queue is full counts as failed."""
        for name in letter.channels:
            self._begin()
            if not self._workers[name].take(letter):
                self.end(_failed(letter.number, name, "too many messages wait for it"))
        return True

    def ping(self) -> None:
        """Ping, unless the last ping is still on its way."""
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


class _Worker:
    """A thread that does one thing after another; it begins with the first."""

    def __init__(
        self, work: Callable[[Letter | None], Delivery], post: BackgroundPost, room: int = ROOM
    ) -> None:
        self._work = work
        self._post = post
        self._queue: Queue[Letter | None] = Queue(room)
        self._thread: threading.Thread | None = None

    def take(self, letter: Letter | None) -> bool:
        try:
            self._queue.put_nowait(letter)
        except Full:
            return False
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="post", daemon=True)
            self._thread.start()
        return True

    def _run(self) -> None:
        while not self._post.closed:
            try:
                letter = self._queue.get(timeout=0.5)
            except Empty:
                continue
            self._post.end(self._work(letter))


def _delivery(
    channel: Channel, letter: Letter | None, pause: Callable[[float], object]
) -> Delivery:
    assert letter is not None
    try:
        note = carry(lambda: channel.deliver(letter.message), pause)
    except ChannelFailed as failed:
        return _failed(letter.number, channel.name, str(failed))
    return Delivery(number=letter.number, channel=channel.name, note=note)


def _pinged(ping: Ping, pause: Callable[[float], object]) -> Delivery:
    try:
        carry(ping.send, pause)
    except ChannelFailed as failed:
        return _failed(0, PING, str(failed))
    return Delivery(number=0, channel=PING)


def _failed(number: int, channel: str, why: str) -> Delivery:
    return Delivery(number=number, channel=channel, error=why)
