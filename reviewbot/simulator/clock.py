"""Clocks: virtual time that moves only when told to, and real time at a chosen speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Protocol, TypeVar

HOUR = 3600.0
DAY = 24 * HOUR


class WorldClock(Protocol):
    """What the world asks of a clock: the time, as POSIX seconds."""

    @property
    def time(self) -> float:
        """The moment, in POSIX seconds."""


class VirtualClock:
    """Time that passes only by `sleep` and `advance`; whoever listens is told before it has passed.

    One object serves the bot (its `now`, `monotonic` and `sleep`) and the world, so a sleeping bot
    lets the world go on. `skew` is how far the bot's wall clock is ahead of the server's.
    """

    def __init__(self, start: datetime, *, skew: float = 0.0) -> None:
        self.time = start.timestamp()
        self.skew = skew
        self.slept = 0.0
        self._start = self.time
        self._shown = self.time, skew, datetime.fromtimestamp(self.time + skew, UTC)
        """The wall clock as it was shown last: it is asked far more often than it moves."""
        self._listeners: list[Callable[[float], None]] = []

    def listen(self, listener: Callable[[float], None]) -> None:
        """Call `listener(until)` whenever time is about to reach `until`."""
        self._listeners.append(listener)

    def now(self) -> datetime:
        """The wall clock in UTC."""
        time, skew, shown = self._shown
        if time != self.time or skew != self.skew:
            shown = datetime.fromtimestamp(self.time + self.skew, UTC)
            self._shown = self.time, self.skew, shown
        return shown

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.time - self._start

    def sleep(self, seconds: float) -> None:
        """Let time pass for a sleeper."""
        self.slept += max(0.0, seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.advance_to(self.time + max(0.0, seconds))

    def advance_to(self, moment: float | datetime) -> None:
        """Let time pass until `moment`; a moment in the past changes nothing."""
        until = moment.timestamp() if isinstance(moment, datetime) else moment
        if until <= self.time:
            return
        for listener in self._listeners:
            listener(until)
        self.time = max(self.time, until)


class PacedClock:
    """Real time, `speed` times as fast, beginning at `start`."""

    def __init__(self, start: datetime, *, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self._start = start.timestamp()
        self._began = time.monotonic()

    @property
    def time(self) -> float:
        """POSIX seconds of the simulated world."""
        return self._start + (time.monotonic() - self._began) * self.speed


# ------------------------------------------------------------------------------------------------
# Moments on the wire: ISO 8601 in UTC with `Z`, and HTTP dates.


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=4096)
def iso(moment: float, milliseconds: bool) -> str:
    """Write POSIX seconds the API's way."""
    if milliseconds:
        when = datetime.fromtimestamp(moment, UTC)
        return when.isoformat(timespec="milliseconds")[:-6] + "Z"
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


@lru_cache(maxsize=64)
def http_date(second: int) -> bytes:
    """Write POSIX seconds as an HTTP `Date`."""
    at = time.gmtime(second)
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    return time.strftime(f"{day}, %d {month} %Y %H:%M:%S GMT", at).encode()


# ------------------------------------------------------------------------------------------------
# Chance: one draw from weighted things.


T = TypeVar("T")


def pick(rng: Random, weights: Mapping[T, float]) -> T:
    """Draw one thing, each with its weight."""
    mark = rng.random() * sum(weights.values())
    for thing, weight in weights.items():
        mark -= weight
        if mark < 0:
            return thing
    return next(reversed(list(weights)))


# ------------------------------------------------------------------------------------------------
# What a manager is paid. INVENTED: the real table is not public.
#
# Known are two points only: 0.15 when a task is created, and 0.24 in one example where 20 h 34 min lay
# between the manager's click and the confirmation by hand. This table is monotone through both.


OPENING = 0.15
_TIERS = ((1 * HOUR, 0.30), (6 * HOUR, 0.27), (24 * HOUR, 0.24), (48 * HOUR, 0.20))


def payout_after(seconds: float) -> float:
    """The amount in dollars for a task confirmed so long after it was submitted."""
    for limit, amount in _TIERS:
        if seconds <= limit:
            return amount
    return OPENING
