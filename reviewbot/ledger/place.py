"""The place of a log: whether the files under its names are still those that were opened.

Theory of operation. A file that was removed or replaced stays as it was for who has it open: writes
go on, succeed, and are on no record once the process ends. So before each transaction the names are
looked at, which costs four looks at the system's own memory. The first files seen under them are the
log for as long as the process lives: put back, they are it again; another file never is. A lock on a
file that has no name any more keeps nobody out.
"""

from __future__ import annotations

from pathlib import Path

from reviewbot.domain.errors import LedgerMoved

_Identity = tuple[int, int]


class Place:
    """Files by their names, each with what was first found there."""

    def __init__(self) -> None:
        self._known: dict[Path, _Identity] = {}

    def remember(self, *paths: Path) -> None:
        """These files are part of the log from now on, as far as they are there and not known yet."""
        for path in paths:
            if path not in self._known and (found := _identity(path)) is not None:
                self._known[path] = found

    def forget(self, *paths: Path) -> None:
        """These files are gone, or others', by our own doing."""
        for path in paths:
            self._known.pop(path, None)

    def check(self) -> None:
        """Raise LedgerMoved where another file, or none, stands under one of the names."""
        for path, known in self._known.items():
            found = _identity(path)
            if found != known:
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
