"""The file PAUSE: the switch that works when the decision log cannot be written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

_LONGEST = 4096


class PauseFile:
    """A file whose presence pauses the bot; what stands in it says what, and why."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """Give its text, or None where it is not there; never wait for anything.

        One that is there and cannot be read still pauses everything: somebody wanted a stop. That
        may be a folder, a pipe, a device, or a link that leads nowhere.
        """
        try:
            self.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return self._unread(error.strerror)
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):
                return self._unread("it is no plain file")
            # Not to wait, should a pipe have taken its place since.
            opened = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(opened, "rb") as file:
                return file.read(_LONGEST).decode("utf-8", "replace")
        except OSError as error:
            # Also one that was taken away this very moment: the next look finds that out.
            return self._unread(error.strerror)

    def write(self, text: str) -> None:
        """Put it there, whole, in place of whatever has its name. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.path)

    def remove(self) -> bool:
        """Take it away; give whether it was there. Raises OSError."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True

    def _unread(self, why: str | None) -> str:
        return f"all: {self.path} cannot be read ({why})"


class PauseFiles:
    """The file that pauses every key, and the one that pauses only ours."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._files = [PauseFile(path) for path in paths]

    def read(self) -> str | None:
        """Give all that stands in those that are there, or None where none is."""
        texts = [text for file in self._files if (text := file.read()) is not None]
        if len(texts) < 2:
            return texts[0] if texts else None
        parts = [text.strip().replace("\n", ":", 1).partition(":") for text in texts]
        words = " ".join(head.strip() or "all" for head, _, _ in parts)
        return f"{words}: {'; '.join(filter(None, (why.strip() for _, _, why in parts)))}"
