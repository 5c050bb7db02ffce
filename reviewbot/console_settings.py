"""The table `[console]` of `reviewbot.toml`: how long an answer can be undone, and who says who somebody is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from reviewbot.settings_table import SettingsTable

KEYS = ("undo", "second_look", "sign_in", "hosts", "secure", "proxy_header", "proxy_peers")
SIGN_IN = ("local", "proxy")
LONGEST_UNDO = 600.0
MICROS = 1_000_000


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the console is run. Above `second_look_micros` (millionths of a dollar) paying asks once more."""

    undo: timedelta = timedelta(seconds=10)
    second_look_micros: int = MICROS
    sign_in: str | None = None
    """`local` (passwords) or `proxy` (a header); without it only the one-time link on a loopback address."""
    hosts: tuple[str, ...] = ()
    """Names under which it is reached, beside the address it listens at."""
    secure: bool = False
    """Whether browsers reach it by https."""
    proxy_header: str = "X-Forwarded-User"
    proxy_peers: tuple[str, ...] = ()


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
        hosts=tuple(host.lower() for host in found.texts("hosts")),
        secure=_yes(found, "secure"),
        proxy_header=found.text("proxy_header")
        if "proxy_header" in found.table
        else ConsoleSettings().proxy_header,
        proxy_peers=found.texts("proxy_peers"),
    )
    if settings.sign_in == "proxy" and not settings.proxy_peers:
        found.wrong(
            "proxy_peers", "is missing: the addresses of the proxy, whose header is believed"
        )
    return settings


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
