"""Slack, and whatever takes its incoming webhooks (Mattermost, Rocket.Chat): one text per message."""

from __future__ import annotations

import json
import re

from reviewbot.channels.base import WebChannel
from reviewbot.channels.wording import PLAIN, TEMPLATES, MessageWording
from reviewbot.domain.alarm import Message

LONGEST = 12_000
"""Characters of a message; far below the limits of every such service."""
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'", "*": "∗"})
_CALL = re.compile(r"(?<!/)@|@(?=(?:channel|here|all|everyone)\b)", re.IGNORECASE)
"""Whatever could call people; the `/@name` of a video's address calls nobody and must stay."""


class Slack(WebChannel, frozen=True, kw_only=True):
    """Posts each message as text."""

    type = "slack"
    keys = (*WebChannel.keys, *TEMPLATES)

    def deliver(self, message: Message) -> None:
        """Post one message. Raises ChannelFailed."""
        self.post(as_slack_json(message, self.wording))


def as_slack_json(message: Message, wording: MessageWording = PLAIN) -> bytes:
    """A message in the form of an incoming webhook."""
    title = wording.headline(message, escaped)
    text = title if wording.title is not None else f"*{title}*"
    written = wording.written(message, escaped)
    bullets = (f"• {escaped(line)}" for line in wording.lines(message))
    for line in bullets if written is None else written.split("\n"):
        more = f"\n{line}"
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
