"""Characters that nobody sees: a value that holds one looks like another, and is not."""

from __future__ import annotations

from unicodedata import category, name

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control and format characters (zero-width, bidirectional), odd line breaks, and no characters."""

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0")
"""Letters and marks that show nothing, whatever their category."""


def first_unseen(text: str) -> int | None:
    """Where the first invisible character stands; None where every one can be seen."""
    if text.isascii() and text.isprintable():
        return None
    return next((at for at, char in enumerate(text) if _is_unseen(char)), None)


def said_unseen(char: str) -> str:
    """Name an invisible character: its number, and what Unicode calls it where it has a name."""
    if char in "\n\r":
        return "a line break"
    called = name(char, "")
    return f"an invisible character (U+{ord(char):04X}{' ' * bool(called)}{called})"


def _is_unseen(char: str) -> bool:
    return category(char) in _UNSEEN or char in _BLANK
