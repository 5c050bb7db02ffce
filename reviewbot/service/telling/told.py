"""Told: what people were told and when, kept in the decision log so that a restart repeats nothing.

One note per kind of alarm holds the marks that still matter: a few words each, and only of what
arrived. A log that cannot be used is no reason to be silent: then the marks live in memory alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from reviewbot.domain.alarms import Alarm, Kind, Message, Urgency
from reviewbot.domain.errors import LedgerError
from reviewbot.ports import Clock, Ledger, Noted

if TYPE_CHECKING:
    from reviewbot.service.app import Events

TOPIC = "alarm"
"""The topic of the log under which the marks stand, by kind."""
_FORGET = timedelta(days=30)


class Mark(msgspec.Struct, kw_only=True, omit_defaults=True):
    """That something was told: when, to whom, and how long that counts.

    In the log are only those that arrived.
    """

    at: datetime
    again: float | None = None
    keep_until: datetime | None = None
    to: tuple[str, ...] = ()
    urgency: Urgency = "error"
    arrived: bool = False

    def counts(self, now: datetime) -> bool:
        """Whether telling it again now would be a repetition."""
        return self.again is None or now < self.at + timedelta(seconds=self.again)

    def may_go(self, now: datetime) -> bool:
        """Whether it can be forgotten."""
        return now > (self.keep_until or self.at + _FORGET)


class Told:
    """The marks of every kind, read from the log when the first is asked for."""

    def __init__(self, ledger: Ledger, clock: Clock, events: Events) -> None:
        self._ledger = ledger
        self._clock = clock
        self._events = events
        self._marks: dict[Kind, dict[str, Mark]] | None = None

    def lately(self, alarm: Alarm) -> bool:
        """Whether the same was told, and that still counts."""
        mark = self._of(alarm.kind).get(alarm.subject)
        return mark is not None and mark.counts(alarm.at)

    def mark(self, alarm: Alarm) -> None:
        """Remember that this is being told."""
        self._of(alarm.kind)[alarm.subject] = Mark(
            at=alarm.at,
            again=None if alarm.again is None else alarm.again.total_seconds(),
            keep_until=alarm.keep_until,
            to=alarm.to,
            urgency=alarm.urgency,
        )

    def forget(self, kind: Kind, subject: str) -> Mark | None:
        """Take a mark away, and give it; None where there was none."""
        return self._of(kind).pop(subject, None)

    def arrived(self, message: Message) -> None:
        """Remember that somebody got this."""
        marks = self._of(message.kind)
        for alarm in message.alarms:
            if alarm.subject in marks:
                marks[alarm.subject].arrived = True

    def unheard(self, since: datetime) -> Mapping[str, int]:
        """How many of what was told since then reached nobody, by kind."""
        counts = {
            kind.value: sum(not mark.arrived and mark.at >= since for mark in marks.values())
            for kind, marks in (self._marks or {}).items()
        }
        return {kind: count for kind, count in sorted(counts.items()) if count}

    def write_down(self, kind: Kind, through: Mapping[str, str]) -> None:
        """Keep what arrived in the log, with how it went on each channel."""
        now, marks = self._clock.now(), self._of(kind)
        for subject in [subject for subject, mark in marks.items() if mark.may_go(now)]:
            del marks[subject]
        told = {s: replace(mark, arrived=False) for s, mark in marks.items() if mark.arrived}
        self.note(TOPIC, kind.value, {"told": msgspec.to_builtins(told), "through": dict(through)})

    def note(self, topic: str, subject: str, value: Mapping[str, Any]) -> None:
        """Add a word to the log, where that can be written."""
        try:
            self._ledger.note(topic, subject, value, self._clock.now())
        except LedgerError as error:
            self._events("alarm not noted", level="warning", topic=topic, error=str(error))

    def notes(self, topic: str) -> Sequence[Noted]:
        """The newest words of a topic; none where the log cannot be read."""
        try:
            return self._ledger.notes(topic)
        except LedgerError:
            return ()

    def _of(self, kind: Kind) -> dict[str, Mark]:
        if self._marks is None:
            kinds = {kind.value: kind for kind in Kind}
            self._marks = {
                kinds[noted.subject]: _marks(noted)
                for noted in self.notes(TOPIC)
                if noted.subject in kinds
            }
        return self._marks.setdefault(kind, {})


def _marks(noted: Noted) -> dict[str, Mark]:
    told = msgspec.convert(noted.value["told"], dict[str, Mark], strict=False)
    return {subject: replace(mark, arrived=True) for subject, mark in told.items()}
