"""Opens a ledger by its URL; the only place that knows which kinds there are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import insert, select
from sqlalchemy.schema import CreateIndex, CreateTable

from reviewbot.domain.errors import ConfigError, LedgerError
from reviewbot.domain.text import mark_of, without_password
from reviewbot.ledger.checkpoints import CheckpointFile
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.memory import MemoryLedger
from reviewbot.ledger.tables import SCHEMA_VERSION, metadata, schema_version

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from reviewbot.ledger.engine import Backend
    from reviewbot.ledger.ledger import SqlLedger


IN_MEMORY = "memory:"
"""The URL of a ledger that ends with the process."""


SHORTEST_KEY = 16


_FORMS = "sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"


def open_ledger(
    url: str, *, create: bool = True, read_only: bool = False, lock: bool = False
) -> MemoryLedger | SqlLedger:
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
        from reviewbot.ledger.engine import SQLite

        backend = SQLite(Path(parsed.database or ""), create=create, read_only=read_only)
        if read_only and not backend.exists():
            return MemoryLedger(read_only=True)
    else:
        from reviewbot.ledger.engine import PostgreSQL

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


def _open(backend: Backend, *, read_only: bool, lock: bool) -> MemoryLedger | SqlLedger:
    from reviewbot.ledger.engine import LedgerEngine
    from reviewbot.ledger.ledger import SqlLedger

    connection = LedgerEngine(backend, read_only=read_only, lock=lock)
    try:
        if read_only and version_of(connection) is None:
            connection.close()
            return MemoryLedger(read_only=True)
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return SqlLedger(connection)


# ------------------------------------------------------------------------------------------------
# Brings a database to the schema of this version: made at once when new, migrated when older.


_VERSION = select(schema_version)


_ADD_VERSION = insert(schema_version)


def version_of(connection: LedgerEngine) -> str | None:
    """The schema that the database has; None where it has none."""
    with connection.reading() as driver:
        if driver.execute(connection.backend.find_version).fetchone() is None:
            return None
        row = connection.run(_VERSION).fetchone()
    return None if row is None else str(row[0])


def prepare(connection: LedgerEngine) -> None:
    """Make the schema, or bring it up to date; nothing is done when it is."""
    version = version_of(connection)
    if version == SCHEMA_VERSION:
        return
    if version is None:
        _create(connection)
    elif version > SCHEMA_VERSION:
        raise LedgerError(
            f"this ledger has the schema {version}, made by a newer reviewbot; this one knows"
            f" {SCHEMA_VERSION}: update it, or use another ledger"
        )
    elif connection.read_only:
        raise LedgerError(
            f"this ledger has the older schema {version}; `reviewbot run --once` brings it up to date"
        )
    else:
        from reviewbot.ledger.upgrade import upgrade

        upgrade(connection, version)


def _create(connection: LedgerEngine) -> None:
    """Everything in one transaction, so that a kill leaves all of it or nothing."""
    dialect = connection.backend.dialect
    with connection.writing() as driver:
        if driver.execute(connection.backend.find_version).fetchone() is not None:
            return
        for table in metadata.sorted_tables:
            driver.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                driver.execute(str(CreateIndex(index).compile(dialect=dialect)))
        connection.run(_ADD_VERSION, {"version_num": SCHEMA_VERSION})
