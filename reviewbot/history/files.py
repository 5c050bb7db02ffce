"""Where recorded reviews lie: a file, a folder or a glob, here or in object storage, cut into pieces.

A file of lines is cut into ranges that a worker reads itself, each line belonging to the range in
which it begins; a pipe or a packed file (.gz) is read here and handed over in whole lines; of a
Parquet file a piece is a row group, or a part of a large one. Folders are read deep, files by name;
names that begin with `_` or `.` are left out, as elsewhere.
"""

from __future__ import annotations

import glob
import gzip
import os
import re
import stat
import zlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from reviewbot.domain.errors import UsageError

SIZE = 4 << 20
"""Bytes of lines in a piece."""
_AT_ONCE = 1 << 16
"""Bytes of lines that are read at once: few enough that the processor still holds them when judged."""
ROWS = 1 << 16
"""Rows of a row group in a piece."""
ENDINGS = (".parquet", ".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
"""What is read of a folder."""
_PACKED, _PARQUET = b"\x1f\x8b", b"PAR1"
_MARK = b"\xef\xbb\xbf"
"""Some tools put it before the first line of a text in UTF-8."""
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]+://")
_WILD = re.compile(r"[*?\[]")


class RecordFile(NamedTuple):
    """One file. `size` is None where nobody knows it, as of a pipe."""

    path: str
    size: int | None

    @property
    def is_remote(self) -> bool:
        """Whether it lies in object storage."""
        return _REMOTE.match(self.path) is not None


class LineRange(NamedTuple):
    """The lines that begin in a range of a file."""

    path: str
    start: int
    read: int


class Lines(NamedTuple):
    """Some whole lines themselves."""

    path: str
    lines: bytes
    read: int


class RowRange(NamedTuple):
    """Some rows of a row group."""

    path: str
    group: int
    first: int
    rows: int
    read: int


Piece = LineRange | Lines | RowRange
"""`read` is for progress: its share of the bytes of the file."""


def find_files(where: str) -> list[RecordFile]:
    """The files that a path, a folder, a glob or a URL means, by name. Raises UsageError and OSError."""
    if _REMOTE.match(where):
        found = _find_remote(where)
    elif Path(where).is_dir():
        found = [_local(path) for path in _in_folder(where)]
    elif _WILD.search(where) and not Path(where).exists():
        found = [_local(path) for path in _matching(where)]
    else:
        return [_local(where)]
    if not found:
        raise UsageError(f"{where}: there is nothing to read; of a folder {', '.join(ENDINGS[:4])}")
    return sorted(found)


def _in_folder(folder: str) -> Iterator[str]:
    for path in Path(folder).rglob("*"):
        names = path.relative_to(folder).parts
        is_wanted = path.name.endswith(ENDINGS) and not path.is_dir()
        if is_wanted and not any(name[0] in "._" for name in names):
            yield str(path)


def _matching(pattern: str) -> set[str]:
    """What a glob means, of each folder what is in it: Spark writes a table as one, `x.parquet/`."""
    found: set[str] = set()
    for path in map(Path, glob.glob(pattern, recursive=True)):  # noqa: PTH207 - from the root as well
        if path.name[:1] not in ("", ".", "_"):
            found.update(_in_folder(str(path)) if path.is_dir() else (str(path),))
    return found


def _local(path: str) -> RecordFile:
    found = Path(path).stat()
    return RecordFile(path, found.st_size if stat.S_ISREG(found.st_mode) else None)


def _find_remote(where: str) -> list[RecordFile]:
    """Files of object storage, under their URLs."""
    scheme, _, rest = where.partition("://")
    wild = _WILD.search(rest)
    base = rest[: wild.start()].rpartition("/")[0] if wild else rest
    from pyarrow.fs import FileSelector, FileType

    files, path = filesystem(f"{scheme}://{base}")
    info = files.get_file_info(path)
    if info.type is FileType.File:
        return [RecordFile(where, info.size)]
    # What of the URL is not in the path (a login, say) stands in front of it.
    query = rest.partition("?")[2]
    found = []
    for info in files.get_file_info(FileSelector(path, recursive=True)):
        inside = info.path[len(path) :]
        names = [name for name in inside.split("/") if name]
        if info.type is not FileType.File or any(name[0] in "._" for name in names):
            continue
        url = f"{scheme}://{base.partition('?')[0].rstrip('/')}{inside}" + (
            f"?{query}" if query else ""
        )
        pattern = f"{scheme}://{rest}"
        if fnmatchcase(url, pattern) if wild else info.base_name.endswith(ENDINGS):
            found.append(RecordFile(url, info.size))
    return found


def filesystem(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path on it. Raises UsageError where there is none."""
    try:
        from pyarrow import ArrowException
        from pyarrow.fs import FileSystem
    except ImportError as error:
        raise UsageError(NEEDS_ARROW.format("object storage")) from error
    try:
        files, path = FileSystem.from_uri(url)
    except (ArrowException, ValueError, TypeError) as error:
        raise UsageError(f"{url}: {error}") from error
    return files, path


NEEDS_ARROW = "{} needs a library that is not installed: pip install 'reviewbot[parquet]'"


def open_file(path: str) -> BinaryIO:
    """Open a file for reading, wherever it lies. Raises OSError and UsageError."""
    if _REMOTE.match(path):
        files, inside = filesystem(path)
        return cast(BinaryIO, BufferedReader(files.open_input_file(inside), 1 << 18))
    return open(path, "rb", buffering=1 << 16)  # noqa: PTH123 - a name as it was given


def pieces(files: list[RecordFile]) -> Iterator[Piece]:
    """The files in pieces, in order. Raises OSError and UsageError when one cannot be read."""
    for file in files:
        yield from _pieces_of(file)


def _pieces_of(file: RecordFile) -> Iterator[Piece]:
    with open_file(file.path) as opened:
        begin = opened.peek(4)[:4] if isinstance(opened, BufferedReader) else b""
        if begin == _PARQUET:
            if not opened.seekable():
                raise UsageError(f"{file.path}: Parquet is read from a file, and this is a pipe")
            yield from _row_groups(file, opened)
        elif begin[:2] == _PACKED:
            yield from _unpacked(file, opened)
        elif file.size is not None and (file.is_remote or _is_same(file.path, opened)):
            # A worker has no standard input; the file behind it can be opened by its name.
            path = os.path.realpath(file.path) if file.path.startswith("/dev/") else file.path
            for start in range(0, file.size, SIZE):
                yield LineRange(path, start, min(SIZE, file.size - start))
        else:
            yield from (Lines(file.path, lines, len(lines)) for lines in _chunks(opened))


def _is_same(path: str, opened: BinaryIO) -> bool:
    """Whether a worker finds the same file; it has no standard input, for one."""
    try:
        return os.path.samestat(Path(path).resolve().stat(), os.fstat(opened.fileno()))
    except OSError:
        return False


def _row_groups(file: RecordFile, opened: BinaryIO) -> Iterator[RowRange]:
    arrow, parquet = need_arrow()
    try:
        metadata = parquet.read_metadata(opened)
    except arrow.ArrowException as error:
        raise UsageError(f"{file.path} cannot be read: {error}") from error
    size = file.size or 0
    for group in range(metadata.num_row_groups):
        count = metadata.row_group(group).num_rows
        for first in range(0, count, ROWS):
            some = min(ROWS, count - first)
            share = size * some // metadata.num_rows
            yield RowRange(file.path, group, first, some, share)


def _unpacked(file: RecordFile, opened: BinaryIO) -> Iterator[Lines]:
    before = 0
    try:
        with gzip.open(opened) as plain:
            for lines in _chunks(cast(BinaryIO, plain)):
                now = opened.tell() if file.size is not None else 0
                yield Lines(file.path, lines, now - before)
                before = now
    except (EOFError, zlib.error) as error:
        raise OSError(f"it is no whole packed file: {error}") from error


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Lines of about `SIZE` bytes at a time."""
    mark = _MARK
    while lines := file.read(SIZE):
        whole = lines if lines.endswith(b"\n") else lines + file.readline()
        yield whole.removeprefix(mark)
        mark = b""


def need_arrow() -> tuple[Any, Any]:
    """Load the library of Parquet. Raises UsageError that says how to get it."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise UsageError(NEEDS_ARROW.format("Parquet")) from error
    return arrow, parquet


def lines_from(file: BinaryIO, piece: LineRange) -> Iterator[bytes]:
    """The lines that begin in a range of a file, ends and all."""
    at, end = piece.start, piece.start + SIZE
    file.seek(max(at - 1, 0))
    if at:
        at += len(file.readline()) - 1
    elif file.read(len(_MARK)) == _MARK:
        at = len(_MARK)
    else:
        file.seek(0)
    while at < end:
        left = min(_AT_ONCE, end - at)
        # They end where there are more bytes than the hint, and a hint of nothing means all.
        lines = file.readlines(left - 1) if left > 1 else [file.readline()]
        if not lines or not lines[0]:
            return
        at += sum(map(len, lines))
        yield from lines
