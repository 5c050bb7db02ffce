"""`reviewbot policy decide`: judge recorded reviews, without network and without a decision log."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from reviewbot.api.narrow import decoder_for
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.options import MomentType
from reviewbot.cli.policy.files import load_usable
from reviewbot.cli.screen import Screen
from reviewbot.cli.unread import Unread
from reviewbot.domain.errors import UsageError
from reviewbot.domain.safetext import quiet_bytes
from reviewbot.policy.compile import compile_policy
from reviewbot.recorded.judged import decide_records

STDIN = Path("/dev/stdin")


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy decide policies/starter.yaml --records tasks.jsonl", "judge all"),
        Example(
            "reviewbot policy decide policies/starter.yaml --records tasks.jsonl"
            " --at 2026-06-02T12:00:00Z",
            "as of that moment, where a record names none",
        ),
    ],
)
@click.argument("file", type=click.Path())
@click.option("--records", required=True, type=click.Path(), help="JSON lines; - reads stdin.")
@click.option("--at", type=MomentType(), help="The moment to judge at; a record's own wins.")
@click.option("--workers", type=click.IntRange(1), help="Processes; by the file's size without it.")
@click.pass_obj
def decide(
    screen: Screen, file: str, records: str, at: datetime | None, workers: int | None
) -> None:
    """Judge recorded reviews by policy FILE: one line of JSON each, in order.

    A record is {"task": {…API fields…}, "attempts": [{…}], "history": {"disputes": 0,
    "last_dispute_at": null}, "at": "2026-06-02T12:00:00Z"}; history and at may be left out. Of an
    account it is {"bundle": {…API fields, "account": {…}}, "delivered": {…profile…}, "first_seen":
    "2026-06-02T12:00:00Z", "history": {…}, "at": …}; all but the bundle may be left out. A line that
    is no record is answered in its place with why ("error"), and counted; the exit code is 4 where
    more than 0.1 % of the lines are none.
    """
    judge = compile_policy(load_usable(file))
    path = STDIN if records == "-" else Path(records)
    unread = Unread(screen)
    try:
        batches = decide_records(
            judge, path, at=at or datetime.now(UTC), decoder_for=decoder_for, workers=workers
        )
        for batch in batches:
            sys.stdout.buffer.write(quiet_bytes(batch.answers))
            unread.judged += batch.judged
            for problem in batch.problems:
                unread.add(f"{records}:{problem.line}", problem.message)
    except OSError as error:
        raise UsageError(f"{records} cannot be read: {error.strerror or error}") from error
    sys.stdout.buffer.flush()
    unread.end()
