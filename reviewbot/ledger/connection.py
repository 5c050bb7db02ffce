"""One connection to the log's database: transactions, statements compiled once, errors of ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, cast, get_args

from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.errors import (
    LedgerBroken,
    LedgerCorrupt,
    LedgerError,
    LedgerUnwritable,
    NotRecordable,
)
from reviewbot.domain.safetext import safe_line
from reviewbot.ledger.backends import Backend, Driver

T = TypeVar("T")

Part = Literal["decisions", "rounds", "policies", "notes"]
"""A part of the log: what lines of one sort amount to."""

Row = tuple[Any, ...]

MOST_KEPT = 1000
"""Rows of an answer that is kept; longer ones are asked for rarely, or hold much."""


class _Compiled(NamedTuple):
    """A statement as text, its parameters in their order, and those that are constant."""

    text: str
    order: tuple[str, ...]
    constants: dict[str, Any]


_COMPILED: dict[str, dict[ClauseElement, _Compiled]] = {}
"""Each statement by dialect: they are the same on every connection."""


class Connection:
    """The one connection of a ledger, shared by its threads one at a time.

    Statements are compiled from Core once and run on the driver's own cursor, because a pass makes
    thousands. After a failed sync or damage nothing is done until the ledger is opened again; after
    a failed read or write, or a lost server, the next use makes a new connection.

    What a poll asks is mostly what the last one asked, so an answer is kept until somebody writes:
    we know what we wrote, and the database says whether anybody else did (`others`).
    """

    def __init__(self, backend: Backend, *, read_only: bool = False, lock: bool = False) -> None:
        self.backend = backend
        self.read_only = read_only
        self._lock = lock
        self._driver: Driver | None = None
        self._broken: LedgerError | None = None
        self._mutex = threading.RLock()
        self._reading = _Reading(self, self._mutex)
        self._compiled = _COMPILED.setdefault(backend.dialect.name, {})
        self.opened = 0
        """How often the database was opened."""
        self._written: dict[Part, int] = dict.fromkeys(get_args(Part), 0)
        self._kept: dict[Hashable, tuple[Hashable, Any]] = {}
        self.newest: tuple[bytes, Any] = (b"", None)
        """The hash of our newest line about a decision, and the row that it led to."""
        self.adding: tuple[int, bytes] | None = None
        """The newest line of the transaction under way, by number and hash."""
        self.written: tuple[int, bytes] | None = None
        """The newest line that this process has committed; the log must go on from there."""
        self.began = 0
        """The line after which this process began to write."""
        self.counted = 0
        """The opening, by number, at which the lines since then were last counted; 0: they are to be."""
        self.lost: str | None = None
        """What is missing, once it has been seen not to; until a person takes the log as it is."""

    def reading(self) -> _Reading:
        """Use the connection for single statements, each a transaction of its own."""
        return self._reading

    @contextmanager
    def snapshot(self) -> Iterator[Driver]:
        """Read several statements that see the same moment."""
        with self.reading() as driver:
            driver.execute(self.backend.begin_snapshot)
            try:
                yield driver
            finally:
                self._roll_back(driver)

    @contextmanager
    def writing(self, part: Part | None = None) -> Iterator[Driver]:
        """One transaction, on disk when the block has ended; undone when anything is raised.

        `part` is what it adds to; None where it adds nothing.
        """
        if self.read_only:
            raise LedgerUnwritable("this log was opened for reading only")
        with self._mutex:
            try:
                driver = self.driver()
                self.adding = None
                try:
                    driver.execute(self.backend.begin_write)
                    self.backend.check_place()
                    yield driver
                    driver.execute("COMMIT")
                    if self.adding is not None and self.lost is None:
                        self.written = self.adding
                except BaseException:
                    self._roll_back(driver)
                    raise
                finally:
                    if part is not None:
                        self._written[part] += 1
            except self.backend.errors as error:
                raise self.ours(error) from error

    def run(
        self, statement: ClauseElement, parameters: Mapping[str, Any] | Row | None = None
    ) -> Any:
        """Run a statement inside one of the blocks above and give the cursor.

        A whole row needs no names: its values go to the columns in their order. Raises NotRecordable
        where the database refuses a value.
        """
        text, order, constants = self._compiled.get(statement) or self._compile(statement)
        assert self._driver is not None
        if not isinstance(parameters, tuple):
            known = {**constants, **parameters} if parameters else constants
            parameters = tuple([known[name] for name in order])
        try:
            return self._driver.execute(text, parameters)
        except self.backend.refusals as error:
            raise NotRecordable(
                f"the database cannot take a value that it was given ({type(error).__name__}:"
                f" {safe_line(str(error), 200)}); the log itself is well"
            ) from error

    def check_place(self) -> None:
        """Raise LedgerMoved where the open database is no longer the one under its name."""
        self.backend.check_place()

    def others(self, driver: Driver) -> Hashable:
        """What stays the same as long as nobody writes on another connection; for use in `reading`."""
        return self.opened, self.backend.changes_of_others(driver)

    def kept(self, part: Part, name: Hashable, read: Callable[[], list[T]]) -> list[T]:
        """What `read` finds in this part of the log, from memory where nobody has written to it since."""
        with self._reading as driver:
            version = self._written[part], self.others(driver)
            known = self._kept.get((part, name))
            if known is not None and known[0] == version:
                found: list[T] = known[1]
                return found
            found = read()
            if len(found) <= MOST_KEPT:
                self._kept[part, name] = (version, found)
            return found

    def driver(self) -> Driver:
        """The driver's connection, opened if there is none."""
        if self._broken is not None:
            raise type(self._broken)(f"the log must be opened again: {self._broken}")
        if self._driver is None or getattr(self._driver, "closed", False):
            self._driver = self.backend.connect(lock=self._lock)
            self.opened += 1
        return self._driver

    def backup(self, path: Path) -> None:
        """Copy the database to a new file."""
        with self.reading() as driver:
            self.backend.backup(driver, path)

    def close(self) -> None:
        """Let go of the database and the lock."""
        with self._mutex:
            if self._driver is not None:
                self.backend.let_go(self._driver)
                self._driver = None
            self.backend.unlock()

    def _compile(self, statement: ClauseElement) -> _Compiled:
        compiled = cast(SQLCompiler, statement.compile(dialect=self.backend.dialect))
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        order = tuple(compiled.positiontup or ())
        self._compiled[statement] = _Compiled(str(compiled), order, constants)
        return self._compiled[statement]

    def ours(self, error: Exception) -> LedgerError:
        """Our error for the driver's, once we have drawn our conclusions from it."""
        ours = self.backend.explain(error)
        if isinstance(ours, LedgerBroken | LedgerCorrupt):
            self._broken = ours
        elif self.backend.is_doubtful(error):
            self._drop()
        return ours

    def _roll_back(self, driver: Driver) -> None:
        """Undo; the first error is the one worth telling, and SQLite may have undone it already."""
        if getattr(driver, "in_transaction", True) and not getattr(driver, "closed", False):
            try:
                driver.execute("ROLLBACK")
            except self.backend.errors:
                self._drop()

    def _drop(self) -> None:
        """Let the next use open another connection; the lock stays ours."""
        driver, self._driver = self._driver, None
        if driver is not None:
            self.backend.let_go(driver)


class _Reading:
    """The block of `Connection.reading`. A pass enters it so often that it is no generator."""

    def __init__(self, connection: Connection, mutex: threading.RLock) -> None:
        self._connection = connection
        self._mutex = mutex

    def __enter__(self) -> Driver:
        self._mutex.acquire()
        try:
            return self._connection.driver()
        except BaseException as error:
            self.__exit__(None, error, None)
            raise

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if error is not None and isinstance(error, self._connection.backend.errors):
                raise self._connection.ours(error) from error
        finally:
            self._mutex.release()
