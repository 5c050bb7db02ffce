"""Opens a ledger by its URL; the only place that knows which kinds there are."""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from sqlalchemy import create_mock_engine, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from reviewbot.domain.errors import ConfigError, LedgerCorrupt, LedgerError
from reviewbot.domain.text import mark_of, safe_line, without_password
from reviewbot.ledger import statements
from reviewbot.ledger.checkpoints import CheckpointFile
from reviewbot.ledger.engine import Backend, LedgerEngine
from reviewbot.ledger.events import is_name
from reviewbot.ledger.leases import LeaseTable
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.sqlite import SQLiteFile, SQLiteMemory
from reviewbot.ledger.tables import SCHEMA_VERSION, metadata, schema_version
from reviewbot.ports.ledger import DEFAULT_KEY

IN_MEMORY = "memory:"
"""The URL of a ledger that ends with the process."""
MIGRATIONS = Path(__file__).parent / "migrations"
SHORTEST_KEY = 16
_FORMS = "sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"


def open_ledger(
    url: str,
    *,
    key: str = DEFAULT_KEY,
    create: bool = True,
    read_only: bool = False,
    lock: bool = False,
    must_exist: bool = False,
) -> SqlLedger:
    """Open the ledger of a key at `url` (`sqlite:///PATH`, `postgresql+psycopg://…` or `memory:`).

    `lock` makes this the one instance on it, or raises LedgerBusy; a process that opens it so for
    several keys is one instance, with one engine. `read_only` never writes and never locks; a ledger
    that does not exist is then an empty history, and is not made, or with `must_exist` ConfigError.
    Without `create`, a missing file is LedgerUnwritable.
    """
    if not key or not is_name(key):
        raise ConfigError(f"a key cannot be called {safe_line(key, 60)!r}")
    if url == IN_MEMORY:
        return SqlLedger(in_memory(read_only=read_only), key)
    parsed = _parse(url)
    if not lock or read_only:
        engine = _open(parsed, create=create, read_only=read_only, must_exist=must_exist)
        return SqlLedger(engine, key)
    engine = _instance(parsed, key, create=create)
    return SqlLedger(engine, key, close=lambda: _leave(engine, key))


_INSTANCES: WeakSet[LedgerEngine] = WeakSet()
"""The engines with which this process is the one instance on a database."""
_JOINING = threading.Lock()


def _instance(url: URL, key: str, *, create: bool) -> LedgerEngine:
    """The engine for a further key on the database that this process has open already, or a new one."""
    place = f"{os.getpid()} {url.render_as_string(hide_password=False)}"
    with _JOINING:
        for engine in _INSTANCES:
            if engine.place == place and key not in engine.keys:
                engine.keys.add(key)
                return engine
        engine = _open(url, create=create, lock=True)
        engine.place, engine.keys = place, {key}
        _INSTANCES.add(engine)
        return engine


def _leave(engine: LedgerEngine, key: str) -> None:
    """Close the engine, unless another key uses it."""
    with _JOINING:
        engine.keys.discard(key)
        if not engine.keys:
            _INSTANCES.discard(engine)
            engine.close()


def _open(
    parsed: URL,
    *,
    create: bool,
    read_only: bool = False,
    lock: bool = False,
    must_exist: bool = False,
) -> LedgerEngine:
    backend: Backend
    if parsed.get_backend_name() == "sqlite":
        backend = SQLiteFile(Path(parsed.database or ""), create=create, read_only=read_only)
        if read_only and not backend.exists():
            return _no_log(parsed, must_exist)
    else:
        backend = _on_server(parsed)
    engine = LedgerEngine(backend, read_only=read_only, lock=lock)
    try:
        if read_only and version_of(engine) is None:
            engine.close()
            return _no_log(parsed, must_exist)
        prepare(engine)
    except BaseException:
        engine.close()
        raise
    return engine


def _no_log(url: URL, must_exist: bool) -> LedgerEngine:
    if must_exist:
        raise ConfigError(
            f"there is no log at {url.render_as_string(hide_password=True)}; name one with --ledger"
        )
    return in_memory(read_only=True)


def open_leases(url: str, *, ttl: float) -> LeaseTable:
    """Open the leases beside the ledgers at `url`, on a connection that waits no longer than they last."""
    patience = max(1.0, ttl / 3)
    backend = _on_server(_parse(url), patience=patience)
    return LeaseTable(LedgerEngine(backend), patience=patience)


def is_shared(url: str) -> bool:
    """Whether several processes may work on the ledgers at `url`."""
    return url != IN_MEMORY and _parse(url).get_backend_name() == "postgresql"


def in_memory(*, read_only: bool = False) -> LedgerEngine:
    """A new log that ends with the process; read-only, it is the history of somebody who has none."""
    engine = LedgerEngine(SQLiteMemory())
    prepare(engine)
    if read_only:
        engine.read_only = True
        engine.driver().execute("PRAGMA query_only = 1")
    return engine


def _on_server(url: URL, *, patience: float | None = None) -> Backend:
    try:
        from reviewbot.ledger.postgresql import PostgreSQL
    except ImportError as error:
        raise ConfigError(
            "a PostgreSQL ledger needs psycopg: pip install 'reviewbot[postgres]'"
        ) from error
    return PostgreSQL(url, patience=patience)


def open_checkpoints(
    url: str, *, file: str | None, key_file: str | None, folder: Path, key: str = DEFAULT_KEY
) -> CheckpointFile | None:
    """Open the place where the checkpoints of a key of the ledger at `url` are kept.

    Unless `file` names it, that is beside an SQLite ledger, and in `folder` for one on a server; each
    key but `default` has a file of its own, with its name. A ledger in memory has none. Raises
    ConfigError where the key that signs cannot be used.
    """
    if file is None and url == IN_MEMORY:
        return None
    if file is not None:
        path = Path(file)
    elif (parsed := _parse(url)).get_backend_name() == "sqlite":
        path = Path(f"{parsed.database}.checkpoints.jsonl")
    else:
        path = folder / f"checkpoints-{mark_of(url)}.jsonl"
    if key != DEFAULT_KEY:
        path = path.with_name(f"{path.stem}-{quote(key, safe='')}{path.suffix}")
    return CheckpointFile(path, None if key_file is None else signing_key(Path(key_file)))


def signing_key(path: Path) -> bytes:
    """The key that signs checkpoints and segments. Raises ConfigError where it cannot be used."""
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


def version_of(engine: LedgerEngine) -> str | None:
    """The schema that the database has; None where it has none."""
    with engine.reading():
        if not inspect(engine.connection).has_table(schema_version.name):
            return None
        row = engine.run(statements.VERSION).fetchone()
        return None if row is None else str(row[0])


def prepare(engine: LedgerEngine) -> None:
    """Make the schema, or bring it up to date; nothing is done when it is."""
    version = version_of(engine)
    if version == SCHEMA_VERSION:
        return
    if version is None:
        _create(engine)
    elif version > SCHEMA_VERSION:
        raise LedgerError(
            f"this ledger has the schema {version}, made by a newer reviewbot; this one knows"
            f" {SCHEMA_VERSION}: update it, or use another ledger"
        )
    elif engine.read_only:
        raise LedgerError(
            f"this ledger has the older schema {version}; `reviewbot run --once` brings it up to date"
        )
    else:
        upgrade(engine, version)


def _create(engine: LedgerEngine) -> None:
    """Everything in one transaction, so that a kill leaves all of it or nothing.

    Of several that begin at the same moment one makes it.
    """
    try:
        with engine.writing():
            if inspect(engine.connection).has_table(schema_version.name):
                return
            for statement in _schema_of(engine.connection.engine.url.drivername):
                engine.connection.exec_driver_sql(statement)
            version = {"version_num": SCHEMA_VERSION}
            engine.run(statements.add(schema_version), version)
    except LedgerError:
        if version_of(engine) != SCHEMA_VERSION:
            raise


@cache
def _schema_of(driver: str) -> tuple[str, ...]:
    """The statements that make the schema, worded once in a process: half of what a log in memory costs, and the
    tests and the simulation open thousands."""
    worded: list[str] = []

    def word(ddl: Any, *_: Any, **__: Any) -> None:
        worded.append(str(ddl.compile(dialect=mock.dialect)))

    mock = create_mock_engine(f"{driver}://", word)
    metadata.create_all(mock, checkfirst=False)
    return tuple(worded)


def upgrade(engine: LedgerEngine, version: str | None, to: str = "head") -> None:
    """Run every migration after `version` (None: from nothing), in one transaction.

    Raises LedgerCorrupt for a version that there never was.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(MIGRATIONS), version_locations=[str(MIGRATIONS / "versions")])
    if version not in (None, *(script.revision for script in scripts.walk_revisions())):
        raise LedgerCorrupt(
            f"the ledger is damaged: no reviewbot ever made the schema {version!r} that it names;"
            " put back a copy of it"
        )
    with (
        engine.writing() as driver,
        EnvironmentContext(
            Config(), scripts, fn=lambda revision, _: scripts._upgrade_revs(to, revision)
        ) as environment,
    ):
        engine.backend.begin_upgrade(driver, is_new=version is None)
        environment.configure(connection=engine.connection, version_table_pk=False)
        environment.run_migrations()
