"""Routing: which alarms become one message, what its headline says, and which channels carry it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from reviewbot.domain.alarm import URGENCIES, Alarm, AlarmKind, Message, Urgency
from reviewbot.domain.text import format_moment
from reviewbot.policy.model import Policy


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as alarms see it: its name, the targets it stands for, and what it takes unasked."""

    channel: str
    targets: frozenset[str] = frozenset()
    least: Urgency = "warning"
    kinds: frozenset[AlarmKind] | None = None
    updates: bool = False
    """Whether what it carried can be brought up to date: a question that needs nobody any more."""

    def answers_to(self, target: str) -> bool:
        """Whether a policy's `to:` of this name means this channel."""
        return target == self.channel or target in self.targets

    def takes(self, message: Message) -> bool:
        """Whether it wants a message that is addressed to nobody."""
        wanted = message.kind is AlarmKind.DIGEST  # the settings ask for it
        urgent = wanted or URGENCIES.index(message.urgency) >= URGENCIES.index(self.least)
        mended = any(alarm.mended for alarm in message.alarms)
        return (urgent or mended) and (self.kinds is None or message.kind in self.kinds)


class Routes(msgspec.Struct, frozen=True):
    """Every channel, and which of them carry what is addressed to nobody."""

    routes: tuple[Route, ...] = ()
    default: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The name of every channel."""
        return frozenset(route.channel for route in self.routes)

    @property
    def update(self) -> bool:
        """Whether any channel can be brought up to date."""
        return any(route.updates for route in self.routes)

    def channels(self, message: Message) -> tuple[str, ...]:
        """The channels of a message: those its targets name, or the default ones that want it.

        A channel that fails is never told about itself.
        """
        named = tuple(
            route.channel
            for route in self.routes
            if any(route.answers_to(target) for target in message.to)
        )
        if message.kind is AlarmKind.CHECKPOINT:
            return named
        found = named or tuple(
            route.channel
            for route in self.routes
            if route.channel in self.default and route.takes(message)
        )
        if message.kind is AlarmKind.QUESTION and message.alarms[0].mended:
            updating = {route.channel for route in self.routes if route.updates}
            return tuple(channel for channel in found if channel in updating)
        if message.kind is not AlarmKind.CHANNEL:
            return found
        failing = {alarm.subject for alarm in message.alarms}
        return tuple(channel for channel in found if channel not in failing)

    def stands_for(self, target: str) -> bool:
        """Whether any channel answers to this name."""
        return any(route.answers_to(target) for route in self.routes)

    def others(self, tried: Iterable[str]) -> tuple[str, ...]:
        """The channels to fall back on when all that were tried have failed."""
        tried = set(tried)
        return tuple(route.channel for route in self.routes if route.channel not in tried)


def messages_of(
    alarms: Iterable[Alarm], *, dry_run: bool = False, key: str = "", owner: str = ""
) -> list[Message]:
    """Put alarms of one kind, group and target into one message, most urgent first."""
    groups: dict[tuple[AlarmKind, str, tuple[str, ...], bool], list[Alarm]] = {}
    for alarm in alarms:
        groups.setdefault((alarm.kind, alarm.group, alarm.to, alarm.mended), []).append(alarm)
    return [
        Message(
            headline=_headline(group), alarms=tuple(group), dry_run=dry_run, key=key, owner=owner
        )
        for group in (sorted(group, key=_order) for group in groups.values())
    ]


def _order(alarm: Alarm) -> tuple[int, str]:
    due = alarm.facts.get("deadline_at")
    soonest = due.isoformat() if isinstance(due, datetime) else ""
    return -URGENCIES.index(alarm.urgency), soonest


_MANY = {
    AlarmKind.QUESTION: "{count} questions wait for a person",
    AlarmKind.SILENCE: "{count} tasks were paid by silence",
    AlarmKind.LATE: "{count} decisions came late",
    AlarmKind.DEAD_LETTER: "{count} reviews keep failing",
    AlarmKind.LIST: "{count} troubles with the lists of what waits: {first}, …",
    AlarmKind.DIGEST: "The week in {count} lines",
    AlarmKind.DRIFT: "{count} parts of the API's answers have changed their shape",
}
"""The headline of several alarms of a kind."""


def _headline(group: list[Alarm]) -> str:
    first, count = group[0], len(group)
    if count == 1:
        return first.sentence
    if first.mended:
        return f"{count} things are well again: {first.sentence}, …"
    due = [alarm.facts["deadline_at"] for alarm in group if alarm.facts.get("deadline_at")]
    zones = {alarm.zone for alarm in group}
    zone = zones.pop() if len(zones) == 1 else "UTC"
    soonest, last = (format_moment(find(due, default=None), zone) for find in (min, max))
    match first.kind:
        case AlarmKind.UNDECIDED if "turn_at" in first.facts:
            turn = format_moment(max(alarm.facts["turn_at"] for alarm in group), zone)
            return (
                f"{count} tasks that expire until {last} wait for their turn, which comes in time,"
                f" by {turn}"
            )
        case AlarmKind.UNDECIDED:
            return f"{count} tasks expire undecided between {soonest} and {last}"
        case AlarmKind.REMINDER:
            return (
                f"Reminder ({first.group}): {count} tasks are undecided, the first until {soonest}"
            )
        case AlarmKind.QUESTION if due:
            return f"{count} questions wait for a person, the first until {soonest}"
    several = _MANY.get(first.kind, "{count} alarms: {first}, …")
    return several.format(count=count, first=first.sentence)


def unheard(policies: Iterable[Policy], routes: Routes) -> list[str]:
    """Say of each target that a policy names and no channel stands for, in a sentence each."""
    found = []
    for policy in policies:
        thens = [rule.then for rule in policy.rules]
        thens += [case.then for case in policy.deadline.fallbacks]
        reminders = [reminder for then in thens for reminder in then.remind]
        reminders += policy.deadline.remind
        targets = dict.fromkeys(
            [
                *(to for then in thens for to in then.to),
                *(to for reminder in reminders for to in reminder.to),
            ]
        )
        for target in targets:
            if not routes.stands_for(target):
                found.append(
                    f"{policy.path} tells {target!r}, and no channel stands for that"
                    " name; the default channels and the log get it"
                )
    return found
