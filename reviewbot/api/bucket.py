"""Our share of the key's rate budget: a token bucket that learns from the API's headers.

Theory of operation. Tokens grow at our share of the advertised limit; one request takes one. What
may leave at once is bounded by a small burst and by the `Remaining` of the newest answer, because
others use the same key. At `Remaining` 0 the pace goes on, for the server's own bucket grows as
well, and faster than ours; only while the last few keep falling away do we slow down. After a 429 nothing leaves before its wait is over. After an outage
(and at the start) one request goes first, and the others follow its answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from reviewbot.domain.errors import NotDone, RateLimited
from reviewbot.ports import Clock

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


class Bucket:
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
