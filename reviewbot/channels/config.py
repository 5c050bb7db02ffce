"""Channels as `reviewbot.toml` describes them: read, checked, and made.

Everything that is wrong is collected, each with its place; what a channel must not show (addresses
can be secrets) is wrapped as it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from reviewbot.alarms.routing import Route, Routes
from reviewbot.channels.base import Channel, WebChannel
from reviewbot.domain.alarm import URGENCIES, AlarmKind, Urgency, WeeklyHour
from reviewbot.domain.text import Secret, safe_line
from reviewbot.network import Proxy
from reviewbot.policy.text_forms import listed
from reviewbot.settings_table import SettingsTable, problem_of_url

TYPES = {
    "webhook": "webhook.Webhook",
    "slack": "slack.Slack",
    "email": "email.Mail",
    "ntfy": "ntfy.Ntfy",
    "pagerduty": "pagerduty.PagerDuty",
    "alertmanager": "alertmanager.Alertmanager",
}
"""Every type of channel and its class; imported where a file names it, for settings are read often."""
COMMON_KEYS = ("type", "targets", "min_level", "kinds")
ALARM_KEYS = ("to", "away", "digest", "runbooks")
AWAY = 600.0
_METHODS = ("GET", "POST", "HEAD")


class Ping(WebChannel, frozen=True, kw_only=True):
    """The dead man's ping: one request after each pass that succeeded.

    Somebody outside notices when it stops, for a dead bot tells nobody.
    """

    keys = (*WebChannel.keys, "method")
    method: str = "GET"

    def send(self) -> None:
        """Ping. Raises ChannelFailed."""
        from reviewbot.channels.http import request

        headers = {"user-agent": "reviewbot"}
        request(self.method, self.url.reveal(), headers=headers, proxy=self.proxy)


class Notices(msgspec.Struct, frozen=True, kw_only=True):
    """How people are told: the channels, who takes what, the ping, and when an outage is told."""

    channels: tuple[Channel, ...] = ()
    routes: Routes = Routes((), ())
    away: float = AWAY
    ping: Ping | None = None
    runbooks: str | None = None
    """Where the runbook of each kind of alarm lies, as `KIND.md` below it."""
    digest: WeeklyHour | None = None
    """When the week is told; never without it."""

    def only(self, names: Collection[str]) -> Notices:
        """The same with some of the channels."""
        kept = tuple(route for route in self.routes.routes if route.channel in names)
        default = tuple(name for name in self.routes.default if name in names)
        return replace(
            self,
            channels=tuple(channel for channel in self.channels if channel.name in names),
            routes=Routes(kept, default or tuple(names)),
        )

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Everything of it that must never be written anywhere."""
        every = self.channels if self.ping is None else (*self.channels, self.ping)
        return tuple(secret for channel in every for secret in channel.secrets)

    def shown(self) -> list[tuple[str, str]]:
        """Each channel in words fit for a screen."""
        rows = [
            (f"channels.{channel.name}", _in_words(channel, route))
            for channel, route in zip(self.channels, self.routes.routes, strict=True)
        ]
        if self.channels:
            rows.append(("alarms.to", ", ".join(self.routes.default) or "–"))
        if self.runbooks is not None:
            rows.append(("alarms.runbooks", safe_line(self.runbooks)))
        if self.ping is not None:
            rows.append(("deadman.url", f"set (not shown), by {self.ping.method}"))
        return rows


def make_channels(notices: Notices, proxy: Proxy | None = None) -> tuple[Channel, ...]:
    """The channels, ready to carry; what they send over the web goes through the proxy."""
    return tuple(channel.through(proxy).linking(notices.runbooks) for channel in notices.channels)


def make_ping(notices: Notices, proxy: Proxy | None = None) -> Ping | None:
    """The ping to the outside, where one is wanted."""
    return None if notices.ping is None else notices.ping.through(proxy)


def read_notices(
    table: Mapping[str, Any], place: str, problems: list[str], *, seconds: Callable[[str], float]
) -> Notices:
    """Read the tables `channels`, `alarms` and `deadman` of a settings file.

    `seconds` reads a length of time and raises ValueError for what is none.
    """
    file = SettingsTable(place, "", table, problems)
    described = file.inner("channels")
    names = () if described is None else tuple(described.table)
    found = [_channel(described, name) for name in names if described is not None]
    read = [pair for pair in found if pair is not None]
    away, default, digest, runbooks = AWAY, names, None, None
    if (alarms := file.inner("alarms")) is not None:
        default = _default(alarms, names)
        runbooks = _runbooks(alarms)
        if "away" in alarms.table:
            try:
                away = seconds(str(alarms.table["away"]))
            except ValueError as wrong:
                alarms.wrong("away", f"{alarms.table['away']!r} {wrong}")
        digest = _weekly(alarms)
    return Notices(
        channels=tuple(channel for channel, _ in read),
        routes=Routes(tuple(route for _, route in read), default),
        away=away,
        ping=_ping(file.inner("deadman")),
        runbooks=runbooks,
        digest=digest,
    )


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _weekly(alarms: SettingsTable) -> WeeklyHour | None:
    """When the week is told."""
    if "digest" not in alarms.table:
        return None
    day, _, hour = str(alarms.table["digest"]).strip().lower().partition(" ")
    found = _HOUR.fullmatch(hour.strip())
    if day not in _DAYS or found is None:
        wrong = f"{safe_line(str(alarms.table['digest']), 40)!r} is no hour of a week"
        alarms.wrong("digest", f'{wrong}: write it like "mon 09:00"')
        return None
    return WeeklyHour(day=_DAYS.index(day), minute=int(found[1]) * 60 + int(found[2]))


def _default(alarms: SettingsTable, names: tuple[str, ...]) -> tuple[str, ...]:
    """The channels that carry what is addressed to nobody."""
    alarms.refuse_unknown(ALARM_KEYS)
    default = alarms.texts("to") if "to" in alarms.table else names
    for target in default:
        if target not in names:
            alarms.unknown("to", f"no channel is called {target!r}", target, names)
    return default


def _runbooks(alarms: SettingsTable) -> str | None:
    """Where the runbooks lie, with a slash at its end."""
    if "runbooks" not in alarms.table:
        return None
    url = alarms.text("runbooks")
    if url and (wrong := problem_of_url(url)) is not None:
        alarms.wrong("runbooks", wrong)
    return url.rstrip("/") + "/"


def _ping(deadman: SettingsTable | None) -> Ping | None:
    if deadman is None or not deadman.table:
        return None
    deadman.refuse_unknown(Ping.keys)
    method = deadman.one_of("method", _METHODS, "GET")
    return Ping(name=deadman.name, url=deadman.url(), method=method)


def _channel(described: SettingsTable, name: str) -> tuple[Channel, Route] | None:
    section = described.inner(name, "; write  [channels.NAME]  and its keys below")
    if section is None:
        return None
    before = len(section.problems)
    kind = section.one_of("type", TYPES, None)
    if kind not in TYPES:
        return None
    module, _, class_name = TYPES[kind].partition(".")
    channel_type = getattr(import_module(f"reviewbot.channels.{module}"), class_name)
    section.refuse_unknown((*COMMON_KEYS, *channel_type.keys))
    route = Route(
        channel=name,
        targets=frozenset(section.texts("targets")),
        least=cast(Urgency, section.one_of("min_level", URGENCIES, "warning")),
        kinds=_kinds(section),
        updates=channel_type.updates,
    )
    channel: Channel = channel_type.read(name, section)
    return None if len(section.problems) > before else (channel, route)


def _kinds(section: SettingsTable) -> frozenset[AlarmKind] | None:
    if "kinds" not in section.table:
        return None
    known = [kind.value for kind in AlarmKind]
    words = section.texts("kinds")
    for word in words:
        if word not in known:
            section.unknown("kinds", f"no kind of alarm is called {word!r}", word, known)
    return frozenset(AlarmKind(word) for word in words if word in known)


def _in_words(channel: Channel, route: Route) -> str:
    takes = "all kinds" if route.kinds is None else listed(sorted(route.kinds), "and")
    stands = f"; for {safe_line(', '.join(sorted(route.targets)))}" if route.targets else ""
    return f"{channel.type}, {channel.address}; from {route.least} on, {takes}{stands}"
