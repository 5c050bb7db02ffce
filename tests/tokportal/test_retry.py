"""Patience: who is tried again, and how the reads of many things share it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reviewbot.domain.errors import (
    CannotConnect,
    NotFound,
    RateLimited,
    ReviewbotError,
    ServerFault,
    TooLarge,
)
from reviewbot.simulator.clock import VirtualClock
from reviewbot.tokportal.rate_limit import CREDIT, TRIES, ReadRetry
from tests.tokportal.support import FakeClock

START = datetime(2026, 6, 1, tzinfo=UTC)


class Server:
    """Fails as long as it is told to."""

    def __init__(self) -> None:
        self.asked, self.ill = 0, True

    def answer(self) -> str:
        """Answer, or not."""
        self.asked += 1
        if self.ill:
            raise ServerFault("500", status=500)
        return "yes"


def test_nothing_is_tried_again_once_a_stop_was_asked_for() -> None:
    """Each try may last as long as a call may."""
    server, clock = Server(), VirtualClock(START)
    patience = ReadRetry(clock, lambda: 0.5, stopping=lambda: server.asked >= 2)

    with pytest.raises(ServerFault):
        patience.read(server.answer)

    assert server.asked == 2


def test_the_reads_of_many_things_share_their_patience() -> None:
    """A hundred that never answer cost a hundred requests and a few; a list keeps its four tries."""
    clock, server = VirtualClock(START), Server()
    patience = ReadRetry(clock, lambda: 0.5)
    for _ in range(100):
        with pytest.raises(ReviewbotError):
            patience.read(server.answer, of_many=True)
    assert server.asked == 100 + CREDIT
    assert clock.slept < 30

    with pytest.raises(ReviewbotError):
        patience.read(server.answer)
    assert server.asked == 100 + CREDIT + TRIES


def test_good_answers_earn_it_back() -> None:
    """Ten of them pay for one more try."""
    server = Server()
    patience = ReadRetry(VirtualClock(START), lambda: 0.5)
    for _ in range(3):
        with pytest.raises(ReviewbotError):
            patience.read(server.answer, of_many=True)
    server.ill = False
    for _ in range(11):
        patience.read(server.answer, of_many=True)
    server.ill, before = True, server.asked
    with pytest.raises(ReviewbotError):
        patience.read(server.answer, of_many=True)
    assert server.asked - before == 2


# To the letter -------------------------------------------------------------------------------


def waits(chance: float, *, tries: int = TRIES, of_many: bool = False) -> list[float]:
    """How long a read that always fails waits between its tries."""
    clock = FakeClock()
    patience = ReadRetry(clock, lambda: chance, tries)
    with pytest.raises(ServerFault):
        patience.read(Server().answer, of_many=of_many)
    return clock.sleeps


def test_each_wait_is_twice_the_one_before_up_to_eight_seconds() -> None:
    """And half to one and a half times that, by chance."""
    assert waits(0.5) == [0.5, 1.0, 2.0]
    assert waits(0.0) == [0.25, 0.5, 1.0]
    assert waits(1.0) == [0.75, 1.5, 3.0]
    assert waits(0.5, tries=8) == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert waits(0.5, tries=1) == []
    assert waits(0.5, of_many=True) == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("of_many", [False, True])
@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (CannotConnect("no"), 4),
        (RateLimited("slow", retry_after=1.0), 4),
        (ServerFault("500"), 4),
        (NotFound("404"), 1),
        (TooLarge("2 MB"), 1),
        (ValueError("a bug"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_may_pass_is_tried_again(error: Exception, asked: int, of_many: bool) -> None:
    """The last error stands."""
    count = 0

    def once() -> str:
        nonlocal count
        count += 1
        raise error

    with pytest.raises(type(error)) as caught:
        ReadRetry(FakeClock(), lambda: 0.5).read(once, of_many=of_many)
    assert caught.value is error
    assert count == asked


def test_a_read_that_succeeds_in_between_gives_its_answer() -> None:
    """And is not asked again."""
    server = Server()
    clock = FakeClock()

    def once() -> str:
        server.ill = server.asked < 2
        return server.answer()

    assert ReadRetry(clock, lambda: 0.5).read(once) == "yes"
    assert (server.asked, clock.sleeps) == (3, [0.5, 1.0])


def tries_of_many(patience: ReadRetry, error: Exception | None = None) -> int:
    """How often one of many that always fails is tried."""
    count = 0

    def once() -> str:
        nonlocal count
        count += 1
        raise error or ServerFault("500")

    with pytest.raises(ReviewbotError):
        patience.read(once, of_many=True)
    return count


def test_the_patience_for_many_is_eight_tries() -> None:
    """Three for each, until none is left; what is no fault of the thing is tried all the same."""
    patience = ReadRetry(FakeClock(), lambda: 0.5)
    assert [tries_of_many(patience) for _ in range(5)] == [4, 4, 3, 1, 1]
    assert tries_of_many(patience, CannotConnect("no")) == 4
    assert tries_of_many(patience, RateLimited("slow", retry_after=1.0)) == 4


@pytest.mark.parametrize("of_many", [False, True])
def test_each_good_answer_earns_a_tenth_of_a_try_up_to_eight(of_many: bool) -> None:
    """Whoever gave it; and what is no fault of the thing makes no debt."""
    patience = ReadRetry(FakeClock(), lambda: 0.5)
    for _ in range(100):
        patience.read(lambda: "yes", of_many=of_many)
    assert [tries_of_many(patience) for _ in range(4)] == [4, 4, 3, 1]
    tries_of_many(patience, CannotConnect("no"))
    for _ in range(9):
        patience.read(lambda: "yes", of_many=of_many)
    assert tries_of_many(patience) == 1
    for _ in range(2):
        patience.read(lambda: "yes", of_many=of_many)
    assert [tries_of_many(patience), tries_of_many(patience)] == [2, 1]
