"""Moments on the wire: ISO 8601 in UTC with `Z`, and HTTP dates."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache


@lru_cache(maxsize=4096)
def iso(moment: float, *, milliseconds: bool = False) -> str:
    """Write POSIX seconds the API's way."""
    when = datetime.fromtimestamp(moment, UTC)
    if milliseconds:
        return when.isoformat(timespec="milliseconds")[:-6] + "Z"
    return when.isoformat()[:19] + "Z"


def iso_or_none(moment: float | None, *, milliseconds: bool = False) -> str | None:
    """Write a moment, or None where there is none."""
    return None if moment is None else iso(moment, milliseconds=milliseconds)


@lru_cache(maxsize=64)
def http_date(second: int) -> bytes:
    """Write POSIX seconds as an HTTP `Date`."""
    return formatdate(second, usegmt=True).encode()
