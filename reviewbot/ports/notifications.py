"""Where people are told: what the loop asks of alarms and channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reviewbot.domain.alarm import Alarm, AlarmKind


class Alarms(Protocol):
    """Takes alarms as they arise, as often as they arise; repeats nothing that was told lately."""

    def tell(self, alarm: Alarm) -> bool:
        """Take an alarm; give whether it is news. Never raises and never waits for a channel."""

    def is_told(self, kind: AlarmKind, subject: str) -> bool:
        """Whether this was told lately, so that to tell it now would be no news."""

    def mended(self, kind: AlarmKind, sentence: str, *, subject: str = "") -> None:
        """Say that what was told is over; call it whenever all is well, it is cheap."""

    def flush(self) -> None:
        """Send what has gathered. Called between passes, and now and then within a long one."""

    def aside(self, alarms: Sequence[Alarm]) -> None:
        """Send these at once, past the log and all that was told before; for another thread than the loop's."""

    def unheard(self) -> Mapping[str, int]:
        """How many alarms of the last day only the log has taken, by kind."""

    def failures(self) -> Mapping[str, int]:
        """How often each channel failed to take a message since the start, those that never did too."""

    def pulse(self) -> None:
        """Say that a pass succeeded, to whoever outside would miss that."""

    def after_a_gap(self) -> None:
        """Close, where it may be kept open, what a process before this one told past the log."""

    def close(self, seconds: float) -> None:
        """Send what has gathered, wait at most so long for it to arrive, and end."""
