"""Our share of the rate budget: used up, never overdrawn, and to the digit."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.domain.errors import NotDone, RateLimited
from reviewbot.tokportal.rate_limit import BURST, MOST_CREDIBLE, SCARCE, RateLimiter
from tests.tokportal.support import FakeClock

PACE = 96.0
"""Requests a minute at the limit that is assumed at first."""
TURN = 60 / PACE


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


# To the digit --------------------------------------------------------------------------------


def a_bucket(remaining: str | None = "100") -> tuple[RateLimiter, FakeClock]:
    """One whose first request was answered, with its burst there again."""
    clock = FakeClock()
    bucket = RateLimiter(clock)
    bucket.take()
    bucket.answered("120", remaining)
    clock.seconds += 60
    return bucket, clock


def at_once(bucket: RateLimiter) -> int:
    """How many leave without any wait."""
    count = 0
    while count < 500:
        try:
            bucket.take(patience=0.0)
        except RateLimited:
            return count
        count += 1
    return count


def wait_of(bucket: RateLimiter) -> float:
    """How long the next turn would be waited for."""
    with pytest.raises(RateLimited) as caught:
        bucket.take(patience=0.0)
    return caught.value.retry_after


def test_a_new_bucket_lets_one_go_and_looks_again_every_50_ms() -> None:
    """Its answer tells how many may follow."""
    clock = FakeClock()
    bucket = RateLimiter(clock)
    assert (bucket.limit, bucket.pace) == (120, PACE)
    bucket.take()
    assert wait_of(bucket) == 0.05
    with pytest.raises(RateLimited):
        bucket.take(patience=0.1)
    assert clock.sleeps == [0.05, 0.05]
    bucket.answered("120", "100")
    assert at_once(bucket) == BURST - 1


@pytest.mark.parametrize(
    ("limit", "pace", "burst"),
    [("120", 96, 20), ("60", 48, 12), ("100", 80, 20), ("10", 8, 2), ("2", 1.6, 1), ("1", 0.8, 1)],
)
def test_a_burst_is_a_quarter_of_a_minute_at_least_one_and_at_most_twenty(
    limit: str, pace: float, burst: float
) -> None:
    """Whatever the API advertises."""
    bucket, clock = a_bucket()
    bucket.answered(limit, None)
    assert (bucket.limit, bucket.pace) == (int(limit), pace)
    clock.seconds += 600
    assert at_once(bucket) == burst
    assert wait_of(bucket) == pytest.approx(60 / pace)


def test_turns_grow_at_the_pace_and_not_beyond_the_burst() -> None:
    """One every 0.625 s; parts of a turn count, and an hour gives no more than a burst."""
    bucket, clock = a_bucket()
    assert at_once(bucket) == BURST
    assert wait_of(bucket) == pytest.approx(TURN)
    clock.seconds += TURN / 4
    assert wait_of(bucket) == pytest.approx(TURN * 3 / 4)
    clock.seconds += TURN * 2.75
    assert at_once(bucket) == 3
    clock.seconds += 3_600
    assert at_once(bucket) == BURST


def test_what_is_on_its_way_may_be_in_the_server_s_count_or_not() -> None:
    """Of 5 remaining, two that have no answer yet are taken off."""
    bucket, _ = a_bucket()
    for _ in range(3):
        bucket.take()
    bucket.answered("120", "5")
    assert at_once(bucket) == 3


def test_headers_that_say_nothing_change_nothing() -> None:
    """But the answer itself ends the probing."""
    bucket, _ = a_bucket()
    bucket.silent()
    bucket.take()
    assert wait_of(bucket) == 0.05
    bucket.answered(None, None)
    assert at_once(bucket) == BURST - 1
    assert (bucket.limit, bucket.pace) == (120, PACE)


@pytest.mark.parametrize(
    ("header", "limit"),
    [
        (str(MOST_CREDIBLE), MOST_CREDIBLE),
        (str(MOST_CREDIBLE + 1), 120),
        (" 60 ", 60),
        ("000000000060", 60),
        ("0000000000060", 6),
        ("\u0663", 120),
        *((text, 120) for text in ("", "6.0", "0", "-1", "1e9", "NaN", "99999999999999")),
    ],
)
def test_a_limit_is_a_credible_count(header: str, limit: int) -> None:
    """Digits of our alphabet, up to a million."""
    bucket, _ = a_bucket()
    bucket.answered(header, None)
    assert bucket.limit == limit


# Others on the same key ----------------------------------------------------------------------


def waits_after(*remaining: int) -> float:
    """How long a turn takes once these were said to remain, one after the other, below 100."""
    bucket, clock = a_bucket()
    for left in remaining:
        bucket.take()
        bucket.answered("120", str(left))
        clock.seconds += 3_600
    at_once(bucket)
    return wait_of(bucket)


@pytest.mark.parametrize(
    ("remaining", "easing"),
    [
        ((SCARCE,), 1.0),
        ((9,), 0.7),
        ((9, 9), 0.7),
        ((9, 8), 0.7**2),
        ((9, 8, SCARCE), 1.0),
        ((9, 8, 7, 8), 0.7**3 * 1.15),
        ((5, 6, 7, 8), 1.0),
        ((5, 6, 7, 8, 7), 0.7),
        ((9, 8, 7, 6, 5, 4, 3, 2), 0.7**8),
        ((9, 8, 7, 6, 5, 4, 3, 2, 1), 0.05),
        ((9, 8, 7, 6, 5, 4, 3, 2, 1, 2), 0.05 * 1.15),
    ],
)
def test_the_pace_eases_while_the_last_few_keep_falling(
    remaining: tuple[int, ...], easing: float
) -> None:
    """By 30 % at each fall below ten, back by 15 % at each rise, never below a twentieth."""
    assert waits_after(*remaining) == pytest.approx(TURN / easing)


# After a 429, and after silence --------------------------------------------------------------


def test_after_a_429_one_goes_when_its_wait_is_over() -> None:
    """And not before, to the end; the pace is eased, and what had gathered is gone."""
    bucket, clock = a_bucket()
    bucket.take()
    bucket.refused(42.0)
    assert wait_of(bucket) == pytest.approx(42.0)
    clock.seconds += 41.99995
    assert wait_of(bucket) == 0.001
    clock.seconds += 0.0001
    bucket.take(patience=0.0)
    assert wait_of(bucket) == 0.05
    bucket.answered(None, None)
    assert at_once(bucket) == BURST - 1


def test_a_shorter_wait_does_not_end_a_longer_one() -> None:
    """Two 429, the second with less to wait; and what had gathered is gone."""
    bucket, clock = a_bucket()
    bucket.take()
    bucket.take()
    bucket.refused(10.0)
    bucket.refused(2.0)
    assert wait_of(bucket) == pytest.approx(10.0)
    clock.seconds += 10.0
    bucket.take()
    bucket.answered(None, None)
    assert at_once(bucket) == int(10.0 * PACE * 0.49 / 60) - 1


def test_a_429_takes_what_had_gathered_and_eases() -> None:
    """With no wait named the next turn still has to grow, at the eased pace."""
    bucket, _ = a_bucket()
    bucket.take()
    bucket.refused(0.0)
    assert wait_of(bucket) == pytest.approx(TURN / 0.7)


def test_a_429_gives_back_no_debt() -> None:
    """What was overdrawn stays so."""
    bucket, _ = a_bucket()
    for _ in range(3):
        bucket.take()
    bucket.answered("120", "0")
    bucket.refused(0.0)
    bucket.silent()
    assert wait_of(bucket) == pytest.approx(3 * TURN / 0.49)


def test_many_429_ease_to_a_twentieth() -> None:
    """Never to nothing."""
    bucket, _ = a_bucket()
    for _ in range(30):
        bucket.refused(0.0)
    assert wait_of(bucket) == pytest.approx(TURN / 0.05)


def test_silence_ends_a_request_and_begins_a_probe() -> None:
    """The next goes alone; landings beyond what was on its way count for nothing."""
    bucket, _ = a_bucket()
    bucket.silent()
    bucket.silent()
    bucket.take(patience=0.0)
    assert wait_of(bucket) == 0.05
    bucket.silent()
    bucket.take(patience=0.0)
    assert wait_of(bucket) == 0.05


# Waiting -------------------------------------------------------------------------------------


def test_patience_is_for_all_of_the_wait() -> None:
    """A wait as long as the patience is waited; one beyond is refused, in words and as a figure."""
    bucket, clock = a_bucket()
    bucket.take()
    bucket.refused(42.4)
    bucket.take(patience=43.0)
    assert sum(clock.sleeps) == pytest.approx(42.4)
    bucket.refused(42.4)
    with pytest.raises(
        RateLimited, match=r"^not sent: the rate budget is used up for 42 s$"
    ) as caught:
        bucket.take(patience=42.3)
    assert caught.value.retry_after == pytest.approx(42.4)
    bucket.take(patience=42.5)


def test_a_wait_exactly_as_long_as_the_patience_is_waited() -> None:
    """Four seconds are not more than four seconds."""
    bucket, clock = a_bucket()
    bucket.take()
    bucket.refused(4.0)
    bucket.take(patience=4.0)
    assert clock.sleeps == [4.0]


class Restless(FakeClock):
    """A clock whose sleeps end early, by a share of their time."""

    share = 0.5

    def sleep(self, seconds: float) -> None:
        """Sleep that much of it, the first three times."""
        self.sleeps.append(seconds)
        self.seconds += seconds * (self.share if len(self.sleeps) < 4 else 1.0)


def test_a_sleep_of_half_its_time_is_no_stop() -> None:
    """Clocks may be coarse; the rest is slept after it, and it counts as what it was."""
    clock = Restless()
    bucket = RateLimiter(clock)
    bucket.take()
    bucket.refused(8.0)
    with pytest.raises(RateLimited):
        bucket.take(patience=7.9)
    bucket.take(patience=8.1)
    assert clock.sleeps == [8.0, 4.0, 2.0, 1.0]


def test_a_sleep_of_less_than_half_is_a_stop() -> None:
    """Somebody woke us: nothing is sent."""
    clock = Restless()
    clock.share = 0.49
    bucket = RateLimiter(clock)
    bucket.take()
    bucket.refused(8.0)
    with pytest.raises(
        NotDone, match=r"^not sent: asked to stop while waiting for the rate budget$"
    ):
        bucket.take()
    assert clock.sleeps == [8.0]


def test_ready_waits_and_takes_nothing() -> None:
    """What it waited for is there for the one who takes it."""
    bucket, clock = a_bucket()
    at_once(bucket)
    bucket.ready()
    assert clock.sleeps == pytest.approx([TURN])
    bucket.take(patience=0.0)


def test_the_first_answer_has_nothing_to_fall_from() -> None:
    """However little it says remains, the pace is whole."""
    clock = FakeClock()
    bucket = RateLimiter(clock)
    bucket.take()
    bucket.answered("120", "5")
    assert at_once(bucket) == 5
    assert wait_of(bucket) == pytest.approx(TURN)


def test_before_any_answer_turns_grow_at_the_pace() -> None:
    """Neither faster nor slower."""
    clock = FakeClock()
    bucket = RateLimiter(clock)
    for _ in range(int(BURST)):
        bucket.take()
        bucket.silent()
    assert wait_of(bucket) == pytest.approx(TURN)
    clock.seconds += TURN / 2
    assert wait_of(bucket) == pytest.approx(TURN / 2)
