"""The generic webhook: one JSON object per message, its schema versioned, signed where wanted."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from reviewbot.channels.channel import alarm_as_object, headline
from reviewbot.channels.web import request
from reviewbot.domain.alarms import Message
from reviewbot.domain.secret import Secret

SCHEMA = "reviewbot.alarm/1"
MOST_ALARMS = 200
MOST_BYTES = 256_000


class Webhook:
    """Posts each message as JSON.

    With a secret, `X-Reviewbot-Signature` is `sha256=` and the HMAC-SHA256, in hex, of the
    `X-Reviewbot-Timestamp` header (seconds since 1970), a dot, and the body.
    """

    def __init__(
        self,
        name: str,
        url: Secret,
        *,
        now: Callable[[], float],
        secret: Secret | None = None,
        proxy: str | None = None,
    ) -> None:
        self._proxy = proxy
        self.name = name
        self._url = url
        self._now = now
        self._secret = secret

    def deliver(self, message: Message) -> None:
        """Post one message. Raises ChannelFailed."""
        body = as_json(message)
        headers = {"content-type": "application/json", "user-agent": "reviewbot"}
        if self._secret is not None:
            stamp = str(int(self._now()))
            headers["x-reviewbot-timestamp"] = stamp
            headers["x-reviewbot-signature"] = f"sha256={sign(self._secret, stamp, body)}"
        request("POST", self._url.reveal(), body=body, headers=headers, proxy=self._proxy)


def as_json(message: Message) -> bytes:
    """A message as an object; of very many alarms only the first are in it, and `count` says all."""
    shown = MOST_ALARMS
    while True:
        body = json.dumps(_as_object(message, shown), allow_nan=False).encode("ascii")
        if len(body) <= MOST_BYTES or shown == 0:
            return body
        shown //= 2


def sign(secret: Secret, stamp: str, body: bytes) -> str:
    """The signature of a body sent at a time."""
    signed = stamp.encode("ascii") + b"." + body
    return hmac.new(secret.reveal().encode("utf-8"), signed, hashlib.sha256).hexdigest()


def _as_object(message: Message, shown: int) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "kind": message.kind.value,
        "urgency": message.urgency,
        "mended": message.alarms[0].mended,
        "dry_run": message.dry_run,
        "headline": headline(message),
        "count": len(message.alarms),
        "alarms": [alarm_as_object(alarm) for alarm in message.alarms[:shown]],
    }
