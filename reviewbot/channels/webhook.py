"""The generic webhook: one JSON object per message, its schema versioned, signed where wanted."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import Any

from reviewbot.channels.base import alarm_as_object, headline, lines
from reviewbot.channels.http import request
from reviewbot.domain.alarm import Message
from reviewbot.domain.text import Secret

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


# ------------------------------------------------------------------------------------------------
# Slack, and whatever takes its incoming webhooks (Mattermost, Rocket.Chat): one text per message.


LONGEST = 12_000
"""Characters of a message; far below the limits of every such service."""
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'", "*": "∗"})
_CALL = re.compile(r"(?<!/)@|@(?=(?:channel|here|all|everyone)\b)", re.IGNORECASE)
"""Whatever could call people; the `/@name` of a video's address calls nobody and must stay."""


class Slack:
    """Posts each message as text."""

    def __init__(self, name: str, url: Secret, *, proxy: str | None = None) -> None:
        self.name = name
        self._proxy = proxy
        self._url = url

    def deliver(self, message: Message) -> None:
        """Post one message. Raises ChannelFailed."""
        headers = {"content-type": "application/json", "user-agent": "reviewbot"}
        request(
            "POST",
            self._url.reveal(),
            body=as_slack_json(message),
            headers=headers,
            proxy=self._proxy,
        )


def as_slack_json(message: Message) -> bytes:
    """A message in the form of an incoming webhook."""
    text = f"*{escaped(headline(message))}*"
    for line in lines(message):
        more = f"\n• {escaped(line)}"
        if len(text) + len(more) > LONGEST:
            break
        text += more
    said = {"text": text, "unfurl_links": False, "unfurl_media": False, "link_names": False}
    return json.dumps(said, allow_nan=False).encode("ascii")


def escaped(text: str) -> str:
    """Text in which nothing calls people or hides where a link goes.

    Slack's own controls stand between `<` and `>`. Its look-alikes also know `@channel` and
    `[label](address)`.
    """
    return _CALL.sub("＠", text.translate(_ESCAPES)).replace("](", "] (")


# ------------------------------------------------------------------------------------------------
# The dead man's ping: somebody outside notices when it stops, for a dead bot tells nobody.


class Ping:
    """One request after each pass that succeeded."""

    def __init__(self, url: Secret, method: str = "GET", *, proxy: str | None = None) -> None:
        self._url = url
        self._proxy = proxy
        self._method = method

    def send(self) -> None:
        """Ping. Raises ChannelFailed."""
        request(
            self._method, self._url.reveal(), headers={"user-agent": "reviewbot"}, proxy=self._proxy
        )
