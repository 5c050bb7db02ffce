"""Text from outside, made harmless for a person's screen.

Anything the API, a policy or a file says may hold control codes, terminal sequences or bidirectional
overrides. Every human sink passes such text through `safe` (whole texts) or `safe_line` (one line).
"""

from __future__ import annotations

import unicodedata

LONGEST = 2000
"""Characters kept by default; more is cut with an ellipsis."""


def safe(text: str, longest: int = LONGEST) -> str:
    """Drop control characters except the newline; show format characters (bidi and the like) as escapes."""
    shown = "".join(map(_shown, text))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def safe_line(text: str, longest: int = LONGEST) -> str:
    """As `safe`, on one line: line breaks and tabs become one space."""
    return safe(" ".join(text.split()), longest)


def safe_cell(text: str, longest: int = LONGEST) -> str:
    """As `safe`, for a cell of a spreadsheet: what would be read as a formula is quoted with `'`.

    A formula starts with `= + - @`, a tab or a return, also behind spaces or as a full-width sign
    (OWASP ASVS 1.2.10).
    """
    shown = safe(text, longest)
    # What is dropped must not uncover a formula, so the text is looked at before and after.
    starts = {unicodedata.normalize("NFKC", one.lstrip()[:1]) for one in (text, shown)}
    formula = starts & _FORMULA or text[:1] in ("\t", "\r", "\0")
    return f"'{shown}" if formula and text else shown


_FORMULA = frozenset("=+-@")


def _shown(char: str) -> str:
    if char == "\n":
        return char
    if char == "\t":
        return " "
    category = unicodedata.category(char)
    if category == "Cc":
        return ""
    if category in ("Cf", "Cs", "Co", "Zl", "Zp"):
        return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
    return char
