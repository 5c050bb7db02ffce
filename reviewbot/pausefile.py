"""The file PAUSE: the switch that works when the decision log cannot be written."""

from __future__ import annotations

from pathlib import Path

_LONGEST = 4096


class PauseFile:
    """A file whose presence pauses the bot; what stands in it says what, and why."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """Give its text, or None where it is not there.

        One that is there and cannot be read still pauses everything: somebody wanted a stop.
        """
        try:
            self.path.stat()
            with self.path.open("rb") as file:
                return file.read(_LONGEST).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return f"all: {self.path} cannot be read ({error.strerror})"

    def write(self, text: str) -> None:
        """Put it there. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(text, encoding="utf-8")

    def remove(self) -> bool:
        """Take it away; give whether it was there. Raises OSError."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True
