"""Opens a ledger by its URL; the only place that knows which kinds there are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.domain.errors import ConfigError
from reviewbot.domain.marks import mark_of
from reviewbot.domain.secret import without_password
from reviewbot.ledger.checkpointfile import CheckpointFile
from reviewbot.ledger.memory import MemoryLedger

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from reviewbot.ledger.backends import Backend
    from reviewbot.ledger.database import DatabaseLedger

IN_MEMORY = "memory:"
"""The URL of a ledger that ends with the process."""

SHORTEST_KEY = 16
_FORMS = "sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"


def open_ledger(
    url: str, *, create: bool = True, read_only: bool = False, lock: bool = False
) -> MemoryLedger | DatabaseLedger:
    """Open the ledger at `url` (`sqlite:///PATH`, `postgresql+psycopg://…` or `memory:`).

    `lock` makes this the one instance on it, or raises LedgerBusy. `read_only` never writes and
    never locks; a ledger that does not exist is then an empty history, and is not made. Without
    `create`, a missing file is LedgerUnwritable.
    """
    if url == IN_MEMORY:
        return MemoryLedger(read_only=read_only)
    parsed = _parse(url)
    backend: Backend
    if parsed.get_backend_name() == "sqlite":
        from reviewbot.ledger.backends import SQLite

        backend = SQLite(Path(parsed.database or ""), create=create, read_only=read_only)
        if read_only and not backend.exists():
            return MemoryLedger(read_only=True)
    else:
        from reviewbot.ledger.backends import PostgreSQL

        backend = PostgreSQL(parsed, read_only=read_only)
    return _open(backend, read_only=read_only, lock=lock and not read_only)


def open_checkpoints(
    url: str, *, file: str | None, key_file: str | None, folder: Path
) -> CheckpointFile | None:
    """Open the place where the checkpoints of the ledger at `url` are kept.

    Unless `file` names it, that is beside an SQLite ledger, and in `folder` for one on a server. A
    ledger in memory has none. Raises ConfigError where the key cannot be used.
    """
    if file is None and url == IN_MEMORY:
        return None
    if file is not None:
        path = Path(file)
    elif (parsed := _parse(url)).get_backend_name() == "sqlite":
        path = Path(f"{parsed.database}.checkpoints.jsonl")
    else:
        path = folder / f"checkpoints-{mark_of(url)}.jsonl"
    return CheckpointFile(path, None if key_file is None else _key(Path(key_file)))


def _key(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            key, mode = opened.read(4096).strip(), os.fstat(opened.fileno()).st_mode
    except OSError as error:
        raise ConfigError(
            f"the key of the checkpoints cannot be read: {path}: {error.strerror}"
        ) from error
    if mode & 0o077 and "CREDENTIALS_DIRECTORY" not in os.environ:
        raise ConfigError(f"others can read {path}, which signs checkpoints; run  chmod 600 {path}")
    if len(key) < SHORTEST_KEY:
        raise ConfigError(
            f"{path}: a key needs at least {SHORTEST_KEY} characters; make one with  openssl rand -hex 32"
        )
    return key


def _parse(url: str) -> URL:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"the ledger's URL cannot be read; write {_FORMS}") from error
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError(
        f"a ledger cannot be kept in {without_password(parsed.render_as_string())!r}; write {_FORMS}"
    )


def _open(backend: Backend, *, read_only: bool, lock: bool) -> MemoryLedger | DatabaseLedger:
    from reviewbot.ledger.connection import Connection
    from reviewbot.ledger.database import DatabaseLedger
    from reviewbot.ledger.schema import prepare, version_of

    connection = Connection(backend, read_only=read_only, lock=lock)
    try:
        if read_only and version_of(connection) is None:
            connection.close()
            return MemoryLedger(read_only=True)
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return DatabaseLedger(connection)
