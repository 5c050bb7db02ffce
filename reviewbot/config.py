"""Settings: every knob, where its value came from, and a clear word on each that is wrong.

A setting is one field of `Settings`, with its type, its default, how its text is read and a sentence.
Each is looked up in the sources in order (flag, environment, file of secrets, `reviewbot.toml`).
All that is wrong is collected and told in one error. A name that nobody knows is wrong as well: a
mistyped cap that is silently ignored costs money.
"""

from __future__ import annotations

import math
import os
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import unquote, urlsplit

import msgspec

from reviewbot.channels.config import Notices, read_notices
from reviewbot.console_settings import ConsoleSettings, read_console
from reviewbot.core.paths import default_ledger
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ConfigError, UsageError
from reviewbot.domain.text import Secret, mark_of, masked, remember, safe_line
from reviewbot.key_settings import (
    KEY_FILE,
    KeyTable,
    chosen_keys,
    named_and_not,
    names_of,
    one_key_file,
    read_key_file,
    read_keys,
)
from reviewbot.key_settings import TABLES as KEY_TABLES
from reviewbot.network import USUAL, Proxy, is_loopback, spared_by
from reviewbot.ports.ledger import DEFAULT_KEY
from reviewbot.secret_file import Unusable, read_secret_file
from reviewbot.setting_values import (
    NotASetting,
    parse_address,
    parse_age,
    parse_base_url,
    parse_key,
    parse_lease,
    parse_ledger,
    parse_mode,
    parse_one_of,
    parse_paths,
    parse_proxy,
    parse_rate,
    parse_seconds,
    parse_text,
    parse_yes_or_no,
    shown,
    unknown_name,
)

DEFAULT_BASE_URL = "https://app.tokportal.com/api/ext"
FILE_NAME = "reviewbot.toml"
PAUSE = "PAUSE"
_SHORT_QUARANTINE = timedelta(minutes=10)
CLOCK_BRAKE = 30 * 60.0
"""Seconds a real API's clock and this machine's may differ before nothing is sent."""


class Setting(msgspec.Struct, frozen=True):
    """One setting: how its text is read, one sentence on it, and its names."""

    read: Callable[[str], Any]
    sentence: str
    env: str = ""
    name: str = ""
    in_file: bool = True


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, read and checked. `origins` tells for each name where its value came from."""

    api_key: Annotated[
        Secret | None, Setting(parse_key, "the key", env="TOKPORTAL_API_KEY", in_file=False)
    ] = None
    base_url: Annotated[str, Setting(parse_base_url, "API root", env="TOKPORTAL_BASE_URL")] = (
        DEFAULT_BASE_URL
    )
    mode: Annotated[Mode, Setting(parse_mode, "dry-run or live")] = Mode.DRY_RUN
    policy: Annotated[tuple[str, ...], Setting(parse_paths, "policy file(s)")] = ()
    ledger: Annotated[str, Setting(parse_ledger, "database URL")] = ""
    every: Annotated[float, Setting(parse_seconds, "poll interval")] = 60.0
    rate_per_minute: Annotated[
        float | None,
        Setting(
            parse_rate,
            "this bot's share of the key's budget; 80 % of the advertised limit without it",
        ),
    ] = None
    quarantine: Annotated[
        float, Setting(parse_seconds, "how long an ambiguous write may still arrive")
    ] = 900.0
    freshness: Annotated[
        float, Setting(parse_seconds, "how old the last sight of a task may be when a write leaves")
    ] = 60.0
    clock_brake: Annotated[
        float | None,
        Setting(
            parse_seconds,
            "how far this machine's clock may be off the API's before nothing is sent",
        ),
    ] = None
    evidence: Annotated[
        str,
        Setting(
            parse_one_of("when-needed", "always"),
            "when-needed or always: when the verifier's timeline is fetched",
        ),
    ] = "when-needed"
    checkpoint_file: Annotated[
        str | None,
        Setting(parse_text, "file, best on another disk, to which the log's checkpoints are added"),
    ] = None
    checkpoint_key_file: Annotated[
        str | None,
        Setting(parse_text, "file with the key that signs checkpoints; unsigned without it"),
    ] = None
    retain: Annotated[
        float | None,
        Setting(parse_age, "how long the log keeps what people wrote; for ever without it"),
    ] = None
    listen: Annotated[
        tuple[str, int] | None,
        Setting(parse_address, "HOST:PORT for health checks and metrics; off without it"),
    ] = None
    proxy: Annotated[
        Proxy | None,
        Setting(
            parse_proxy, "proxy for the API and the channels; HTTPS_PROXY and NO_PROXY are honoured"
        ),
    ] = None
    pause_file: Annotated[
        str | None,
        Setting(
            parse_text,
            "a file that pauses the bot while it is there; PAUSE beside the log without it",
        ),
    ] = None
    require_ack: Annotated[
        bool,
        Setting(parse_yes_or_no, "whether a changed policy waits for  reviewbot policy accept"),
    ] = False
    two_for_caps: Annotated[
        bool,
        Setting(
            parse_yes_or_no, "whether one that raises a limit waits for that word of two people"
        ),
    ] = False
    person: Annotated[
        str | None,
        Setting(parse_text, "the name under which your answers are logged; your login without it"),
    ] = None
    name: Annotated[
        str, Setting(parse_text, "this process's name in leases, alarms and heartbeats")
    ] = ""
    lease: Annotated[float, Setting(parse_lease, "how long a key is held unrenewed")] = 15.0
    keys_dir: Annotated[str | None, Setting(parse_text, "a folder with a key per file")] = None
    notices: Notices = Notices()
    console: ConsoleSettings = ConsoleSettings()
    keys: tuple[KeyTable, ...] = ()
    """Every key that has a name; without any there is one, called `default`."""
    chosen: tuple[str, ...] = ()
    """The keys that were asked for by --key; all without it."""
    key: str = DEFAULT_KEY
    """The name of the key that these are the settings of."""
    owner: str = ""
    """Whose key it is."""
    key_file: str | None = None
    """The file that the key is in; read again when it changes."""
    origins: dict[str, str] = {}
    warnings: tuple[str, ...] = ()

    def need_key(self) -> Secret:
        """The key.

        Raises ConfigError when there is none.
        """
        if self.api_key is not None:
            return self.api_key
        if self.key_file is not None:
            return read_key_file(self.key_file)
        raise ConfigError(
            "no API key: put it in a file that only you can read and set "
            "TOKPORTAL_API_KEY_FILE to its path, or set TOKPORTAL_API_KEY"
        )

    @property
    def has_key(self) -> bool:
        """Whether any key was named."""
        return self.api_key is not None or self.key_file is not None

    def each(self) -> tuple[Settings, ...]:
        """The settings of each key that was asked for, by name."""
        if not self.keys or self.key_file is not None:
            return (self,)
        return tuple(
            self._of(key) for key in self.keys if not self.chosen or key.name in self.chosen
        )

    def one(self) -> Settings:
        """The settings of the one key that was asked for. Raises UsageError where there are several."""
        found = self.each()
        if len(found) > 1:
            names = names_of([key.key for key in found])
            raise UsageError(f"this is done for one key: name it by --key NAME; {names}")
        return found[0]

    def _of(self, key: KeyTable) -> Settings:
        """The settings of one key: its own, else the common ones. A flag wins over both.

        A key that is set to dry run stays so, whatever --live says.
        """
        own = {
            "api_key": key.place,
            "policy": f"{key.place}.policy" if key.policy else self.origins["policy"],
            "mode": self.origins["mode"] if key.mode is None else f"{key.place}.mode",
        }
        policy, mode = key.policy or self.policy, key.mode or self.mode
        if self.policy and self.origins["policy"] == "--policy":
            policy, own["policy"] = self.policy, "--policy"
        if self.mode is Mode.DRY_RUN and self.origins["mode"] == "--mode":
            mode, own["mode"] = self.mode, "--mode"
        return msgspec.structs.replace(
            self,
            key=key.name,
            owner=key.owner,
            key_file=key.file,
            policy=policy,
            mode=mode,
            notices=self.notices if key.channels is None else self.notices.only(key.channels),
            origins=self.origins | own,
        )

    @property
    def by_another(self) -> bool:
        """Whether somebody else than its author has to accept a proposed policy."""
        return self.require_ack or self.two_for_caps

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
            own = f", or policy below [keys.{self.key}]" if self.keys else ""
            raise ConfigError(f"no policy: name one with --policy FILE or REVIEWBOT_POLICY{own}")
        return self.policy

    def pause_paths(self) -> tuple[Path, ...]:
        """The files that pause the bot: the one for all keys, and its own where its key has a name."""
        common = self.pause_path()
        return (common, common.with_name(f"{common.name}-{self.key}")) if self.keys else (common,)

    def pause_path(self) -> Path:
        """The file whose presence pauses every bot: as set, or beside the log.

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
        rows = [
            (row.env, shown(getattr(self, row.name)), masked(self.origins[row.name]))
            for row in TABLE
        ]
        named = self.each() if self.keys else ()
        return rows + [(f"keys.{key.key}", _in_words(key), key.origins["api_key"]) for key in named]

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
"""Every setting. `TOKPORTAL_API_KEY_FILE`, `REVIEWBOT_LEDGER_FILE` and `REVIEWBOT_CONFIG` name files and are none."""
TABLES = ("channels", "alarms", "deadman", "console", *KEY_TABLES)
"""The tables of `reviewbot.toml`: how people are told, the console, and the keys."""
LEDGER_FILE = "REVIEWBOT_LEDGER_FILE"
"""Names a file with the database's URL, for that may hold a password."""
_CONFIG = "REVIEWBOT_CONFIG"


def load_settings(
    flags: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    *,
    config: str | None = None,
    folder: Path | None = None,
    keys: Sequence[str] = (),
) -> Settings:
    """Read every setting. `flags` maps names of `TABLE` to texts (None: not given).

    `keys` names the keys that are asked for, all without any; UsageError for one that is not there.

    Raises ConfigError that names all that is wrong, each with its place.
    """
    env = os.environ if env is None else env
    problems = _unknown_names(env)
    remember(env.get("TOKPORTAL_API_KEY", "").strip())
    file = _read_file(config or env.get(_CONFIG), folder or Path(), problems)
    # First, so that their secrets are known before anything else is said.
    notices = read_notices(file.table, file.path, problems, seconds=parse_seconds)
    console = read_console(file.table, file.path, problems, seconds=parse_seconds)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for row in TABLE:
        found = _find(row, flags or {}, env, file, problems)
        origins[row.name] = "default" if found is None else found[1]
        if found is not None:
            _take(row, *found, values, problems)
    named, key_file = _read_keys(file, env, values, notices, problems)
    if problems:
        raise ConfigError(masked("\n".join(problems)))
    if (proxy := values.get("proxy")) is not None:
        values["proxy"] = msgspec.structs.replace(proxy, spared=spared_by(env))
    if "ledger" not in values:
        values["ledger"] = default_ledger(env)
    values.setdefault("name", socket.gethostname())
    settings = Settings(
        **values,
        notices=notices,
        console=console,
        keys=named,
        chosen=chosen_keys(keys, named),
        key_file=key_file,
        origins=origins,
    )
    return msgspec.structs.replace(settings, warnings=_warnings(settings))


def _read_keys(
    file: _File,
    env: Mapping[str, str],
    values: dict[str, Any],
    notices: Notices,
    problems: list[str],
) -> tuple[tuple[KeyTable, ...], str | None]:
    """The keys that have names; without any, the file of the one that has none, where it is in one."""
    channels = [channel.name for channel in notices.channels]
    named = read_keys(
        file.table, file.path, problems, folder=values.get("keys_dir"), channels=channels
    )
    alone = one_key_file(env, file.table, file.path)
    if named:
        values.pop("api_key", None)
        problems += named_and_not(named, env, alone)
        return named, None
    return (), None if alone is None or env.get("TOKPORTAL_API_KEY") else alone[0]


def _take(row: Setting, text: str, place: str, values: dict[str, Any], problems: list[str]) -> None:
    """Read one setting into `values`, or say what is wrong with it."""
    try:
        values[row.name] = row.read(text)
    except NotASetting as wrong:
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
            problems.append(unknown_name(f"{path}: {name}", name, known))
    return _File(str(path), table)


def _find(
    row: Setting, flags: Mapping[str, Any], env: Mapping[str, str], file: _File, problems: list[str]
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
    named = one_key_file(env, file.table, file.path) if row.name == "api_key" else None
    if row.name == "ledger" and env.get(LEDGER_FILE):
        named = env[LEDGER_FILE], LEDGER_FILE
    if named is not None or row.name == "api_key":
        return None if named is None else _from_secret_file(*named, env, problems)
    if row.name not in file.table:
        return None
    value, place = file.table[row.name], f"{file.path}: {row.name}"
    if isinstance(value, list):
        return os.pathsep.join(map(str, value)), place
    return str(value), place


def _from_secret_file(
    path: str, place: str, env: Mapping[str, str], problems: list[str]
) -> tuple[str, str] | None:
    try:
        return read_secret_file(path, env).strip(), f"{place} ({path})"
    except Unusable as wrong:
        problems.append(f"{place}: {wrong}")
        return None


def _unknown_names(env: Mapping[str, str]) -> list[str]:
    known = [row.env for row in TABLE] + [KEY_FILE, LEDGER_FILE, _CONFIG]
    return [
        unknown_name(name, name, known)
        for name in sorted(env)
        if name.startswith(("REVIEWBOT_", "TOKPORTAL_")) and name not in known
    ]


def _warnings(settings: Settings) -> tuple[str, ...]:
    if settings.quarantine < _SHORT_QUARANTINE / timedelta(seconds=1):
        return (
            f"{settings.origins['quarantine']}: under 10m a write that arrives late may be sent twice",
        )
    return ()


def _in_words(settings: Settings) -> str:
    """A key in words fit for a screen: never the key itself."""
    channels = ", ".join(channel.name for channel in settings.notices.channels)
    parts = [
        settings.mode.value,
        f"by {', '.join(settings.policy)}" if settings.policy else "no policy",
        f"for {settings.owner}" if settings.owner else "",
        f"told by {channels}" if channels else "",
        f"its key is in {settings.key_file}",
    ]
    return safe_line(masked("; ".join(filter(None, parts))))
