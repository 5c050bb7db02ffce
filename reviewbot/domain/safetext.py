"""Text from outside, made harmless for a person's screen.

Anything the API, a policy or a file says may hold control codes, terminal sequences or bidirectional
overrides. Every human sink passes such text through `safe` (whole texts) or `safe_line` (one line).
"""

from __future__ import annotations

import unicodedata

from reviewbot.domain.secret import without_known

LONGEST = 2000
"""Characters kept by default; more is cut with an ellipsis."""


def safe(text: str, longest: int = LONGEST) -> str:
    """Drop control characters except the newline; show format characters (bidi and the like) as escapes.

    A known secret is masked before anything is cut, for half of one is no mask.
    """
    shown = "".join(map(_shown, without_known(text)))
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


def quiet(text: str) -> str:
    """Write what a screen or a reader of lines would obey as JSON escapes; JSON keeps its meaning.

    ASCII is left alone but for DEL: JSON escapes its other control codes itself, and colours are made
    of them.
    """
    return text if text.isascii() and _DEL not in text else text.translate(_ESCAPES)


def quiet_bytes(text: bytes) -> bytes:
    """As `quiet`, of UTF-8."""
    return text if text.isascii() and _DEL.encode() not in text else quiet(text.decode()).encode()


class _Escapes(dict[int, str]):
    """Finds out about each character once, as long as they are not too many."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        lively = code >= 0x7F and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        units = char.encode("utf-16-be", "surrogatepass")
        shown = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
        if len(self) > 4096:
            self.clear()
        self[code] = shown if lively else char
        return self[code]


_DEL = "\x7f"
_ESCAPES = _Escapes()
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
