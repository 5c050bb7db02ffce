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
from reviewbot.policy.language.sheet_slips import SPACES, is_end, other_table, spoilt
from reviewbot.policy.language.synonyms import KEYS, meaning
from reviewbot.policy.language.yaml import Scalar
from reviewbot.policy.model import ListEntry
from reviewbot.policy.notations import plain
from reviewbot.policy.text_forms import (
    asked,
    asked_of,
    did_you_mean,
    first_unseen,
    fold,
    listed,
    nearest,
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


class WantedRows(NamedTuple):
    """What a policy takes of a list file: the column of the values, and which rows."""

    column: Scalar | None
    where: tuple[tuple[Scalar, tuple[Scalar, ...]], ...]

    def texts(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The columns and the values of which a row must hold one."""
        return tuple(
            (key.value, tuple(value.value.strip() for value in values))
            for key, values in self.where
        )


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
        if not self._is_header(head, header, lines):
            return ()
        if lines and self._other_signs(first, lines, len(header)):
            return ()
        read = [self._entry(row, header) for row in lines if row.is_sound]
        entries = tuple(entry for entry in read if entry is not None)
        is_told = self._warn_of_values(lines, header)
        is_narrowed = bool(self._wanted.where) and len(read) == len(lines) and not is_told
        if not entries and (not lines or is_narrowed):
            self._warn_empty(head, bool(lines))
        self._warn_of_marks(entries)
        return entries

    def _warn_of_values(self, rows: list[Row], header: tuple[str, ...]) -> bool:
        """Warn of a value of `where:` that no row holds; whether there is one."""
        sound = [row for row in rows if row.is_sound and len(row.cells) == len(header)]
        missing = []
        for key, values in self._wanted.where if sound else ():
            at = header.index(key.value.strip().casefold())
            cells = [*dict.fromkeys(row.cells[at].text for row in sound if row.cells[at].text)]
            held = {fold(cell) for cell in cells}
            for value in values:
                if fold(value.value.strip()) in held:
                    continue
                missing.append(value)
                said = did_you_mean(value.value, cells)
                if several := asked_of(value.value, cells):
                    said = several.replace("  or  ", ", ").replace("mean  ", "mean  [")
                    said = said.replace("  ?", "]  ?")
                has = (
                    f"that column holds {listed(cells, 'and')}"
                    if len(cells) <= _MOST_SHOWN
                    else None
                )
                message = f'no row has "{value.value}" in the column {key.value}'
                cure = has or "write a value as it stands in that column"
                self.reading.warn("P332", value.span, message, under=said, cure=cure)
        return bool(missing)

    def _warn_of_marks(self, entries: tuple[ListEntry, ...]) -> None:
        """Warn of values behind a #, where others have none: probably they were to be left out."""
        marked = [
            entry for entry in entries if entry.id.startswith("#") and entry.id[1:2].isalnum()
        ]
        for entry in marked if len(marked) < len(entries) else ():
            message = "a list file has no remarks, and the # is part of this value"
            cure = f"write  {entry.id[1:]},  or, where it is to be left out, delete the line"
            if not spoilt(entry.id):
                self._add("P337", entry.span, message, cure, severity=Severity.WARNING)

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

    def _is_header(self, head: Row, header: tuple[str, ...], rows: list[Row]) -> bool:
        """Whether every column that is asked for is there once."""
        wanted: list[tuple[str, Scalar | None]] = [(self._column, self._wanted.column)]
        wanted += [(key.value.strip().casefold(), key) for key, _ in self._wanted.where]
        names = {_NOTE, _UNTIL, *(name for name, _ in wanted)}
        hidden = [self._hides(c) for c in head.cells if plain(c.text).strip().casefold() in names]
        if any(hidden):
            return False
        lacking = [word for word in wanted if word[0] not in header]
        for name, scalar in lacking:
            self._refuse_column(head, name, scalar)
        doubled = [at for at, name in enumerate(header) if name in names & {*header[:at]}]
        for at in doubled:
            message, cure = f'two columns are called "{header[at]}"', "name one of them otherwise"
            self._add("P129", head.cells[at].span, message, cure)
        for at, name in enumerate(header):
            if name not in names:
                below = [row.cells[at].text for row in rows if len(row.cells) == len(header)]
                self._warn_of_other(head.cells[at], below, header)
        return not lacking and not doubled

    def _warn_of_other(self, cell: SheetCell, below: list[str], header: tuple[str, ...]) -> None:
        """Warn of a column that is not read and seems to be one that would be."""
        name = cell.text.casefold()
        is_until = meaning(name, KEYS, (_UNTIL,)) or is_end(name, below)
        meant = only_cure(name, (_NOTE, _UNTIL)) or (_UNTIL if is_until else None)
        if meant is not None and meant not in header:
            message, under = f'the column "{cell.text}" is not read', asked(meant)
            cure = f"{_FOR[meant]} stands in a column called  {meant}"
            self._add("P336", cell.span, message, cure, under=under, severity=Severity.WARNING)

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
        place = head.cells[0].span
        if meant := other_table(self._lines[head.line]):
            message = "columns stand apart by a comma, a semicolon or a tab, and so do their values"
            self._add("P129", place, message, f"write this line as  {meant}")
            return
        said, cure = self._without_ids(names)
        message = said or f'the list file has no column "{name}"'
        self._add("P129", place, message, cure, under=None if said else has)

    def _without_ids(self, names: list[str]) -> tuple[str | None, str]:
        """What to say of a header without the column of the values, and what to do."""
        likely = [name for name in names if meaning(name, KEYS, (_ID,))]
        near = [name for name in names if nearest(name.strip(" '\"#:."), (_ID,))]
        others = [name for name in names if name.casefold() not in (_NOTE, _UNTIL)]
        first = ",".join((_ID, _NOTE, _UNTIL)[: len(names)])
        values = f"where values stand here already, write above them a first line  {first}"
        cure = f"write  column:  and the name of the one that holds the values;  {values}"
        if len(near) == 1:
            cure = f"write  {_ID}  in place of  {near[0]}"
        elif len(likely) == 1 or len(others) == 1:
            only = (likely or others)[0]
            cure = f"write  {_ID}  in place of  {only},  or below  file:  in the policy  column: {only}"
            cure += "" if likely else f";  {values}"
        if not likely and not near and shape(r"\d").search("".join(names)):
            message = "the first line names the columns, and none stands here"
            return message, f"write above it a first line:  {first}"
        return None, cure

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
        if (slip := spoilt(value.text)) is not None:
            self._add("P337", value.span, *slip, severity=Severity.WARNING)
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
        return all(
            fold(cells[name].text) in [fold(value.value.strip()) for value in values]
            for name, values in keys
        )

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
        if values > columns:
            said, cure = self._too_many(row, header, sign)
            message = said or message
        self._add("P129", row.cells[min(columns, values - 1)].span, message, cure)

    def _too_many(self, row: Row, header: tuple[str, ...], sign: str) -> tuple[str | None, str]:
        """What to say of a line with more values than there are columns, and what to do."""
        texts, columns = [cell.text for cell in row.cells], len(header)
        shortened = next(filter(None, (spoilt(f"1,{text}") for text in texts)), None)
        if shortened is not None:
            return shortened
        if not any(texts[columns:]):
            own = self._lines[row.line][: row.cells[columns].span.column - 2].rstrip()
            return f"this line ends with a {sign} too many", f"write  {own}"
        if columns == 1:
            own = "  and  ".join(filter(None, texts))
            return None, f"write each value on a line of its own:  {own}"
        cure = f"put quotes around a value that holds a {sign}"
        if _NOTE in header:
            at = header.index(_NOTE)
            end = at + len(texts) - columns + 1
            note = f"{self._separators[0]} ".join(texts[at:end]).strip("'\"")
            texts[at:end] = [f'"{note}"']
            cure += f":  {self._separators.join(texts)}"
        return None, cure

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
                if (own := shape('="([^"]*)"').fullmatch(text)) is not None:
                    message = "so a spreadsheet keeps a number as a text"
                    self._add("P015", spot(number, start), message, f"write  {own.group(1)}")
                elif '"' in text:
                    self._refuse_quote(number, line.index('"', start))
            yield SheetCell(text.strip(SPACES), spot(number, start, max(1, at - start)))
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


def _separators(header: str) -> str:
    """What stands between the columns of a header: of several signs the one that does most often.

    Where there is one column, each of them would be one too many in a row.
    """
    bare = "".join(header.split('"')[::2])
    most = max(SEPARATORS, key=bare.count)
    return most if most in bare else SEPARATORS
