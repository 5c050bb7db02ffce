"""A file of comma-separated values, cell by cell with places: nothing in it is swallowed or guessed.

A row is a line, so a quote that is still open at the end of one is a mistake at the quote, and what
follows is read as rows again. `""` inside quotes is one quote (RFC 4180).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.policy.findings import Span
from reviewbot.policy.unseen import first_unseen, said_unseen


class Mistake(msgspec.Struct, frozen=True):
    """What is wrong with a line, where, and the cure."""

    code: str
    span: Span
    message: str
    cure: str


class Cell(msgspec.Struct, frozen=True):
    """One value without its quotes and outer spaces, and where it stands."""

    text: str
    span: Span


class Row(msgspec.Struct, frozen=True):
    """The cells of a line that holds any, and what is wrong with them."""

    line: int
    cells: tuple[Cell, ...]
    mistakes: tuple[Mistake, ...]


def read_rows(text: str) -> Iterator[Row]:
    """Read every line that holds something; lines of nothing but commas and spaces do not."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        mistakes: list[Mistake] = []
        cells = tuple(_cells(line, number, mistakes))
        if mistakes or any(cell.text for cell in cells):
            mistakes += _unseen(line, number)
            yield Row(number, cells, tuple(mistakes))


def _unseen(line: str, number: int) -> Iterator[Mistake]:
    at = first_unseen(line)
    if at is not None:
        yield Mistake(
            "P010",
            Span(number, at + 1, number, at + 2),
            f"{said_unseen(line[at])} stands here",
            "delete it and type the value again",
        )


def _cells(line: str, number: int, mistakes: list[Mistake]) -> Iterator[Cell]:
    at = 0
    while at <= len(line):
        start = at + len(line[at:]) - len(line[at:].lstrip(" "))
        if line[start : start + 1] == '"':
            text, at = _quoted(line, start, number, mistakes)
        else:
            end = line.find(",", at)
            at = len(line) if end < 0 else end
            text = line[start:at].rstrip()
            quote = line.find('"', start, at)
            if quote >= 0:
                mistakes.append(_odd_quote(number, quote))
        yield Cell(text.strip(), Span(number, start + 1, number, max(at, start + 1) + 1))
        at += 1


def _quoted(line: str, start: int, number: int, mistakes: list[Mistake]) -> tuple[str, int]:
    """The text between two quotes, and where the cell ends."""
    at, parts = start + 1, []
    while (close := line.find('"', at)) >= 0 and line[close + 1 : close + 2] == '"':
        parts.append(line[at : close + 1])
        at = close + 2
    if close < 0:
        mistakes.append(
            Mistake(
                "P015",
                Span(number, start + 1, number, start + 2),
                "this quote is still open at the end of its line",
                "close it, or delete it: a value of a list stays on one line",
            )
        )
        return "".join((*parts, line[at:])), len(line)
    end = line.find(",", close)
    end = len(line) if end < 0 else end
    if line[close + 1 : end].strip(" "):
        mistakes.append(_odd_quote(number, close))
    return "".join((*parts, line[at:close])), end


def _odd_quote(number: int, at: int) -> Mistake:
    return Mistake(
        "P015",
        Span(number, at + 1, number, at + 2),
        "a quote stands inside a value",
        'put quotes around the whole value, and write "" for a quote in it',
    )
