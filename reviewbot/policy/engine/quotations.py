"""Quotation marks of a text, so that what is put between them cannot end the quotation.

A manager's comment may hold the marks that the text has put around it, and go on in our name. So
within a pair of marks those of that kind in the data become their other form: double ones single, and
the reverse.
"""

from __future__ import annotations

from collections.abc import Sequence

_KINDS = {
    '"': "'",
    "“”„": "‘’‚",
    "«»": "‹›",
    "‹›": "«»",
    "「」": "『』",
    "‘’‚": "'',",
    "'": "’",
}
"""The marks of each kind, and what stands for each in a quotation of that kind."""
_APOSTROPHES = "'’"
_HERE = "\0"


def inner_quotes(parts: Sequence[object], at: int) -> dict[int, str]:
    """What to replace in the data at a place of a text, as a table for `str.translate`."""
    pieces = [part if isinstance(part, str) else _HERE for part in parts]
    before, text = "".join(pieces[:at]), "".join(pieces)
    table: dict[int, str] = {}
    for marks, others in _KINDS.items():
        if _is_inside(text, len(before), marks):
            table |= {ord(mark): other for mark, other in zip(marks, others, strict=True)}
    return table


def _is_inside(text: str, place: int, marks: str) -> bool:
    """Whether a quotation by these marks is open at a place and ends behind it."""
    opened = False
    for here, char in enumerate(text):
        if here == place and not opened:
            return False
        if char not in marks or (char in _APOSTROPHES and _is_apostrophe(text, here, opened)):
            continue
        if here > place:
            return True
        opened = not opened
    return False


def _is_apostrophe(text: str, here: int, opened: bool) -> bool:
    """Whether such a mark belongs to a word: it opens nothing behind a letter, and ends nothing before one."""
    beside = text[here + 1 : here + 2] if opened else text[max(0, here - 1) : here]
    return beside.isalnum()
