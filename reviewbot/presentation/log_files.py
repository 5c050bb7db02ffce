"""Decisions as files: JSON lines, CSV or Parquet, a few at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from io import TextIOWrapper
from itertools import islice
from typing import Any, BinaryIO

import msgspec

from reviewbot.domain.text import quiet_bytes
from reviewbot.history.files import need_arrow
from reviewbot.ports.ledger import Logged
from reviewbot.presentation.sheets import BESIDE, COLUMNS, Kind, cell, line_of

FIRST = "first_of_round"
Marked = Iterable[tuple[Logged, bool | None]]
"""Decisions, each with whether it is the first of its round; None where that was not looked at."""
ROWS = 2_000
"""Decisions in a row group of Parquet; so many are held in memory at a time."""


def _write_lines(file: BinaryIO, decisions: Marked) -> None:
    encode = msgspec.json.Encoder().encode
    for logged, is_first in decisions:
        more = {field.name: field.read(logged) for field in BESIDE}
        line = line_of(logged) | more | {FIRST: is_first}
        file.write(quiet_bytes(encode(line)) + b"\n")


def _write_csv(file: BinaryIO, decisions: Marked) -> None:
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow([*(field.name for field in COLUMNS), FIRST])
    for logged, is_first in decisions:
        cells = ((field.kind, field.read(logged)) for field in COLUMNS)
        row = (*cells, ("yes or no", is_first))
        writer.writerow(_ascii(value) if kind == "json" else cell(value) for kind, value in row)
    text.detach()


def _ascii(text: str) -> str:
    """JSON as a cell: what is not plain stands in it as JSON's own escapes."""
    return text if text.isascii() else json.dumps(msgspec.json.decode(text))


def _write_parquet(file: BinaryIO, decisions: Marked) -> None:
    """Write decisions, a row group at a time."""
    arrow, parquet = need_arrow()
    columns = [(field.name, _type(arrow, field.kind)) for field in COLUMNS]
    schema = arrow.schema([*columns, (FIRST, arrow.bool_())])
    rows = ([*(field.read(logged) for field in COLUMNS), first] for logged, first in decisions)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while row_group := list(islice(rows, ROWS)):
            cells = zip(*row_group, strict=True)
            arrays = [
                arrow.array(values, type=field.type)
                for values, field in zip(cells, schema, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


WRITERS: dict[str, Callable[[BinaryIO, Marked], None]] = {
    "jsonl": _write_lines,
    "csv": _write_csv,
    "parquet": _write_parquet,
}


def _type(arrow: Any, kind: Kind) -> Any:
    match kind:
        case "word":
            return arrow.dictionary(arrow.int32(), arrow.string())
        case "count" | "micros":
            return arrow.int64()
        case "moment":
            return arrow.timestamp("us", tz="UTC")
        case "yes or no":
            return arrow.bool_()
        case "usd":
            return arrow.decimal128(18, 6)
        case _:
            return arrow.string()


"""How each form is written to a stream."""
