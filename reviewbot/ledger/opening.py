"""Opens a ledger by its URL; the only place that knows which kinds there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.domain.errors import ConfigError
from reviewbot.ledger.memory import MemoryLedger

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from reviewbot.ledger.backends import Backend
    from reviewbot.ledger.database import DatabaseLedger

IN_MEMORY = "memory:"
"""The URL of a ledger that ends with the process."""

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
    raise ConfigError(f"a ledger cannot be kept in {parsed.render_as_string()!r}; write {_FORMS}")


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
