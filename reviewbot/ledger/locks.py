"""One instance per ledger: a lock that the system frees when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from reviewbot.domain.errors import LedgerBusy, LedgerUnwritable


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
