"""What a log can hold: what is wrong with a value is said of the thing it belongs to.

Theory of operation. The databases differ in what they refuse (a NUL, a number beyond 64 bits, a
name too long for an index), and each refuses a whole transaction. So what comes from outside is
looked at before, alike for every store: a name that does not fit is an error of that one thing, and
prose, which nothing is looked up by, is made to fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from reviewbot.domain.errors import NotRecordable
from reviewbot.domain.text import safe_line

LONGEST_NAME = 800
"""Bytes of a name: three of them fit into one row of an index (2,704 bytes in PostgreSQL)."""


LEAST, MOST = -(2**63), 2**63 - 1
"""The whole numbers that a column holds."""


_SHOWN = 60


def is_name(text: str) -> bool:
    """Whether something can be looked up by this text."""
    return _wrong_with(text) is None


def holds(number: int) -> bool:
    """Whether a column holds this number."""
    return LEAST <= number <= MOST


def amount_held(micros: int | None) -> int | None:
    """The amount; none where no column holds it, for nobody pays that."""
    return micros if micros is not None and holds(micros) else None


def prose(text: str | None) -> str | None:
    """A text that is only read, as a column can hold it."""
    if text is None:
        return None
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def check(what: str, **values: object) -> None:
    """Raise NotRecordable, with the name of the field, where a name or a number does not fit."""
    for field, value in values.items():
        match value:
            case None:
                continue
            case str():
                wrong = _wrong_with(value)
            case int():
                wrong = None if holds(value) else "is beyond 64 bits"
            case _:
                wrong = "is neither a text nor a whole number"
        if wrong is not None:
            shown = safe_line(repr(value)[:_SHOWN])
            raise NotRecordable(f"{what} cannot be written down: its {field} {shown} {wrong}")


@contextmanager
def writing_down(what: str) -> Iterator[None]:
    """What fails while a value becomes bytes is about that value, and no damage of the log."""
    try:
        yield
    except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
        raise NotRecordable(
            f"{safe_line(what)} cannot be written down ({type(error).__name__}: {error})"
        ) from error


def _wrong_with(name: str) -> str | None:
    if "\0" in name:
        return "holds a NUL"
    try:
        size = len(name) if name.isascii() else len(name.encode())
    except UnicodeEncodeError:
        return "is no text"
    return None if size <= LONGEST_NAME else f"is longer than {LONGEST_NAME} bytes"
