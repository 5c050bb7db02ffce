"""Segments: a stretch of the chain in a sealed Parquet file, with the lines that left the log for it.

Theory of operation. A segment has a row for each line of its stretch, so that the chain can be walked
from its first hash to its last. The lines that left with it are there in full (`left`); of those that
stay in the log, or left with a later segment, only what binds them: the digest in place of the texts. What
left of earlier stretches stands before the first line. So each text is in one place, and taking it
out again changes no row that another one is bound to. A line of the log names each segment; its file
repeats that seal, signed where there is a key.
"""

from __future__ import annotations

import fcntl
import hmac
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import astuple

from reviewbot.domain.errors import ConfigError, LedgerBusy, LedgerCorrupt, LedgerUnwritable
from reviewbot.ledger import statements
from reviewbot.ledger.engine import KeyRows, LedgerEngine
from reviewbot.ledger.mapping import plain_from_line
from reviewbot.ledger.tables import ChainLine, NoteRow

TOPIC, SUBJECT = "archive", "segment"
ROWS = 2_000
"""Rows of a group in a file; so many are in memory while one is written or read."""
IN_MEMORY = 2
"""Segments whose lines are kept in memory: who reads in order meets one after the other."""
SEALED_BY = b"reviewbot.segment"
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


class SegmentSeal(msgspec.Struct, frozen=True, kw_only=True):
    """What the chain says of a segment: its stretch, the hashes around it, how many lines left, and its file."""

    number: int
    first: int
    last: int
    before: str
    after: str
    lines: int
    decisions: int
    file: str
    folder: str


class ArchivedSegment(NamedTuple):
    """A segment and the line that names it."""

    word: int
    seal: SegmentSeal


def need_arrow() -> tuple[Any, Any]:
    """Load the library. Raises ConfigError that says how to get it."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ConfigError(
            "archived segments are Parquet, which needs a library: pip install 'reviewbot[parquet]'"
        ) from error
    return arrow, parquet


def sealed(key: str, seal: SegmentSeal, signing: bytes | None) -> bytes:
    """The seal as its file repeats it, signed by a key."""
    said = [1, key, seal.number, seal.first, seal.last, seal.before, seal.after]
    text = msgspec.json.encode(said)
    sign = None if signing is None else hmac.new(signing, text, sha256).hexdigest()
    return msgspec.json.encode({"sealed": said, "signature": sign})


def seal_problem(path: Path, key: str, seal: SegmentSeal, signing: bytes | None) -> str | None:
    """How a file's seal departs from what the chain says of it; None: it does not."""
    _, parquet = need_arrow()
    try:
        with parquet.ParquetFile(path) as file:
            found = msgspec.json.decode((file.schema_arrow.metadata or {})[SEALED_BY])
            said, sign = found["sealed"], found["signature"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"{path.name} is no segment: {error}"
    wanted = msgspec.json.decode(sealed(key, seal, signing))
    if said != wanted["sealed"]:
        return f"{path.name} is another segment than the one that the log names"
    if signing is None:
        return None
    if sign is None:
        return f"{path.name} is not signed, and the log's checkpoints are"
    if not hmac.compare_digest(str(sign), wanted["signature"]):
        return f"{path.name} was changed: its signature does not fit"
    return None


def write_segment(path: Path, seal: bytes, lines: Iterable[tuple[ChainLine, bool]]) -> None:
    """Write lines, and whether each left, to a new file of its owner; it appears when it is on disk.

    Raises LedgerUnwritable.
    """
    arrow, parquet = need_arrow()
    schema = _schema(arrow).with_metadata({SEALED_BY: seal})
    unfinished = path.with_name(path.name + ".unfinished")
    rows = ((*astuple(line), left) for line, left in lines)
    try:
        unfinished.unlink(missing_ok=True)
        number = os.open(
            unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE
        )
        with os.fdopen(number, "wb") as file:
            os.fchmod(number, PRIVATE_FILE)
            with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
                while group := list(islice(rows, ROWS)):
                    arrays = [
                        arrow.array(values, type=field.type)
                        for values, field in zip(zip(*group, strict=True), schema, strict=True)
                    ]
                    writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            file.flush()
            os.fsync(number)
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise LedgerUnwritable(f"{path}: cannot be written ({error.strerror or error})") from error


def read_segment(path: Path) -> Iterator[tuple[ChainLine, bool]]:
    """Its lines by their number, each with whether it left. Raises LedgerCorrupt."""
    arrow, parquet = need_arrow()
    try:
        with parquet.ParquetFile(path) as file:
            for group in file.iter_batches(ROWS):
                columns = (column.to_pylist() for column in group.columns)
                for *values, left in zip(*columns, strict=True):
                    yield ChainLine(*values), left
    except (OSError, arrow.ArrowException, TypeError) as error:
        raise LedgerCorrupt(f"{path}: the segment cannot be read ({error})") from error


def _schema(arrow: Any) -> Any:
    binary, number, text = arrow.binary(), arrow.int64(), arrow.string()
    types = {
        "seq": number, "at": number, "kind": text, "subject": text, "prior": number,
        "body": binary, "detail": binary, "hash": binary, "text": binary, "salt": binary,
        "digest": binary, "left": arrow.bool_(),
    }  # fmt: skip
    return arrow.schema(list(types.items()))


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def seal_of(path: Path) -> bytes:
    """The seal that a file repeats, as it stands there."""
    _, parquet = need_arrow()
    with parquet.ParquetFile(path) as file:
        return bytes(file.schema_arrow.metadata[SEALED_BY])


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Be the one run that writes to a folder, which its owner alone can enter."""
    try:
        place.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        if place.stat().st_uid == os.geteuid():
            place.chmod(PRIVATE_FOLDER)
        lock = os.open(place / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise LedgerUnwritable(f"{place}: cannot be used ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise LedgerBusy(
            f"{place}: another run archives or erases there; wait until it is done"
        ) from error
    try:
        yield
    finally:
        os.close(lock)


class LeftLines:
    """The lines that left with one segment."""

    def __init__(self, lines: Iterable[ChainLine]) -> None:
        self._by_seq = {line.seq: line for line in lines}
        self._by_subject: dict[str, list[ChainLine]] = {}
        for line in self._by_seq.values():
            self._by_subject.setdefault(line.subject, []).append(line)

    def __getitem__(self, seq: int) -> ChainLine:
        return self._by_seq[seq]

    def of_subject(self, subject: str) -> list[ChainLine]:
        """Those about one subject, oldest first."""
        return self._by_subject.get(subject, [])


class ArchiveReader(KeyRows):
    """What left the log of a key: which segments there are, and the lines of those at hand."""

    def __init__(self, engine: LedgerEngine, key: str) -> None:
        super().__init__(engine, key)
        self._lines: OrderedDict[int, LeftLines] = OrderedDict()

    def segments(self) -> list[ArchivedSegment]:
        """Every segment, in order; inside one of the engine's blocks."""
        row = self._run(statements.NOTE_ROW, {"topic": TOPIC, "subject": SUBJECT}).fetchone()
        seq = NoteRow(*row).last if row else 0
        found: list[ArchivedSegment] = []
        while seq:
            line = ChainLine(*self._run(statements.LINE, {"seq": seq}).fetchone())
            seal = msgspec.convert(plain_from_line(line.body), SegmentSeal)
            found.append(ArchivedSegment(seq, seal))
            seq = line.prior
        return found[::-1]

    def last(self) -> int:
        """The line up to which the chain was archived; 0 where it never was."""
        row = self._run(statements.NOTE_ROW, {"topic": TOPIC, "subject": SUBJECT}).fetchone()
        if not row:
            return 0
        line = ChainLine(*self._run(statements.LINE, {"seq": NoteRow(*row).last}).fetchone())
        return int(plain_from_line(line.body)["last"])

    def lines(self, word: int) -> LeftLines | None:
        """The lines that left with the segment that a line names; None: it is not at hand, or not readable."""
        if word in self._lines:
            self._lines.move_to_end(word)
            return self._lines[word]
        path = self.path(word)
        if path is None:
            return None
        try:
            self._lines[word] = LeftLines(line for line, left in read_segment(path) if left)
        except (ConfigError, LedgerCorrupt):
            return None  # `verify` says why; what is in use goes on without it
        while len(self._lines) > IN_MEMORY:
            self._lines.popitem(last=False)
        return self._lines[word]

    def path(self, word: int) -> Path | None:
        """The file of a segment, in the newest folder or where it was written; None: not at hand."""
        segments = self.segments()
        (seal,) = (segment.seal for segment in segments if segment.word == word)
        return path_of(seal, segments[-1].seal.folder)

    def absent(self) -> Sequence[str]:
        """The names of segments that are not at hand."""
        with self._engine.reading():
            segments = self.segments()
        newest = segments[-1].seal.folder if segments else ""
        try:
            need_arrow()
        except ConfigError:
            return [segment.seal.file for segment in segments]
        return [segment.seal.file for segment in segments if path_of(segment.seal, newest) is None]

    def story(self, word: int, subject: str) -> list[ChainLine] | None:
        """The lines about one subject that left with a segment, oldest first."""
        lines = self.lines(word)
        return None if lines is None else lines.of_subject(subject)

    def forget(self) -> None:
        """Read files again: they were written anew."""
        self._lines.clear()


def path_of(seal: SegmentSeal, newest: str) -> Path | None:
    """Where a segment's file is; None where it is in neither folder."""
    for folder in (newest, seal.folder):
        path = Path(folder) / seal.file
        if path.is_file():
            return path
    return None
