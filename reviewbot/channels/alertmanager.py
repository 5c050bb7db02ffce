"""Alertmanager's v2 API: an alert per cause, which ends when it is over or is not told again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import msgspec

from reviewbot.channels.base import Clock, WebChannel
from reviewbot.channels.wording import (
    TEMPLATES,
    Cause,
    MessageWording,
    causes_of,
    lines_of,
    read_wording,
)
from reviewbot.domain.alarm import EACH_TIME, AlarmKind, Message
from reviewbot.domain.text import Secret, iso, safe_line
from reviewbot.ports.ledger import DEFAULT_KEY
from reviewbot.settings_table import SettingsTable

PATH = "/api/v2/alerts"
AFTER = timedelta(minutes=15)
"""How much longer an alert stands than until it is told again: a pass may come late."""
ONCE = timedelta(hours=1)
"""How long an alert stands of what has no end of its own."""
WARNINGS = frozenset(
    {
        *(AlarmKind.REMINDER, AlarmKind.QUESTION, AlarmKind.LATE, AlarmKind.AWAY, AlarmKind.RELOAD),
        *(AlarmKind.CAP, AlarmKind.STATEMENT, AlarmKind.PROBATION, AlarmKind.CHANNEL),
        *(AlarmKind.PAUSED, AlarmKind.CHECKPOINT, AlarmKind.DRILL),
    }
)
"""Kinds whose alerts are warnings, the others are critical: a label stays as it is while the alert stands."""


class Alertmanager(WebChannel, frozen=True, kw_only=True):
    """Posts the alerts of a message together. `url` is the server's own address, without a path of the API."""

    type = "alertmanager"
    keys = (*WebChannel.keys, "token_file", "source", *TEMPLATES)
    keeps_open = True
    token: Secret | None = None
    source: str = "reviewbot"
    now: Clock = time.time

    @classmethod
    def read(cls, name: str, section: SettingsTable) -> Self:
        """Read its address, its token where it wants one, and what tells this bot from others."""
        return cls(
            name=name,
            url=section.url(),
            token=section.secret("token_file"),
            source=section.text("source") if "source" in section.table else "reviewbot",
            wording=read_wording(section),
        )

    def deliver(self, message: Message) -> None:
        """Post them. Raises ChannelFailed."""
        now = datetime.fromtimestamp(self.now(), UTC)
        alerts = [
            as_alert(cause, self.source, self.wording, now)
            for cause in causes_of(message, self.source)
        ]
        headers = bearer(self.token)
        url = Secret(self.url.reveal().rstrip("/") + PATH)
        there = msgspec.structs.replace(self, url=url)
        there.post(json.dumps(alerts, allow_nan=False).encode("ascii"), headers)


def bearer(token: Secret | None) -> Mapping[str, str]:
    """The header that shows a token, where there is one."""
    return {} if token is None else {"authorization": f"Bearer {token.reveal()}"}


def as_alert(cause: Cause, source: str, wording: MessageWording, now: datetime) -> dict[str, Any]:
    """A cause as an alert: its labels say which it is, and are the same from its first word to its last."""
    message, alarm = cause.message, cause.alarm
    again = alarm.again or ONCE if alarm.again != EACH_TIME else ONCE
    text = wording.written(message)
    annotations = {
        "summary": wording.headline(message),
        "description": "\n".join(lines_of(message)) if text is None else text,
        "urgency": message.urgency,
    }
    if (runbook := wording.runbook(message.kind)) is not None:
        annotations["runbook_url"] = runbook
    return {
        "labels": {
            "alertname": "Reviewbot" + "".join(map(str.capitalize, message.kind.value.split("-"))),
            "severity": "warning" if message.kind in WARNINGS else "critical",
            "kind": message.kind.value,
            "key": safe_line(message.key) or DEFAULT_KEY,
            "source": safe_line(source),
            "cause": cause.key,
        },
        "annotations": annotations,
        "startsAt": iso(min(alarm.at, now)),
        "endsAt": iso(now if cause.is_over else now + again + AFTER),
    }
