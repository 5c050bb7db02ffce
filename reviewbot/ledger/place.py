"""The place of a log: whether the files under its names are still those that were opened.

Theory of operation. A file that was removed or replaced stays as it was for who has it open: writes
go on, succeed, and are on no record once the process ends. So before each transaction the names are
looked at, which costs four looks at the system's own memory. The first files seen under them are the
log for as long as the process lives: put back, they are it again; another file never is. A lock on a
file that has no name any more keeps nobody out.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from reviewbot.domain.errors import LedgerBusy, LedgerMoved, LedgerUnwritable

_Identity = tuple[int, int]


class Place:
    """Files by their names, each with what was first found there."""

    def __init__(self, *beside: Path) -> None:
        """`beside` are files that are there only while the database is open."""
        self._beside = beside
        self._known: dict[Path, _Identity] = {}

    def remember(self, *paths: Path) -> None:
        """These files are part of the log from now on, as far as they are there and not known yet."""
        for path in paths:
            if path not in self._known and (found := _identity(path)) is not None:
                self._known[path] = found

    def forget_beside(self) -> None:
        """What lies beside is gone, or another's, by our own doing."""
        for path in self._beside:
            self._known.pop(path, None)

    def check_open(self) -> None:
        """Check, while the database is open, also the files beside it."""
        self.check()
        self.remember(*self._beside)

    def check(self) -> None:
        """Raise LedgerMoved where another file, or none, stands under one of the names."""
        for path, identity in self._known.items():
            found = _identity(path)
            if found != identity:
                what = "was removed" if found is None else "was replaced"
                raise LedgerMoved(
                    f"{path}: {what} while the log was in use, so nothing is written or sent; put it"
                    " back as it was, or stop this bot, find out why, and start it again"
                )


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        return (-1, -1)
    return found.st_dev, found.st_ino


class FileLock:
    """An exclusive `flock` on a file beside the database. Readers never ask for it."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def take(self) -> None:
        """Hold the lock until `free`, or raise LedgerBusy at once."""
        if self._file is not None:
            return
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerUnwritable(f"{self.path}: cannot be opened ({error.strerror})") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            raise LedgerBusy(busy(str(self.path))) from error
        self._file = file

    def free(self) -> None:
        """Let go; the file stays, because removing it would let two hold different ones."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def busy(what: str) -> str:
    """The message of a ledger that somebody else holds."""
    return (
        f"{what}: another instance holds this ledger; stop it first, or give this one its own"
        " with --ledger"
    )
