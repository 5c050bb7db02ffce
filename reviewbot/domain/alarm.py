"""Alarms: what a person should know now, as plain values that any channel can carry."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

Urgency = Literal["info", "warning", "error"]

URGENCIES: tuple[Urgency, ...] = ("info", "warning", "error")
"""From the least to the most urgent."""

HOUR = timedelta(hours=1)

EACH_TIME = timedelta(0)
"""For what happens once and is told as it happens: nothing has to be remembered of it."""


class AlarmKind(StrEnum):
    """What an alarm is about; settings name these where a channel takes only some."""

    UNDECIDED = "undecided"
    """Nobody has decided, and 24, 6 or 1 hours are left."""
    REMINDER = "reminder"
    """A policy's `remind:` moment has come for something undecided."""
    QUESTION = "question"
    """A person is asked."""
    LATE = "late"
    """A decision was made later than the policy wanted it."""
    SILENCE = "silence"
    """Something was paid although nobody decided."""
    AWAY = "away"
    """What happened while no pass was made: told at a start."""
    STALE = "stale-effect"
    """An approval landed in another round than it was decided for."""
    LIST = "list"
    """The list of what waits contradicts its own count, or a row of it cannot be read."""
    DRIFT = "schema-drift"
    """The API's answers no longer have the shape that we use."""
    DEAD_LETTER = "dead-letter"
    """The review of one thing keeps failing."""
    KEY = "key-refused"
    """The API does not take our key."""
    WRITES = "writes-refused"
    """The API refuses what we decide, for nothing that is about the things."""
    API_AWAY = "api-away"
    """No pass has succeeded for a while."""
    LEDGER = "ledger"
    """The decision log cannot be written or read."""
    RELOAD = "reload"
    """A changed policy could not be loaded; the old one keeps judging."""
    HANGS = "hangs"
    """The loop shows no sign of life: some call does not come back."""
    PARKED = "parked"
    """The bot of one key of several does not run; the others go on."""
    STOPPED = "stopped"
    """The process ended by itself."""
    BREAKER = "breaker"
    """A breaker stands open: nothing is sent until a person closes it."""
    PAUSED = "paused"
    """A person paused some or all actions."""
    CAP = "cap"
    """A cap of the policy has no room left."""
    STATEMENT = "statement"
    """What a statement of the policy forbids was about to be done; a person is asked."""
    PROBATION = "probation"
    """A changed policy is on probation, or waits to be accepted."""
    STAGE = "stage"
    """A rule with a ladder went a step up or down."""
    DIGEST = "digest"
    """The week, as the settings want it told."""
    CLOCK = "clock"
    """This machine's clock and the API's differ too much."""
    CHANNEL = "channel"
    """A channel, or the ping to the outside, fails."""
    CHECKPOINT = "checkpoint"
    """No alarm: how far the log has come, for a place that keeps it away from the log."""
    DRILL = "drill"
    """Nothing is wrong: somebody tests the channels."""


ENDS = frozenset(
    {
        AlarmKind.LIST,
        AlarmKind.KEY,
        AlarmKind.WRITES,
        AlarmKind.API_AWAY,
        AlarmKind.LEDGER,
        AlarmKind.RELOAD,
        AlarmKind.HANGS,
        AlarmKind.PARKED,
        AlarmKind.STOPPED,
        AlarmKind.BREAKER,
        AlarmKind.PAUSED,
        AlarmKind.CLOCK,
        AlarmKind.CHANNEL,
    }
)
"""What lasts, and whose end is told; anything else has happened once it is told."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell, in a sentence that stands on its own.

    `subject` says what it is about (a task's round, a policy, or nothing where there is only one);
    the same kind and subject is told again only after `again`, also across restarts, or never where
    that is None. `to` names targets, as a policy's `to:` does; nobody named means the default
    channels. Alarms of one kind, `group` and target that arise together become one message. `facts`
    are plain values for machines.
    """

    kind: AlarmKind
    sentence: str
    at: datetime
    subject: str = ""
    urgency: Urgency = "error"
    to: tuple[str, ...] = ()
    group: str = ""
    facts: dict[str, Any] = {}
    again: timedelta | None = HOUR
    keep_until: datetime | None = None
    """When it need no longer be remembered that this was told."""
    zone: str = "UTC"
    """The zone in which its readers read moments."""
    mended: bool = False
    """It says that what was told is over."""
    link: str = ""
    """Where in the console it is answered, or looked at; empty where no console is known."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one message says: a headline and the alarms under it, most urgent first."""

    headline: str
    alarms: tuple[Alarm, ...]
    dry_run: bool = False
    closes: bool = False
    """It is for those that keep what stands open until they hear of its end; people know already."""
    key: str = ""
    """The name of the key that it is about; empty where there is only one."""
    owner: str = ""
    """Whose key that is."""

    @property
    def kind(self) -> AlarmKind:
        """What it is about."""
        return self.alarms[0].kind

    @property
    def urgency(self) -> Urgency:
        """That of its most urgent alarm."""
        return max((alarm.urgency for alarm in self.alarms), key=URGENCIES.index)

    @property
    def to(self) -> tuple[str, ...]:
        """The targets it is meant for; none means the default channels."""
        return self.alarms[0].to


class WeeklyHour(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of every week: the day (0 is Monday), and minutes after its midnight."""

    day: int
    minute: int

    def latest(self, now: datetime, zone: str) -> datetime:
        """The last such moment at or before `now`, by the clocks of a zone."""
        here = now.astimezone(ZoneInfo(zone))
        at = time(self.minute // 60, self.minute % 60)
        day = here.date() - timedelta(days=(here.weekday() - self.day) % 7)
        found = datetime.combine(day, at, here.tzinfo)
        if found > here:
            found = datetime.combine(day - timedelta(days=7), at, here.tzinfo)
        return found.astimezone(UTC)


def round_name(task_id: str, epoch: str | None) -> str:
    """The subject of an alarm about one round."""
    return f"{task_id}@{epoch}"
