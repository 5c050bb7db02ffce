"""Recorded reviews in whatever they are kept: JSON lines, a column of JSON, or an exported log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import msgspec

from reviewbot.domain.errors import UsageError
from reviewbot.domain.review import ReviewKind, Subject
from reviewbot.history.files import (
    LineRange,
    Lines,
    Piece,
    RowRange,
    lines_from,
    need_arrow,
    open_file,
)
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import Policy
from reviewbot.policy.parts import facts_named
from reviewbot.policy.recorded_facts import facts_from_json
from reviewbot.policy.testing.compare import Recorded
from reviewbot.tokportal.records import decode_record, decoder, lenient_record

COLUMN = "record"
"""The column that holds records as JSON, where no other is named."""
EXPORTED = ("review", "first_of_round", "amount_micros", "facts")
"""The columns of `log export` that judging again needs."""
AT_ONCE = 512
"""Rows that are read at once: few enough that the processor still holds them when they are judged."""
Payload = Any
"""A record as it lies there: the bytes of a line or a cell, or the cells of an exported row."""


class ExportedReview(msgspec.Struct, frozen=True):
    """The first decision of a round, as `log export` wrote it."""

    review: ReviewKind
    seen: Facts
    amount_micros: int

    @property
    def subject(self) -> Subject:
        """The thing as it was seen."""
        return self.seen.task if self.seen.task.id else self.seen.bundle

    def facts(self, at: datetime) -> Facts:  # noqa: ARG002 - the log has the moment
        """The facts, as of the moment of that decision."""
        return self.seen


class _ExportedLine(msgspec.Struct):
    review: ReviewKind
    first_of_round: bool
    facts: msgspec.Raw
    amount_micros: int | None = None


_EXPORTED_LINE = msgspec.json.Decoder(_ExportedLine).decode


Read = Callable[[Payload], Recorded | None]


class Reader(NamedTuple):
    """How a payload is read: `quickly` as we write records; where that raises one of `NO_RECORD`, `slowly`
    whatever else may stand there: None for what is not the first of its round. Raises ValueError."""

    quickly: Callable[[Payload], Any]
    slowly: Callable[[Payload], Any]


class Source(NamedTuple):
    """Payloads, and how each is read."""

    payloads: Iterable[Payload]
    reader: Reader


def _read_other(text: Any) -> Recorded | None:
    """What is no record as we write it: perhaps a line of an exported log, or a record all the same."""
    text = b"null" if text is None else bytes(text)
    if b'"facts"' not in text or b'"first_of_round"' not in text:
        return lenient_record(text)
    line = _EXPORTED_LINE(text)
    return _exported(line.review, line.first_of_round, line.amount_micros, line.facts)


def reader_for(policies: Iterable[Policy]) -> Reader:
    """How texts are read: of a comment task no more is decoded than these policies ask for."""
    facts = CATALOGUE["comments"]
    names = {name for policy in policies for name in facts_named(policy) if name in facts}
    parts = (path.split(".") for name in names for path in facts[name].paths)
    return Reader(decoder({part[1] for part in parts if part[0] == "task"}), _read_other)


ALL_OF_IT = Reader(decode_record, _read_other)
"""How texts are read in full."""


def _read_row(row: tuple[str, bool | None, int | None, bytes]) -> Recorded | None:
    """The cells of an exported row, in the order of `EXPORTED`."""
    return _exported(*row)


def _no_text(_: Payload) -> Recorded:
    raise msgspec.DecodeError


ROWS = Reader(_no_text, _read_row)


def _exported(review: Any, first: bool | None, micros: int | None, facts: Any) -> Recorded | None:
    if first is None or facts is None:
        raise ValueError("a decision needs first_of_round and facts; export the log anew")
    if not first:
        return None
    try:
        seen = facts_from_json(facts)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"its facts cannot be read: {error!r}") from error
    if seen.full:
        # Which limits were full then is worked out anew.
        seen = msgspec.structs.replace(seen, full=())
    return ExportedReview(review, seen, micros or 0)


def source_of(batch: Any, column: str | None, reader: Reader = ALL_OF_IT) -> Source:
    """What an Arrow record batch holds: a column of records, or an exported log. Raises UsageError."""
    chosen = columns_of(batch.schema.names, column)
    if len(chosen) == 1:
        return Source(_texts(batch.column(chosen[0])), reader)
    review, first, micros, facts = (batch.column(name) for name in chosen)
    cells = (review.to_pylist(), first.to_pylist(), micros.to_pylist(), _texts(facts))
    return Source(zip(*cells, strict=True), ROWS)


def columns_of(names: Sequence[str], column: str | None, where: str = "the table") -> list[str]:
    """The columns that are read of a table. Raises UsageError where it holds no records."""
    if column is not None and column not in names:
        raise UsageError(f"{where} has no column {column!r}; there are {', '.join(names)}")
    if column is not None or COLUMN in names:
        return [column or COLUMN]
    missing = [name for name in EXPORTED if name not in names]
    if missing:
        raise UsageError(
            f"{where} holds neither a column of records ({COLUMN!r}, or name another with --column)"
            f" nor an exported log (the column {missing[0]!r} is missing;  reviewbot log export"
            " --format parquet  writes one)"
        )
    return list(EXPORTED)


def _texts(column: Any) -> Iterator[bytes | memoryview]:
    """The cells of a column of text as bytes, without copying them where that can be."""
    import pyarrow as arrow

    kind = column.type
    if arrow.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if not (arrow.types.is_string(kind) or arrow.types.is_binary(kind)) or column.null_count:
        if not _is_text(arrow, kind):
            raise UsageError(f"the column of records must hold text, and it holds {kind}")
        for cell in column.cast(arrow.large_binary()).to_pylist():
            yield b"null" if cell is None else cell  # it is counted, as no record
        return
    _, offsets, data = column.buffers()
    if offsets is None or data is None:
        yield from [b""] * len(column)
        return
    ends, text = memoryview(offsets).cast("i"), memoryview(data)
    for at in range(column.offset, column.offset + len(column)):
        yield text[ends[at] : ends[at + 1]]


def _is_text(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    tests = (types.is_string, types.is_binary, types.is_large_string, types.is_large_binary)
    return any(test(kind) for test in tests) or str(kind) in ("string_view", "binary_view")


class CellTable(NamedTuple):
    """Columns of a table, and how a row of their cells is read."""

    columns: tuple[str, ...]
    reader: Reader

    def source_of(self, batch: Any) -> Source:
        """The rows of an Arrow record batch."""
        cells = (batch.column(name).to_pylist() for name in self.columns)
        return Source(zip(*cells, strict=True), self.reader)


class PieceReader:
    """Reads pieces of files, each file opened once; pieces of a row group best in their order.

    `table` says what is read of Parquet, where that is not a column of records or an exported log.
    """

    def __init__(
        self, column: str | None, reader: Reader = ALL_OF_IT, table: CellTable | None = None
    ) -> None:
        self._column, self._reader, self._table = column, reader, table
        self._path = ""
        self._file: BinaryIO | None = None
        self._group: tuple[str, int] = ("", -1)
        self._batches: Iterator[Any] = iter(())
        self._at = 0

    def sources(self, piece: Piece) -> Iterator[Source]:
        """What stands in a piece. Raises OSError and UsageError."""
        match piece:
            case Lines(lines=lines):
                yield Source(BytesIO(lines), self._reader)
            case LineRange():
                yield Source(lines_from(self._opened(piece.path), piece), self._reader)
            case RowRange():
                for batch in self._rows(piece):
                    if self._table is not None:
                        yield self._table.source_of(batch)
                    else:
                        yield source_of(batch, self._column, self._reader)

    def _opened(self, path: str) -> BinaryIO:
        if self._file is None or self._path != path:
            if self._file is not None:
                self._file.close()
            self._file, self._path = open_file(path), path
        return self._file

    def _rows(self, piece: RowRange) -> Iterator[Any]:
        if self._group != (piece.path, piece.group) or piece.first < self._at:
            self._open_group(piece)
        end = piece.first + piece.rows
        arrow, _ = need_arrow()
        while self._at < end:
            try:
                batch = next(self._batches)
            except (arrow.ArrowException, StopIteration) as error:
                raise UsageError(f"{piece.path} cannot be read: {error}") from error
            # AT_ONCE divides ROWS, so no batch lies in two pieces.
            self._at += batch.num_rows
            if self._at > piece.first:
                yield batch

    def _open_group(self, piece: RowRange) -> None:
        arrow, parquet = need_arrow()
        try:
            file = parquet.ParquetFile(self._opened(piece.path), pre_buffer=False)
            chosen = self._chosen(file.schema_arrow.names, piece.path)
            self._batches = file.iter_batches(
                AT_ONCE, row_groups=[piece.group], columns=chosen, use_threads=False
            )
        except (arrow.ArrowException, ValueError) as error:
            raise UsageError(f"{piece.path} cannot be read: {error}") from error
        self._group, self._at = (piece.path, piece.group), 0

    def _chosen(self, names: Sequence[str], path: str) -> list[str]:
        if self._table is None:
            return columns_of(names, self._column, path)
        if missing := [name for name in self._table.columns if name not in names]:
            raise UsageError(f"{path} holds no exported log: the column {missing[0]!r} is missing")
        return list(self._table.columns)
