"""`reviewbot log export`: decisions as JSON lines, CSV or Parquet, a few at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import click

from reviewbot.cli.command import MomentType, command, format_option, ledger_option
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.replay import was_judged
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import safe_line
from reviewbot.history.files import need_arrow
from reviewbot.insights.spill import SortedRuns
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.presentation.format import counted
from reviewbot.presentation.log_files import WRITERS
from reviewbot.presentation.style import styled

SHOWN = 1_000
"""So often, in decisions, a terminal hears how far it is."""

since_option = click.option(
    "--since", type=MomentType(ago=True), help="Only what was decided since: a moment, or 24h, 7d."
)
task_option = click.option(
    "--task", metavar="ID", help="Only one task's; the beginning of its id will do."
)


def name_absent(screen: Screen, ledger: Ledger) -> None:
    """Say which archived segments are not at hand: what left with them is left out."""
    for name in ledger.absent_segments():
        screen.say(
            styled("note: ", "care") + f"{safe_line(name)} is not at hand, so it is left out"
        )


def chosen(ledger: Ledger, *, task: str | None, since: datetime | None) -> Iterator[Logged]:
    """Walk over the decisions that the options mean, oldest first and a few at a time."""
    for logged in ledger.iter_decisions():
        decision = logged.decision
        if task is not None and not decision.task_id.startswith(task):
            continue
        if since is None or decision.decided_at >= since:
            yield logged


def first_decisions(decisions: Iterable[Logged]) -> Iterator[int]:
    """The `seq` of each round's first decision that a policy judged, in order and in bounded memory."""
    rounds: SortedRuns[tuple[str, str, str, int]] = SortedRuns(tuple[str, str, str, int])
    for logged in decisions:
        decision = logged.decision
        if was_judged(decision):
            rounds.add((decision.review, decision.task_id, decision.epoch or "", logged.seq))
    firsts: SortedRuns[tuple[int, int]] = SortedRuns(tuple[int, int])
    for _, decided in groupby(rounds, itemgetter(0, 1, 2)):
        firsts.add((next(decided)[3], 0))
    rounds.close()
    yield from (seq for seq, _ in firsts)
    firsts.close()


def marked(
    ledger: Ledger, *, task: str | None, since: datetime | None
) -> Iterator[tuple[Logged, bool]]:
    """The decisions that the options mean, each with whether it is the first of its round in the log."""
    every = 0

    def of_task() -> Iterator[Logged]:
        nonlocal every
        for logged in chosen(ledger, task=task, since=None):
            every = logged.seq
            yield logged

    firsts = first_decisions(of_task())
    first = next(firsts, None)
    for logged in chosen(ledger, task=task, since=None):
        # What came meanwhile was not looked at.
        if logged.seq > every:
            return
        is_first = logged.seq == first
        if is_first:
            first = next(firsts, None)
        if since is None or logged.decision.decided_at >= since:
            yield logged, is_first


@command
@task_option
@since_option
@click.option("--output", type=click.Path(), metavar="FILE", help="Write there, not to stdout.")
@with_settings(ledger_option, every_key=True)
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

    The fields are those of  log show --format json,  with the account, the amount, the person and
    whether it is the first decision of its round by a policy, which  policy backtest  judges again. However long the log is, only a few decisions are held in memory, and a
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
    with _target(output) as file, screen.progress() as progress:

        def counting() -> Iterator[tuple[Logged, bool]]:
            nonlocal count
            for key in settings.each():
                with ledger_at(key) as ledger:
                    name_absent(screen, ledger)
                    for decision in marked(ledger, task=task, since=since):
                        count += 1
                        yield decision
                        if count % SHOWN == 0:
                            progress(f"{counted(count, 'decision')} written")

        WRITERS[form](file, counting())
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
        private = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(private, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
