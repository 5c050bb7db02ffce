"""Patience: who is tried again, and how the reads of many things share it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reviewbot.api.retry import CREDIT, TRIES, Patience
from reviewbot.domain.errors import ReviewbotError, ServerFault
from reviewbot.simulator.clock import VirtualClock

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
    patience = Patience(clock, lambda: 0.5, stopping=lambda: server.asked >= 2)

    with pytest.raises(ServerFault):
        patience.read(server.answer)

    assert server.asked == 2


def test_the_reads_of_many_things_share_their_patience() -> None:
    """A hundred that never answer cost a hundred requests and a few; a list keeps its four tries."""
    clock, server = VirtualClock(START), Server()
    patience = Patience(clock, lambda: 0.5)
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
    patience = Patience(VirtualClock(START), lambda: 0.5)
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
