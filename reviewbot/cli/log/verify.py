"""`reviewbot log verify`: the log against itself, and against its checkpoints."""

from __future__ import annotations

from pathlib import Path

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import checkpoints_of, ledger_for_reading, settings_with
from reviewbot.cli.options import config_option, ledger_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import counted
from reviewbot.cli.zones import zones_of
from reviewbot.domain.errors import LedgerCorrupt, UsageError
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import KeptCheckpoints


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log verify", "exit code 0: whole; 5: changed, cut, restored or damaged"),
        Example(
            "reviewbot log verify --checkpoint /mnt/other/checkpoints.jsonl",
            "against checkpoints that were kept elsewhere",
        ),
    ],
)
@click.option(
    "--checkpoint",
    "file",
    type=click.Path(),
    metavar="FILE",
    help="Checkpoints to hold the log against, instead of those of the settings.",
)
@ledger_option
@config_option
@click.pass_obj
def verify(screen: Screen, file: str | None, ledger: str | None, config: str | None) -> None:
    """Recompute the whole chain of the log, and say whether anything was changed or is missing.

    Edits, insertions and deletions show by themselves. A cut end and an older copy show only
    against checkpoints that lie elsewhere: every one since the last accepted one is looked at.
    """
    kept = _kept(file, ledger, config)
    with ledger_for_reading(ledger=ledger, config=config) as opened:
        found = opened.verify(*kept.checkpoints)
    problems = [*kept.problems, *found.problems]
    for remark in kept.remarks:
        screen.say(styled("note: ", "care") + safe_line(remark, 300))
    if problems:
        told = "\n".join(f"  {safe_line(problem, 300)}" for problem in problems)
        raise LedgerCorrupt(f"the log is not whole:\n{told}")
    head = found.head[:16] or "empty"
    screen.data(f"{styled('whole', 'good')}  {counted(found.lines, 'line')}, head {head}")
    zone = zones_of(settings_with(config=config, ledger=ledger)).first
    screen.data(_against(kept, zone))


def _kept(file: str | None, ledger: str | None, config: str | None) -> KeptCheckpoints:
    settings = settings_with(config=config, ledger=ledger, checkpoint_file=file)
    if file is not None and not Path(file).is_file():
        raise UsageError(f"{file} is no file of checkpoints")
    book = checkpoints_of(settings)
    return KeptCheckpoints() if book is None else book.read()


def _against(kept: KeptCheckpoints, zone: str) -> str:
    if not kept.checkpoints:
        return "       no checkpoint to hold it against, so a cut end would not show"
    last = kept.checkpoints[-1]
    return (
        f"       fits {counted(len(kept.checkpoints), 'checkpoint')}, the last of"
        f" {format_moment(last.at, zone)} at line {last.count}"
    )
