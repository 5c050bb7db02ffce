"""`reviewbot log export`: decisions as JSON lines, CSV or Parquet, a few at a time."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.log.columns import COLUMNS, row_of
from reviewbot.cli.log.forms import chosen, log_line, since_option, task_option
from reviewbot.cli.opening import ledger_for_reading
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen
from reviewbot.cli.tasks.progress import Progress
from reviewbot.cli.words import counted
from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import iso
from reviewbot.domain.safetext import quiet_bytes, safe_cell
from reviewbot.ports import Logged

_PLAIN = re.compile(r"[A-Za-z0-9][ -~]*").fullmatch
"""What nothing need be done to, and that is nearly all."""

SHOWN = 1_000
"""So often, in decisions, a terminal hears how far it is."""


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log export --output decisions.jsonl", "one JSON object a line"),
        Example("reviewbot log export --format csv --since 30d --output june.csv", "for a sheet"),
        Example(
            "reviewbot log export --format parquet --output june.parquet",
            "typed columns, for DuckDB and the like, and for  policy backtest --records",
        ),
    ],
)
@task_option
@since_option
@click.option("--output", type=click.Path(), metavar="FILE", help="Write there, not to stdout.")
@ledger_option
@config_option
@format_option("jsonl", "csv", "parquet")
@click.pass_obj
def export(
    screen: Screen,
    task: str | None,
    since: datetime | None,
    output: str | None,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Write out every decision with its trace and facts, oldest first.

    The fields are those of  log show --format json;  a table has the account, the amount and the
    person beside them. However long the log is, only a few decisions are held in memory, and a
    running bot is not disturbed. FILE appears when it is whole. Parquet needs a FILE, and
    pip install 'reviewbot[parquet]'.
    """
    if form == "parquet":
        from reviewbot.cli.log.parquet import need_arrow

        need_arrow()
        if output is None:
            raise UsageError("Parquet is written to a file: name one with --output FILE")
    progress, count = Progress(screen), 0

    def told(found: Iterable[Logged]) -> Iterator[Logged]:
        nonlocal count
        for one in found:
            yield one
            count += 1
            if count % SHOWN == 0:
                progress(f"{counted(count, 'decision')} written")

    with ledger_for_reading(ledger=ledger, config=config) as opened, _target(output) as file:
        _WRITERS[form](file, told(chosen(opened, task=task, since=since)))
    progress.done()
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


def _write_lines(file: BinaryIO, found: Iterable[Logged]) -> None:
    encode = msgspec.json.Encoder().encode
    for one in found:
        file.write(quiet_bytes(encode(log_line(one))) + b"\n")


def _write_csv(file: BinaryIO, found: Iterable[Logged]) -> None:
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    sheet = csv.writer(text)
    sheet.writerow([field.name for field in COLUMNS])
    for one in found:
        row = zip(COLUMNS, row_of(one), strict=True)
        sheet.writerow(_json(v) if field.kind == "json" else _cell(v) for field, v in row)
    text.detach()


def _write_parquet(file: BinaryIO, found: Iterable[Logged]) -> None:
    from reviewbot.cli.log.parquet import write_parquet

    write_parquet(file, found)


def _cell(value: Any) -> str:
    """A value as a cell; a text that a sheet would compute is marked as a text."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return iso(value)
        case str():
            return value if _PLAIN(value) else safe_cell(value, longest=len(value) * 10)
    return str(value)


def _json(text: str) -> str:
    """JSON as a cell: what is not plain stands in it as JSON's own escapes."""
    return text if text.isascii() else json.dumps(msgspec.json.decode(text))


_WRITERS: dict[str, Callable[[BinaryIO, Iterable[Logged]], None]] = {
    "jsonl": _write_lines,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
