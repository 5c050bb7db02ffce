"""A file of lines in pieces: parts of a plain file that a worker reads itself, or lines handed over.

A plain file is cut into ranges; each line belongs to the range in which it begins. What cannot be
cut, a pipe or a packed file (.gz), is read here and handed over line by line, in order.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

SIZE = 1 << 20
"""Bytes in a piece."""

_AT_ONCE = 1 << 16
"""Bytes that are read at once: few enough that the processor still holds them when they are judged."""

_PACKED = b"\x1f\x8b"


class Piece(NamedTuple):
    """Some lines of a file: the lines themselves, or where they begin. `read` counts for progress."""

    lines: bytes | int
    read: int


class Source(NamedTuple):
    """A file in pieces. `size` is what `read` of all pieces comes to; None where nobody knows."""

    pieces: Iterator[Piece]
    size: int | None


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a file of lines, plain or packed. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        size = found.st_size if stat.S_ISREG(found.st_mode) else None
        if file.peek(2)[:2] == _PACKED:
            yield Source(_unpacked(file, measured=size is not None), size)
        elif size is not None and _can_be_opened_again(path, file):
            yield Source(_ranges(size), size)
        else:
            yield Source((Piece(lines, len(lines)) for lines in _chunks(file)), size)


def _can_be_opened_again(path: Path, file: BinaryIO) -> bool:
    """Whether a worker finds the same file; it has no standard input, for one."""
    try:
        return os.path.samestat(path.resolve().stat(), os.fstat(file.fileno()))
    except OSError:
        return False


def lines_reader(path: Path) -> Callable[[Piece], Iterator[bytes]]:
    """Make the function that gives a piece's lines, ends and all; it opens the file when it first
    needs it.
    """
    real, file = path.resolve(), None  # type: Path, BinaryIO | None

    def lines(piece: Piece) -> Iterator[bytes]:
        nonlocal file
        if isinstance(piece.lines, bytes):
            return BytesIO(piece.lines)
        if file is None:
            file = real.open("rb", buffering=_AT_ONCE)
        return _lines_from(file, piece.lines)

    return lines


def every_line(path: Path) -> Iterator[bytes]:
    """Give the lines of a file one by one, plain or packed, and blank ones between. Raises OSError."""
    with opened(path) as source:
        lines = lines_reader(path)
        for piece in source.pieces:
            yield from lines(piece)


def _ranges(size: int) -> Iterator[Piece]:
    for start in range(0, size, SIZE):
        yield Piece(start, min(SIZE, size - start))


def _lines_from(file: BinaryIO, start: int) -> Iterator[bytes]:
    """The lines that begin in the range from `start` on."""
    at, end = start, start + SIZE
    file.seek(max(start - 1, 0))
    if start:
        at += len(file.readline()) - 1
    while at < end and (line := file.readline()):
        yield line
        at += len(line)


def _unpacked(file: BinaryIO, *, measured: bool) -> Iterator[Piece]:
    before = 0
    try:
        with gzip.open(file) as plain:
            for lines in _chunks(plain):
                now = file.tell() if measured else 0
                yield Piece(lines, now - before)
                before = now
    except (EOFError, zlib.error) as error:
        raise OSError(f"it is no whole packed file: {error}") from error


def _chunks(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    """Lines of about `SIZE` bytes at a time."""
    while lines := file.read(SIZE):
        yield lines if lines.endswith(b"\n") else lines + file.readline()
