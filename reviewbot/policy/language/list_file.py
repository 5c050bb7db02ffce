"""A list file: what a spreadsheet writes, read cell by cell with places.

Theory of operation. Nothing in it is swallowed or guessed. What stands between the cells (comma,
semicolon or tab) is told from the header. A row is a line, so a quote that is still open at the end
of one is a mistake at the quote, and what follows is read as rows again. `""` inside quotes is one
quote (RFC 4180).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from reviewbot.policy.diagnostics import Severity, Span
from reviewbot.policy.language.grammar import LIST_ENTRY
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.repair import spot
from reviewbot.policy.language.synonyms import KEYS, meaning
from reviewbot.policy.language.yaml import Scalar
from reviewbot.policy.model import ListEntry
from reviewbot.policy.text_forms import (
    asked,
    did_you_mean,
    first_unseen,
    fold,
    listed,
    only_cure,
    said_unseen,
    shape,
)
from reviewbot.policy.values import Misread, read_date

SEPARATORS = ",;\t"
_CALLED = {",": "comma", ";": "semicolon", "\t": "tab"}
_ID, _NOTE, _UNTIL = LIST_ENTRY.keys
_FOR = {_NOTE: "what readers should know", _UNTIL: "the last day of an entry"}
_MOST_SHOWN = 12
_QUOTES = "“”„‟«»‘’‚'`"


class WantedRows(NamedTuple):
    """What a policy takes of a list file: the column of the values, and which rows."""

    column: Scalar | None
    where: tuple[tuple[Scalar, tuple[str, ...]], ...]


def path_beside(reading: Reading, file: str) -> str:
    """The path of a file beside the policy."""
    folder, slash, _ = reading.document.path.rpartition("/")
    return f"{folder}{slash}{file}"


class SheetCell(NamedTuple):
    """One value without its quotes and outer spaces, and where it stands."""

    text: str
    span: Span


class Row(NamedTuple):
    """The cells of a line that holds any, and whether nothing is wrong with it."""

    line: int
    cells: tuple[SheetCell, ...]
    is_sound: bool


class ListSheet:
    """One list file being read; findings stand in that file."""

    def __init__(self, reading: Reading, file: str, what: str, wanted: WantedRows) -> None:
        self.reading = reading
        self.what = what
        self.path = path_beside(reading, file)
        self._wanted = wanted
        self._column = _ID if wanted.column is None else wanted.column.value.strip().casefold()
        self._lines: list[str] = []
        self._separators = SEPARATORS
        self._next = 0
        """The line at which the next row begins."""

    def read(self, text: str) -> tuple[ListEntry, ...]:
        """Read the header and the rows: one entry a row that is wanted, or a mistake that says why not."""
        self._lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        first = next((line for line in self._lines if line.strip(f" {SEPARATORS}")), "")
        self._separators = _separators(first)
        rows = list(self._rows())
        if not rows:
            cure = "its first line names its columns, as  id,note,until"
            self._add("P129", spot(0, 0), "the list file is empty", cure)
            return ()
        head, *lines = rows
        if self._is_no_header(first, head, lines):
            return ()
        header = tuple(cell.text.casefold() for cell in head.cells)
        if not self._is_header(head, header):
            return ()
        if lines and self._other_signs(first, lines, len(header)):
            return ()
        read = [self._entry(row, header) for row in lines if row.is_sound]
        entries = tuple(entry for entry in read if entry is not None)
        if not entries and (not lines or (self._wanted.where and len(read) == len(lines))):
            self._warn_empty(head, bool(lines))
        return entries

    def _is_no_header(self, first: str, head: Row, lines: list[Row]) -> bool:
        """Report a line in front of the header, for Excel or as a title; whether it is one."""
        own, below = (
            [cell.text.casefold() for cell in row.cells] for row in (head, *lines[:1], head)[:2]
        )
        message = "this line is for Excel alone; the first line names the columns"
        if not first.strip().casefold().startswith("sep=") or len(first.strip()) > 5:
            message = (
                f"the first line names the columns, and the one with  {self._column}  stands below"
            )
            if self._column in own or self._column not in below:
                return False
        self._add("P129", spot(head.line, 0, len(first)), message, "delete this line")
        return True

    def _warn_empty(self, head: Row, has_rows: bool) -> None:
        message = f"{self.what} holds no value, so nothing is ever in it"
        cure = "add values below the header"
        if has_rows:
            cure = "no row holds what  where:  asks for; look at the words in that column"
        self._add("P332", spot(head.line, 0), message, cure, severity=Severity.WARNING)

    def _other_signs(self, header: str, rows: list[Row], columns: int) -> bool:
        """Report rows with another sign between their values than the header has; whether none has that of the header."""
        signs = [self._other_sign(row, columns) for row in rows]
        if signs[0] is None:
            return False
        if None not in signs:
            cure = f"write the header as  {header.replace(self._separators, signs[0])}"
            self._refuse_sign(rows[0], "the columns of the header", cure=cure)
        return None not in signs

    def _other_sign(self, row: Row, columns: int) -> str | None:
        """The sign between the values of a row, where the header has another."""
        line = self._lines[row.line]
        sign = next((sign for sign in SEPARATORS if line.count(sign) == columns - 1 > 0), None)
        return None if len(row.cells) > 1 or sign is None or sign in self._separators else sign

    def _refuse_sign(
        self, row: Row, than: str, *, cure: str | None = None, under: str | None = None
    ) -> None:
        message = f"the values of this line stand apart by another sign than {than}"
        length = len(self._lines[row.line])
        self._add("P129", spot(row.line, 0, length), message, cure, under=under)

    def _is_header(self, head: Row, header: tuple[str, ...]) -> bool:
        """Whether every column that is asked for is there once."""
        wanted: list[tuple[str, Scalar | None]] = [(self._column, self._wanted.column)]
        wanted += [(key.value.strip().casefold(), key) for key, _ in self._wanted.where]
        lacking = [word for word in wanted if word[0] not in header]
        for name, scalar in lacking:
            self._refuse_column(head, name, scalar)
        used = {_NOTE, _UNTIL, *(name for name, _ in wanted)}
        doubled = [at for at, name in enumerate(header) if name in used & {*header[:at]}]
        for at in doubled:
            message, cure = f'two columns are called "{header[at]}"', "name one of them otherwise"
            self._add("P129", head.cells[at].span, message, cure)
        for name, cell in zip(header, head.cells, strict=True):
            meant = None if name in used else only_cure(name, (_NOTE, _UNTIL))
            meant = meant or (None if name in used else meaning(name, KEYS, (_UNTIL,)))
            if meant is not None and meant not in header:
                message, under = f'the column "{cell.text}" is not read', asked(meant)
                cure = f"{_FOR[meant]} stands in a column called  {meant}"
                self._add("P336", cell.span, message, cure, under=under, severity=Severity.WARNING)
        return not lacking and not doubled

    def _refuse_column(self, head: Row, name: str, scalar: Scalar | None) -> None:
        """Report a column that is not there: where it is asked for, else in the header."""
        names = [cell.text for cell in head.cells]
        has = f"it has {listed(names, 'and')}" if len(names) <= _MOST_SHOWN else None
        if scalar is not None:
            message = f'the list file has no column "{scalar.value}"'
            number = int(scalar.value) if scalar.value.isdecimal() and len(scalar.value) < 4 else 0
            own = asked(names[number - 1]) if 0 < number <= len(names) else None
            self.reading.add("P129", scalar, message, under=own, among=names, cure=has)
            return
        message = f'the list file has no column "{name}"'
        likely = [name for name in names if meaning(name, KEYS, (_ID,))]
        cure = "write  column:  and the name of the one that holds the values"
        if len(likely) == 1:
            cure = (
                f"write  {_ID}  in its place, or below  file:  in the policy  column: {likely[0]}"
            )
        near = did_you_mean(name, names)
        if not likely and not near and any(char.isdigit() for cell in names for char in cell):
            message = "the first line names the columns, and none stands here"
            cure = f"write above it a first line:  {','.join((_ID, _NOTE, _UNTIL)[: len(names)])}"
            self._add("P129", head.cells[0].span, message, cure)
            return
        self._add("P129", head.cells[0].span, message, cure, under=near or has)

    def _entry(self, row: Row, header: tuple[str, ...]) -> ListEntry | None:
        if (sign := self._other_sign(row, len(header))) is not None:
            under = f"write  {self._lines[row.line].replace(sign, self._separators[0])}"
            self._refuse_sign(row, "those of the others", under=under)
            return None
        if len(row.cells) != len(header):
            self._refuse_width(row, header)
            return None
        if shape(r"(?:sub)?(?:totals?|sum|count|summe|gesamt|anzahl)\b[: ]*\d*").fullmatch(
            row.cells[0].text.casefold()
        ):
            message = "this line is the sum of a sheet, not a value of the list"
            self._add("P129", row.cells[0].span, message, "delete this line")
            return None
        if [cell.text.casefold() for cell in row.cells] == list(header):
            message = "the header stands here once more"
            self._add("P129", row.cells[0].span, message, "delete this line")
            return None
        cells = dict(zip(header, row.cells, strict=True))
        if not self._is_wanted(cells):
            return None
        value, note, day = (cells.get(name) for name in (self._column, _NOTE, _UNTIL))
        if value is None or not value.text:
            cure = "write it, or delete the line"
            self._add("P129", spot(row.line, 0), f"this line has no {self._column}", cure)
            return None
        if (spoilt := _spoilt(value.text)) is not None:
            self._add("P337", value.span, *spoilt, severity=Severity.WARNING)
        return ListEntry(
            id=value.text,
            note=None if note is None else note.text or None,
            until=None if day is None else self._date(day),
            span=value.span,
        )

    def _is_wanted(self, cells: dict[str, SheetCell]) -> bool:
        """Whether nothing in a line hides, and it has what `where:` asks for."""
        keys = [(key.value.strip().casefold(), values) for key, values in self._wanted.where]
        used = dict.fromkeys((self._column, _NOTE, _UNTIL, *(name for name, _ in keys)))
        hidden = [self._hides(cells[name]) for name in used if name in cells]
        if any(hidden):
            return False
        return all(fold(cells[name].text) in map(fold, values) for name, values in keys)

    def _refuse_width(self, row: Row, header: tuple[str, ...]) -> None:
        values, columns = len(row.cells), len(header)
        sign = _CALLED[self._separators if columns > 1 else ","]
        message = (
            f"this line has {values} value{'s' * (values != 1)},"
            f" the header has {columns} column{'s' * (columns != 1)}"
        )
        own = self._lines[row.line] + self._separators[0] * (columns - values)
        cure = f"write a {sign} for each value that is left out:  {own}"
        only = row.cells[0].text if values == 1 else ""
        words = only.split(" ")
        if len(words) == columns > 1:
            cure = f"write  {self._separators[0].join(words)}"
        if self._lines[row.line].startswith('"') and only.count(self._separators[0]) == columns - 1:
            message, cure = "quotes around a whole line make it one value", f"write  {only}"
        shortened = next(filter(None, (_spoilt(f"1,{cell.text}") for cell in row.cells)), None)
        if values > columns and shortened is not None:
            message, cure = shortened
        elif values > columns:
            cure = f"put quotes around a value that holds a {sign}"
            if (at := header.index(_NOTE) if _NOTE in header else -1) >= 0:
                texts, end = [cell.text for cell in row.cells], at + values - columns + 1
                texts[at:end] = [f'"{(self._separators + " ").join(texts[at:end])}"']
                cure += f":  {self._separators.join(texts)}"
        self._add("P129", row.cells[min(columns, values - 1)].span, message, cure)

    def _date(self, cell: SheetCell) -> date | None:
        try:
            return read_date(cell.text, 0) if cell.text else None
        except Misread as misread:
            cure, under = misread.cure, misread.under
            self._add(misread.code, cell.span, misread.message, cure, under=under)
            return None

    def _hides(self, cell: SheetCell) -> bool:
        """Refuse a value that looks like another: nothing would ever be found under what is seen."""
        at = first_unseen(cell.text)
        if at is None:
            return False
        line, start = cell.span.line - 1, cell.span.column - 1
        place = self._lines[line].find(cell.text[at], start)
        cure = "delete it and type the value again"
        self._add("P010", spot(line, place), f"{said_unseen(cell.text[at])} stands here", cure)
        return True

    # Rows and cells --------------------------------------------------------------------------

    def _rows(self) -> Iterator[Row]:
        """Read every line that holds something; lines of nothing but separators and spaces do not."""
        findings = self.reading.findings
        while self._next < len(self._lines):
            number = self._next
            self._next += 1
            before = len(findings)
            cells = tuple(self._cells(self._lines[number], number))
            if len(findings) > before or any(cell.text for cell in cells):
                yield Row(number, cells, is_sound=len(findings) == before)

    def _cells(self, line: str, number: int) -> Iterator[SheetCell]:
        at = 0
        while at <= len(line):
            start = at + len(line[at:]) - len(line[at:].lstrip(" "))
            if line[start : start + 1] == '"':
                text, at = self._quoted(line, start, number)
            else:
                at = self._end(line, at)
                text = line[start:at].rstrip(" ")
                if '"' in text:
                    self._refuse_quote(number, line.index('"', start))
            yield SheetCell(text.strip(" "), spot(number, start, max(1, at - start)))
            at += 1

    def _end(self, line: str, at: int) -> int:
        """Where the cell ends that goes on at `at`."""
        ends = (line.find(sign, at) for sign in self._separators)
        return min((end for end in ends if end >= 0), default=len(line))

    def _quoted(self, line: str, start: int, number: int) -> tuple[str, int]:
        """The text between two quotes, and where the cell ends."""
        at, parts = start + 1, []
        while (close := line.find('"', at)) >= 0 and line[close + 1 : close + 2] == '"':
            parts.append(line[at : close + 1])
            at = close + 2
        if close < 0:
            self._refuse_open(number, start)
            return "".join((*parts, line[at:])), len(line)
        end = self._end(line, close)
        if line[close + 1 : end].strip(" "):
            self._refuse_quote(number, close)
        return "".join((*parts, line[at:close])), end

    def _refuse_open(self, number: int, at: int) -> None:
        """A quote that its line does not close: left open, or closed behind a line break."""
        message = "this quote is still open at the end of its line"
        cure = "close it, or delete it: a value of a list stays on one line"
        for later in range(number + 1, len(self._lines)):
            line = self._lines[later]
            close = line.find('"')
            if close < 0:
                continue
            before, behind = line[:close].rstrip(" "), line[close + 1 :].lstrip(" ")
            begins = not before or before[-1] in self._separators
            if not begins and (not behind or behind[0] in self._separators):
                message = f"a line break stands inside this value: it goes on to line {later + 1}"
                cure = "write the value on one line"
                self._next = later + 1
            break
        self._add("P015", spot(number, at), message, cure)

    def _refuse_quote(self, number: int, at: int) -> None:
        cure = 'put quotes around the whole value, and write "" for a quote in it'
        self._add("P015", spot(number, at), "a quote stands inside a value", cure)

    def _add(
        self,
        code: str,
        span: Span,
        message: str,
        cure: str | None,
        *,
        under: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.reading.add(
            code, span, message, severity=severity, cure=cure, under=under, path=self.path
        )


def _spoilt(text: str) -> tuple[str, str] | None:
    """What a spreadsheet or a word processor made of a value, and what to do; None where it is as typed."""
    if shape(rf"[{_QUOTES}].*[{_QUOTES}]|'[^']+").fullmatch(text):
        return "these quotes are part of the value", f"write  {text.strip(_QUOTES)}"
    if shape(r"\d[.,]\d+E[+]?\d+").fullmatch(text):
        cure = "in the spreadsheet make the column text, type the value again, and save it again"
        return "the spreadsheet has shortened this number, so its last digits are lost", cure
    if shape(r"[1-9]\d{0,2}(?:[.'’]\d{3})+").fullmatch(text):
        message = "the spreadsheet has put signs between the thousands of this number"
        return message, f"if that is not meant write  {shape(r'[^0-9]').sub('', text)}"
    if shape(r"#(?:N/A|NV|(?:REF|BEZUG|VALUE|WERT|DIV/0|NUM|ZAHL|NULL)!|NAME\?)").fullmatch(text):
        return (
            "this is an error of the spreadsheet, not a value",
            "type the value there, or delete it",
        )
    if shape(r"[\p{L}\d@._-]{3,}(?: ?[,;|] ?[\p{L}\d@._-]{3,})+").fullmatch(text):
        cure = f"write each on a line of its own:  {'  and  '.join(shape(' ?[,;|] ?').split(text))}"
        return "one value stands on a line, and here seem to be several", cure
    return None


def _separators(header: str) -> str:
    """What stands between the columns of a header: of several signs the one that does most often.

    Where there is one column, each of them would be one too many in a row.
    """
    bare = "".join(header.split('"')[::2])
    most = max(SEPARATORS, key=bare.count)
    return most if most in bare else SEPARATORS
