"""The generic webhook: one JSON object per message, its schema versioned, signed where wanted."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import time
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Self

from reviewbot.channels.base import Clock, WebChannel
from reviewbot.channels.wording import PLAIN, MessageWording
from reviewbot.domain.alarm import Alarm, Message
from reviewbot.domain.text import Secret, iso, safe, safe_line
from reviewbot.ports.ledger import DEFAULT_KEY
from reviewbot.settings_table import SettingsTable

SCHEMA = "reviewbot.alarm/1"
MOST_ALARMS = 200
MOST_BYTES = 256_000


class Webhook(WebChannel, frozen=True, kw_only=True):
    """Posts each message as JSON.

    With a secret, `X-Reviewbot-Signature` is `sha256=` and the HMAC-SHA256, in hex, of the
    `X-Reviewbot-Timestamp` header (seconds since 1970), a dot, and the body.
    """

    type = "webhook"
    keys = ("url", "url_file", "secret_file")
    updates = True
    secret: Secret | None = None
    now: Clock = time.time

    @classmethod
    def read(cls, name: str, section: SettingsTable) -> Self:
        """Read its address, and what it signs with."""
        return cls(name=name, url=section.url(), secret=section.secret("secret_file"))

    def deliver(self, message: Message) -> None:
        """Post one message. Raises ChannelFailed."""
        body = as_json(message, self.wording)
        if self.secret is None:
            return self.post(body)
        stamp = str(int(self.now()))
        signature = f"sha256={sign(self.secret, stamp, body)}"
        signed = {"x-reviewbot-timestamp": stamp, "x-reviewbot-signature": signature}
        return self.post(body, signed)


def as_json(message: Message, wording: MessageWording = PLAIN) -> bytes:
    """A message as an object; of very many alarms only the first are in it, and `count` says all."""
    shown = MOST_ALARMS
    while True:
        body = json.dumps(_as_object(message, wording, shown), allow_nan=False).encode("ascii")
        if len(body) <= MOST_BYTES or shown == 0:
            return body
        shown //= 2


def sign(secret: Secret, stamp: str, body: bytes) -> str:
    """The signature of a body sent at a time."""
    signed = stamp.encode("ascii") + b"." + body
    return hmac.new(secret.reveal().encode("utf-8"), signed, hashlib.sha256).hexdigest()


def _as_object(message: Message, wording: MessageWording, shown: int) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "key": message.key or DEFAULT_KEY,
        "owner": message.owner or None,
        "kind": message.kind.value,
        "urgency": message.urgency,
        "mended": message.alarms[0].mended,
        "dry_run": message.dry_run,
        "headline": wording.headline(message),
        "runbook": wording.runbook(message.kind),
        "count": len(message.alarms),
        "alarms": [_alarm_as_object(alarm) for alarm in message.alarms[:shown]],
    }


def _alarm_as_object(alarm: Alarm) -> dict[str, Any]:
    return {
        "kind": alarm.kind.value,
        "subject": safe_line(alarm.subject),
        "sentence": safe_line(alarm.sentence),
        "urgency": alarm.urgency,
        "mended": alarm.mended,
        "to": [safe_line(target) for target in alarm.to],
        "at": iso(alarm.at),
        "link": alarm.link or None,
        "facts": {safe_line(name): _plain(value) for name, value in alarm.facts.items()},
    }


def _plain(value: Any) -> Any:
    """A value that is valid JSON and safe on every screen."""
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime():
            return iso(value)
        case timedelta():
            return value / timedelta(seconds=1)
        case dict():
            return {safe_line(str(key)): _plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
    return safe(str(value))
