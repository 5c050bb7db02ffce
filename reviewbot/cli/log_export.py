"""`reviewbot log export`: decisions as JSON lines, CSV or Parquet, a few at a time."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from reviewbot.cli.command import MomentType, command, format_option, ledger_option
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.decision import Action, Decision, Mode, State
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import quiet_bytes
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.presentation.format import counted
from reviewbot.presentation.sheets import COLUMNS, Kind, cell, line_of

SHOWN = 1_000
"""So often, in decisions, a terminal hears how far it is."""
ROWS = 2_000
"""Decisions in a row group of Parquet; so many are held in memory at a time."""
_MAGIC = b"PAR1"
_NEEDED = frozenset(
    {"seq", "id", "decided_at", "review", "task_id", "round", "epoch", "action", "rule", "policy"}
    | {"revision", "mode", "account_id", "amount_micros", "decided_by", "trace", "facts"}
)
"""The columns of an export without which it cannot be judged again."""

since_option = click.option(
    "--since",
    type=MomentType(ago=True),
    help="Only what was decided since: a moment, or 24h, 7d.",
)
task_option = click.option(
    "--task", metavar="ID", help="Only one task's; the beginning of its id will do."
)


def chosen(ledger: Ledger, *, task: str | None, since: datetime | None) -> Iterator[Logged]:
    """Walk over the decisions that the options mean, oldest first and a few at a time."""
    for logged in ledger.iter_decisions():
        decision = logged.decision
        if task is not None and not decision.task_id.startswith(task):
            continue
        if since is None or decision.decided_at >= since:
            yield logged


@command
@task_option
@since_option
@click.option("--output", type=click.Path(), metavar="FILE", help="Write there, not to stdout.")
@with_settings(ledger_option)
@format_option("jsonl", "csv", "parquet")
def export(
    screen: Screen,
    settings: Settings,
    task: str | None,
    since: datetime | None,
    output: str | None,
    form: str,
) -> None:
    """Write out every decision with its trace and facts, oldest first.

    The fields are those of  log show --format json;  a table has the account, the amount and the
    person beside them. However long the log is, only a few decisions are held in memory, and a
    running bot is not disturbed. FILE appears when it is whole. Parquet needs a FILE, and
    pip install 'reviewbot[parquet]'.

    $ reviewbot log export --output decisions.jsonl  # one JSON object a line
    $ reviewbot log export --format csv --since 30d --output june.csv  # for a sheet
    $ reviewbot log export --format parquet --output june.parquet
      # typed columns, for DuckDB and the like, and for  policy backtest --records
    """
    if form == "parquet":
        need_arrow()
        if output is None:
            raise UsageError("Parquet is written to a file: name one with --output FILE")
    count = 0
    with (
        ledger_at(settings.ledger) as ledger,
        _target(output) as file,
        screen.progress() as progress,
    ):

        def counting() -> Iterator[Logged]:
            nonlocal count
            for count, logged in enumerate(chosen(ledger, task=task, since=since), 1):
                yield logged
                if count % SHOWN == 0:
                    progress(f"{counted(count, 'decision')} written")

        _WRITERS[form](file, counting())
    screen.say(f"{counted(count, 'decision')} written{f' to {output}' if output else ''}")


@contextmanager
def _target(output: str | None) -> Iterator[BinaryIO]:
    """The stream to write to; a file takes its name only at the end."""
    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    path = Path(output)
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write_lines(file: BinaryIO, decisions: Iterable[Logged]) -> None:
    encode = msgspec.json.Encoder().encode
    for logged in decisions:
        file.write(quiet_bytes(encode(line_of(logged))) + b"\n")


def _write_csv(file: BinaryIO, decisions: Iterable[Logged]) -> None:
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow([field.name for field in COLUMNS])
    for logged in decisions:
        row = ((field.kind, field.read(logged)) for field in COLUMNS)
        writer.writerow(_ascii(value) if kind == "json" else cell(value) for kind, value in row)
    text.detach()


def _ascii(text: str) -> str:
    """JSON as a cell: what is not plain stands in it as JSON's own escapes."""
    return text if text.isascii() else json.dumps(msgspec.json.decode(text))


def _write_parquet(file: BinaryIO, decisions: Iterable[Logged]) -> None:
    """Write decisions, a row group at a time."""
    arrow, parquet = need_arrow()
    schema = arrow.schema([(field.name, _type(arrow, field.kind)) for field in COLUMNS])
    rows = ([field.read(logged) for field in COLUMNS] for logged in decisions)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while row_group := list(islice(rows, ROWS)):
            columns = zip(*row_group, strict=True)
            arrays = [
                arrow.array(values, type=field.type)
                for values, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


_WRITERS: dict[str, Callable[[BinaryIO, Iterable[Logged]], None]] = {
    "jsonl": _write_lines,
    "csv": _write_csv,
    "parquet": _write_parquet,
}


def is_parquet(path: Path) -> bool:
    """Whether a file is one, by its first bytes. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_parquet(path: Path, unread: Callable[[int, str], None]) -> Iterator[Logged]:
    """Give the decisions of an exported file in the order of the log, without texts and outcomes.

    A row that is no decision goes to `unread`, counted from 1, with why. Raises UsageError for a
    file that lacks what judging again needs.
    """
    arrow, parquet = need_arrow()
    try:
        with parquet.ParquetFile(path) as file:
            missing = sorted(_NEEDED - set(file.schema_arrow.names))
            if missing:
                raise UsageError(
                    f"{path} holds no exported decisions: the column {missing[0]!r} is missing;"
                    " write one with  reviewbot log export --format parquet"
                )
            groups = file.iter_batches(ROWS, columns=sorted(_NEEDED))
            rows = chain.from_iterable(group.to_pylist() for group in groups)
            for number, row in enumerate(rows, 1):
                try:
                    decision = _logged(row)
                except (ValueError, AttributeError) as error:
                    unread(number, f"this row is no decision: {error}")
                else:
                    yield decision
    except (arrow.ArrowInvalid, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def need_arrow() -> tuple[Any, Any]:
    """Load the library. Raises UsageError that says how to get it."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs a library that is not installed: pip install 'reviewbot[parquet]'"
        ) from error
    return arrow, parquet


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


def _logged(row: dict[str, Any]) -> Logged:
    values = row | {
        "action": Action(row["action"]),
        "mode": Mode(row["mode"]),
        "trace": row["trace"].encode(),
        "facts": row["facts"].encode(),
    }
    seq = values.pop("seq")
    decision = Decision(**values)
    return Logged(seq=seq, decision=decision, state=State.HELD, state_at=decision.decided_at)
