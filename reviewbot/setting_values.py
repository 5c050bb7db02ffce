"""How the text of each kind of setting is read; each raises NotASetting, in one sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ConfigError
from reviewbot.domain.text import Secret, masked, remember, safe_line
from reviewbot.network import NONE, Proxy, is_loopback, proxy_of
from reviewbot.policy.text_forms import did_you_mean

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class NotASetting(ValueError):
    """A value that cannot be read, in one sentence."""


LONGEST_LEASE = 600.0


def parse_text(text: str) -> str:
    """A text that is not empty."""
    if not text.strip():
        raise NotASetting("is empty")
    return text.strip()


def parse_paths(text: str) -> tuple[str, ...]:
    """Paths, and policies in the ledger (`ledger:NAME`), whose colon parts nothing."""
    parts: list[str] = []
    for part in text.split(os.pathsep):
        if parts and parts[-1] == "ledger":
            parts[-1] = f"ledger:{part}"
        elif part:
            parts.append(part)
    return tuple(parts)


def read_seconds(text: str, *, days: int = 30) -> float:
    """Read `60s`, `15m`, `1h30m` or `2d`.

    Raises ConfigError for anything else.
    """
    try:
        return parse_seconds(text, days)
    except NotASetting as wrong:
        raise ConfigError(f"{text!r} {wrong}") from None


def parse_seconds(text: str, days: int = 30) -> float:
    """A length of time, in seconds."""
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        raise NotASetting(f"has no unit: did you mean {text}s, {text}m or {text}h?")
    if not re.fullmatch(r"(\d{1,9}[dhms])+", text):
        raise NotASetting("is no length of time: write it like 60s, 15m or 1h30m")
    seconds = float(sum(int(n) * _UNITS[u] for n, u in re.findall(r"(\d+)([dhms])", text)))
    if not 1 <= seconds <= 86400 * days:
        raise NotASetting(f"is out of range: from 1s to {days}d")
    return seconds


def parse_lease(text: str) -> float:
    """How long a key is held, in seconds: longer, and one that is lost would wait for it too long."""
    seconds = parse_seconds(text)
    if seconds > LONGEST_LEASE:
        raise NotASetting("is out of range: from 1s to 10m")
    return seconds


_AGES = _UNITS | {"w": 7 * 86400, "y": 365 * 86400}


def parse_age(text: str) -> float:
    """A length of time that may be years, in seconds."""
    text = text.strip()
    if not re.fullmatch(r"(\d{1,9}[smhdwy])+", text):
        raise NotASetting("is no length of time: write it like 90d, 26w or 2y")
    seconds = float(sum(int(n) * _AGES[u] for n, u in re.findall(r"(\d+)([smhdwy])", text)))
    if not 1 <= seconds <= 100 * _AGES["y"]:
        raise NotASetting("is out of range: from 1s to 100y")
    return seconds


def parse_rate(text: str) -> float:
    """Requests a minute."""
    try:
        rate = float(text)
    except ValueError:
        raise NotASetting("is no number of requests a minute") from None
    if not 1 <= rate <= 1_000_000:
        raise NotASetting("is out of range: at least 1 request a minute")
    return rate


def parse_one_of(*words: str) -> Callable[[str], str]:
    """One of some words."""

    def read(text: str) -> str:
        if text.strip() not in words:
            raise NotASetting(f"is none of {', '.join(words)}")
        return text.strip()

    return read


def parse_mode(text: str) -> Mode:
    """Dry run or live."""
    return Mode(parse_one_of(*Mode)(text))


def parse_yes_or_no(text: str) -> bool:
    """Yes or no."""
    word = text.strip().lower()
    if word not in _YES_NO:
        raise NotASetting("is neither yes nor no")
    return _YES_NO[word]


_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def parse_base_url(text: str) -> str:
    """The root of an API: https, or plain http on this machine."""
    try:
        parts = urlsplit(text.strip())
        _ = parts.port
    except ValueError:
        raise NotASetting("is no address: write it like https://host/path") from None
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise NotASetting("would send the key in clear: plain http is only for a loopback address")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotASetting("is no address: write it like https://host/path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise NotASetting("holds more than host and path")
    return text.strip().rstrip("/")


def parse_ledger(text: str) -> str:
    """A decision log's URL."""
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise NotASetting("is no ledger: sqlite:///PATH or postgresql+psycopg://…")
    if not text.startswith("sqlite:///") and text.count("@") > 1:
        raise NotASetting("holds more than one @: in a password write @ as %40 and / as %2F")
    return text


def parse_address(text: str) -> tuple[str, int]:
    """`HOST:PORT`."""
    host, _, port = text.strip().rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise NotASetting("is no address to listen at: write it like 127.0.0.1:9464")
    return (host.strip("[]") or "127.0.0.1", int(port))


def read_address(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`. Raises ConfigError for anything else."""
    try:
        return parse_address(text)
    except NotASetting as wrong:
        raise ConfigError(f"{text!r} {wrong}") from None


def parse_key(text: str) -> Secret:
    """An API key; from here on it is masked wherever it turns up."""
    text = text.strip()
    remember(text)
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise NotASetting("is no API key (one word of plain characters)")
    return Secret(text)


def parse_proxy(text: str) -> Proxy | None:
    """A proxy, or the word for none."""
    try:
        return proxy_of(text)
    except ValueError as wrong:
        raise NotASetting(f"{wrong}; or write {NONE} to go without one") from None


def shown(value: Any) -> str:
    """A value fit for a screen."""
    match value:
        case None | ():
            return "–"
        case Secret():
            return "set (not shown)"
        case float():
            return f"{value:g}"
        case (str() as host, int() as port):
            return f"{host}:{port}"
        case tuple():
            return safe_line(masked(", ".join(map(str, value))))
        case bool():
            return "yes" if value else "no"
    return safe_line(masked(str(value)))


def unknown_name(place: str, name: str, known: list[str]) -> str:
    """What is said of a name that no setting has."""
    hint = did_you_mean(name, known)
    return f"{place}: no setting has this name" + (f"; {hint}" if hint else "")
