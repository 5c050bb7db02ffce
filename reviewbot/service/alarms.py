"""Alarms: tell people what they should know now; once, and again while it lasts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from reviewbot.domain.alarms import Alarm, Kind

if TYPE_CHECKING:
    from reviewbot.service.app import Events


class Alarms(Protocol):
    """Takes alarms as they arise, as often as they arise; repeats nothing that was told lately."""

    def tell(self, alarm: Alarm) -> None:
        """Take an alarm. Never raises and never waits for a channel."""

    def mended(self, kind: Kind, subject: str, sentence: str, at: datetime) -> None:
        """Say that what was told is over; nothing is said where nothing was told."""

    def flush(self) -> None:
        """Send what has gathered. Called between passes, and now and then within a long one."""


class LoggedAlarms:
    """Alarms of a bot without channels: each goes to the log, every time."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def tell(self, alarm: Alarm) -> None:
        """Log one alarm."""
        self._events(
            "alarm",
            level=alarm.urgency,
            kind=alarm.kind.value,
            subject=alarm.subject,
            sentence=alarm.sentence,
            to=alarm.to,
            **{"facts": alarm.facts} if alarm.facts else {},
        )

    def mended(self, kind: Kind, subject: str, sentence: str, at: datetime) -> None:
        """Keep quiet: the log does not know what was told."""

    def flush(self) -> None:
        """Nothing has gathered."""
