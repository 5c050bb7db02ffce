"""Named lists (values in the policy, or a CSV file beside it) and named patterns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.language.foreign import foreign_file
from reviewbot.policy.language.forms import LINES, names_in_braces, one_or_more
from reviewbot.policy.language.grammar import COLUMNS, LIST_ENTRY, LIST_FILE, PATTERN
from reviewbot.policy.language.list_file import ListSheet, WantedRows, path_beside
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.synonyms import KEYS, meaning
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.model import ListEntry, NamedList, Pattern
from reviewbot.policy.text_forms import (
    BadPattern,
    compile_pattern,
    first_unseen,
    found_in,
    nearest,
    said_unseen,
    shape,
)
from reviewbot.policy.values import read_date

MAX_FILE = 8 * 1024 * 1024
_MOST_NAMED = 5
"""Entries of one list that are named for the same reason: more of them fill a screen."""


_SAVE = "open it with the spreadsheet program, and save it as  CSV UTF-8"


class NoSheet(OSError):
    """A file is no text at all: what it is instead."""


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
            if (kind := foreign_file(data)) is not None:
                raise NoSheet(kind[0])
            self.texts[name] = data.decode("utf-8-sig")
        return self.texts[name]


def read_lists(reading: Reading, tree: Tree | None, files: ListFiles) -> tuple[NamedList, ...]:
    """Read `lists:`."""
    entries = reading.named_entries(tree, "lists:", "watched: [lumen, orbit]", "a list")
    return tuple(
        _misplaced(reading, key.value, value) or _list(reading, key.value, value, files)
        for key, value in entries
    )


def warn_expired(reading: Reading, lists: tuple[NamedList, ...], today: date) -> None:
    """Warn of lists of which no entry counts any more, and note those of which some do not."""
    for named in lists:
        expired = [entry for entry in named.entries if entry.until and entry.until < today]
        for at, entry in enumerate(expired[:_MOST_NAMED], 1):
            others = (len(expired) - at) * (at == _MOST_NAMED)
            more = f", and {others} more" if others else ""
            message = f'"{entry.id}" of the list "{named.name}" has expired on {entry.until}{more}'
            place, code, quiet = entry.dated or entry.span, "P335", Severity.NOTE
            path = None if named.file is None else path_beside(reading, named.file)
            if at == 1 and len(expired) == len(named.entries):
                message = f'every entry of the list "{named.name}" has expired: {message}'
                place, code, quiet = entry.dated or named.span, "P330", Severity.WARNING
                path = None
            cure = "renew the date, or remove the entry"
            reading.add(code, place, message, severity=quiet, cure=cure, path=path)


def _misplaced(reading: Reading, name: str, tree: Tree) -> NamedList | None:
    """Report a key of a list where the name of one stands."""
    if name not in (*LIST_ENTRY.keys, *LIST_FILE.keys) or isinstance(tree, Mapping):
        return None
    message = f"{name}:  belongs to a list, and stands here where the name of one does"
    cure = "begin it further right, under the other lines of its list"
    reading.add("P020", first_line(tree.span), message, cure=cure)
    return NamedList(name=name, entries=(), span=first_line(tree.span))


def _list(reading: Reading, name: str, tree: Tree, files: ListFiles) -> NamedList:
    what = f'the list "{name}"'
    if (values := _values(tree)) is not None:
        if not values.items:
            message = f"{what} is empty, so nothing is ever in it"
            reading.add("P108", tree.span, message, cure="put values into it, or remove it")
        read = [_entry(reading, item, what) for item in values.items]
        entries = tuple(entry for entry in read if entry is not None)
        _warn_doubles(reading, entries, what, None)
        return NamedList(name=name, entries=entries, span=first_line(tree.span))
    if isinstance(tree, Scalar) and tree.value and not tree.value.endswith((".csv", ".txt")):
        _refuse_text(reading, tree, what, _file_like(tree.value, files))
        return NamedList(name=name, entries=(), span=tree.span)
    if _refuse_lines(reading, tree, what):
        return NamedList(name=name, entries=(), span=first_line(tree.span))
    fields = reading.section(tree, LIST_FILE, what)
    missing = "write  file: some.csv,  or the values as a list"
    scalar = None if fields is None else fields.text("file", missing)
    if fields is None or scalar is None:
        span = tree.span if fields is None else first_line(tree.span)
        return NamedList(name=name, entries=(), span=span)
    wanted = WantedRows(fields.text("column"), _where(reading, fields.get("where"), what))
    return NamedList(
        name=name,
        entries=_from_file(reading, what, scalar, wanted, files),
        file=scalar.value,
        column=None if wanted.column is None else wanted.column.value,
        where=wanted.texts(),
        span=scalar.span,
    )


def _values(tree: Tree) -> Sequence | None:
    """The values of a list behind dashes; None where something else stands there, also  - file: some.csv."""
    only = tree.items[0] if isinstance(tree, Sequence) and len(tree.items) == 1 else None
    keys = [key.value for key, _ in only.entries] if isinstance(only, Mapping) else []
    is_file = "file" in keys or _is_file(only)
    return tree if isinstance(tree, Sequence) and not is_file else None


def _is_file(tree: Tree | None) -> bool:
    return isinstance(tree, Scalar) and tree.value.endswith((".csv", ".xlsx", ".txt"))


def _refuse_lines(reading: Reading, tree: Tree, what: str) -> bool:
    """Report values in braces, or under a key of their own; whether they stand so."""
    entries = tree.entries if isinstance(tree, Mapping) else ()
    if isinstance(tree, Sequence) and isinstance(file := tree.items[0], Scalar):
        message = f"{what} is read from a file, which stands behind  file:"
        reading.add("P031", file, message, under=f"write below it  file: {file.value}")
        return True
    is_list = any(key.value in LIST_FILE.keys for key, _ in entries)
    if (meant := names_in_braces(tree)) and not is_list:
        message = f"the values of {what} stand in brackets, not in braces"
        reading.add("P031", tree.span, message, under=f"write  {meant}")
        return True
    if (meant := _behind_ids(tree)) is not None:
        message = f"each value of {what} stands behind a dash"
        reading.add("P031", first_line(tree.span), message, under=f"write  {meant}")
        return True
    for key, below in entries if len(entries) == 1 else ():
        if isinstance(below, Sequence) and key.value not in LIST_FILE.keys:
            message = f"the values of {what} stand right below its name"
            reading.add("P020", key, message, cure=f"delete  {key.value}:  in front of them")
            return True
    return False


def _behind_ids(tree: Tree) -> str | None:
    """The first entry of `acc-1: posts too late`, a list whose values stand where keys do."""
    entries = tree.entries if isinstance(tree, Mapping) else ()
    keys = (*LIST_FILE.keys, *LIST_ENTRY.keys)
    known = [
        key for key, _ in entries if nearest(key.value, keys) or meaning(key.value, KEYS, keys)
    ]
    if not entries or known or not isinstance(entries[0][1], Scalar):
        return None
    key, value = entries[0][0].value, entries[0][1].value
    own = "until" if shape(r"[\d./-]+").fullmatch(value) else "note"
    return f"- id: {key}  and below it  {own}: {value}" if value else f"- {key}"


def _refuse_text(reading: Reading, scalar: Scalar, what: str, file: str | None) -> None:
    """Report values that stand in one text, with them in brackets, or the name of a file that is there."""
    if file is not None:
        cure = f"write below it  file: {file}"
        reading.add("P031", scalar, f"{what} takes {LINES}, not a text", cure=cure)
        return
    apart = r"(?:^| )-" if scalar.value.startswith("-") else "[,;|]| (?:and|und|or|oder) "
    pieces = (piece.strip() for piece in shape(apart).split(scalar.value.strip("()[]{} ")))
    meant = f"[{', '.join(filter(None, pieces))}]"
    message = f"the values of {what} stand in brackets, or one a line behind a dash"
    reading.add("P031", scalar, message, under=f"write  {meant}", whole=(scalar, meant))


def _where(
    reading: Reading, tree: Tree | None, what: str
) -> tuple[tuple[Scalar, tuple[Scalar, ...]], ...]:
    """The columns that a row must hold one of some values in."""
    values = [item.value for item in one_or_more(tree) if isinstance(item, Scalar)]
    own = values[0] if len(values) == 1 else f"[{', '.join(values)}]"
    example = f"COLUMN: {own}  with the name of the column" if values else COLUMNS.examples[0]
    if isinstance(tree, Sequence) and values:
        message = "where:  takes lines below it, each with a column and its value"
        reading.add("P031", first_line(tree.span), message, cure=f"write below it  {example}")
        return ()
    mapping = None if tree is None else reading.mapping(tree, "where:", example)
    if mapping is not None and not mapping.entries:
        cure = f"write it as  {COLUMNS.examples[0]},  or remove it"
        reading.add("P108", mapping.span, f"where:  of {what} names no column", cure=cure)
    read = ((key, reading.texts(value, key.value)) for key, value in reading.entries(mapping))
    return tuple((key, tuple(texts)) for key, texts in read if texts)


def _entry(reading: Reading, tree: Tree, what: str) -> ListEntry | None:
    what = f"an entry of {what}"
    note = until = dated = None
    if isinstance(tree, Mapping):
        fields = MappingReader(reading, tree, LIST_ENTRY, what)
        scalar, dated = fields.text("id"), fields.key_span("until") if fields.has("until") else None
        if scalar is not None:
            reading.look_at_word(scalar)
            _refuse_several(reading, scalar, what, "- id: ")
        note = fields.free_text("note")
        until = reading.read(fields.text("until"), read_date)
    else:
        scalar = reading.text(tree, what)
        if scalar is not None:
            reading.look_at_word(scalar)
            _refuse_several(reading, scalar, what)
    if scalar is None:
        return None
    _refuse_unseen(reading, scalar)
    note_text = None if note is None else note.value
    value = scalar.value.strip()
    return ListEntry(id=value, note=note_text, until=until, dated=dated, span=tree.span)


def _refuse_several(reading: Reading, scalar: Scalar, what: str, begins: str = "- ") -> None:
    """Refuse several values behind one dash: they would be one that nothing equals."""
    if "," not in scalar.value and ";" not in scalar.value:
        return
    pieces = [piece.strip() for piece in scalar.value.replace(";", ",").split(",") if piece.strip()]
    if not scalar.quoted and len(pieces) == 1:
        message, own = "this sign would be part of the value", f"write  {begins}{pieces[0]}"
        reading.add("P031", scalar, message, under=own, replacement=pieces[0])
    if scalar.quoted or len(pieces) < 2:
        return
    first, *others = (f"{begins}{piece}" for piece in pieces)
    message = f"{what} is one value, and several stand here"
    under = f"write  {first}  and below it  {'  and  '.join(others)}"
    cure = f'for one value that holds a comma write  "{scalar.value}"'
    reading.add("P031", scalar, message, under=under, cure=cure)


def _refuse_unseen(reading: Reading, scalar: Scalar) -> None:
    """Refuse a value that looks like another: nothing would ever be found under what is seen."""
    value = scalar.value.strip(" \n")
    at = first_unseen(value)
    if at is not None:
        start = scalar.value.index(value[at])
        message = f"{said_unseen(value[at])} stands in this value of a list"
        cure = "delete it and type the value again; a value stays on one line"
        # In any other text it is only warned of, which was said as the value was read.
        reading.findings[:] = [
            finding
            for finding in reading.findings
            if finding.code != "P010" or finding.span.line != scalar.span.line
        ]
        reading.add("P010", (scalar, start, start + 1), message, cure=cure)


def _warn_doubles(
    reading: Reading, entries: tuple[ListEntry, ...], what: str, path: str | None
) -> None:
    seen: dict[str, ListEntry] = {}
    doubles = [each for each in entries if seen.setdefault(each.id.casefold(), each) is not each]
    for entry in doubles[:_MOST_NAMED]:
        first = seen[entry.id.casefold()]
        message = f'"{entry.id}" stands twice in {what}'
        under = f"the first is on line {first.span.line}"
        cure, quiet = "keep one of them", Severity.WARNING if path is None else Severity.NOTE
        if entry.until != first.until:
            last = max(first.until, entry.until) if first.until and entry.until else "no end"
            message += ", with another end"
            cure, quiet = f"keep one of them; what counts is  {last}", Severity.WARNING
        reading.add("P331", entry.span, message, severity=quiet, under=under, cure=cure, path=path)


def _file_like(file: str, files: ListFiles) -> str | None:
    """A file beside the policy that is called nearly so: small letters, its ending, another sign for a blank."""
    tidy = file.strip(" <>[](){}\"'")
    stem = str(shape(r"\.?(?:csv|cvs|txt)").sub("", tidy)) if tidy.count(".") < 2 else tidy
    names = (f"{stem.replace(' ', sign).replace('_', sign)}.csv" for sign in ("_", "-", " "))
    for name in (f"{stem}.csv", *names):
        for tried in (name, name.casefold()):
            try:
                files.text(tried)
            except (OSError, UnicodeDecodeError):
                continue
            return tried
    return None


def _from_file(
    reading: Reading, what: str, scalar: Scalar, wanted: WantedRows, files: ListFiles
) -> tuple[ListEntry, ...]:
    file = scalar.value
    cannot, cure = (
        f'the list file "{file}" cannot be read',
        f"put a file  {file}  beside the policy",
    )
    if "/" in file or "\\" in file or file.startswith("."):
        cannot = "a list file lies beside the policy, so its name has no folder"
        cure = (
            f"put it beside the policy, and write  {file.replace(chr(92), '/').rpartition('/')[2]}"
        )
    else:
        try:
            entries = ListSheet(reading, file, what, wanted).read(files.text(file))
            _warn_doubles(reading, entries, what, path_beside(reading, file))
            return entries
        except NoSheet as problem:
            cannot, cure = f'the list file "{file}" cannot be read: {problem}', _SAVE
        except OSError as problem:
            if "MiB" in str(problem):
                cure = "keep only the rows and columns that the policy asks for"
            elif file.endswith((".xlsx", ".xls", ".ods", ".numbers")):
                cure = f"save the sheet as CSV, and write  {file.rpartition('.')[0]}.csv"
            elif near := _file_like(file, files):
                cure = f"did you mean  {near}  ?"
            elif len(several := shape(r"[\w-]+\.csv").findall(file)) > 1:
                cure = f"one list reads one file: declare one for  {several[0]}  and one for each other"
            cannot += f": {problem.strerror or str(problem) or 'it cannot be read'}"
        except UnicodeDecodeError:
            cannot = f'the list file "{file}" is not UTF-8'
            cure = 'save it again with the encoding "UTF-8"; Excel calls that  CSV UTF-8'
    reading.add("P129", scalar.span, cannot, cure=cure)
    return ()


# Named patterns: each is compiled and proves itself on its own examples ------------------------


def read_patterns(reading: Reading, tree: Tree | None) -> tuple[Pattern, ...]:
    """Read `patterns:`."""
    example = f"many_digits: {PATTERN.example}"
    entries = reading.named_entries(tree, "patterns:", example, "a pattern")
    read = (_pattern(reading, key, value) for key, value in entries)
    return tuple(pattern for pattern in read if pattern is not None)


def _pattern(reading: Reading, key: Scalar, tree: Tree) -> Pattern | None:
    what = f'the pattern "{key.value}"'
    fields = reading.section(tree, PATTERN, what)
    if fields is None:
        return None
    regex = fields.text("regex")
    matches, others = (
        reading.texts(fields.get(name), f"an example under {name}:", none=True)
        for name in ("matches", "does not match")
    )
    if regex is None:
        return None
    reading.look_at(regex)
    try:
        compiled = compile_pattern(regex.value)
    except BadPattern as problem:
        message = f"this regular expression cannot be used: {problem}"
        cure = "the syntax is RE2's: no look-around, no back-references"
        reading.add("P132", regex, message, cure=cure)
        return None
    for example in matches:
        if not found_in(compiled, example.value):
            message = f'{what} does not match its example "{example.value}"'
            cure = "mend the regex, or move the example to  does not match:"
            reading.add("P133", example, message, cure=cure)
    for example in others:
        if found_in(compiled, example.value):
            message = f'{what} matches "{example.value}", which it should not'
            cure = "mend the regex, or move the example to  matches:"
            reading.add("P133", example, message, cure=cure)
    if not matches and not others:
        cure = "matches:  and  does not match:  prove that it does what you mean"
        reading.warn("P333", key.span, f"{what} has no examples", cure=cure)
    return Pattern(
        name=key.value,
        regex=regex.value,
        matches=tuple(example.value for example in matches),
        does_not_match=tuple(example.value for example in others),
        span=fields.span,
    )
