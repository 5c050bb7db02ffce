"""Named lists: values in the policy, or a CSV file beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from reviewbot.policy.diagnostics import Severity, Span
from reviewbot.policy.language.grammar import LIST_ENTRY, LIST_FILE
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.repair import spot
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.model import ListEntry, NamedList
from reviewbot.policy.text_forms import did_you_mean, first_unseen, listed, said_unseen
from reviewbot.policy.values import Misread, read_date

MAX_FILE = 8 * 1024 * 1024


class ListFiles:
    """The list files a policy reads, by the name it gives them."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self.texts: dict[str, str] = {}

    def text(self, name: str) -> str:
        """Read one file. Raises OSError or UnicodeDecodeError."""
        if name not in self.texts:
            data = self._read(name)
            if len(data) > MAX_FILE:
                raise OSError(f"it is larger than {MAX_FILE // 1024 // 1024} MiB")
            self.texts[name] = data.decode("utf-8-sig")
        return self.texts[name]


def read_lists(reading: Reading, tree: Tree | None, files: ListFiles) -> tuple[NamedList, ...]:
    """Read `lists:`."""
    entries = reading.named_entries(tree, "lists:", "watched: [lumen, orbit]", "a list")
    return tuple(_list(reading, key.value, value, files) for key, value in entries)


def warn_expired(reading: Reading, lists: tuple[NamedList, ...], today: date) -> None:
    """Warn of lists of which no entry counts any more."""
    for named in lists:
        ends = [entry.until for entry in named.entries]
        if ends and all(end is not None and end < today for end in ends):
            message = f'every entry of the list "{named.name}" has expired'
            cure = "renew the dates under  until:,  or remove the list"
            reading.warn("P330", named.span, message, cure=cure)


def _list(reading: Reading, name: str, tree: Tree, files: ListFiles) -> NamedList:
    what = f'the list "{name}"'
    if isinstance(tree, Sequence):
        if not tree.items:
            message = f"{what} is empty, so nothing is ever in it"
            reading.add("P108", tree.span, message, cure="put values into it, or remove it")
        read = [_entry(reading, item, what) for item in tree.items]
        entries = tuple(entry for entry in read if entry is not None)
        _warn_doubles(reading, entries, what)
        return NamedList(name=name, entries=entries, span=first_line(tree.span))
    fields = reading.section(tree, LIST_FILE, what)
    missing = "write  file: some.csv,  or the values as a list"
    scalar = None if fields is None else fields.text("file", missing)
    if scalar is None:
        span = tree.span if fields is None else first_line(tree.span)
        return NamedList(name=name, entries=(), span=span)
    entries = _from_file(reading, what, scalar, files)
    return NamedList(name=name, entries=entries, file=scalar.value, span=scalar.span)


def _entry(reading: Reading, tree: Tree, what: str) -> ListEntry | None:
    what = f"an entry of {what}"
    note = until = None
    if isinstance(tree, Mapping):
        fields = MappingReader(reading, tree, LIST_ENTRY, what)
        scalar = fields.text("id")
        note = fields.free_text("note")
        until = reading.read(fields.text("until"), read_date)
    else:
        scalar = reading.text(tree, what)
        if scalar is not None:
            reading.look_at_word(scalar)
    if scalar is None:
        return None
    _refuse_unseen(reading, scalar)
    note_text = None if note is None else note.value
    return ListEntry(id=scalar.value.strip(), note=note_text, until=until, span=tree.span)


def _refuse_unseen(reading: Reading, scalar: Scalar) -> None:
    """Refuse a value that looks like another: nothing would ever be found under what is seen."""
    value = scalar.value.strip(" \n")
    at = first_unseen(value)
    if at is not None:
        start = scalar.value.index(value[at])
        message = f"{said_unseen(value[at])} stands in this value of a list"
        cure = "delete it and type the value again; a value stays on one line"
        reading.add("P010", (scalar, start, start + 1), message, cure=cure)


def _warn_doubles(reading: Reading, entries: tuple[ListEntry, ...], what: str) -> None:
    seen: dict[str, ListEntry] = {}
    for entry in entries:
        if seen.setdefault(entry.id.casefold(), entry) is not entry:
            message = f'"{entry.id}" stands twice in {what}'
            reading.warn("P331", entry.span, message, cure="keep one of them")


def _from_file(
    reading: Reading, what: str, scalar: Scalar, files: ListFiles
) -> tuple[ListEntry, ...]:
    file = scalar.value
    cannot, cure = f'the list file "{file}" cannot be read', None
    if "/" in file or "\\" in file or file.startswith("."):
        cannot = "a list file lies beside the policy, so its name has no folder"
        cure = "write only the file's name, as  watched.csv"
    else:
        try:
            return _Sheet(reading, file, what).read(files.text(file))
        except OSError as problem:
            cannot += f": {problem.strerror or str(problem) or 'it cannot be read'}"
        except UnicodeDecodeError:
            cannot = f'the list file "{file}" is not UTF-8'
            cure = 'save it again with the encoding "UTF-8"'
    reading.add("P129", scalar.span, cannot, cure=cure)
    return ()


# A file of comma-separated values --------------------------------------------------------------
#
# It is read cell by cell with places: nothing in it is swallowed or guessed. A row is a line, so a
# quote that is still open at the end of one is a mistake at the quote, and what follows is read as
# rows again. `""` inside quotes is one quote (RFC 4180).

_COLUMNS = tuple(LIST_ENTRY.keys)


class SheetCell(NamedTuple):
    """One value without its quotes and outer spaces, and where it stands."""

    text: str
    span: Span


class Row(NamedTuple):
    """The cells of a line that holds any, and whether nothing is wrong with it."""

    line: int
    cells: tuple[SheetCell, ...]
    is_sound: bool


class _Sheet:
    """One CSV file being read; findings stand in that file."""

    def __init__(self, reading: Reading, file: str, what: str) -> None:
        self.reading = reading
        self.what = what
        folder, slash, _ = reading.document.path.rpartition("/")
        self.path = f"{folder}{slash}{file}"

    def read(self, text: str) -> tuple[ListEntry, ...]:
        """Read the header and the rows: one entry a row, or a mistake that says why not."""
        rows = list(self._rows(text))
        if not rows:
            cure = "its first line is  id,note,until"
            self._add("P129", spot(0, 0), "the list file is empty", cure)
            return ()
        head, *lines = rows
        header = tuple(cell.text.casefold() for cell in head.cells)
        if not self._is_header(head, header):
            return ()
        if not lines:
            message = f"{self.what} holds no value, so nothing is ever in it"
            cure = "add values below the header"
            self._add("P332", spot(head.line, 0), message, cure, severity=Severity.WARNING)
        entries = [self._entry(row, header) for row in lines if row.is_sound]
        return tuple(entry for entry in entries if entry is not None)

    def _is_header(self, head: Row, header: tuple[str, ...]) -> bool:
        odd = [i for i, name in enumerate(header) if name not in _COLUMNS or name in header[:i]]
        if "id" in header and not odd:
            return True
        wrong = head.cells[odd[0] if odd else 0]
        message = f'the header of the list file is not  id,note,until: "{wrong.text}"'
        cure = f"columns are {listed(_COLUMNS)}, each once; only id is required"
        under = did_you_mean(wrong.text.casefold(), _COLUMNS)
        self._add("P129", wrong.span, message, cure, under=under)
        return False

    def _entry(self, row: Row, header: tuple[str, ...]) -> ListEntry | None:
        values, columns = len(row.cells), len(header)
        if values != columns:
            message = (
                f"this line has {values} value{'s' * (values != 1)},"
                f" the header has {columns} column{'s' * (columns != 1)}"
            )
            cure = "write a comma for each value that is left out"
            if values > columns:
                cure = "put quotes around a value that holds a comma"
            self._add("P129", row.cells[min(columns, values - 1)].span, message, cure)
            return None
        cells = dict(zip(header, row.cells, strict=True))
        value, note, day = (cells.get(name) for name in _COLUMNS)
        if value is None or not value.text:
            cure = "write it, or delete the line"
            self._add("P129", spot(row.line, 0), "this line has no id", cure)
            return None
        until = None
        if day is not None and day.text:
            try:
                until = read_date(day.text, 0)
            except Misread as misread:
                self._add(misread.code, day.span, misread.message, misread.cure)
        note_text = (note.text or None) if note is not None else None
        return ListEntry(id=value.text, note=note_text, until=until, span=value.span)

    def _rows(self, text: str) -> Iterator[Row]:
        """Read every line that holds something; lines of nothing but commas and spaces do not."""
        findings = self.reading.findings
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for number, line in enumerate(lines):
            before = len(findings)
            cells = tuple(self._cells(line, number))
            if len(findings) > before or any(cell.text for cell in cells):
                at = first_unseen(line)
                if at is not None:
                    message = f"{said_unseen(line[at])} stands here"
                    self._add(
                        "P010", spot(number, at), message, "delete it and type the value again"
                    )
                yield Row(number, cells, is_sound=len(findings) == before)

    def _cells(self, line: str, number: int) -> Iterator[SheetCell]:
        at = 0
        while at <= len(line):
            start = at + len(line[at:]) - len(line[at:].lstrip(" "))
            if line[start : start + 1] == '"':
                text, at = self._quoted(line, start, number)
            else:
                end = line.find(",", at)
                at = len(line) if end < 0 else end
                text = line[start:at].rstrip()
                if '"' in text:
                    self._refuse_quote(number, line.index('"', start))
            yield SheetCell(text.strip(), spot(number, start, max(1, at - start)))
            at += 1

    def _quoted(self, line: str, start: int, number: int) -> tuple[str, int]:
        """The text between two quotes, and where the cell ends."""
        at, parts = start + 1, []
        while (close := line.find('"', at)) >= 0 and line[close + 1 : close + 2] == '"':
            parts.append(line[at : close + 1])
            at = close + 2
        if close < 0:
            message = "this quote is still open at the end of its line"
            cure = "close it, or delete it: a value of a list stays on one line"
            self._add("P015", spot(number, start), message, cure)
            return "".join((*parts, line[at:])), len(line)
        end = line.find(",", close)
        end = len(line) if end < 0 else end
        if line[close + 1 : end].strip(" "):
            self._refuse_quote(number, close)
        return "".join((*parts, line[at:close])), end

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
