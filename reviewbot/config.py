"""Settings: every knob, where its value came from, and a clear word on each that is wrong.

A setting is one field of `Settings`, with its type, its default, how its text is read and a sentence.
Each is looked up in the sources in order (flag, environment, file of secrets, `reviewbot.toml`).
All that is wrong is collected and told in one error. A name that nobody knows is wrong as well: a
mistyped cap that is silently ignored costs money.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import unquote, urlsplit

import msgspec

from reviewbot.channels.config import Notices, read_notices
from reviewbot.console_settings import ConsoleSettings, read_console
from reviewbot.core.paths import default_ledger
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ConfigError
from reviewbot.domain.text import Secret, mark_of, masked, remember, safe_line
from reviewbot.network import NONE, USUAL, Proxy, is_loopback, proxy_of, spared_by
from reviewbot.policy.text_forms import did_you_mean
from reviewbot.secret_file import Unusable, read_secret_file

DEFAULT_BASE_URL = "https://app.tokportal.com/api/ext"
FILE_NAME = "reviewbot.toml"
PAUSE = "PAUSE"
_SHORT_QUARANTINE = timedelta(minutes=10)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
CLOCK_BRAKE = 30 * 60.0
"""Seconds a real API's clock and this machine's may differ before nothing is sent."""


class Setting(msgspec.Struct, frozen=True):
    """One setting: how its text is read, one sentence on it, and its names."""

    read: Callable[[str], Any]
    sentence: str
    env: str = ""
    name: str = ""
    in_file: bool = True


class _Misread(ValueError):
    """A value that cannot be read, in one sentence."""


def _text(text: str) -> str:
    if not text.strip():
        raise _Misread("is empty")
    return text.strip()


def _paths(text: str) -> tuple[str, ...]:
    """Paths, and policies in the ledger (`ledger:NAME`), whose colon parts nothing."""
    parts: list[str] = []
    for part in text.split(os.pathsep):
        if parts and parts[-1] == "ledger":
            parts[-1] = f"ledger:{part}"
        elif part:
            parts.append(part)
    return tuple(parts)


def read_seconds(text: str) -> float:
    """Read `60s`, `15m`, `1h30m` or `2d`.

    Raises ConfigError for anything else.
    """
    try:
        return _seconds(text)
    except _Misread as wrong:
        raise ConfigError(f"{text!r} {wrong}") from None


def _seconds(text: str) -> float:
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        raise _Misread(f"has no unit: did you mean {text}s, {text}m or {text}h?")
    if not re.fullmatch(r"(\d{1,9}[dhms])+", text):
        raise _Misread("is no length of time: write it like 60s, 15m or 1h30m")
    seconds = float(sum(int(n) * _UNITS[u] for n, u in re.findall(r"(\d+)([dhms])", text)))
    if not 1 <= seconds <= 86400 * 30:
        raise _Misread("is out of range: from 1s to 30d")
    return seconds


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        raise _Misread("is no number of requests a minute") from None
    if not 1 <= rate <= 1_000_000:
        raise _Misread("is out of range: at least 1 request a minute")
    return rate


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.strip() not in words:
            raise _Misread(f"is none of {', '.join(words)}")
        return text.strip()

    return read


def _mode(text: str) -> Mode:
    return Mode(_one_of(*Mode)(text))


def _yes_or_no(text: str) -> bool:
    word = text.strip().lower()
    if word not in _YES_NO:
        raise _Misread("is neither yes nor no")
    return _YES_NO[word]


_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def _base_url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        _ = parts.port
    except ValueError:
        raise _Misread("is no address: write it like https://host/path") from None
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise _Misread("would send the key in clear: plain http is only for a loopback address")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _Misread("is no address: write it like https://host/path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _Misread("holds more than host and path")
    return text.strip().rstrip("/")


def _ledger(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise _Misread("is no ledger: sqlite:///PATH or postgresql+psycopg://…")
    if not text.startswith("sqlite:///") and text.count("@") > 1:
        raise _Misread("holds more than one @: in a password write @ as %40 and / as %2F")
    return text


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise _Misread("is no address to listen at: write it like 127.0.0.1:9464")
    return (host.strip("[]") or "127.0.0.1", int(port))


def read_address(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`. Raises ConfigError for anything else."""
    try:
        return _address(text)
    except _Misread as wrong:
        raise ConfigError(f"{text!r} {wrong}") from None


def _key(text: str) -> Secret:
    text = text.strip()
    remember(text)
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise _Misread("is no API key (one word of plain characters)")
    return Secret(text)


def _proxy(text: str) -> Proxy | None:
    try:
        return proxy_of(text)
    except ValueError as wrong:
        raise _Misread(f"{wrong}; or write {NONE} to go without one") from None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, read and checked. `origins` tells for each name where its value came from."""

    api_key: Annotated[
        Secret | None, Setting(_key, "the key", env="TOKPORTAL_API_KEY", in_file=False)
    ] = None
    base_url: Annotated[str, Setting(_base_url, "API root", env="TOKPORTAL_BASE_URL")] = (
        DEFAULT_BASE_URL
    )
    mode: Annotated[Mode, Setting(_mode, "dry-run or live")] = Mode.DRY_RUN
    policy: Annotated[tuple[str, ...], Setting(_paths, "policy file(s)")] = ()
    ledger: Annotated[str, Setting(_ledger, "database URL")] = ""
    every: Annotated[float, Setting(_seconds, "poll interval")] = 60.0
    rate_per_minute: Annotated[
        float | None,
        Setting(
            _rate, "this bot's share of the key's budget; 80 % of the advertised limit without it"
        ),
    ] = None
    quarantine: Annotated[
        float, Setting(_seconds, "how long an ambiguous write may still arrive")
    ] = 900.0
    freshness: Annotated[
        float, Setting(_seconds, "how old the last sight of a task may be when a write leaves")
    ] = 60.0
    clock_brake: Annotated[
        float | None,
        Setting(
            _seconds, "how far this machine's clock may be off the API's before nothing is sent"
        ),
    ] = None
    evidence: Annotated[
        str,
        Setting(
            _one_of("when-needed", "always"),
            "when-needed or always: when the verifier's timeline is fetched",
        ),
    ] = "when-needed"
    checkpoint_file: Annotated[
        str | None,
        Setting(_text, "file, best on another disk, to which the log's checkpoints are added"),
    ] = None
    checkpoint_key_file: Annotated[
        str | None, Setting(_text, "file with the key that signs checkpoints; unsigned without it")
    ] = None
    listen: Annotated[
        tuple[str, int] | None,
        Setting(_address, "HOST:PORT for health checks and metrics; off without it"),
    ] = None
    proxy: Annotated[
        Proxy | None,
        Setting(
            _proxy, "proxy for the API and the channels; HTTPS_PROXY and NO_PROXY are honoured"
        ),
    ] = None
    pause_file: Annotated[
        str | None,
        Setting(
            _text, "a file that pauses the bot while it is there; PAUSE beside the log without it"
        ),
    ] = None
    require_ack: Annotated[
        bool, Setting(_yes_or_no, "whether a changed policy waits for  reviewbot policy accept")
    ] = False
    two_for_caps: Annotated[
        bool,
        Setting(_yes_or_no, "whether one that raises a limit waits for that word of two people"),
    ] = False
    person: Annotated[
        str | None,
        Setting(_text, "the name under which your answers are logged; your login without it"),
    ] = None
    notices: Notices = Notices()
    console: ConsoleSettings = ConsoleSettings()
    origins: dict[str, str] = {}
    warnings: tuple[str, ...] = ()

    def need_key(self) -> Secret:
        """The key.

        Raises ConfigError when there is none.
        """
        if self.api_key is None:
            raise ConfigError(
                "no API key: put it in a file that only you can read and set "
                "TOKPORTAL_API_KEY_FILE to its path, or set TOKPORTAL_API_KEY"
            )
        return self.api_key

    def brake_at(self) -> float:
        """How many seconds this machine's clock may be off before nothing is sent.

        Without an end for a loopback API root, unless the setting says one: that is a simulator,
        and a simulator's time may run as fast as it likes.
        """
        if self.clock_brake is not None:
            return self.clock_brake
        host = urlsplit(self.base_url).hostname or ""
        return math.inf if is_loopback(host) else CLOCK_BRAKE

    def need_policies(self) -> tuple[str, ...]:
        """The policy files.

        Raises ConfigError when none is named.
        """
        if not self.policy:
            raise ConfigError("no policy: name one with --policy FILE or REVIEWBOT_POLICY")
        return self.policy

    def pause_path(self) -> Path:
        """The file whose presence pauses the bot: as set, or beside the log.

        A log on a server has none beside it, and shares the state directory with others: its file
        there has its mark in its name.
        """
        if self.pause_file is not None:
            return Path(self.pause_file)
        folder = beside_ledger(self.ledger, os.environ)
        on_server = not self.ledger.startswith("sqlite:///")
        return folder / (f"{PAUSE}-{mark_of(self.ledger)}" if on_server else PAUSE)

    def shown(self) -> list[tuple[str, str, str]]:
        """Each setting as (name, value fit for a screen, origin)."""
        return [
            (row.env, _shown(getattr(self, row.name)), masked(self.origins[row.name]))
            for row in TABLE
        ]

    def secrets(self) -> tuple[str, ...]:
        """All that must never be written anywhere, to be masked where it turns up."""
        proxy = None if self.proxy is None else self.proxy.url
        found = (self.api_key, proxy, *self.notices.secrets)
        return tuple(secret.reveal() for secret in found if secret is not None)


def _settings() -> Iterator[Setting]:
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        for row in getattr(hint, "__metadata__", ()):
            env = row.env or f"REVIEWBOT_{name.upper()}"
            yield msgspec.structs.replace(row, name=name, env=env)


TABLE = tuple(_settings())
"""Every setting. `TOKPORTAL_API_KEY_FILE` and `REVIEWBOT_CONFIG` name files and are no settings."""
TABLES = ("channels", "alarms", "deadman", "console")
"""The tables of `reviewbot.toml`: how people are told, and the console."""
_KEY_FILE = "TOKPORTAL_API_KEY_FILE"
_CONFIG = "REVIEWBOT_CONFIG"


def load_settings(
    flags: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    *,
    config: str | None = None,
    folder: Path | None = None,
) -> Settings:
    """Read every setting. `flags` maps names of `TABLE` to texts (None: not given).

    Raises ConfigError that names all that is wrong, each with its place.
    """
    env = os.environ if env is None else env
    problems = _unknown_names(env)
    remember(env.get("TOKPORTAL_API_KEY", "").strip())
    file = _read_file(config or env.get(_CONFIG), folder or Path(), problems)
    # First, so that their secrets are known before anything else is said.
    notices = read_notices(file.table, file.path, problems, seconds=_seconds)
    console = read_console(file.table, file.path, problems, seconds=_seconds)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for row in TABLE:
        found = _find(row, flags or {}, env, file, problems)
        origins[row.name] = "default" if found is None else found[1]
        if found is not None:
            _take(row, *found, values, problems)
    if problems:
        raise ConfigError(masked("\n".join(problems)))
    if (proxy := values.get("proxy")) is not None:
        values["proxy"] = msgspec.structs.replace(proxy, spared=spared_by(env))
    if "ledger" not in values:
        values["ledger"] = default_ledger(env)
    settings = Settings(**values, notices=notices, console=console, origins=origins)
    return msgspec.structs.replace(settings, warnings=_warnings(settings))


def _take(row: Setting, text: str, place: str, values: dict[str, Any], problems: list[str]) -> None:
    """Read one setting into `values`, or say what is wrong with it."""
    try:
        values[row.name] = row.read(text)
    except _Misread as wrong:
        shown = "" if row.name == "api_key" else f" {safe_line(masked(text), 80)!r}"
        problems.append(f"{place}:{shown} {wrong}")
        return
    key = values.get("api_key")
    if key is not None and row.name != "api_key" and key.reveal() in text:
        problems.append(f"{place}: holds the API key, which belongs nowhere else")


def beside_ledger(ledger: str, env: Mapping[str, str]) -> Path:
    """The folder of an SQLite log, or the state directory where the log is elsewhere."""
    if not ledger.startswith("sqlite:///"):
        ledger = default_ledger(env)
    return Path(unquote(ledger.removeprefix("sqlite:///"))).parent


class _File(msgspec.Struct):
    path: str = FILE_NAME
    table: dict[str, Any] = {}


def _read_file(named: str | None, folder: Path, problems: list[str]) -> _File:
    path = Path(named) if named else folder / FILE_NAME
    if not named and not path.exists():
        return _File()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror})")
        return _File()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path}: {error}")
        return _File()
    known = [row.name for row in TABLE if row.in_file] + ["api_key_file", *TABLES]
    for name in table:
        if name == "api_key":
            problems.append(f"{path}: api_key does not belong in this file; use api_key_file")
        elif name not in known:
            problems.append(_unknown(f"{path}: {name}", name, known))
    return _File(str(path), table)


def _find(
    row: Setting,
    flags: Mapping[str, Any],
    env: Mapping[str, str],
    file: _File,
    problems: list[str],
) -> tuple[str, str] | None:
    """The text of a setting and where it stands, from the first source that has it."""
    given = flags.get(row.name)
    if given not in (None, (), ""):
        flag = f"--{row.name.replace('_', '-')}"
        return (given if isinstance(given, str) else os.pathsep.join(given)), flag
    if env.get(row.env):
        return env[row.env], row.env
    if row.name == "proxy" and "proxy" not in file.table:
        return next(((env[name], name) for name in USUAL if env.get(name)), None)
    if row.name == "api_key":
        return _key_from_file(env, file, problems)
    if row.name not in file.table:
        return None
    value, place = file.table[row.name], f"{file.path}: {row.name}"
    if isinstance(value, list):
        return os.pathsep.join(map(str, value)), place
    return str(value), place


def _key_from_file(
    env: Mapping[str, str], file: _File, problems: list[str]
) -> tuple[str, str] | None:
    path, place = env.get(_KEY_FILE), _KEY_FILE
    credentials = env.get("CREDENTIALS_DIRECTORY")
    if not path and credentials and (Path(credentials) / "api_key").exists():
        path, place = str(Path(credentials) / "api_key"), "CREDENTIALS_DIRECTORY"
    if not path and isinstance(file.table.get("api_key_file"), str):
        path, place = file.table["api_key_file"], f"{file.path}: api_key_file"
    if not path:
        return None
    try:
        return read_secret_file(path, env), f"{place} ({path})"
    except Unusable as wrong:
        problems.append(f"{place}: {wrong}")
        return None


def _unknown_names(env: Mapping[str, str]) -> list[str]:
    known = [row.env for row in TABLE] + [_KEY_FILE, _CONFIG]
    return [
        _unknown(name, name, known)
        for name in sorted(env)
        if name.startswith(("REVIEWBOT_", "TOKPORTAL_")) and name not in known
    ]


def _unknown(place: str, name: str, known: list[str]) -> str:
    hint = did_you_mean(name, known)
    return f"{place}: no setting has this name" + (f"; {hint}" if hint else "")


def _warnings(settings: Settings) -> tuple[str, ...]:
    if settings.quarantine < _SHORT_QUARANTINE / timedelta(seconds=1):
        return (
            f"{settings.origins['quarantine']}: under 10m a write that arrives late may be sent twice",
        )
    return ()


def _shown(value: Any) -> str:
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
