"""One connection to the log's database: transactions, statements compiled once, errors of ours."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast, get_args

from sqlalchemy.engine import URL, Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.errors import (
    ConfigError,
    LedgerBroken,
    LedgerBusy,
    LedgerCorrupt,
    LedgerError,
    LedgerMoved,
    LedgerUnwritable,
    NotRecordable,
)
from reviewbot.domain.text import safe_line, without_password
from reviewbot.ledger.place import FileLock, Place, busy

# ------------------------------------------------------------------------------------------------
# The two databases: how each is reached, locked and copied, and what its errors mean.


BUSY_TIMEOUT_MS = 5000
"""How long a writer waits for another one."""


PRIVATE = 0o600
"""Comments, handles, reasons and traces are nobody else's to read."""


CACHE_KIB = 4000


WAL_PAGES = 4000
"""On a long log each write touches pages far apart; with both, it costs what it does on a new one."""


class Driver(Protocol):
    """A connection of either driver; both run a statement with parameters in order."""

    def execute(self, statement: str, parameters: Any = ..., /) -> Any:
        """Run one statement and give a cursor."""

    def close(self) -> None:
        """Let go of the connection."""


class Backend(Protocol):
    """What differs between the databases."""

    dialect: Dialect
    errors: tuple[type[Exception], ...]
    conflict: type[Exception]
    refusals: tuple[type[Exception], ...]
    """What a statement fails with because of the values it was given."""
    begin_write: str
    begin_snapshot: str

    find_version: str
    clock: str
    """Asks for the database's own time, in microseconds."""

    def connect(self, *, lock: bool) -> Driver:
        """Open a connection that commits only when told to.

        With `lock`, become the one instance on this ledger, or raise LedgerBusy.
        """

    def check_place(self) -> None:
        """Raise LedgerMoved where the open database is no longer the one under its name."""

    def let_go(self, driver: Driver) -> None:
        """Close a connection."""

    def unlock(self) -> None:
        """Let another instance in, where closing the connection does not."""

    def explain(self, error: Exception) -> LedgerError:
        """Our error for the driver's."""

    def is_doubtful(self, error: Exception) -> bool:
        """Whether this connection must not be used again, though another one may be."""

    def changes_of_others(self, driver: Driver) -> Hashable:
        """What stays the same as long as no other connection writes anything."""

    def backup(self, driver: Driver, path: Path) -> None:
        """Copy the database to a new file."""


class SQLite:
    """One file, in WAL mode with full sync: a commit is on the disk when it returns."""

    begin_write = "BEGIN IMMEDIATE"
    begin_snapshot = "BEGIN"
    find_version = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    clock = "SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
    errors: tuple[type[Exception], ...] = (sqlite3.Error, UnicodeDecodeError)
    conflict: type[Exception] = sqlite3.IntegrityError
    refusals: tuple[type[Exception], ...] = (
        OverflowError,
        TypeError,
        UnicodeEncodeError,
        sqlite3.DataError,
        sqlite3.InterfaceError,
    )

    def __init__(self, path: Path, *, create: bool, read_only: bool) -> None:
        from sqlalchemy.dialects.sqlite.pysqlite import dialect

        self.dialect: Dialect = dialect(paramstyle="qmark")
        self.path = path
        self._create = create and not read_only
        self._read_only = read_only
        self._lock = FileLock(path)
        self._place = Place()
        self._beside = tuple(path.with_name(path.name + end) for end in _BESIDE)

    def connect(self, *, lock: bool) -> Driver:
        """Open the file; WAL is set when it is made, and stays with it."""
        if self._create:
            self._make_room()
        self._place.check()
        if lock:
            self._lock.take()
            self._place.remember(self._lock.path)
        is_new = not self.exists()
        if is_new and not self._create:
            raise LedgerUnwritable(f"{self.path}: there is no ledger")
        if is_new:
            make_private(self.path)
        mode = "ro" if self._read_only else "rwc" if self._create else "rw"
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        if is_new:
            connection.execute("PRAGMA journal_mode = WAL")
        if not self._read_only:
            connection.execute("PRAGMA synchronous = FULL")
        self._place.remember(self.path)
        return connection

    def exists(self) -> bool:
        """Whether there is a file with something in it."""
        return self.path.exists() and self.path.stat().st_size > 0

    def check_place(self) -> None:
        """Look at the file, its lock, and the two that SQLite keeps beside it while it is open."""
        self._place.check()
        self._place.remember(*self._beside)

    def let_go(self, driver: Driver) -> None:
        """Close a connection.

        The last one removes the files beside the database by their names, which are somebody else's
        once ours were replaced; then they are left alone.
        """
        try:
            self._place.check()
        except LedgerMoved:
            _leave_the_names(driver)
        else:
            driver.close()
            self._place.forget(*self._beside)

    def unlock(self) -> None:
        """Free the file beside the database."""
        self._lock.free()

    def explain(self, error: Exception) -> LedgerError:
        """Damage is LedgerCorrupt; a full, locked, read-only or failing disk is LedgerUnwritable."""
        if _code(error) in _DAMAGE or isinstance(error, UnicodeDecodeError):
            return LedgerCorrupt(f"{self.path}: the ledger is damaged ({error})")
        if getattr(error, "sqlite_errorcode", 0) in _LOST:
            return LedgerBroken(f"{self.path}: the disk failed under the ledger ({error})")
        return LedgerUnwritable(f"{self.path}: the ledger cannot be used now ({error})")

    def is_doubtful(self, error: Exception) -> bool:
        """After a failed read or write the file is opened anew, and says itself what it holds."""
        return _code(error) == sqlite3.SQLITE_IOERR

    def changes_of_others(self, driver: Driver) -> Hashable:
        """SQLite's own count of what others have committed: a look at shared memory."""
        version: int = driver.execute("PRAGMA data_version").fetchone()[0]
        return version

    def backup(self, driver: Driver, path: Path) -> None:
        """Copy by SQLite's own online backup; the copy appears only when it is whole."""
        assert isinstance(driver, sqlite3.Connection)
        unfinished = path.with_name(path.name + ".unfinished")
        unfinished.unlink(missing_ok=True)
        make_private(unfinished)
        copy = sqlite3.connect(unfinished, isolation_level=None)
        try:
            copy.execute("PRAGMA synchronous = FULL")
            driver.backup(copy)
        finally:
            copy.close()
        unfinished.replace(path)

    def _make_room(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerUnwritable(
                f"{self.path.parent}: cannot be made ({error.strerror})"
            ) from error


def make_private(path: Path) -> None:
    """Make an empty file that only its owner reads, whatever the umask; one that is there stays as it is.

    SQLite gives the files that it keeps beside a database the same mode. Raises LedgerUnwritable.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        raise LedgerUnwritable(f"{path}: cannot be made ({error.strerror})") from error
    os.close(file)


_BESIDE = ("-wal", "-shm")
"""What was committed last stands in the first; both are there from the first reading on."""


_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


_LOST = (
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
    sqlite3.SQLITE_IOERR_DATA,
)
"""After a failed sync the system may have dropped what was to be written, and says so only once."""


def _leave_the_names(driver: Driver) -> None:
    """Close without touching what lies beside; Python 3.11 cannot, so there it is never closed."""
    if sys.version_info >= (3, 12):
        if isinstance(driver, sqlite3.Connection):
            driver.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        driver.close()
    else:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(driver))


def _code(error: Exception) -> int:
    """SQLite's primary result code; 0 where the driver itself complains."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


class PostgreSQL:
    """A database on a server; writers stand in line at a lock of ours."""

    begin_write = f"BEGIN; SELECT pg_advisory_xact_lock({0x7265766965770002})"
    begin_snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    find_version = (
        "SELECT 1 FROM pg_catalog.pg_tables"
        " WHERE schemaname = current_schema() AND tablename = 'alembic_version'"
    )

    clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

    def __init__(self, url: URL, *, read_only: bool) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise ConfigError(
                "a PostgreSQL ledger needs psycopg: pip install 'reviewbot[postgres]'"
            ) from error
        from sqlalchemy.dialects.postgresql.psycopg import dialect

        from reviewbot.ledger.place import PatientConnection

        self._psycopg = psycopg
        self._connect = PatientConnection.connect
        self._away: tuple[float, str] | None = None
        """Until when it is not tried again, and what it was like the last time."""
        self._held: tuple[int, Any] | None = None
        """The session in which we last were the one instance: its process, and since when."""
        self._url = url
        self._read_only = read_only
        self.dialect: Dialect = dialect(paramstyle="format")  # type: ignore[no-untyped-call]  # untyped there
        self.errors: tuple[type[Exception], ...] = (psycopg.Error,)
        self.conflict: type[Exception] = psycopg.errors.UniqueViolation
        self.refusals: tuple[type[Exception], ...] = (
            OverflowError,
            TypeError,
            UnicodeEncodeError,
            psycopg.DataError,
            psycopg.errors.ProgramLimitExceeded,
        )

    def connect(self, *, lock: bool) -> Driver:
        """Open a connection that commits only when told to, and then to the disk."""
        arguments, asked = self.dialect.create_connect_args(self._url)
        options = {"client_encoding": "utf8", **_PATIENCE, **asked}
        connection = self._reach(*arguments, **options)
        connection.execute(_SESSION)
        if self._read_only:
            connection.execute("SET default_transaction_read_only = on")
        if lock:
            self._take_lock(connection)
        return connection

    def _reach(self, *arguments: Any, **options: Any) -> Driver:
        """Connect; a server that let us wait in vain is left alone for a while, and that is said at once."""
        began = monotonic()
        if self._away is not None and began < self._away[0]:
            raise self._psycopg.OperationalError(self._away[1])
        try:
            connection: Driver = self._connect(*arguments, **options, autocommit=True)
        except self._psycopg.Error as error:
            if monotonic() - began > NOTICEABLE:
                self._away = monotonic() + REST, str(error)
            raise
        self._away = None
        return connection

    def _take_lock(self, connection: Driver) -> None:
        if connection.execute(_TAKE_LOCK).fetchone() == (True,):
            self._held = connection.execute(_SESSION_OF_OURS).fetchone()
            return
        place = without_password(self._url.render_as_string())
        if self._held is not None:
            connection.execute(_END_SESSION, self._held)
        connection.close()
        if self._held is None:
            raise LedgerBusy(busy(place))
        raise LedgerUnwritable(
            f"{place}: the lock that we held is not free: our own earlier session, which the server"
            " was asked to end, or another instance has it"
        )

    def check_place(self) -> None:
        """A server has no file of ours; what it forgets shows at the next line (`tail.py`)."""

    def let_go(self, driver: Driver) -> None:
        """Close a connection."""
        driver.close()

    def unlock(self) -> None:
        """Closing the connection frees an advisory lock."""

    def explain(self, error: Exception) -> LedgerError:
        """Damage is LedgerCorrupt, all else LedgerUnwritable."""
        place = without_password(self._url.render_as_string())
        if isinstance(
            error, self._psycopg.errors.DataCorrupted | self._psycopg.errors.IndexCorrupted
        ):
            return LedgerCorrupt(f"{place}: the ledger is damaged ({error})")
        if isinstance(error, self._psycopg.errors.IoError):
            return LedgerBroken(f"{place}: the disk failed under the ledger ({error})")
        return LedgerUnwritable(f"{place}: the ledger cannot be used now ({error})")

    def is_doubtful(self, error: Exception) -> bool:  # noqa: ARG002  the server judges that itself
        """A lost connection is noticed as closed; nothing else puts one in doubt."""
        return False

    def changes_of_others(self, driver: Driver) -> Hashable:  # noqa: ARG002  it cannot tell
        """To ask a server whether anything changed costs what the question itself costs."""
        return object()

    def backup(self, driver: Driver, path: Path) -> None:  # noqa: ARG002  nothing is copied
        """A server's own tools do this better."""
        raise LedgerError(f"{path}: back up a PostgreSQL ledger with pg_dump")


_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""How long a server may be silent before it counts as away; a URL that says otherwise is heard.

The system's own patience is hours, in which nothing would be decided and nobody told.
"""


NOTICEABLE, REST = 1.0, 15.0
"""Seconds that an attempt in vain takes, and then nobody tries: a pass uses the log in many places, and
would wait in each."""


_SESSION = f"""
SET synchronous_commit = on;
SET lock_timeout = {BUSY_TIMEOUT_MS};
SET statement_timeout = 20000;
SET idle_in_transaction_session_timeout = 30000;
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = 25000
"""
"""What the server gives up by itself: a statement, a client that went silent, or is gone without a
word, while it holds a lock of ours."""


_TAKE_LOCK = f"SELECT pg_try_advisory_lock({0x7265766965770001})"
"""The number is any of our own; it spells a name and a version."""


_SESSION_OF_OURS = (
    "SELECT pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()"
)


_END_SESSION = (
    "SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
    " WHERE pid = %s AND backend_start = %s"
)
"""A session whose client has given it up still holds the lock, at worst for hours."""


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


class LedgerEngine:
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
        self._reading = _ReadTransaction(self, self._mutex)
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

    def reading(self) -> _ReadTransaction:
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


class _ReadTransaction:
    """The block of `Connection.reading`. A pass enters it so often that it is no generator."""

    def __init__(self, connection: LedgerEngine, mutex: threading.RLock) -> None:
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
