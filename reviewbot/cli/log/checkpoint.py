"""`reviewbot log checkpoint`: state how far the log has come, or accept a log that went back."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import checkpoints_of, ledger_for_reading, settings_with
from reviewbot.cli.options import config_option, ledger_option
from reviewbot.cli.queue.claiming import ledger_for_a_word, person_of
from reviewbot.cli.screen import Screen, styled
from reviewbot.domain.errors import UsageError
from reviewbot.ports import Checkpoint, CheckpointBook
from reviewbot.settings import Settings


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log checkpoint", "take one now, and print it"),
        Example(
            'reviewbot log checkpoint --accept "restored from Monday\'s backup, disk died"',
            "the log is older than its last checkpoint, and that is understood: act again",
        ),
    ],
)
@click.option(
    "--accept",
    "why",
    metavar="REASON",
    help="Take the log as it is; earlier checkpoints no longer count.",
)
@ledger_option
@config_option
@click.pass_obj
def checkpoint(screen: Screen, why: str | None, ledger: str | None, config: str | None) -> None:
    """Take a checkpoint: print it, and add it to the file of checkpoints.

    It says how many lines the log has and what the hash of the last one is; kept elsewhere, it shows
    later whether the log was cut, rewritten or replaced by an older copy. A running bot takes one
    every hour and when it ends.

    A log that departs from its newest checkpoint gets none (exit code 5), and the bot sends nothing
    on it, until somebody says with --accept why it did so. What was done meanwhile is then read
    off the API, and nothing is done twice.
    """
    settings = settings_with(config=config, ledger=ledger)
    book = checkpoints_of(settings)
    now = datetime.now(UTC)
    if why is not None:
        if book is None or not why.strip():
            raise UsageError("--accept needs a reason, and a log that is kept")
        point = _accept(settings, book, why.strip(), now)
    else:
        from reviewbot.service.guards.checkpoints import keep

        with ledger_for_reading(ledger=ledger, config=config) as opened:
            point = keep(opened, book, now)
    screen.data(msgspec.json.encode(point).decode())
    if book is not None:
        _say_where(screen, point, book.place)


def _accept(settings: Settings, book: CheckpointBook, why: str, now: datetime) -> Checkpoint:
    from reviewbot.service.guards.checkpoints import accept

    with ledger_for_a_word(settings) as opened:
        return accept(opened, book, why=why, who=person_of(settings), at=now)


def _say_where(screen: Screen, point: Checkpoint, path: str) -> None:
    screen.say(f"added to {path}")
    if point.signature is None:
        screen.say(
            styled("note: ", "care") + "it is not signed; REVIEWBOT_CHECKPOINT_KEY_FILE names a key"
        )
