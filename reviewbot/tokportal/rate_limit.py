"""Our share of the key's rate budget: a token bucket that learns from the API's headers.

Theory of operation. Tokens grow at our share of the advertised limit; one request takes one. What
may leave at once is bounded by a small burst and by the `Remaining` of the newest answer, because
others use the same key. At `Remaining` 0 the pace goes on, for the server's own bucket grows as
well, and faster than ours; only while the last few keep falling away do we slow down. After a 429
nothing leaves before its wait is over. After an outage (and at the start) one request goes first,
and the others follow its answer.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from statistics import median_low
from typing import TypeVar

from reviewbot.domain.errors import CannotConnect, NotDone, RateLimited, TooLarge, Unclear
from reviewbot.ports.queue import Clock

DEFAULT_LIMIT = 120
"""Requests a minute until the API has advertised a limit."""
SHARE = 0.8
BURST = 20.0
SCARCE = 10
"""Below so many remaining, a falling count means that others use the key faster than it fills."""
LEAST = 0.05
MOST_CREDIBLE = 1_000_000
_PROBE_PAUSE = 0.05
_SHORTEST = 0.001


class RateLimiter:
    """Turns to send, shared by all threads that use one key.

    `per_minute` is an explicit pace; it replaces the share of the limit and is capped by it.
    """

    def __init__(self, clock: Clock, *, per_minute: float | None = None) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._heed(DEFAULT_LIMIT)
        self._lock = threading.Lock()
        self._tokens = self._burst
        self._at = clock.monotonic()
        self._not_before = self._at
        self._probing = True
        self._in_flight = 0
        self._left: int | None = None
        self._easing = 1.0

    @property
    def limit(self) -> int:
        """The limit a minute that the API advertised last."""
        return self._limit

    @property
    def pace(self) -> float:
        """Requests a minute that we allow ourselves."""
        return self._pace

    def take(self, patience: float | None = None) -> None:
        """Wait for a turn.

        Raises RateLimited when the wait would be longer than `patience`, and NotDone when the
        clock was woken early because the program is to stop.
        """
        self._wait(self._try, patience)

    def ready(self) -> None:
        """Wait until a turn could be taken at once, without taking it."""
        self._wait(self._look, None)

    def answered(self, limit: str | None, remaining: str | None) -> None:
        """Learn from an answer's rate headers; what is no number is ignored."""
        with self._lock:
            self._grow()
            self._landed()
            self._probing = False
            told = _count(limit)
            if told and told != self._limit:
                self._heed(told)
            left = _count(remaining)
            if left is not None:
                self._ease(left)
                # Requests still on their way may already be in the server's count, or not.
                self._tokens = min(self._tokens, float(left - self._in_flight))
            self._tokens = min(self._tokens, self._burst)

    def _heed(self, limit: int) -> None:
        """Set the pace by an advertised limit."""
        wanted = limit * SHARE if self._per_minute is None else self._per_minute
        self._limit = limit
        self._pace = min(wanted, float(limit))
        self._burst = min(BURST, max(1.0, self._pace / 4))

    def _ease(self, left: int) -> None:
        """Make room for a neighbour who drains the last of the server's bucket."""
        if left >= SCARCE:
            self._easing = 1.0
        elif self._left is not None and left < self._left:
            self._easing = max(self._easing * 0.7, LEAST)
        elif self._left is not None and left > self._left:
            self._easing = min(self._easing * 1.15, 1.0)
        self._left = left

    def refused(self, wait: float) -> None:
        """Learn of a 429: nothing leaves for `wait` seconds, then one request goes first."""
        with self._lock:
            self._grow()
            self._landed()
            self._not_before = max(self._not_before, self._at + wait)
            self._tokens = min(self._tokens, 0.0)
            self._easing = max(self._easing * 0.7, LEAST)
            self._probing = True

    def silent(self) -> None:
        """Learn that no answer came from the API itself: the next request goes alone."""
        with self._lock:
            self._landed()
            self._probing = True

    def _wait(self, turn: Callable[[], float], patience: float | None) -> None:
        waited = 0.0
        while (wait := turn()) > 0:
            if patience is not None and waited + wait > patience:
                raise RateLimited(
                    f"not sent: the rate budget is used up for {wait:.0f} s", retry_after=wait
                )
            before = self._clock.monotonic()
            self._clock.sleep(wait)
            slept = self._clock.monotonic() - before
            if slept < wait / 2:
                raise NotDone("not sent: asked to stop while waiting for the rate budget")
            waited += slept

    def _try(self) -> float:
        """Take a turn and return 0, or return how many seconds to wait before asking again."""
        with self._lock:
            wait = self._due()
            if not wait:
                self._tokens -= 1.0
                self._in_flight += 1
            return wait

    def _look(self) -> float:
        with self._lock:
            return self._due()

    def _due(self) -> float:
        self._grow()
        if self._at < self._not_before:
            return max(self._not_before - self._at, _SHORTEST)
        if self._probing and self._in_flight:
            return _PROBE_PAUSE
        if self._tokens < 1.0:
            return max((1.0 - self._tokens) * 60.0 / (self._pace * self._easing), _SHORTEST)
        return 0.0

    def _landed(self) -> None:
        self._in_flight = max(self._in_flight - 1, 0)

    def _grow(self) -> None:
        now = self._clock.monotonic()
        if now > self._at:
            grown = (now - self._at) * self._pace * self._easing / 60.0
            self._tokens = min(self._tokens + grown, self._burst)
            self._at = now


def _count(text: str | None) -> int | None:
    """Read a header that should be a count."""
    if text is None or not (text := text.strip()).isdecimal() or not text.isascii():
        return None
    found = int(text[:12])
    return found if found <= MOST_CREDIBLE else None


# Which reads deserve another try, and when. Writes never come here ----------------------------


T = TypeVar("T")
WORTH_IT = (CannotConnect, RateLimited, Unclear)
TRIES = 4
FIRST_WAIT = 0.5
LONGEST_BACKOFF = 8.0
CREDIT, EARNED = 8.0, 0.1
"""How many further tries reads of single things have at most, and what each good one adds."""


class ReadRetry:
    """Tries a read again after an outage or a 429, a few times, ever later.

    Reads `of_many` share what patience there is: where many of them fail, each is tried once, so
    that those which never answer do not take the time of the others. `chance` gives numbers from 0
    to 1, so that many bots do not come back at the same moment. Nothing is tried again once
    `stopping`: each try may take as long as a call may.
    """

    def __init__(
        self,
        clock: Clock,
        chance: Callable[[], float],
        tries: int = TRIES,
        *,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._tries = tries
        self._stopping = stopping
        self._credit = CREDIT

    def read(self, once: Callable[[], T], *, of_many: bool = False) -> T:
        """Call `once` until it answers; the last error stands."""
        backoff, left = FIRST_WAIT, self._tries
        while True:
            left -= 1
            try:
                found = once()
            except WORTH_IT as error:
                if left < 1 or self._stopping() or not self._is_worth_it(error, of_many):
                    raise
            else:
                self._credit = min(CREDIT, self._credit + EARNED)
                return found
            if of_many:
                self._credit = max(0.0, self._credit - 1)
            self._clock.sleep(backoff * (0.5 + self._chance()))
            backoff = min(backoff * 2, LONGEST_BACKOFF)

    def _is_worth_it(self, error: Exception, of_many: bool) -> bool:
        """Whether the same read may do better later; what is too large once is so again.

        Of many, only an unclear answer can lie with the thing itself.
        """
        if isinstance(error, TooLarge):
            return False
        return not of_many or self._credit >= 1 or not isinstance(error, Unclear)


# The API server's clock, heard from the `Date` of its answers -----------------------------------


NOTICEABLE = 2.0
"""Seconds. `Date` counts whole seconds and travels for a while, so less than this is no difference."""
HEARD = 5
"""Answers in the median: one that lingered in a proxy changes nothing."""


class ServerTime:
    """How far the server's clock is ahead of ours; `wall` is our own clock, uncorrected.

    When our clock is set, or the machine slept, what was heard before means nothing any more: the
    `monotonic` clock shows it. Until the next answer tells, time goes on by that clock, so that
    nothing falls due because somebody set the other one.
    """

    def __init__(
        self, wall: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._gap: float | None = None
        self._offset: timedelta | None = None
        self._offsets: deque[float] = deque(maxlen=HEARD)
        self._lock = threading.Lock()

    def hear(self, date: str) -> None:
        """Take note of one `Date` header; one that is no date is ignored."""
        said = _date(date)
        if said is None:
            return
        wall = self._wall().timestamp()
        gap = wall - self._monotonic()
        with self._lock:
            if self._gap is not None and abs(gap - self._gap) > NOTICEABLE:
                self._offsets.clear()
            self._gap = gap
            self._offsets.append(said - wall + 0.5)
            # Of two in the middle the earlier: what is done too early cannot be taken back, and the
            # next answer tells. Which one our own clock is nearer to says nothing: it may be wrong.
            found = median_low(self._offsets)
            self._offset = timedelta(seconds=found) if abs(found) >= NOTICEABLE else timedelta(0)

    @property
    def offset(self) -> timedelta | None:
        """What to add to our clock; None before any answer."""
        return self._offset

    def now(self) -> datetime:
        """Our clock, corrected to the server's; until the next answer, as if nobody had set it."""
        wall = self._wall()
        if self._gap is not None:
            was_set = wall.timestamp() - self._monotonic() - self._gap
            if abs(was_set) > NOTICEABLE:
                wall -= timedelta(seconds=was_set)
        return wall + self._offset if self._offset else wall


@lru_cache(maxsize=4)
def _date(text: str) -> float | None:
    """Read an HTTP date; several answers carry the same second."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
