"""Logs: one line per event on stderr, JSON where no person watches, secrets masked, text made safe."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, MutableMapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TextIO

import structlog

from reviewbot.core.pipeline import Events, Level
from reviewbot.domain.text import MASK, iso, masked, safe_line

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
Entry = MutableMapping[str, Any]


class Log:
    """The loop's `Events`: hands each event to structlog under its constant name."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def __call__(self, event: str, /, *, level: str = "info", **about: object) -> None:
        """Write one event."""
        self._logger.log(LEVELS[level], event, **about)


def about_key(events: Events, key: str) -> Events:
    """The same events, each with the name of the key that it is about."""

    def say(event: str, /, *, level: Level = "info", **about: object) -> None:
        events(event, level=level, **({"key": key} | about))

    return say


def configure_logs(
    *,
    level: str = "info",
    stream: TextIO | None = None,
    as_json: bool | None = None,
    secrets: Iterable[str] = (),
    colour: bool = False,
) -> Log:
    """Set up the logs of this process. JSON unless `stream` (stderr) is a terminal."""
    stream = sys.stderr if stream is None else stream
    if as_json is None:
        as_json = not stream.isatty()
    render: Any = _json if as_json else structlog.dev.ConsoleRenderer(colors=colour)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            Masking(secrets),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    return Log(structlog.get_logger())


def bind(**about: object) -> None:
    """Say these with every event from here on (the pass, the revision)."""
    structlog.contextvars.bind_contextvars(**about)


class Masking:
    """Makes every value plain and safe, and masks what must never be written."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)

    def __call__(self, _logger: Any, _name: str, entry: Entry) -> Entry:
        """Pass one event on, plain and masked."""
        return {key: self._plain(value) for key, value in entry.items()}

    def _plain(self, value: Any) -> Any:
        match value:
            case None | bool():
                return value
            case datetime():
                return iso(value) if value.tzinfo else value.isoformat()
            case timedelta():
                return value / timedelta(seconds=1)
            case Enum():
                return self._plain(value.value)
            case int():
                return value
            case float():
                return value if math.isfinite(value) else str(value)
            case str():
                return self._masked(value)
            case dict():
                return {self._masked(str(key)): self._plain(part) for key, part in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._plain(part) for part in value]
        return self._masked(str(value))

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return safe_line(masked(text))


def _json(_logger: Any, _name: str, entry: Entry) -> str:
    return json.dumps(entry, allow_nan=False, ensure_ascii=False)
