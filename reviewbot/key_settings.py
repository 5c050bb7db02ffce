"""Many keys in one process: the tables `[keys.NAME]` and `[key_defaults]`, and the folder `keys_dir`.

What is wrong with a table is told with the rest of the settings. The keys themselves are read where
one is used: a file that cannot be read is the trouble of that key alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ConfigError, UsageError
from reviewbot.domain.text import Secret, masked, safe_line
from reviewbot.policy.text_forms import did_you_mean
from reviewbot.ports.ledger import DEFAULT_KEY
from reviewbot.secret_file import Unusable, read_secret_file
from reviewbot.setting_values import NotASetting, parse_key
from reviewbot.settings_table import SettingsTable

TABLES = ("keys", "key_defaults")
KEY_FILE = "TOKPORTAL_API_KEY_FILE"
_CREDENTIALS = "CREDENTIALS_DIRECTORY"
COMMON = ("policy", "mode", "owner", "channels")
"""What a key may have of its own, and what `[key_defaults]` gives to each."""
FIELDS = ("api_key_file", *COMMON)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_A_NAME = "is no name of a key: up to 64 letters, digits, dots, dashes and underscores"


class KeyTable(msgspec.Struct, frozen=True, kw_only=True):
    """One key as the settings name it; what it leaves out is the common setting."""

    name: str
    file: str
    """Where the key is read from."""
    place: str
    """Where it was named."""
    policy: tuple[str, ...] = ()
    mode: Mode | None = None
    owner: str = ""
    """Whose key it is, in free words, for alarms."""
    channels: tuple[str, ...] | None = None
    """The channels that hear of it; all without any."""


def read_key_file(path: str, env: Mapping[str, str] = os.environ) -> Secret:
    """The key in a file. Raises ConfigError with the file and what to do."""
    try:
        return parse_key(read_secret_file(path, env))
    except Unusable as wrong:
        raise ConfigError(f"no key: {wrong}") from None
    except NotASetting as wrong:
        raise ConfigError(f"{path}: {wrong}") from None


def read_keys(
    table: Mapping[str, Any],
    file: str,
    problems: list[str],
    *,
    folder: str | None,
    channels: Sequence[str],
) -> tuple[KeyTable, ...]:
    """Read the tables, and the folder with a key per file. What is wrong goes into `problems`."""
    whole = SettingsTable(file, "", table, problems)
    defaults, described = whole.inner("key_defaults"), whole.inner("keys")
    common: dict[str, Any] = {}
    if defaults is not None and defaults.table:
        defaults.refuse_unknown(COMMON)
        common = _common(defaults, channels)
    files = {} if folder is None else _files(folder, problems)
    tables = {} if described is None else described.table
    if common and not tables and folder is None and defaults is not None:
        defaults.wrong(None, "there is no key that it is for", "add  [keys.NAME]  or keys_dir")
    found = [
        KeyTable(name=name, file=path, place=f"keys_dir ({folder})", **common)
        for name, path in files.items()
        if name not in tables
    ]
    if described is not None:
        read = [_key(described, name, files, common, channels) for name in tables]
        found += [key for key in read if key is not None]
    _refuse_twice(found, problems)
    return tuple(sorted(found, key=lambda key: key.name))


def _files(folder: str, problems: list[str]) -> dict[str, str]:
    """The path of each key in the folder; what begins with a dot is a platform's own."""
    try:
        files = [path.name for path in Path(folder).iterdir() if path.is_file()]
    except OSError as error:
        problems.append(f"keys_dir: {folder} cannot be read ({error.strerror})")
        return {}
    names = sorted(name for name in files if not name.startswith("."))
    if not names:
        problems.append(f"keys_dir: {folder} holds no key; put a file there for each")
    for name in names:
        if (wrong := _wrong_name(name)) is not None:
            problems.append(f"keys_dir: {safe_line(masked(name), 80)!r} in {folder} {wrong}")
    return {name: str(Path(folder) / name) for name in names}


def _wrong_name(name: str) -> str | None:
    """What is wrong with the name of a key, which is shown everywhere."""
    if not _NAME.fullmatch(name):
        return _A_NAME
    return (
        "looks like a key itself: its name is shown to everybody" if masked(name) != name else None
    )


def _key(
    described: SettingsTable,
    name: str,
    files: Mapping[str, str],
    common: Mapping[str, Any],
    channels: Sequence[str],
) -> KeyTable | None:
    section = described.inner(name, "; write  [keys.NAME]  and its settings below")
    if section is None:
        return None
    if (wrong := _wrong_name(name)) is not None:
        section.wrong(None, wrong)
    if "api_key" in section.table:
        section.wrong("api_key", "does not belong in this file; use api_key_file")
    section.refuse_unknown((*FIELDS, "api_key"))
    if "api_key_file" in section.table or name not in files:
        path = section.text("api_key_file")
    else:
        path = files[name]
    place = f"{section.file}: {section.name}"
    own = {**common, **_common(section, channels)}
    return KeyTable(name=name, file=path, place=place, **own)


def _common(section: SettingsTable, channels: Sequence[str]) -> dict[str, Any]:
    """What the table says of these; what it leaves out is not in it."""
    found: dict[str, Any] = {}
    readers: dict[str, Callable[[], Any]] = {
        "policy": lambda: section.texts("policy"),
        "mode": lambda: Mode(section.one_of("mode", [mode.value for mode in Mode], Mode.DRY_RUN)),
        "owner": lambda: section.text("owner"),
        "channels": lambda: section.texts("channels"),
    }
    for field, read in readers.items():
        if field in section.table:
            found[field] = read()
    for name in found.get("channels", ()):
        if name not in channels:
            section.unknown("channels", f"no channel is called {name!r}", name, channels)
    return found


def _refuse_twice(keys: Sequence[KeyTable], problems: list[str]) -> None:
    """One file under two names would be one account, reviewed twice."""
    first: dict[str, KeyTable] = {}
    for key in keys:
        other = first.setdefault(os.path.realpath(key.file), key)
        if key.file and other is not key:
            problems.append(f"{key.place}: reads the same file as {other.name}, {key.file}")


def one_key_file(
    env: Mapping[str, str], table: Mapping[str, Any], file: str
) -> tuple[str, str] | None:
    """The path of the file with the one key that has no name, and who named it."""
    if path := env.get(KEY_FILE):
        return path, KEY_FILE
    credentials = env.get(_CREDENTIALS)
    if credentials and (Path(credentials) / "api_key").exists():
        return str(Path(credentials) / "api_key"), _CREDENTIALS
    named = table.get("api_key_file")
    return (named, f"{file}: api_key_file") if isinstance(named, str) and named else None


def named_and_not(
    named: Sequence[KeyTable], env: Mapping[str, str], alone: tuple[str, str] | None
) -> list[str]:
    """What is wrong where some keys have names and there is one without."""
    place = "TOKPORTAL_API_KEY" if env.get("TOKPORTAL_API_KEY") else alone and alone[1]
    if place is None or place == _CREDENTIALS:
        return []  # what else a service keeps among its credentials is no word of ours
    return [
        f"{place}: names the one key, and {named[0].place} names keys as well; take one of the two"
        f" away, or make it  [keys.{DEFAULT_KEY}]"
    ]


def chosen_keys(asked: Sequence[str], named: Sequence[KeyTable]) -> tuple[str, ...]:
    """The names that were asked for. Raises UsageError for one that there is not."""
    known = [key.name for key in named] or [DEFAULT_KEY]
    for name in asked:
        if name not in known:
            hint = did_you_mean(name, known) or names_of(known)
            raise UsageError(f"--key: no key is called {safe_line(name, 80)!r}; {hint}")
    return tuple(asked)


def names_of(known: Sequence[str]) -> str:
    """Which keys there are."""
    shown = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    return f"there are {shown}" if len(known) > 1 else f"there is only {shown}"
