"""PagerDuty, and whatever takes its Events API v2: an incident per cause, resolved by the same key."""

from __future__ import annotations

import json
from typing import Any, Self

from reviewbot.channels.base import WebChannel
from reviewbot.channels.wording import (
    TEMPLATES,
    Cause,
    MessageWording,
    causes_of,
    lines_of,
    read_wording,
)
from reviewbot.domain.alarm import Message
from reviewbot.domain.text import Secret, iso, safe_line
from reviewbot.ports.ledger import DEFAULT_KEY
from reviewbot.settings_table import SettingsTable

ADDRESS = "https://events.pagerduty.com/v2/enqueue"
SEVERITIES = {"error": "critical", "warning": "warning", "info": "info"}
LONGEST_SUMMARY = 1024
"""What the service takes."""


class PagerDuty(WebChannel, frozen=True, kw_only=True):
    """Opens an incident for what is wrong, adds to one that is open, and resolves it when it is over."""

    type = "pagerduty"
    keys = (*WebChannel.keys, "routing_key_file", "source", *TEMPLATES)
    keeps_open = True
    routing_key: Secret
    source: str = "reviewbot"

    @classmethod
    def read(cls, name: str, section: SettingsTable) -> Self:
        """Read the key of the service's integration, and what tells this bot from others."""
        key = section.secret("routing_key_file")
        if "routing_key_file" not in section.table:
            section.wrong("routing_key_file", "is missing: the file with the integration's key")
        return cls(
            name=name,
            url=section.url(ADDRESS),
            routing_key=key or Secret(""),
            source=section.text("source") if "source" in section.table else "reviewbot",
            wording=read_wording(section),
        )

    def deliver(self, message: Message) -> None:
        """Send an event for each cause. Raises ChannelFailed."""
        for cause in causes_of(message, self.source):
            event = as_event(cause, self.source, self.wording)
            event["routing_key"] = self.routing_key.reveal()
            self.post(json.dumps(event, allow_nan=False).encode("ascii"))


def as_event(cause: Cause, source: str, wording: MessageWording) -> dict[str, Any]:
    """A cause as an event, without the key of the integration."""
    if cause.is_over:
        return {"event_action": "resolve", "dedup_key": cause.key}
    message = cause.message
    runbook = wording.runbook(message.kind)
    details: dict[str, Any] = {
        "alarms": list(lines_of(message)) or [safe_line(message.headline)],
        "count": len(message.alarms),
        "dry_run": message.dry_run,
        "to": [safe_line(target) for target in message.to],
    }
    if (text := wording.written(message)) is not None:
        details["text"] = text
    return {
        "event_action": "trigger",
        "dedup_key": cause.key,
        "client": "reviewbot",
        "links": [] if runbook is None else [{"href": runbook, "text": "What to do"}],
        "payload": {
            "summary": wording.headline(message)[:LONGEST_SUMMARY],
            "source": safe_line(source),
            "severity": SEVERITIES[message.urgency],
            "timestamp": iso(cause.alarm.at),
            "component": safe_line(message.key) or DEFAULT_KEY,
            "group": "reviewbot",
            "class": message.kind.value,
            "custom_details": details,
        },
    }
