"""Orders in a CSV or JSON-lines file: every bad row by its number, with its reason.

A quote that is not closed makes it impossible to say where the rows after it begin, and a column
with an unknown name may be a mistyped one. Both refuse the file as a whole; all else only its row.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reviewbot.domain.errors import UsageError
from reviewbot.domain.order import FIELDS, Order, fault
from reviewbot.domain.text import safe_line
from reviewbot.orders.place import OrderRow
from reviewbot.policy.text_forms import did_you_mean

NEEDED = ("saved_account_id", "comment_text")
LONGEST_FILE = 100 * 1024 * 1024
_SEPARATORS = ",;\t"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


class BadRow(NamedTuple):
    """A row that is not sent: its number, why, and its cells as they stand."""

    number: int
    reason: str
    cells: Mapping[str, str]


class Rows(NamedTuple):
    """The rows of a file, good and bad. Rows count as a spreadsheet counts them: the header is 1."""

    good: tuple[OrderRow, ...]
    bad: tuple[BadRow, ...]

    def first(self, most: int) -> Rows:
        """The first `most` rows of the file, the bad ones counted."""
        numbers = [row.number for row in self.good] + [row.number for row in self.bad]
        last = max(sorted(numbers)[:most], default=0)
        return Rows(
            tuple(row for row in self.good if row.number <= last),
            tuple(row for row in self.bad if row.number <= last),
        )


def read_csv(path: Path) -> Rows:
    """Read a CSV file. Raises UsageError where the file as a whole cannot be used."""
    text = _text_of(path).lstrip("\r\n")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    records: list[list[str]] = []
    try:
        for record in reader:
            records.append(record)  # what was read before an error is counted
    except csv.Error as error:
        raise UsageError(
            f"{path}: row {len(records) + 1} is not well quoted ({error}); put a text that holds a"
            " comma, a quote or a line break between quotes, and write a quote inside it twice:"
            ' "She said ""yes"""'
        ) from error
    header = [name.strip() for name in records[0]]
    _check_columns(header, path)
    filled = (
        (number, _cells(header, record))
        for number, record in enumerate(records[1:], start=2)
        if any(map(str.strip, record))
    )
    return _judged(filled, path.name)


def read_jsonl(path: Path) -> Rows:
    """Read a file with one JSON object a line. Raises UsageError where it cannot be used at all."""
    lines = enumerate(_text_of(path).split("\n"), start=1)
    return _judged(((number, _object(line)) for number, line in lines if line.strip()), path.name)


def one_row(cells: Mapping[str, str]) -> Rows:
    """Take one order from the words of the command."""
    return _judged([(1, dict(cells))], "the command line")


def _judged(records: Iterable[tuple[int, dict[str, str] | str]], where: str) -> Rows:
    """Part good rows from bad ones; a record that is a text is why it could not be read."""
    good, bad = [], []
    for number, cells in records:
        if isinstance(cells, str):
            bad.append(BadRow(number, cells, {}))
            continue
        order = _order(cells)
        reason = _unreadable(cells) or fault(order)
        if reason is None:
            good.append(OrderRow(number=number, order=order, source=f"{where} row {number}"))
        else:
            bad.append(BadRow(number, reason, cells))
    return Rows(tuple(good), tuple(bad))


def _order(cells: Mapping[str, str]) -> Order:
    """Take ids and addresses without the spaces around them; a text stays as it was written."""
    bare: dict[str, Any] = {name: cells[name].strip() or None for name in FIELDS if name in cells}
    bare["saved_account_id"] = bare.get("saved_account_id") or ""
    bare["comment_text"] = cells.get("comment_text", "")
    return Order(**bare)


def _unreadable(cells: Mapping[str, str]) -> str | None:
    """Name the cell whose bytes are no UTF-8: they were read as lone surrogates."""
    for name, cell in cells.items():
        for char in cell:
            if 0xDC80 <= ord(char) <= 0xDCFF:
                return f"{name} holds the byte 0x{ord(char) - 0xDC00:02X}, which is not UTF-8; save the file as UTF-8"
    return None


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise UsageError(f"{path}: is larger than {LONGEST_FILE // 1024**2} MiB; split it")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    if content[:2] in _WIDE_MARKS:
        raise UsageError(f"{path}: is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if not text.strip():
        raise UsageError(f"{path}: is empty")
    return text


def _separator(text: str) -> str:
    """Take the separator with which the header names most fields: spreadsheets differ by country."""
    header = text.splitlines()[0]

    def named(separator: str) -> int:
        return sum(name.strip(' "') in FIELDS for name in header.split(separator))

    return max(_SEPARATORS, key=named)


def _check_columns(header: Sequence[str], path: Path) -> None:
    wrong = []
    for position, name in enumerate(header, start=1):
        shown = safe_line(name, 60)
        if name in header[: position - 1]:
            wrong.append(f"column {position} is {shown!r} once more")
        elif name not in FIELDS:
            wrong.append(f"column {position}, {shown!r}, {_no_field(name)}")
    wrong += [f"there is no column {name}" for name in NEEDED if name not in header]
    if "target_video_url" not in header and "target_comment_url" not in header:
        wrong.append("there is no column target_video_url")
    if wrong:
        raise UsageError(f"{path}: the first row names the fields; " + "; ".join(wrong))


def _no_field(name: str) -> str:
    cure = did_you_mean(name, FIELDS) or f"there are {', '.join(FIELDS)}"
    return f"is no field of an order: {cure}"


def _cells(header: Sequence[str], record: Sequence[str]) -> dict[str, str] | str:
    if len(record) == len(header):
        return dict(zip(header, record, strict=True))
    return (
        f"has {len(record)} cells where the header has {len(header)};"
        " a text that holds a comma must stand between quotes"
    )


def _object(line: str) -> dict[str, str] | str:
    try:
        found = json.loads(line, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        return f"is no JSON object ({safe_line(str(error), 100)})"
    if not isinstance(found, dict):
        return "is no JSON object"
    cells = {}
    for name, value in found.items():
        if name not in FIELDS:
            return f"{safe_line(name, 60)!r} {_no_field(name)}"
        if value is None:
            continue
        if not isinstance(value, str):
            return f"{name} must be a text, not {json.dumps(value)[:60]}"
        cells[name] = value
    return cells


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field stands there twice")
    return found
