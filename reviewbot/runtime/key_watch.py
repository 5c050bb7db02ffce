"""A key that changes while the bot runs: its file is read again, and the next request sends the new one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import Events
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.errors import ConfigError
from reviewbot.key_settings import read_key_file
from reviewbot.runtime.policy_files import stamp_of

SUBJECT = "file"
RESTS = 2.0
"""Seconds for which a folder has to stay as it is before its keys are read."""


class KeyWatch:
    """Keeps the key of one bot as its file says; a key that is in no file stays as it is.

    Made before the bot reads its key, so that no change goes unseen.
    """

    def __init__(self, file: str | None) -> None:
        self._path = None if file is None else Path(file)
        self._seen = self._stamp()

    def attach(self, renew: Callable[[str], bool], notifier: Notifier, events: Events) -> None:
        """Take charge of the key of a bot; `renew` sends another, and gives whether it is another."""
        self._renew, self._notifier, self._events = renew, notifier, events

    def changed(self) -> bool:
        """Whether the file was touched, swapped, taken away or forbidden since it was last read."""
        return self._path is not None and self._stamp() != self._seen

    def refresh(self, *, asked: bool = False) -> None:
        """Before a pass: take over a changed key; `asked` even where nothing seems to have changed.

        A file that cannot be used is told, and the key from before is sent on.
        """
        if self._path is None or not (asked or self.changed()):
            return
        self._seen = self._stamp()
        try:
            key = read_key_file(str(self._path))
        except ConfigError as error:
            self._notifier.notify(
                AlarmKind.KEY,
                f"The changed key is not used, the one before is sent on: {error}",
                subject=SUBJECT,
            )
            return
        if self._renew(key.reveal()):
            self._events("key renewed", file=str(self._path))
        self._notifier.alarms.mended(
            AlarmKind.KEY, "The key in the file is the one that is sent", subject=SUBJECT
        )

    def _stamp(self) -> tuple[int, ...] | None:
        return None if self._path is None else stamp_of(self._path)


class FolderWatch:
    """Tells when keys have come to a folder or gone from it, once nobody is at it any more."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._read: tuple[int, ...] | None = None
        self._seen: tuple[int, ...] | None = None
        self._since = 0.0

    def changed(self, folder: str | None) -> bool:
        """Whether it is another than it was when this last said so, or was first asked."""
        if folder is None:
            return False
        now, stamp = self._monotonic(), stamp_of(Path(folder))
        if self._seen is None:
            self._seen = self._read = stamp
        if stamp != self._seen:
            self._seen, self._since = stamp, now
        if stamp == self._read or now - self._since < RESTS:
            return False
        self._read = stamp
        return True
