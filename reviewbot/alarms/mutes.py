"""Mutes: alarms that people have acknowledged, or silenced for a while, and so need not hear again.

Theory of operation. A mute is a word in the log: the newest one on a kind, or on one cause of it, counts
until its end. What is muted still stands in the log lines and in `status`; only no channel carries it.
Some things are carried all the same, whatever is muted: that something was paid by silence, and the last
stage before it is. An acknowledgement is over when what it is about is; a silence is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from reviewbot.domain.alarm import Alarm, AlarmKind
from reviewbot.domain.errors import LedgerError, UsageError
from reviewbot.domain.text import iso, parse_iso
from reviewbot.ports.ledger import Ledger, LogNote

TOPIC = "mute"
"""The topic of the log under which mutes stand, by kind and cause."""
ALARM_TOPIC = "alarm"
"""Where the log keeps what was told, by kind."""
NEVER = frozenset({AlarmKind.SILENCE, AlarmKind.CHECKPOINT, AlarmKind.DRILL})
"""Kinds that nobody mutes: money that is gone, and what is no alarm."""
LAST_STAGE = 1
"""Hours before a deadline at which nothing is muted any more."""
How = Literal["silence", "acknowledgement"]


class Mute(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of alarm, or one cause of it, that no channel carries until `until`."""

    kind: AlarmKind
    subject: str | None
    """The cause; None: every cause of the kind."""
    by: How
    who: str
    reason: str
    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        """What it is called in the log: its kind, and the cause behind a blank."""
        return _name(self.kind, self.subject)

    def covers(self, kind: AlarmKind, subject: str, now: datetime) -> bool:
        """Whether it mutes this cause now."""
        return kind is self.kind and self.subject in (None, subject) and now < self.until


def _name(kind: AlarmKind, subject: str | None) -> str:
    return kind.value if subject is None else f"{kind.value} {subject}"


def is_always_told(alarm: Alarm) -> bool:
    """Whether it is carried whatever is muted: money that silence has paid, or is about to."""
    if alarm.kind in NEVER:
        return True
    hours = alarm.facts.get("hours_left")
    last = isinstance(hours, int) and hours <= LAST_STAGE
    return alarm.kind is AlarmKind.UNDECIDED and last


def mute(
    ledger: Ledger,
    kind: AlarmKind,
    *,
    subject: str | None = None,
    by: How,
    who: str,
    reason: str,
    until: datetime,
    now: datetime,
) -> Mute:
    """Mute a kind, or one cause of it, and say so in the log. Raises UsageError for what nobody mutes."""
    if kind in NEVER:
        raise UsageError(
            f"{kind.value} is told whatever is silenced: it is about money that nobody decided on"
            if kind is AlarmKind.SILENCE
            else f"{kind.value} is no alarm, so there is nothing to silence"
        )
    made = Mute(kind=kind, subject=subject, by=by, who=who, reason=reason, since=now, until=until)
    value = {"subject": subject, "by": by, "who": who, "reason": reason, "until": iso(until)}
    ledger.note(TOPIC, made.name, value, now)
    return made


def lift(ledger: Ledger, muted: Mute, *, who: str, reason: str, now: datetime) -> None:
    """End a mute before its time, and say so in the log."""
    value = {"subject": muted.subject, "lifted": True, "who": who, "reason": reason}
    ledger.note(TOPIC, muted.name, value, now)


def mutes_on(ledger: Ledger, now: datetime) -> tuple[Mute, ...]:
    """Every mute that stands, the first to end first. Raises `LedgerError`."""
    found = (_read(note) for note in ledger.notes(TOPIC))
    standing = (muted for muted in found if muted is not None and now < muted.until)
    return tuple(sorted(standing, key=lambda muted: (muted.until, muted.name)))


def _read(note: LogNote) -> Mute | None:
    """A word of the log as a mute; None where it ends one, or means nothing to us."""
    value: dict[str, Any] = note.value
    until, kind = value.get("until"), note.subject.partition(" ")[0]
    if value.get("lifted") is True or not isinstance(until, str) or kind not in set(AlarmKind):
        return None
    subject = value.get("subject")
    return Mute(
        kind=AlarmKind(kind),
        subject=subject if isinstance(subject, str) else None,
        by="acknowledgement" if value.get("by") == "acknowledgement" else "silence",
        who=str(value.get("who")),
        reason=str(value.get("reason")),
        since=note.at,
        until=parse_iso(until),
    )


def standing_causes(ledger: Ledger, kind: AlarmKind) -> tuple[str, ...]:
    """The causes of a kind that were told and have not ended, by the log."""
    notes = [note for note in ledger.notes(ALARM_TOPIC) if note.subject == kind.value]
    told = notes[0].value.get("told") if notes else None
    return tuple(told) if isinstance(told, dict) else ()


class Muting:
    """What a running bot keeps of it: the mutes that stand, and what they have kept from people."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._mutes: Sequence[Mute] = ()
        self.kept: set[tuple[AlarmKind, str]] = set()
        """What it has kept from people and still does."""

    def renew(self, now: datetime) -> list[tuple[AlarmKind, str]]:
        """Read the mutes anew; give what they kept back and no longer do, so that it is told when noticed next."""
        try:
            self._mutes = mutes_on(self._ledger, now)
        except LedgerError:
            self._mutes = [muted for muted in self._mutes if now < muted.until]
        freed = [cause for cause in self.kept if not self._covers(*cause, now)]
        self.kept.difference_update(freed)
        return freed

    def is_let_through(self, alarm: Alarm, now: datetime) -> bool:
        """Whether a channel may carry it, by the mutes as last read; also for another thread."""
        if alarm.mended or is_always_told(alarm):
            return True
        return not self._covers(alarm.kind, alarm.subject, now)

    def let_through(self, alarms: Iterable[Alarm], now: datetime) -> list[Alarm]:
        """Those that a channel may carry; the others are kept in mind."""
        passed = []
        for alarm in alarms:
            if self.is_let_through(alarm, now):
                passed.append(alarm)
            else:
                self.kept.add((alarm.kind, alarm.subject))
        return passed

    def ended(self, kind: AlarmKind, subject: str, now: datetime) -> bool:
        """A cause is over, and with it its acknowledgement; give whether nobody has heard of it."""
        for muted in self._mutes:
            if muted.by == "acknowledgement" and muted.subject == subject and muted.kind is kind:
                try:
                    lift(self._ledger, muted, who="reviewbot", reason="it is over", now=now)
                except LedgerError:
                    break  # it ends at its time
        was_kept = (kind, subject) in self.kept
        self.kept.discard((kind, subject))
        return was_kept

    def _covers(self, kind: AlarmKind, subject: str, now: datetime) -> bool:
        return any(muted.covers(kind, subject, now) for muted in self._mutes)
