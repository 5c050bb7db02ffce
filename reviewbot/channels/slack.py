"""Slack, and whatever takes its incoming webhooks (Mattermost, Rocket.Chat): one text per message."""

from __future__ import annotations

import json
import re

from reviewbot.channels.channel import headline, lines
from reviewbot.channels.web import request
from reviewbot.domain.alarms import Message
from reviewbot.domain.secret import Secret

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
            "POST", self._url.reveal(), body=as_json(message), headers=headers, proxy=self._proxy
        )


def as_json(message: Message) -> bytes:
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
