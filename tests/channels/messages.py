"""Builders of alarms and messages."""

from __future__ import annotations

from typing import Any

from reviewbot.domain.alarm import Alarm, AlarmKind, Message
from tests.builders import CONFIRMED


def an_alarm(**changes: Any) -> Alarm:
    """A task that nobody decided."""
    fields: dict[str, Any] = {
        "kind": AlarmKind.UNDECIDED,
        "sentence": "Task 3b0e7c52 (0.24 USD) is undecided",
        "at": CONFIRMED,
        "subject": "3b0e7c52@1 24h",
    }
    return Alarm(**(fields | changes))


def a_message(*alarms: Alarm, **changes: Any) -> Message:
    """One alarm by itself, unless others are given."""
    told = alarms or (an_alarm(),)
    fields: dict[str, Any] = {"headline": told[0].sentence, "alarms": told}
    return Message(**(fields | changes))
