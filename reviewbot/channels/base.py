"""What every channel is, and the plain forms of a message that they share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol
from urllib.parse import urlsplit

from reviewbot.domain.alarm import Alarm, Message
from reviewbot.domain.text import iso, safe, safe_line
from reviewbot.network import is_loopback

LONGEST_HEADLINE = 200
LONGEST_LINE = 600
MOST_LINES = 25
"""Alarms that a person gets to read in one message; the rest is counted."""
WARNING_MARKS = {"error": "ALARM", "warning": "Warning", "info": "Note"}


class Channel(Protocol):
    """One way out."""

    name: str

    def deliver(self, message: Message) -> str | None:
        """Carry one message; give what went wrong for a part of its readers, if anything did.

        Raises ChannelFailed.
        """


def headline(message: Message) -> str:
    """The message in one safe line, with how urgent it is."""
    word = "Well again" if message.alarms[0].mended else WARNING_MARKS[message.urgency]
    dry = " (dry run)" if message.dry_run else ""
    return safe_line(f"{word}{dry}: {message.headline}", LONGEST_HEADLINE)


def lines(message: Message) -> Iterator[str]:
    """The alarms of a digest, each in one safe line; nothing where the headline says it all."""
    if len(message.alarms) == 1 and len(message.headline) <= LONGEST_HEADLINE - 30:
        return
    for alarm in message.alarms[:MOST_LINES]:
        yield safe_line(alarm.sentence, LONGEST_LINE)
    left = len(message.alarms) - MOST_LINES
    if left > 0:
        yield f"… and {left} more; the log has them all."


def alarm_as_object(alarm: Alarm) -> dict[str, Any]:
    """An alarm as plain JSON values."""
    return {
        "kind": alarm.kind.value,
        "subject": safe_line(alarm.subject),
        "sentence": safe_line(alarm.sentence),
        "urgency": alarm.urgency,
        "mended": alarm.mended,
        "to": [safe_line(one) for one in alarm.to],
        "at": iso(alarm.at),
        "facts": {safe_line(name): plain(value) for name, value in alarm.facts.items()},
    }


def plain(value: Any) -> Any:
    """A value that is valid JSON and safe on every screen."""
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime():
            return iso(value)
        case timedelta():
            return value / timedelta(seconds=1)
        case dict():
            return {safe_line(str(key)): plain(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
    return safe(str(value))


# ------------------------------------------------------------------------------------------------
# Addresses that a message may be sent to.


def problem_of_url(url: str) -> str | None:
    """What is wrong with the address of a channel, without repeating it; None when it will do."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address: write it like https://host/path"
    if not url.isascii() or not url.isprintable() or " " in url or not host:
        return "is no address: write it like https://host/path"
    if parts.scheme == "https":
        return None
    if parts.scheme == "http":
        return None if is_loopback(host) else "plain http is only for a loopback address; use https"
    return "is no address: write it like https://host/path"
