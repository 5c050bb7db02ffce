"""Named lists: values in the policy, or a CSV file beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import msgspec

from reviewbot.policy.diagnostics import Severity, Span
from reviewbot.policy.language.reader import MappingReader, Reading, mapping_of, named_entries
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.model import ListEntry, NamedList
from reviewbot.policy.text_forms import did_you_mean, first_unseen, listed, said_unseen
from reviewbot.policy.values import Misread, read_date

# ------------------------------------------------------------------------------------------------
# A file of comma-separated values, cell by cell with places: nothing in it is swallowed or guessed.
#
# A row is a line, so a quote that is still open at the end of one is a mistake at the quote, and what
# follows is read as rows again. `""` inside quotes is one quote (RFC 4180).


class Mistake(msgspec.Struct, frozen=True):
    """What is wrong with a line, where, and the cure."""

    code: str
    span: Span
    message: str
    cure: str


class SheetCell(msgspec.Struct, frozen=True):
    """One value without its quotes and outer spaces, and where it stands."""

    text: str
    span: Span


class Row(msgspec.Struct, frozen=True):
    """The cells of a line that holds any, and what is wrong with them."""

    line: int
    cells: tuple[SheetCell, ...]
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


def _cells(line: str, number: int, mistakes: list[Mistake]) -> Iterator[SheetCell]:
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
        yield SheetCell(text.strip(), Span(number, start + 1, number, max(at, start + 1) + 1))
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


_COLUMNS = ("id", "note", "until")


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


def read_lists(context: Reading, tree: Tree | None, files: ListFiles) -> tuple[NamedList, ...]:
    """Read `lists:`."""
    entries = named_entries(context, tree, "lists:", "watched: [lumen, orbit]", "a list")
    return tuple(_list(context, key.value, value, files) for key, value in entries)


def warn_expired(context: Reading, lists: tuple[NamedList, ...], today: date) -> None:
    """Warn of lists of which no entry counts any more."""
    for one in lists:
        if one.entries and all(
            entry.until is not None and entry.until < today for entry in one.entries
        ):
            context.warn(
                "P330",
                one.span,
                f'every entry of the list "{one.name}" has expired',
                cure="renew the dates under  until:,  or remove the list",
            )


def _list(context: Reading, name: str, tree: Tree, files: ListFiles) -> NamedList:
    if isinstance(tree, Sequence):
        if not tree.items:
            context.add(
                "P108",
                tree.span,
                f'the list "{name}" is empty, so nothing is ever in it',
                cure="put values into it, or remove it",
            )
        entries = [_entry(context, item, name) for item in tree.items]
        found = tuple(entry for entry in entries if entry is not None)
        _warn_doubles(context, found, name)
        return NamedList(name=name, entries=found, span=_first(tree))
    mapping = mapping_of(context, tree, f'the list "{name}"', "[lumen, orbit]")
    if mapping is None:
        return NamedList(name=name, entries=(), span=tree.span)
    fields = MappingReader(context, mapping, f'the list "{name}"', ("file",))
    scalar = context.text(
        fields.need("file", "write  file: some.csv,  or the values as a list"), "file:"
    )
    if scalar is None:
        return NamedList(name=name, entries=(), span=_first(tree))
    return NamedList(
        name=name,
        entries=_from_file(context, name, scalar, files),
        file=scalar.value,
        span=scalar.span,
    )


def _entry(context: Reading, tree: Tree, name: str) -> ListEntry | None:
    what = f'an entry of the list "{name}"'
    if not isinstance(tree, Mapping):
        scalar = context.text(tree, what)
        if scalar is None:
            return None
        context.look_at_word(scalar)
        _refuse_unseen(context, scalar)
        return ListEntry(id=scalar.value.strip(), span=scalar.span)
    fields = MappingReader(context, tree, what, _COLUMNS)
    scalar = context.text(fields.need("id"), "id:")
    note = context.free_text(fields.get("note"), "note:")
    until = context.text(fields.get("until"), "until:")
    day = context.read(until, read_date) if until is not None else None
    if scalar is None:
        return None
    _refuse_unseen(context, scalar)
    return ListEntry(
        id=scalar.value.strip(),
        note=note.value if note is not None else None,
        until=day,
        span=tree.span,
    )


def _refuse_unseen(context: Reading, scalar: Scalar) -> None:
    """Refuse a value that looks like another: nothing would ever be found under what is seen."""
    value = scalar.value.strip(" \n")
    at = first_unseen(value)
    if at is not None:
        context.add_at(
            "P010",
            scalar,
            scalar.value.index(value[at]),
            scalar.value.index(value[at]) + 1,
            f"{said_unseen(value[at])} stands in this value of a list",
            cure="delete it and type the value again; a value stays on one line",
        )


def _warn_doubles(context: Reading, entries: tuple[ListEntry, ...], name: str) -> None:
    seen: dict[str, ListEntry] = {}
    for entry in entries:
        if seen.setdefault(entry.id.casefold(), entry) is not entry:
            context.warn(
                "P331",
                entry.span,
                f'"{entry.id}" stands twice in the list "{name}"',
                cure="keep one of them",
            )


def _from_file(
    context: Reading, name: str, scalar: Scalar, files: ListFiles
) -> tuple[ListEntry, ...]:
    file = scalar.value
    if "/" in file or "\\" in file or file.startswith("."):
        context.add(
            "P129",
            scalar.span,
            "a list file lies beside the policy, so its name has no folder",
            cure="write only the file's name, as  watched.csv",
        )
        return ()
    try:
        text = files.text(file)
    except OSError as problem:
        why = problem.strerror or str(problem) or "it cannot be read"
        context.add("P129", scalar.span, f'the list file "{file}" cannot be read: {why}')
        return ()
    except UnicodeDecodeError:
        context.add(
            "P129",
            scalar.span,
            f'the list file "{file}" is not UTF-8',
            cure='save it again with the encoding "UTF-8"',
        )
        return ()
    return _Table(context, file, name).read(list(read_rows(text)))


class _Table:
    """One CSV file being read; findings stand in that file."""

    def __init__(self, context: Reading, file: str, name: str) -> None:
        self.context = context
        self.name = name
        folder, slash, _ = context.document.path.rpartition("/")
        self.path = f"{folder}{slash}{file}"

    def read(self, rows: list[Row]) -> tuple[ListEntry, ...]:
        """Read the header and the rows: one entry a row, or a mistake that says why not."""
        if not rows:
            self._add("P129", _LINE_1, "the list file is empty", "its first line is  id,note,until")
            return ()
        for row in rows:
            for wrong in row.mistakes:
                self._add(wrong.code, wrong.span, wrong.message, wrong.cure)
        head, *lines = rows
        header = tuple(cell.text.casefold() for cell in head.cells)
        if not self._is_header(head, header):
            return ()
        if not lines:
            self._add(
                "P332",
                _line(head),
                f'the list "{self.name}" holds no value, so nothing is ever in it',
                "add values below the header",
                severity=Severity.WARNING,
            )
        entries = [self._entry(row, header) for row in lines if not row.mistakes]
        return tuple(entry for entry in entries if entry is not None)

    def _is_header(self, head: Row, header: tuple[str, ...]) -> bool:
        odd = [i for i, name in enumerate(header) if name not in _COLUMNS or name in header[:i]]
        if "id" in header and not odd:
            return True
        wrong = head.cells[odd[0] if odd else 0]
        self._add(
            "P129",
            wrong.span,
            f'the header of the list file is not  id,note,until: "{wrong.text}"',
            f"columns are {listed(_COLUMNS)}, each once; only id is required",
            did_you_mean(wrong.text.casefold(), _COLUMNS),
        )
        return False

    def _entry(self, row: Row, header: tuple[str, ...]) -> ListEntry | None:
        if len(row.cells) != len(header):
            values, columns = len(row.cells), len(header)
            self._add(
                "P129",
                row.cells[min(columns, values - 1)].span,
                f"this line has {values} value{'s' * (values != 1)},"
                f" the header has {columns} column{'s' * (columns != 1)}",
                "put quotes around a value that holds a comma"
                if values > columns
                else "write a comma for each value that is left out",
            )
            return None
        found = dict(zip(header, row.cells, strict=True))
        value, note, day = (found.get(name) for name in _COLUMNS)
        if value is None or not value.text:
            self._add("P129", _line(row), "this line has no id", "write it, or delete the line")
            return None
        until = None
        if day is not None and day.text:
            try:
                until = read_date(day.text, 0)
            except Misread as misread:
                self._add(misread.code, day.span, misread.message, misread.cure)
        return ListEntry(
            id=value.text,
            note=(note.text or None) if note is not None else None,
            until=until,
            span=value.span,
        )

    def _add(
        self,
        code: str,
        span: Span,
        message: str,
        cure: str | None = None,
        under: str | None = None,
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.context.add_in(
            self.path, code, span, message, severity=severity, cure=cure, under=under
        )


_LINE_1 = Span(1, 1, 1, 2)


def _line(row: Row) -> Span:
    return Span(row.line, 1, row.line, 2)


def _first(tree: Tree) -> Span:
    span = tree.span
    return (
        span
        if span.line == span.end_line
        else Span(span.line, span.column, span.line, span.column + 1)
    )
