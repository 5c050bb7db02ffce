"""Channels as `reviewbot.toml` describes them: read, checked, and made.

Everything that is wrong is collected, each with its place; what a channel must not show (addresses
can be secrets) is wrapped as it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from reviewbot.alarms.routing import Route, Routes
from reviewbot.channels.base import problem_of_url
from reviewbot.domain.alarm import URGENCIES, AlarmKind, Urgency
from reviewbot.domain.text import Secret, safe_line
from reviewbot.policy.text_forms import did_you_mean, listed
from reviewbot.secret_file import Unusable, read_secret_file

# ------------------------------------------------------------------------------------------------
# Reads keys of the tables of a settings file, and collects all that is wrong with them.


class TableReader:
    """Reads keys of tables and collects what is wrong with them."""

    def __init__(self, place: str, problems: list[str]) -> None:
        self._place = place
        self.problems = problems

    def wrong(self, at: str, what: str, hint: str | None = None) -> None:
        """Note what is wrong at a key, and what may have been meant."""
        self.problems.append(f"{self._place}: {at}: {what}" + (f"; {hint}" if hint else ""))

    def table(self, outer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Give a table of a table; an empty one where there is none."""
        found = outer.get(name, {})
        if isinstance(found, dict):
            return found
        self.wrong(name, "is no table")
        return {}

    def refuse_unknown(self, at: str, body: Mapping[str, Any], known: tuple[str, ...]) -> None:
        """Note every key that means nothing."""
        for key in body:
            if key not in known:
                hint = did_you_mean(key, known) or f"there are {listed(known, 'and')}"
                self.wrong(f"{at}.{key}", "no setting has this name", hint)

    def text(self, at: str, body: Mapping[str, Any], key: str) -> str:
        """Read a text on one line that must be there."""
        found = body.get(key)
        if isinstance(found, str) and found.strip() and found.isprintable():
            return found.strip()
        self.wrong(f"{at}.{key}", "is missing" if found is None else "is no text on one line")
        return ""

    def texts(self, at: str, body: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """Read a list of texts; one text is a list of one."""
        found = body.get(key, [])
        if isinstance(found, str):
            found = [found]
        if isinstance(found, list) and all(isinstance(one, str) and one.strip() for one in found):
            return tuple(found)
        self.wrong(f"{at}.{key}", 'is no list of texts: write it like ["one", "another"]')
        return ()

    def one_of(
        self,
        at: str,
        body: Mapping[str, Any],
        key: str,
        words: tuple[str, ...],
        default: str | None,
    ) -> str:
        """Read one of some words."""
        found = body.get(key, default)
        if found in words:
            return str(found)
        if found is None:
            self.wrong(f"{at}.{key}", f"is missing: {listed(words)}")
        else:
            shown = safe_line(str(found), 40)
            hint = did_you_mean(str(found), words) or f"it is one of {listed(words)}"
            self.wrong(f"{at}.{key}", f"{shown!r} is not known", hint)
        return default or ""

    def url(self, at: str, body: Mapping[str, Any]) -> Secret | None:
        """Read the address of a channel, from the file itself or from one of its own."""
        if "url" in body and "url_file" in body:
            self.wrong(at, "has both url and url_file")
            return None
        if "url_file" in body:
            found = self.secret(at, body, "url_file")
        else:
            found = Secret(self.text(at, body, "url")) if "url" in body else None
            if found is None:
                self.wrong(f"{at}.url", "is missing: give url, or url_file with the file it is in")
        if found is not None and (wrong := problem_of_url(found.reveal())) is not None:
            self.wrong(f"{at}.url", wrong)
        return found

    def secret(self, at: str, body: Mapping[str, Any], key: str) -> Secret | None:
        """The one line of a file that nobody else may read."""
        if key not in body:
            return None
        path = self.text(at, body, key)
        if not path:
            return None
        try:
            text = read_secret_file(path).strip()
        except Unusable as wrong:
            self.wrong(f"{at}.{key}", str(wrong))
            return None
        if not text or not text.isprintable():
            self.wrong(f"{at}.{key}", f"{path} does not hold one line of text")
            return None
        return Secret(text)


TYPES = ("webhook", "slack", "email")
_COMMON = ("type", "targets", "min_level", "kinds")
_WEB = ("url", "url_file")


KEYS: Mapping[str, tuple[str, ...]] = {
    "webhook": (*_COMMON, *_WEB, "secret_file"),
    "slack": (*_COMMON, *_WEB),
    "email": (*_COMMON, "host", "port", "from", "to", "username", "password_file", "tls"),
}


ALARM_KEYS, DEADMAN_KEYS = ("to", "away"), (*_WEB, "method")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_METHODS = ("GET", "POST", "HEAD")


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One channel, checked: where it stands in routing, and what it is made of."""

    name: str
    type: str
    route: Route
    about: dict[str, Any]


class Notices(msgspec.Struct, frozen=True, kw_only=True):
    """How people are told: the channels, who takes what, the ping, and when an outage is told."""

    channels: tuple[ChannelSettings, ...] = ()
    default: tuple[str, ...] = ()
    away: float = 600.0
    ping_url: Secret | None = None
    ping_method: str = "GET"

    @property
    def routes(self) -> Routes:
        """The channels as alarms see them."""
        return Routes(tuple(one.route for one in self.channels), self.default)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Everything of it that must never be written anywhere."""
        found = [value for one in self.channels for value in one.about.values()]
        return tuple(value for value in (*found, self.ping_url) if isinstance(value, Secret))

    def shown(self) -> list[tuple[str, str]]:
        """Each channel in words fit for a screen."""
        rows = [(f"channels.{one.name}", _in_words(one)) for one in self.channels]
        if self.channels:
            rows.append(("alarms.to", ", ".join(self.default) or "–"))
        if self.ping_url is not None:
            rows.append(("deadman.url", f"set (not shown), by {self.ping_method}"))
        return rows


def read_notices(
    table: Mapping[str, Any],
    place: str,
    problems: list[str],
    *,
    seconds: Callable[[str], float],
) -> Notices:
    """Read the tables `channels`, `alarms` and `deadman` of a settings file.

    `seconds` reads a length of time and raises ValueError for what is none.
    """
    reader = TableReader(place, problems)
    channels = []
    described = reader.table(table, "channels")
    for name, body in described.items():
        one = _channel(reader, name, body)
        if one is not None:
            channels.append(one)
    alarms = reader.table(table, "alarms")
    reader.refuse_unknown("alarms", alarms, ALARM_KEYS)
    names = tuple(described)
    default = reader.texts("alarms", alarms, "to") if "to" in alarms else names
    for target in default:
        if target not in names:
            known = f"there are {listed(names, 'and')}" if names else "there is none"
            hint = did_you_mean(target, names) or known
            reader.wrong("alarms.to", f"no channel is called {target!r}", hint)
    away = 600.0
    if "away" in alarms:
        try:
            away = seconds(str(alarms["away"]))
        except ValueError as wrong:
            reader.wrong("alarms.away", f"{alarms['away']!r} {wrong}")
    deadman = reader.table(table, "deadman")
    reader.refuse_unknown("deadman", deadman, DEADMAN_KEYS)
    return Notices(
        channels=tuple(channels),
        default=default,
        away=away,
        ping_url=reader.url("deadman", deadman) if deadman else None,
        ping_method=reader.one_of("deadman", deadman, "method", _METHODS, "GET"),
    )


def _channel(reader: TableReader, name: str, body: object) -> ChannelSettings | None:
    at = f"channels.{name}"
    if not isinstance(body, dict):
        reader.wrong(at, "is no table; write  [channels.NAME]  and its keys below")
        return None
    before = len(reader.problems)
    kind = reader.one_of(at, body, "type", TYPES, None)
    if kind not in TYPES:
        return None
    reader.refuse_unknown(at, body, KEYS[kind])
    route = Route(
        channel=name,
        targets=frozenset(reader.texts(at, body, "targets")),
        least=cast(Urgency, reader.one_of(at, body, "min_level", URGENCIES, "warning")),
        kinds=_kinds(reader, at, body),
    )
    about = _READ[kind](reader, at, body)
    if len(reader.problems) > before:
        return None
    return ChannelSettings(name=name, type=kind, route=route, about=about)


def _kinds(reader: TableReader, at: str, body: Mapping[str, Any]) -> frozenset[AlarmKind] | None:
    if "kinds" not in body:
        return None
    known = [kind.value for kind in AlarmKind]
    found = []
    for word in reader.texts(at, body, "kinds"):
        if word in known:
            found.append(AlarmKind(word))
        else:
            hint = did_you_mean(word, known) or f"there are {listed(known, 'and')}"
            reader.wrong(f"{at}.kinds", f"no kind of alarm is called {word!r}", hint)
    return frozenset(found)


def _webhook(reader: TableReader, at: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"url": reader.url(at, body), "secret": reader.secret(at, body, "secret_file")}


def _slack(reader: TableReader, at: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"url": reader.url(at, body)}


def _email(reader: TableReader, at: str, body: Mapping[str, Any]) -> dict[str, Any]:
    tls = reader.one_of(at, body, "tls", tuple(_PORTS), "starttls")
    readers = reader.texts(at, body, "to")
    for address in (*readers, reader.text(at, body, "from")):
        if address and not _is_address(address):
            reader.wrong(at, f"{safe_line(address, 80)!r} is no e-mail address")
    if not readers:
        reader.wrong(f"{at}.to", "is missing: who reads the e-mails?")
    username = body.get("username")
    password = reader.secret(at, body, "password_file")
    if (username is None) != (password is None) and "password_file" not in body:
        reader.wrong(at, "username needs password_file")
    if username is None and password is not None:
        reader.wrong(at, "password_file needs username")
    if tls == "none" and username is not None:
        reader.wrong(f"{at}.tls", "without TLS the password would be sent in clear")
    port = body.get("port", _PORTS.get(tls, 0))
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        reader.wrong(f"{at}.port", f"{safe_line(str(port), 40)!r} is no port")
    return {
        "host": reader.text(at, body, "host"),
        "port": port,
        "sender": reader.text(at, body, "from"),
        "to": readers,
        "username": None if username is None else reader.text(at, body, "username"),
        "password": password,
        "tls": tls,
    }


_READ: Mapping[str, Callable[[TableReader, str, Mapping[str, Any]], dict[str, Any]]] = {
    "webhook": _webhook,
    "slack": _slack,
    "email": _email,
}


def _is_address(text: str) -> bool:
    # Settings are read at every command, and few name an e-mail channel.
    from email.errors import MessageError
    from email.headerregistry import Address

    try:
        return text.isascii() and text.isprintable() and bool(Address(addr_spec=text).domain)
    except (ValueError, MessageError, IndexError):
        return False


def _in_words(one: ChannelSettings) -> str:
    takes = "all kinds" if one.route.kinds is None else listed(sorted(one.route.kinds), "and")
    where = "address not shown"
    if one.type == "email":
        where = f"{safe_line(', '.join(one.about['to']))} by {safe_line(one.about['host'])}"
    stands = f"; for {safe_line(', '.join(sorted(one.route.targets)))}" if one.route.targets else ""
    return f"{one.type}, {where}; from {one.route.least} on, {takes}{stands}"
