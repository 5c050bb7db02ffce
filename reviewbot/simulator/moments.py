"""Moments on the wire: ISO 8601 in UTC with `Z`, and HTTP dates."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=4096)
def iso(moment: float, milliseconds: bool) -> str:
    """Write POSIX seconds the API's way."""
    if milliseconds:
        when = datetime.fromtimestamp(moment, UTC)
        return when.isoformat(timespec="milliseconds")[:-6] + "Z"
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def iso_or_none(moment: float | None, milliseconds: bool) -> str | None:
    """Write a moment, or None where there is none."""
    return None if moment is None else iso(moment, milliseconds)


@lru_cache(maxsize=64)
def http_date(second: int) -> bytes:
    """Write POSIX seconds as an HTTP `Date`."""
    at = time.gmtime(second)
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    return time.strftime(f"{day}, %d {month} %Y %H:%M:%S GMT", at).encode()
