"""The connections of a ledger: blocks that read and write, statements compiled once, errors of ours.

SQLAlchemy's engine opens the connection, makes and migrates the schema, and compiles the statements.
They run on the driver's own cursor: through SQLAlchemy's each costs five times as much (18 µs, not 3),
and with a dozen of them a pass would cost half as much again (`benchmarks/simulation.py`).
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import LifoQueue
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

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
from reviewbot.ledger.place import Place

Row = TypeVar("Row")
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
    connections: ClassVar[int] = 1
    """How many threads may use the database at the same time."""
    place = Place()
    """The files that it must still be; none where it is no file."""
    begin_snapshot: ClassVar[str]
    begin_write: ClassVar[str]
    """Begins to write alone, whatever about."""
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

    def begin(self, driver: Any, key: str | None) -> Hashable:  # noqa: ARG002
        """Begin to write, alone where that is about a key; give which start of the database this is."""
        driver.execute(self.begin_write)
        return None

    def start_of(self, driver: Any) -> Hashable:  # noqa: ARG002
        """The same outside of a transaction. A database may lose something only between two starts."""
        return None

    def read(self, driver: Any, text: str, values: Sequence[Any]) -> Any:
        """Run a statement that only reads, outside of a transaction; give the cursor."""
        return driver.execute(text, values)

    def begin_upgrade(self, driver: Any, *, is_new: bool) -> None:  # noqa: ARG002
        """Within a transaction: whoever else upgrades the schema waits, however long this takes."""
        return

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

    def _first(
        self,
        kind: Callable[..., Row],
        statement: ClauseElement,
        parameters: Mapping[str, Any] = NOTHING,
    ) -> Row | None:
        """The first row that a statement finds, as a value; None where it finds none."""
        row = self._run(statement, parameters).fetchone()
        return None if row is None else kind(*row)


_COMPILED: dict[str, dict[ClauseElement, _Compiled]] = {}
"""Each statement by dialect: they are the same on every connection."""


class _Line:
    """One connection; it is opened when it is first used, and anew once it was dropped."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.driver: Any = None
        self.was_used = False
        self.writes = False
        """Whether a transaction is under way."""
        self.start: Hashable = None
        """Which start of the database the transaction under way has met."""


class _OfThread(threading.local):
    line: _Line | None = None
    """The connection that this thread uses now."""


class LedgerEngine:
    """The connections of a ledger, each used by one thread at a time: SQLite has one, a server a few.

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
        self._lines = [_Line() for _ in range(backend.connections)]
        self._free: LifoQueue[_Line] = LifoQueue()
        for line in reversed(self._lines):
            self._free.put(line)
        self._of_thread = _OfThread()
        self._broken: LedgerError | None = None
        self.place = ""
        """The process and the database, where it may be used for several keys: `keys`."""
        self.keys: set[str] = set()
        self.salt: Callable[[], bytes] = partial(os.urandom, SALT)
        """Gives a new salt; chance comes in here."""
        self.opened = 0
        """How often the database was opened; the further connections of a server are no openings."""

    @property
    def _line(self) -> _Line:
        return self._of_thread.line or self._lines[0]

    @property
    def _driver(self) -> Any:
        return self._line.driver

    @_driver.setter
    def _driver(self, driver: Any) -> None:
        self._line.driver = driver

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Have a connection for this thread; blocks within a block share it."""
        if self._of_thread.line is not None:
            yield
            return
        line = self._of_thread.line = self._free.get()
        try:
            yield
        finally:
            self._of_thread.line = None
            self._free.put(line)

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Single statements on the driver's connection, each a transaction of its own.

        What cannot be read as a value is LedgerCorrupt, so values are made inside the block.
        """
        with self._turn():
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
            self._line.writes = True
            try:
                yield
            finally:
                self._line.writes = False
                self._roll_back()

    @contextmanager
    def writing(self, key: str | None = None) -> Iterator[Any]:
        """One transaction, on disk when the block has ended; undone when anything is raised.

        With `key`, nobody else adds lines of that key meanwhile.
        """
        if self.read_only:
            raise LedgerUnwritable("this log was opened for reading only")
        with self.reading() as driver:
            line = self._line
            try:
                line.start, line.writes = self.backend.begin(driver, key), True
                self.backend.place.check_open()
                yield driver
                driver.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                line.writes = False

    def run(self, statement: ClauseElement, parameters: Mapping[str, Any] | None = None) -> Any:
        """Run a statement inside one of the blocks above and give the cursor.

        Raises NotRecordable where the database refuses a value.
        """
        text, order, constants = self._compiled.get(statement) or self._compile(statement)
        known = {**constants, **parameters} if parameters else constants
        try:
            values = [known[name] for name in order]
            if self._line.writes:
                return self._driver.execute(text, values)
            return self.backend.read(self._driver, text, values)
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

    def life(self) -> Hashable:
        """What stays the same as long as the database cannot have lost anything; for use in a block."""
        line = self._line
        start = line.start if line.writes else self.backend.start_of(line.driver)
        return self.opened, start

    def driver(self) -> Any:
        """The driver's connection, opened if there is none."""
        if self._broken is not None:
            raise type(self._broken)(f"the log must be opened again: {self._broken}")
        line = self._line
        if line.driver is None or getattr(line.driver, "closed", False):
            self._drop()
            line.connection = self._engine.connect()
            line.connection.begin()  # means nothing: BEGIN and COMMIT are ours to send
            line.driver = line.connection.connection.driver_connection
            self.opened += line.was_used or not self.opened
            line.was_used = True
        return line.driver

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection, inside one of the blocks above: to look at the schema and to make it."""
        assert self._line.connection is not None
        return self._line.connection

    def backup(self, path: Path) -> None:
        """Copy the database to a new file."""
        with self.reading() as driver:
            self.backend.backup(driver, path)

    def scrub(self) -> None:
        """Write the files anew, so that nothing is left in them of what was taken out."""
        with self.reading() as driver:
            self.backend.scrub(driver)

    def close(self) -> None:
        """Let go of the database and the lock, once no other thread uses it."""
        others = len(self._lines) - (self._of_thread.line is not None)
        idle = [self._free.get() for _ in range(others)]
        for line in self._lines:
            self._drop(line)
        self.backend.unlock()
        for line in idle:
            self._free.put(line)

    def _drop(self, line: _Line | None = None) -> None:
        """Let the next use open another connection; the lock stays ours."""
        line = line or self._line
        connection, line.connection, line.driver = line.connection, None, None
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
