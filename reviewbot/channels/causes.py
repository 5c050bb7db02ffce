"""Causes: what a service that keeps things open until they end is told of a message.

Each cause has one key, made of what it is about alone, so that the same is never opened twice and its end
closes it, whichever process says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from reviewbot.domain.alarm import ENDS, Alarm, Message
from reviewbot.domain.text import safe_line

MOST = 40
"""Causes of one message; each is a call of its own, and together they have a channel's time."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or over. `key` holds letters, digits and dashes, at most 64 of them."""

    key: str
    alarm: Alarm
    message: Message
    """The message that it is told by, or the part of it that is about this alone."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.alarm.mended


def causes_of(message: Message, source: str) -> Iterator[Cause]:
    """The causes of a message: each alarm that lasts by itself, others together as they are told.

    `source` tells two bots apart that use one service.
    """
    if message.kind not in ENDS:
        subjects = sorted({alarm.subject for alarm in message.alarms})
        key = _key(message, source, "\n".join(subjects))
        yield Cause(key=key, alarm=message.alarms[0], message=message)
        return
    for alarm in message.alarms[:MOST]:
        headline = message.headline if len(message.alarms) == 1 else safe_line(alarm.sentence)
        alone = msgspec.structs.replace(message, headline=headline, alarms=(alarm,))
        yield Cause(key=_key(message, source, alarm.subject), alarm=alarm, message=alone)


def _key(message: Message, source: str, subject: str) -> str:
    about = "\n".join((source, message.key, subject)).encode("utf-8", "replace")
    return f"reviewbot-{message.kind.value}-{sha256(about).hexdigest()[:20]}"
