"""`reviewbot log export`: decisions as JSON lines or CSV, a few at a time."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.log.forms import LogLine, chosen, log_line, since_option, task_option
from reviewbot.cli.opening import ledger_for_reading
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen
from reviewbot.cli.words import counted
from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import iso
from reviewbot.domain.safetext import safe_cell
from reviewbot.ports import Logged


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log export --output decisions.jsonl", "one JSON object a line"),
        Example("reviewbot log export --format csv --since 30d --output june.csv", "for a sheet"),
    ],
)
@task_option
@since_option
@click.option("--output", type=click.Path(), metavar="FILE", help="Write there, not to stdout.")
@ledger_option
@config_option
@format_option("jsonl", "csv")
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

    The fields are those of  log show --format json. However long the log is, only a few decisions
    are held in memory, and a running bot is not disturbed. FILE appears when it is whole.
    """
    write = _WRITERS[form]
    with ledger_for_reading(ledger=ledger, config=config) as opened, _target(output) as file:
        count = write(file, chosen(opened, task=task, since=since))
    screen.say(f"{counted(count, 'decision')} written{f' to {output}' if output else ''}")


@contextmanager
def _target(output: str | None) -> Iterator[TextIO]:
    """The stream to write to; a file takes its name only at the end."""
    if output is None:
        yield sys.stdout
        return
    path = Path(output)
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write_lines(file: TextIO, found: Iterable[Logged]) -> int:
    encode, count = msgspec.json.Encoder().encode, 0
    for one in found:
        file.write(encode(log_line(one)).decode() + "\n")
        count += 1
    return count


def _write_csv(file: TextIO, found: Iterable[Logged]) -> int:
    sheet, count = csv.writer(file), 0
    sheet.writerow(LogLine.__struct_fields__)
    for one in found:
        sheet.writerow([_cell(value) for value in msgspec.structs.astuple(log_line(one))])
        count += 1
    return count


def _cell(value: Any) -> str:
    """A value as a cell; a text that a sheet would compute is marked as a text."""
    match value:
        case None | msgspec.UNSET:
            return ""
        case datetime():
            return iso(value)
        case msgspec.Raw():
            return bytes(value).decode()
        case str():
            return safe_cell(value, longest=len(value) * 10)
    return str(value)


_WRITERS: dict[str, Callable[[TextIO, Iterable[Logged]], int]] = {
    "jsonl": _write_lines,
    "csv": _write_csv,
}
