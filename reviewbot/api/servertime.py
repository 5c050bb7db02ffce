"""The API server's clock, heard from the `Date` of its answers."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from statistics import median_low

NOTICEABLE = 2.0
"""Seconds. `Date` counts whole seconds and travels for a while, so less than this is no difference."""

_USUAL = "Sun, 06 Nov 1994 08:49:37 GMT"
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: f"{number:02}" for number, name in enumerate(_NAMES, start=1)}

_NONE = timedelta(0)

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
            self._offset = timedelta(seconds=found) if abs(found) >= NOTICEABLE else _NONE

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
        found = _usual_date(text) or parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()


def _usual_date(text: str) -> datetime | None:
    """Read the form that everybody writes, at a tenth of the price; None where it is another one."""
    month = _MONTHS.get(text[8:11])
    if month is None or len(text) != len(_USUAL) or not text.endswith(" GMT"):
        return None
    try:
        return datetime.fromisoformat(f"{text[12:16]}-{month}-{text[5:7]}T{text[17:25]}Z")
    except ValueError:
        return None
