"""Moments: as the API writes them (ISO 8601, UTC, `Z`), and as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def iso(moment: datetime) -> str:
    """Write a moment the API's way; fractions only where there are any."""
    text = moment.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Read an ISO 8601 moment with a zone.

    Raises ValueError when it is none or has no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


def format_moment(moment: datetime | None, zone: str = "UTC") -> str:
    """A moment as a person reads it: `Fri 05 Jun 09:56 CEST (Europe/Berlin)`.

    In the zone of the policy that it concerns, which is named; the abbreviation tells the hour that
    comes twice apart. Where no one policy is concerned it is UTC: `Fri 05 Jun 07:56 UTC`. None is
    `unknown`.
    """
    if moment is None:
        return "unknown"
    local = moment.astimezone(ZoneInfo(zone))
    name = f" ({zone})" if zone != "UTC" else ""
    return f"{local:%a %d %b %H:%M %Z}{name}"


def known_zone(name: object) -> str:
    """A zone that this machine knows, else UTC: names come out of logs that other machines wrote."""
    try:
        return ZoneInfo(str(name)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


def format_written(text: str, zone: str = "UTC") -> str:
    """A moment that stands in a text as the API writes it, as a person reads it; another text as it is."""
    try:
        return format_moment(parse_iso(text), zone)
    except ValueError:
        return text
