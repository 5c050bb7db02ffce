"""The log in SQLite: a file in WAL mode with full sync, or the memory of the process."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from reviewbot.domain.errors import (
    LedgerBroken,
    LedgerCorrupt,
    LedgerError,
    LedgerMoved,
    LedgerUnwritable,
)
from reviewbot.ledger.engine import BUSY_TIMEOUT_MS, Backend
from reviewbot.ledger.place import FileLock, Place

PRIVATE = 0o600
"""Comments, handles, reasons and traces are nobody else's to read."""
CACHE_KIB = 4000
WAL_PAGES = 4000
"""On a long log each write touches pages far apart; with both, it costs what it does on a new one."""
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


class SQLite(Backend):
    """What files and memory have in common."""

    url = "sqlite://"
    begin_snapshot = "BEGIN"
    begin_write = "BEGIN IMMEDIATE"
    clock = "SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
    errors = sqlite3.Error
    conflict = sqlite3.IntegrityError
    refusals = (*Backend.refusals, sqlite3.DataError, sqlite3.InterfaceError)
    name = "memory"

    def explain(self, error: BaseException) -> LedgerError:
        """Damage is LedgerCorrupt; a full, locked, read-only or failing disk is LedgerUnwritable."""
        if _code(error) in _DAMAGE:
            return LedgerCorrupt(f"{self.name}: the ledger is damaged ({error})")
        if getattr(error, "sqlite_errorcode", 0) in _LOST:
            return LedgerBroken(f"{self.name}: the disk failed under the ledger ({error})")
        return LedgerUnwritable(f"{self.name}: the ledger cannot be used now ({error})")

    def scrub(self, driver: Any) -> None:
        """Build the database anew without free space, and write back what lies beside it.

        Raises LedgerUnwritable where a reader keeps the old pages in use.
        """
        driver.execute("VACUUM")
        busy, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerUnwritable(
                f"{self.name}: somebody reads the log, so what was erased still lies in {self.name}-wal;"
                " erase again once they are done"
            )

    def changes_of_others(self, driver: Any, key: str, own_lines: int) -> Hashable:  # noqa: ARG002
        """SQLite's own count of what others have committed: a look at shared memory."""
        version: int = driver.execute("PRAGMA data_version").fetchone()[0]
        return version


class SQLiteMemory(SQLite):
    """A log that ends with the process: for dry runs, tests, and as the history of who has none."""

    def __init__(self) -> None:
        self._driver = _open(":memory:", _InMemory)

    def connect(self, *, lock: bool) -> Any:  # noqa: ARG002  nobody else can open it
        """Give the one connection that there ever is."""
        return self._driver

    def backup(self, driver: Any, path: Path) -> None:  # noqa: ARG002  nothing is copied
        """What nobody wrote needs no copy."""
        raise LedgerError(f"{path}: a log in memory cannot be backed up")


class SQLiteFile(SQLite):
    """One file: a commit is on the disk when it returns."""

    def __init__(self, path: Path, *, create: bool, read_only: bool) -> None:
        self.path, self.name = path, str(path)
        self._create = create and not read_only
        self._read_only = read_only
        self._lock = FileLock(path)
        self.place = Place(*(path.with_name(path.name + end) for end in _BESIDE))

    def connect(self, *, lock: bool) -> Any:
        """Open the file; WAL is set when it is made, and stays with it."""
        if self._create:
            self._make_room()
        self.place.check()
        if lock:
            self._lock.take()
            self.place.remember(self._lock.path)
        is_new = not self.exists()
        if is_new and not self._create:
            raise LedgerUnwritable(f"{self.path}: there is no ledger")
        if is_new:
            make_private(self.path)
        mode = "ro" if self._read_only else "rwc" if self._create else "rw"
        driver = _open(f"{self.path.absolute().as_uri()}?mode={mode}", _InFile)
        driver.backend = self
        driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        driver.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        driver.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        if is_new:
            driver.execute("PRAGMA journal_mode = WAL")
        if not self._read_only:
            driver.execute("PRAGMA synchronous = FULL")
        self.place.remember(self.path)
        return driver

    def exists(self) -> bool:
        """Whether there is a file with something in it."""
        return self.path.exists() and self.path.stat().st_size > 0

    def is_still_there(self) -> bool:
        """Whether what lies beside the file is ours to remove; it is forgotten then."""
        try:
            self.place.check()
        except LedgerMoved:
            return False
        self.place.forget_beside()
        return True

    def unlock(self) -> None:
        """Free the file beside the database."""
        self._lock.free()

    def is_doubtful(self, error: BaseException) -> bool:
        """After a failed read or write the file is opened anew, and says itself what it holds."""
        return _code(error) == sqlite3.SQLITE_IOERR

    def backup(self, driver: Any, path: Path) -> None:
        """Copy by SQLite's own online backup; the copy appears only when it is whole."""
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
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LedgerUnwritable(
                f"{self.path.parent}: cannot be made ({error.strerror})"
            ) from error


class _InMemory(sqlite3.Connection):
    """Kept open, whoever lets go of it: with it the log would end."""

    def close(self) -> None:
        """Stay."""


class _InFile(sqlite3.Connection):
    """A connection that knows whether the files beside its database are still its own.

    The last one to close removes them by their names, which are somebody else's once ours were
    replaced; then they are left alone. Python 3.11 cannot do that, so there it is never closed.
    """

    backend: SQLiteFile

    def close(self) -> None:
        """Close, without touching what lies beside where that is another's."""
        if not self.backend.is_still_there():
            if sys.version_info < (3, 12):
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
                return
            self.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        super().close()


def _open(name: str, kind: type[sqlite3.Connection]) -> Any:
    return sqlite3.connect(
        name,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        factory=kind,
    )


def make_private(path: Path) -> None:
    """Make an empty file that only its owner reads, whatever the umask; one that is there stays as it is.

    SQLite gives the files that it keeps beside a database the same mode. Raises LedgerUnwritable.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        raise LedgerUnwritable(f"{path}: cannot be made ({error.strerror})") from error
    os.close(file)


def _code(error: BaseException) -> int:
    """SQLite's primary result code; 0 where the driver itself complains."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
