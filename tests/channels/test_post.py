"""The post: tries again where that helps, keeps channels apart, and never delays the loop."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from reviewbot.alarms.dispatcher import PING
from reviewbot.channels.http import within
from reviewbot.channels.sender import PAUSES, ROOM, BackgroundPost, carry
from reviewbot.domain.alarm import Message
from reviewbot.domain.errors import ChannelFailed
from reviewbot.ports.queue import Letter
from tests.channels.messages import a_message

BUSY = ChannelFailed("busy", passing=True)
NO = ChannelFailed("no")


class Fake:
    """A channel that fails as told, and keeps the rest."""

    def __init__(self, name: str, *errors: Exception | None) -> None:
        self.name, self.errors, self.got = name, list(errors), list[Message]()
        self.tries = 0

    def deliver(self, message: Message) -> str | None:
        """Take one message."""
        self.tries += 1
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.got.append(message)
        return None


class Hanging(Fake):
    """A channel that takes as long as the test wants."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.go_on = threading.Event()

    def deliver(self, message: Message) -> str | None:
        """Wait."""
        self.go_on.wait(10)
        return super().deliver(message)


def a_post(*channels: Any, pauses: Sequence[float] = PAUSES) -> BackgroundPost:
    """The post over some fakes."""
    return BackgroundPost(channels, pauses=pauses)


def letter(number: int, *channels: str) -> Letter:
    """A letter to channels."""
    return Letter(number=number, message=a_message(), channels=channels)


def test_what_may_pass_is_tried_three_times() -> None:
    """Further and further apart, or as long as the other side asks."""
    fake, paused = Fake("a", BUSY, ChannelFailed("wait", passing=True, retry_after=20.0)), []
    carry(lambda: fake.deliver(a_message()), paused.append)

    assert (fake.tries, paused) == (3, [PAUSES[0], 20.0])


@pytest.mark.parametrize(("error", "tries"), [(BUSY, 3), (NO, 1)])
def test_tries_are_bounded(error: ChannelFailed, tries: int) -> None:
    """And a definite no is not asked again."""
    fake = Fake("a", *[error] * 9)
    with pytest.raises(ChannelFailed):
        carry(lambda: fake.deliver(a_message()), lambda _: None)

    assert fake.tries == tries


def test_a_fault_of_ours_is_a_failed_channel() -> None:
    """Its text is not shown: it could hold an address."""
    fake = Fake("a", ValueError("https://hooks/T0SECRET"))
    with pytest.raises(ChannelFailed, match=r"^unexpected ValueError$"):
        carry(lambda: fake.deliver(a_message()), lambda _: None)


def test_a_failing_channel_gets_one_try_until_it_works_again() -> None:
    """Other letters wait behind each try."""
    fake = Fake("a", BUSY, BUSY, BUSY, BUSY)
    post = a_post(fake, pauses=(0.0, 0.0))
    for number in range(1, 4):
        post.send(letter(number, "a"))
    post.settle(5)
    post.close()

    assert [delivery.error for delivery in post.deliveries()] == ["busy", "busy", None]
    assert fake.tries == 5


def test_one_channel_never_waits_for_another() -> None:
    """While one hangs the other has sent; what hangs is heard of when it ends."""
    slow, quick = Hanging("slow"), Fake("quick")
    post = a_post(slow, quick)
    post.send(letter(1, "slow", "quick"))
    post.settle(0.2)

    assert [(delivery.channel, delivery.error) for delivery in post.deliveries()] == [
        ("quick", None)
    ]
    slow.go_on.set()
    post.settle(5)
    assert [(delivery.channel, delivery.error) for delivery in post.deliveries()] == [
        ("slow", None)
    ]
    post.close()


def test_a_full_queue_is_a_failure_at_once() -> None:
    """The loop learns of it without waiting, and memory stays bounded."""
    slow = Hanging("slow")
    post = a_post(slow)
    for number in range(1, ROOM + 4):
        post.send(letter(number, "slow"))

    errors = [delivery.error for delivery in post.deliveries()]
    assert set(errors) == {"too many messages wait for it"}
    assert 2 <= len(errors) <= 3
    slow.go_on.set()
    post.close()


def test_closing_interrupts_a_pause_between_tries() -> None:
    """A stop takes no longer for a channel that is down."""
    fake = Fake("a", *[BUSY] * 9)
    post = a_post(fake)
    post.send(letter(1, "a"))
    post.settle(0.1)
    post.close()
    post.settle(5)

    assert [delivery.error for delivery in post.deliveries()] == ["busy"]


class FakePing:
    """A ping that fails as told."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.sent = list(errors), 0

    def send(self) -> None:
        """Ping."""
        if self.errors:
            raise self.errors.pop(0)
        self.sent += 1


def test_a_ping_is_told_under_its_own_name() -> None:
    """First it fails for good, then it works."""
    ping: Any = FakePing(NO)
    post = BackgroundPost([], ping)
    found = []
    for _ in range(2):
        post.ping()
        post.settle(5)
        found += [
            (delivery.number, delivery.channel, delivery.error) for delivery in post.deliveries()
        ]
    post.close()

    assert found == [(0, PING, "no"), (0, PING, None)]
    assert ping.sent == 1


def test_a_call_that_hangs_is_left_behind() -> None:
    """After its time."""
    never = threading.Event()
    with pytest.raises(ChannelFailed, match="not done within"):
        within(0.05, lambda: never.wait(5))
    never.set()
