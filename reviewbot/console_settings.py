"""The table `[console]` of `reviewbot.toml`: how long an answer can be undone, and who says who somebody is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from reviewbot.domain.text import Secret
from reviewbot.network import is_loopback
from reviewbot.settings_table import SettingsTable

KEYS = (
    *("url", "undo", "second_look", "sign_in", "hosts", "secure", "proxy_header", "proxy_peers"),
    *("issuer", "client_id", "client_secret_file", "name_claim"),
)
SIGN_IN = ("local", "proxy", "oidc")
LONGEST_UNDO = 600.0
MICROS = 1_000_000


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the console is run. Above `second_look_micros` (millionths of a dollar) paying asks once more."""

    undo: timedelta = timedelta(seconds=10)
    second_look_micros: int = MICROS
    sign_in: str | None = None
    """`local` (passwords), `proxy` (a header) or `oidc`; without it only the one-time link on a loopback address."""
    url: str = ""
    """Where people reach it, for the links in messages; empty where that is not known."""
    hosts: tuple[str, ...] = ()
    """Names under which it is reached, beside the address it listens at."""
    secure: bool = False
    """Whether browsers reach it by https."""
    proxy_header: str = "X-Forwarded-User"
    proxy_peers: tuple[str, ...] = ()
    issuer: str = ""
    """The OpenID Connect provider, as its tokens name it."""
    client_id: str = ""
    client_secret: Secret | None = None
    name_claim: str = "email"
    """What of an ID token is the name under which somebody was added."""

    @property
    def own_host(self) -> tuple[str, ...]:
        """The name in `url`, under which requests come as well."""
        host = urlsplit(self.url).hostname
        return () if host is None else (host,)


def read_console(
    table: Mapping[str, Any], file: str, problems: list[str], *, seconds: Callable[[str], float]
) -> ConsoleSettings:
    """Read the table out of the whole file; what is wrong goes into `problems`."""
    found = SettingsTable(file, "", table, problems).inner("console")
    if found is None or not found.table:
        return ConsoleSettings()
    found.refuse_unknown(KEYS)
    settings = ConsoleSettings(
        undo=_undo(found, seconds),
        second_look_micros=_second_look(found),
        sign_in=found.one_of("sign_in", SIGN_IN, None) if "sign_in" in found.table else None,
        url=_url(found),
        hosts=tuple(host.lower() for host in found.texts("hosts")),
        secure=_yes(found, "secure") or str(found.table.get("url", "")).startswith("https:"),
        proxy_header=_text(found, "proxy_header", "X-Forwarded-User"),
        proxy_peers=found.texts("proxy_peers"),
        issuer=_text(found, "issuer", ""),
        client_id=_text(found, "client_id", ""),
        client_secret=found.secret("client_secret_file"),
        name_claim=_text(found, "name_claim", "email"),
    )
    if settings.sign_in == "oidc":
        _refuse_oidc(found, settings)
    return settings


def _text(found: SettingsTable, key: str, default: str) -> str:
    return found.text(key) if key in found.table else default


def _refuse_oidc(found: SettingsTable, settings: ConsoleSettings) -> None:
    """Say what is missing to sign in by a provider."""
    for key in ("issuer", "client_id", "url"):
        if key not in found.table:
            found.wrong(key, "is missing: signing in by OIDC needs it")
    parts = urlsplit(settings.issuer)
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if settings.issuer and not (parts.hostname and (plain or parts.scheme == "https")):
        found.wrong("issuer", 'is no address: write it like "https://login.example.com"')


def _undo(found: SettingsTable, seconds: Callable[[str], float]) -> timedelta:
    text = found.table.get("undo", "10s")
    if text == "0s":
        return timedelta(0)
    try:
        length = seconds(str(text))
    except ValueError as wrong:
        found.wrong("undo", f"{text!r} {wrong}")
        return ConsoleSettings().undo
    if length > LONGEST_UNDO:
        found.wrong("undo", "is longer than 10m: what is decided has to leave in time")
    return timedelta(seconds=length)


def _url(found: SettingsTable) -> str:
    """An address without a path, by https or on this machine."""
    if "url" not in found.table:
        return ""
    text = found.text("url").rstrip("/")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or not (plain or parts.scheme == "https") or not text.isprintable():
        found.wrong("url", 'is no address: write it like "https://desk.example.com"')
        return ""
    if parts.username or parts.password or parts.path or parts.query or parts.fragment:
        found.wrong("url", "holds more than a host: links are made from it")
        return ""
    return text


def _second_look(found: SettingsTable) -> int:
    text = str(found.table.get("second_look", "1.00 USD")).removesuffix("USD").strip()
    try:
        dollars = float(text)
    except ValueError:
        dollars = math.nan
    if not 0 <= dollars < 1_000_000:
        found.wrong("second_look", 'is no sum: write it like "1.00 USD"')
        return MICROS
    return round(dollars * MICROS)


def _yes(found: SettingsTable, key: str) -> bool:
    value = found.table.get(key, False)
    if not isinstance(value, bool):
        found.wrong(key, "is neither true nor false")
        return False
    return value
