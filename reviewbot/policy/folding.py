"""Text as the language compares it: Unicode NFC, and with case folded away unless asked otherwise."""

from __future__ import annotations

from typing import overload
from unicodedata import is_normalized, normalize


@overload
def nfc(text: str) -> str: ...
@overload
def nfc(text: None) -> None: ...
def nfc(text: str | None) -> str | None:
    """Compose `text`, so that the two ways to write an accent are one."""
    if text is None or text.isascii() or is_normalized("NFC", text):
        return text
    return normalize("NFC", text)


@overload
def fold(text: str) -> str: ...
@overload
def fold(text: None) -> None: ...
def fold(text: str | None) -> str | None:
    """Compose `text` and take its case away; None (unknown) stays None."""
    if text is None:
        return None
    if text.isascii():
        return text.lower()
    return nfc(nfc(text).casefold())
