"""Our share of the rate budget: used up, never overdrawn."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.domain.errors import NotDone, RateLimited
from reviewbot.tokportal.rate_limit import BURST, RateLimiter
from tests.tokportal.support import FakeClock


class Server:
    """The API's own bucket, with a neighbour that uses the same key."""

    def __init__(self, clock: FakeClock, limit: int = 120, neighbour: float = 0.0) -> None:
        self.clock, self.limit, self.neighbour = clock, limit, neighbour
        self.tokens = float(limit)
        self.at = clock.seconds
        self.times: list[float] = []
        self.refusals = 0

    def call(self, bucket: RateLimiter) -> None:
        """One request through the bucket."""
        bucket.take()
        now = self.clock.seconds
        grown = (now - self.at) * (self.limit / 60) * (1 - self.neighbour)
        self.tokens = min(self.tokens + grown, self.limit)
        self.at = now
        self.times.append(now)
        if self.tokens < 1:
            self.refusals += 1
            bucket.refused(1.0)
            return
        self.tokens -= 1
        bucket.answered(str(self.limit), str(int(self.tokens)))


@pytest.mark.parametrize(("limit", "per_minute", "pace"), [
    (120, None, 96), (600, None, 480), (30, None, 24), (120, 120, 120), (120, 30, 30), (60, 500, 60),
])  # fmt: skip
def test_a_backlog_is_worked_off_without_a_429_and_without_idling(
    limit: int, per_minute: float | None, pace: float
) -> None:
    """The pace is 80 % of the limit, or what was asked for up to the limit; it is used in full."""
    clock = FakeClock()
    bucket = RateLimiter(clock, per_minute=per_minute)
    server = Server(clock, limit)
    for _ in range(460):
        server.call(bucket)
    assert server.refusals == 0
    took = clock.seconds - server.times[0]
    assert bucket.pace == pace
    assert took <= 460 * 60 / pace
    assert took >= (460 - BURST - 1) * 60 / max(pace, 96) * 0.99


@pytest.mark.parametrize("neighbour", [0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9])
def test_a_neighbour_on_the_same_key_is_given_way(neighbour: float) -> None:
    """However much others take, we meet no 429 and use what they leave, up to our share."""
    clock = FakeClock()
    server = Server(clock, neighbour=neighbour)
    bucket = RateLimiter(clock)
    for _ in range(1_500):
        server.call(bucket)
    assert server.refusals == 0
    left = min(120 * (1 - neighbour), 96)
    assert 1_500 / (clock.seconds - server.times[0]) * 60 >= left * 0.9


@given(steps=st.lists(st.floats(0, 40), min_size=30, max_size=150))
@settings(max_examples=40, deadline=None)
def test_never_more_than_limit_and_burst_in_a_minute(steps: list[float]) -> None:
    """Whatever the pauses between calls, no minute holds more than the limit and one burst."""
    clock = FakeClock()
    server = Server(clock)
    bucket = RateLimiter(clock)
    for step in steps:
        clock.seconds += step if step > 20 else 0.0
        server.call(bucket)
    recent: deque[float] = deque()
    for at in server.times:
        recent.append(at)
        while recent[0] < at - 60:
            recent.popleft()
        assert len(recent) <= 120 + BURST
    assert server.refusals == 0


def test_nothing_leaves_before_a_429_is_over() -> None:
    """After a 429 the next turn comes when its wait has passed, and not at once for everybody."""
    clock = FakeClock()
    bucket = RateLimiter(clock)
    bucket.take()
    bucket.refused(42.0)
    before = clock.seconds
    bucket.take()
    assert clock.seconds >= before + 42.0
    with pytest.raises(RateLimited):
        bucket.take(patience=0.01)


def test_no_burst_beyond_what_remains() -> None:
    """With 3 remaining, three more leave at once and the fourth at the pace."""
    clock = FakeClock()
    bucket = RateLimiter(clock)
    bucket.take()
    bucket.answered("120", "3")
    for _ in range(3):
        bucket.take()
        assert clock.sleeps == []
    bucket.take()
    assert sum(clock.sleeps) == pytest.approx(60 / 96)


def test_at_0_remaining_the_pace_goes_on() -> None:
    """A server that always says 0 is asked at the pace, neither faster nor slower."""
    clock = FakeClock()
    bucket = RateLimiter(clock)
    start = clock.seconds
    for _ in range(97):
        bucket.take()
        bucket.answered("120", "0")
    assert clock.seconds - start == pytest.approx(60.0, rel=0.01)


@given(limit=st.none() | st.text(max_size=30), remaining=st.none() | st.text(max_size=30))
def test_garbage_in_the_headers_is_ignored(limit: str | None, remaining: str | None) -> None:
    """A header that is no count changes nothing that could stop or unleash us."""
    bucket = RateLimiter(FakeClock())
    bucket.take()
    bucket.answered(limit, remaining)
    assert 1 <= bucket.limit <= 1_000_000
    if not (limit or "").strip().isdecimal():
        assert bucket.limit == 120


@pytest.mark.parametrize(
    "limit", ["0", "-1", "1e9", "NaN", "120.5", "\u0661\u0662", "99999999999999"]
)
def test_an_incredible_limit_is_ignored(limit: str) -> None:
    """Zero would stop us for good, a huge one would unleash us."""
    bucket = RateLimiter(FakeClock())
    bucket.answered(limit, None)
    assert bucket.limit == 120


def test_one_probe_goes_first_after_an_outage() -> None:
    """While the first request after an outage is on its way, no other leaves."""
    clock = FakeClock()
    bucket = RateLimiter(clock)
    bucket.take()
    bucket.silent()
    bucket.take()
    with pytest.raises(RateLimited):
        bucket.take(patience=1.0)
    bucket.answered("120", "100")
    bucket.take(patience=0.0)


def test_a_stop_ends_the_waiting() -> None:
    """A sleep cut short means that we are to stop: nothing is sent."""

    class Stopped(FakeClock):
        def sleep(self, seconds: float) -> None:
            self.sleeps.append(seconds)

    clock = Stopped()
    bucket = RateLimiter(clock)
    bucket.take()
    bucket.refused(600.0)
    with pytest.raises(NotDone):
        bucket.take()
    assert len(clock.sleeps) == 1


def test_looking_takes_no_turn() -> None:
    """Asking whether a write could leave does not use up the budget."""
    clock = FakeClock()
    bucket = RateLimiter(clock)
    bucket.take()
    bucket.answered("120", "1")
    bucket.ready()
    bucket.ready()
    bucket.take(patience=0.0)
    assert clock.sleeps == []
