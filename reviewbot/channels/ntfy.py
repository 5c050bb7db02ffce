"""ntfy: a push message per cause; what is told again, or is over, takes the place of the message before."""

from __future__ import annotations

import json
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from reviewbot.channels.alertmanager import bearer
from reviewbot.channels.base import WebChannel
from reviewbot.channels.wording import (
    LONGEST_LINE,
    TEMPLATES,
    Cause,
    MessageWording,
    causes_of,
    read_wording,
)
from reviewbot.domain.alarm import Message
from reviewbot.domain.text import Secret, safe_line
from reviewbot.settings_table import SettingsTable

PRIORITIES = {"error": 5, "warning": 4, "info": 3}
TAGS = {"error": "rotating_light", "warning": "warning", "info": "information_source"}
OVER = "white_check_mark"
LONGEST = 3500
"""Characters of a message; the service turns longer ones into attachments."""


class Ntfy(WebChannel, frozen=True, kw_only=True):
    """Publishes to a topic. `url` is the topic's: `https://ntfy.sh/our-topic`."""

    type = "ntfy"
    keys = (*WebChannel.keys, "token_file", "source", *TEMPLATES)
    keeps_open = True
    token: Secret | None = None
    source: str = "reviewbot"

    @classmethod
    def read(cls, name: str, section: SettingsTable) -> Self:
        """Read its address, and its token where the topic wants one."""
        url = section.url()
        if url.reveal() and not urlsplit(url.reveal()).path.strip("/"):
            section.wrong("url", "names no topic: write it like https://ntfy.sh/our-topic")
        return cls(
            name=name,
            url=url,
            token=section.secret("token_file"),
            source=section.text("source") if "source" in section.table else "reviewbot",
            wording=read_wording(section),
        )

    def deliver(self, message: Message) -> None:
        """Publish each cause. Raises ChannelFailed."""
        root, _, topic = self.url.reveal().rstrip("/").rpartition("/")
        there = msgspec.structs.replace(self, url=Secret(root + "/"))
        for cause in causes_of(message, self.source):
            body = {"topic": topic, **as_push(cause, self.wording)}
            there.post(json.dumps(body, allow_nan=False).encode("ascii"), bearer(self.token))


def as_push(cause: Cause, wording: MessageWording) -> dict[str, Any]:
    """A cause as a message of a topic."""
    message = cause.message
    text = wording.written(message)
    if text is None:
        text = "\n".join(wording.lines(message)) or safe_line(message.headline, LONGEST_LINE)
    push: dict[str, Any] = {
        "title": wording.headline(message),
        "message": text[:LONGEST],
        "priority": 3 if cause.is_over else PRIORITIES[message.urgency],
        "tags": [OVER if cause.is_over else TAGS[message.urgency], message.kind.value],
        "sequence_id": cause.key,
    }
    if (runbook := wording.runbook(message.kind)) is not None:
        push["click"] = runbook
    return push
