"""The one connection of a ledger: blocks that read and write, statements compiled once, errors of ours.

SQLAlchemy's engine opens the connection, makes and migrates the schema, and compiles the statements.
They run on the driver's own cursor: through SQLAlchemy's each costs five times as much (18 µs, not 3),
and with a dozen of them a pass would cost half as much again (`benchmarks/simulation.py`).
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import msgspec
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.errors import (
    LedgerBroken,
    LedgerCorrupt,
    LedgerError,
    LedgerUnwritable,
    NotRecordable,
)
from reviewbot.domain.text import safe_line

SALT = 16
"""Bytes of a salt: too many to try out."""
BUSY_TIMEOUT_MS = 5000
"""How long a writer waits for another one."""
NOTHING: Mapping[str, Any] = {}
UNREADABLE = (
    zlib.error,
    msgspec.DecodeError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
)
"""What fails while rows become values. A database finds a page that is broken, not a value that has
changed: a text that does not unpack, a state that is none, a number where a text should be."""


class Backend:
    """What differs between the databases: how each is reached, locked and copied, what its errors mean."""

    url: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    begin_write: ClassVar[str]
    begin_snapshot: ClassVar[str]
    clock: ClassVar[str]
    """Asks for the database's own time, in microseconds."""
    errors: ClassVar[type[Exception]]
    """What the driver raises."""
    conflict: ClassVar[type[Exception]]
    """A second row where an index admits one."""
    refusals: tuple[type[Exception], ...] = (OverflowError, TypeError, UnicodeEncodeError)
    """What a statement fails with because of the values it was given."""

    def connect(self, *, lock: bool) -> Any:
        """Open a driver's connection that commits only when told to.

        With `lock`, become the one instance on this ledger, or raise LedgerBusy.
        """
        raise NotImplementedError

    def check_place(self) -> None:
        """Raise LedgerMoved where the open database is no longer the one under its name."""

    def unlock(self) -> None:
        """Let another instance in, where closing the connection does not."""

    def explain(self, error: BaseException) -> LedgerError:
        """Our error for the driver's."""
        raise NotImplementedError

    def is_doubtful(self, error: BaseException) -> bool:  # noqa: ARG002
        """Whether this connection must not be used again, though another one may be."""
        return False

    def changes_of_others(self, driver: Any, key: str, own_lines: int) -> Hashable:
        """What stays the same as long as no other connection writes anything about a key."""
        raise NotImplementedError

    def backup(self, driver: Any, path: Path) -> None:
        """Copy the database to a new file."""
        raise NotImplementedError

    def scrub(self, driver: Any) -> None:
        """Write the files anew, so that nothing is left in them of what was taken out."""
        raise NotImplementedError


class _Compiled(NamedTuple):
    """A statement as text, its parameters in their order, and those that are constant."""

    text: str
    order: tuple[str, ...]
    constants: dict[str, Any]


class KeyRows:
    """The rows of one key, through the engine that the ledgers of all keys may share."""

    def __init__(self, engine: LedgerEngine, key: str) -> None:
        self._engine = engine
        self._key = key

    def _run(self, statement: ClauseElement, parameters: Mapping[str, Any] = NOTHING) -> Any:
        """Run a statement about the rows of this key."""
        return self._engine.run(statement, {"key": self._key, **parameters})


_COMPILED: dict[str, dict[ClauseElement, _Compiled]] = {}
"""Each statement by dialect: they are the same on every connection."""


class LedgerEngine:
    """The one connection of a ledger, shared by its threads one at a time.

    After a failed sync or damage nothing is done until the ledger is opened again; after a failed
    read or write, or a lost server, the next use makes a new connection.

    What is remembered of the log holds until somebody writes: we know what we wrote, and the database
    says whether anybody else did (`others`).
    """

    def __init__(self, backend: Backend, *, read_only: bool = False, lock: bool = False) -> None:
        self.backend = backend
        self.read_only = read_only
        self._engine = create_engine(
            backend.url,
            creator=lambda: backend.connect(lock=lock),
            poolclass=NullPool,
            pool_reset_on_return=None,
            **backend.options,
        )
        self._compiled = _COMPILED.setdefault(self._engine.dialect.name, {})
        self._connection: Connection | None = None
        self._driver: Any = None
        self._broken: LedgerError | None = None
        self._mutex = threading.RLock()
        self.place = ""
        """The process and the database, where it may be used for several keys: `keys`."""
        self.keys: set[str] = set()
        self.salt: Callable[[], bytes] = partial(os.urandom, SALT)
        """Gives a new salt; chance comes in here."""
        self.opened = 0
        """How often the database was opened."""

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Single statements on the driver's connection, each a transaction of its own.

        What cannot be read as a value is LedgerCorrupt, so values are made inside the block.
        """
        with self._mutex:
            try:
                yield self.driver()
            except self.backend.errors as error:
                raise self._ours(error) from error
            except DBAPIError as error:
                raise self._ours(error.orig or error) from error
            except UNREADABLE as error:
                raise LedgerCorrupt(
                    f"the ledger holds what cannot be read ({type(error).__name__}: {error});"
                    " see  reviewbot log verify"
                ) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several statements that see the same moment."""
        with self.reading() as driver:
            driver.execute(self.backend.begin_snapshot)
            try:
                yield
            finally:
                self._roll_back()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """One transaction, on disk when the block has ended; undone when anything is raised."""
        if self.read_only:
            raise LedgerUnwritable("this log was opened for reading only")
        with self.reading() as driver:
            try:
                driver.execute(self.backend.begin_write)
                self.backend.check_place()
                yield driver
                driver.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def run(self, statement: ClauseElement, parameters: Mapping[str, Any] | None = None) -> Any:
        """Run a statement inside one of the blocks above and give the cursor.

        Raises NotRecordable where the database refuses a value.
        """
        text, order, constants = self._compiled.get(statement) or self._compile(statement)
        known = {**constants, **parameters} if parameters else constants
        try:
            return self._driver.execute(text, [known[name] for name in order])
        except self.backend.refusals as error:
            raise NotRecordable(
                f"the database cannot take a value that it was given ({type(error).__name__}:"
                f" {safe_line(str(error), 200)}); the log itself is well"
            ) from error

    def _compile(self, statement: ClauseElement) -> _Compiled:
        compiled = cast(SQLCompiler, statement.compile(dialect=self._engine.dialect))
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        order = tuple(compiled.positiontup or ())
        self._compiled[statement] = _Compiled(str(compiled), order, constants)
        return self._compiled[statement]

    def others(self, key: str, own_lines: int) -> Hashable:
        """What stays the same as long as nobody else writes about a key; for use in `reading`."""
        return self.opened, self.backend.changes_of_others(self._driver, key, own_lines)

    def driver(self) -> Any:
        """The driver's connection, opened if there is none."""
        if self._broken is not None:
            raise type(self._broken)(f"the log must be opened again: {self._broken}")
        if self._driver is None or getattr(self._driver, "closed", False):
            self._drop()
            self._connection = self._engine.connect()
            self._connection.begin()  # means nothing: BEGIN and COMMIT are ours to send
            self._driver = self._connection.connection.driver_connection
            self.opened += 1
        return self._driver

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection, inside one of the blocks above: to look at the schema and to make it."""
        assert self._connection is not None
        return self._connection

    def backup(self, path: Path) -> None:
        """Copy the database to a new file."""
        with self.reading() as driver:
            self.backend.backup(driver, path)

    def scrub(self) -> None:
        """Write the files anew, so that nothing is left in them of what was taken out."""
        with self.reading() as driver:
            self.backend.scrub(driver)

    def close(self) -> None:
        """Let go of the database and the lock."""
        with self._mutex:
            self._drop()
            self.backend.unlock()

    def _drop(self) -> None:
        """Let the next use open another connection; the lock stays ours."""
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            connection.invalidate()

    def _ours(self, error: BaseException) -> LedgerError:
        """Our error for the driver's, once its conclusions are drawn."""
        ours = self.backend.explain(error)
        if isinstance(ours, LedgerBroken | LedgerCorrupt):
            self._broken = ours
        elif self.backend.is_doubtful(error):
            self._drop()
        return ours

    def _roll_back(self) -> None:
        """Undo; the first error is the one worth telling, and SQLite may have undone it already."""
        driver = self._driver
        if getattr(driver, "in_transaction", True) and not getattr(driver, "closed", False):
            try:
                driver.execute("ROLLBACK")
            except self.backend.errors:
                self._drop()
