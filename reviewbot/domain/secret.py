"""Secret: a text that never shows itself."""

from __future__ import annotations


class Secret:
    """A text that is shown to nobody: neither `repr` nor `str` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself, to be used at once and kept nowhere."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"
