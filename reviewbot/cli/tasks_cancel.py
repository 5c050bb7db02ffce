"""`reviewbot tasks cancel`: take back tasks that nobody has begun, with the refund."""

from __future__ import annotations

from datetime import timedelta

import click
import msgspec

from reviewbot.cli.command import Command, Example, config_option, format_option, ledger_option
from reviewbot.cli.opening import checkpoints_of, settings_with
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import KeyRefused, NotDone, NotFound, Unclear
from reviewbot.domain.text import format_moment
from reviewbot.ledger.open import open_ledger
from reviewbot.orders.cancel import (
    Canceller,
    CancelState,
    CancelWord,
    is_cancellable,
    quarantine_ends,
)
from reviewbot.orders.place import OrderStops
from reviewbot.ports.orders import TaskReader
from reviewbot.presentation.format import counted, table
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.runtime.bootstrap import Connection, connect
from reviewbot.runtime.state_files import PauseFile

REMAINS = 4
"""Exit code where a task is not cancelled in the end."""


EARLIER = "cancelled earlier"


_FINE = ("cancelled", "would be cancelled", EARLIER)


class CancelRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one task, as `--format json` writes it."""

    id: str
    outcome: str
    credits_refunded: float | None = None
    reason: str | None = None


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot tasks cancel ID", "could it be cancelled? Sends nothing"),
        Example("reviewbot tasks cancel ID OTHER --live", "cancel both, and say what came back"),
    ],
)
@click.argument("task_ids", metavar="ID…", nargs=-1, required=True)
@click.option("--live", is_flag=True, help="Cancel. Without it nothing is sent.")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def cancel(
    screen: Screen,
    task_ids: tuple[str, ...],
    live: bool,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Cancel tasks that are still pending. A dry run unless --live.

    Exit code 4 where a task is not cancelled in the end.
    """
    settings = settings_with(config=config, ledger=ledger)
    connection = connect(settings, live=live)
    try:
        ids = list(dict.fromkeys(task_ids))
        if live:
            lines = _cancel(connection, settings, ids)
        else:
            lines = [_rehearsed(connection.tasks, one) for one in ids]
    finally:
        connection.close()
    if form == "json":
        screen.data("\n".join(msgspec.json.encode(line).decode() for line in lines))
    else:
        screen.data(_as_text(lines))
    _sum_up(screen, lines, live=live)
    if any(line.outcome not in _FINE for line in lines):
        raise click.exceptions.Exit(REMAINS)


def _rehearsed(tasks: TaskReader, task_id: str) -> CancelRow:
    try:
        task = tasks.task(task_id)
    except NotFound:
        return CancelRow(id=task_id, outcome="not there")
    if is_cancellable(task):
        return CancelRow(id=task_id, outcome="would be cancelled", credits_refunded=1)
    return CancelRow(id=task_id, outcome="too late", reason=f"it is {task.status}")


def _cancel(connection: Connection, settings: Settings, task_ids: list[str]) -> list[CancelRow]:
    assert connection.desk is not None
    quarantine = timedelta(seconds=settings.quarantine)
    zone = zones_of(settings).of(review="comments")
    log = open_ledger(settings.ledger)
    stops = OrderStops(
        log, file=PauseFile(settings.pause_path()).read, book=checkpoints_of(settings)
    )
    try:
        canceller = Canceller(
            desk=connection.desk,
            tasks=connection.tasks,
            ledger=log,
            clock=connection.clock,
            quarantine=quarantine,
            check=stops.check,
        )
        return [_cancelled(canceller, one, quarantine, zone) for one in task_ids]
    finally:
        log.close()


def _cancelled(canceller: Canceller, task_id: str, quarantine: timedelta, zone: str) -> CancelRow:
    if (earlier := canceller.done(task_id)) is not None:
        return CancelRow(id=task_id, outcome=EARLIER, credits_refunded=earlier.credits)
    try:
        word = canceller.cancel(task_id)
    except KeyRefused:
        raise
    except NotFound:
        return CancelRow(id=task_id, outcome="not there")
    except NotDone as no:
        return CancelRow(id=task_id, outcome="not cancelled", reason=str(no))
    except Unclear as silence:
        reason = f"{silence}; repeat the command"
        return CancelRow(id=task_id, outcome="unclear", reason=reason)
    return _line(task_id, word, quarantine, zone)


def _line(task_id: str, word: CancelWord, quarantine: timedelta, zone: str) -> CancelRow:
    match word.state:
        case CancelState.DONE:
            return CancelRow(
                id=task_id,
                outcome="cancelled",
                credits_refunded=word.credits,
                reason=word.reason,
            )
        case CancelState.REFUSED:
            return CancelRow(
                id=task_id, outcome="too late", reason=f"it is {word.status or 'in another status'}"
            )
        case _:
            ends = format_moment(quarantine_ends(word, quarantine), zone)
            reason = f"it may still take effect; repeat the command after {ends}"
            return CancelRow(id=task_id, outcome="unclear", reason=reason)


def _as_text(lines: list[CancelRow]) -> str:
    rows = [
        (
            line.id,
            line.outcome,
            "" if line.credits_refunded is None else f"{line.credits_refunded:g}",
            line.reason or "",
        )
        for line in lines
    ]
    return table(("task", "outcome", "credits back", "why"), rows, longest=110)


def _sum_up(screen: Screen, lines: list[CancelRow], *, live: bool) -> None:
    back = sum(line.credits_refunded or 0 for line in lines if line.outcome != EARLIER)
    if live:
        unsaid = sum(
            line.outcome == "cancelled" and line.credits_refunded is None for line in lines
        )
        tail = f", and what {counted(unsaid, 'task')} gave back was not said" if unsaid else ""
        screen.say(f"\ncredits refunded: {back:g}{tail}.")
    else:
        screen.say(
            styled("\nDry run", "care") + f": nothing was sent. About {back:g} would come back."
        )
