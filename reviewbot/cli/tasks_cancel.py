"""`reviewbot tasks cancel`: take back tasks that nobody has begun, with the refund."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import click
import msgspec

from reviewbot.cli.command import FOUND, command, format_option
from reviewbot.cli.opening import Opening, opens_log
from reviewbot.cli.screen import Screen
from reviewbot.cli.tasks_create import order_stops
from reviewbot.config import Settings
from reviewbot.domain.errors import KeyRefused, NotDone, NotFound, Unclear
from reviewbot.domain.text import format_moment
from reviewbot.ledger.open import open_ledger
from reviewbot.orders.cancel import Canceller, CancelState, is_cancellable, quarantine_ends
from reviewbot.ports.orders import TaskReader
from reviewbot.presentation.format import counted, table
from reviewbot.presentation.machine_forms import json_lines
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.runtime.bootstrap import Connection, connect

EARLIER = "cancelled earlier"
_FINE = ("cancelled", "would be cancelled", EARLIER)


class CancelRow(msgspec.Struct, frozen=True):
    """What became of one task, as `--format json` writes it."""

    id: str
    outcome: str
    credits_refunded: float | None = None
    reason: str | None = None


@command
@click.argument("task_ids", metavar="ID…", nargs=-1, required=True)
@click.option("--live", is_flag=True, help="Cancel. Without it nothing is sent.")
@opens_log
@format_option("text", "json")
def cancel(
    screen: Screen, opening: Opening, task_ids: tuple[str, ...], live: bool, form: str
) -> None:
    """Cancel tasks that are still pending. A dry run unless --live.

    Exit code 4 where a task is not cancelled in the end.

    $ reviewbot tasks cancel ID  # could it be cancelled? Sends nothing
    $ reviewbot tasks cancel ID OTHER --live  # cancel both, and say what came back
    """
    settings, ids = opening.settings(), list(dict.fromkeys(task_ids))
    with closing(connect(settings, live=live)) as connection:
        if live:
            rows = _cancel(connection, settings, ids)
        else:
            rows = [_rehearsed(connection.tasks, task_id) for task_id in ids]
    screen.data(json_lines(rows) if form == "json" else _as_text(rows))
    _sum_up(screen, rows, live=live)
    if any(row.outcome not in _FINE for row in rows):
        raise click.exceptions.Exit(FOUND)


def _rehearsed(tasks: TaskReader, task_id: str) -> CancelRow:
    try:
        task = tasks.task(task_id)
    except NotFound:
        return CancelRow(task_id, "not there")
    if is_cancellable(task):
        return CancelRow(task_id, "would be cancelled", 1)
    return CancelRow(task_id, "too late", reason=f"it is {task.status}")


def _cancel(connection: Connection, settings: Settings, task_ids: list[str]) -> list[CancelRow]:
    assert connection.desk is not None
    quarantine = timedelta(seconds=settings.quarantine)
    zone = zones_of(settings).of(review="comments")
    with closing(open_ledger(settings.ledger, key=settings.key)) as log:
        canceller = Canceller(
            desk=connection.desk,
            tasks=connection.tasks,
            ledger=log,
            clock=connection.clock,
            quarantine=quarantine,
            check=order_stops(log, settings).check,
        )
        return [_cancelled(canceller, task_id, quarantine, zone) for task_id in task_ids]


def _cancelled(canceller: Canceller, task_id: str, quarantine: timedelta, zone: str) -> CancelRow:
    if (earlier := canceller.done(task_id)) is not None:
        return CancelRow(task_id, EARLIER, earlier.credits)
    try:
        word = canceller.cancel(task_id)
    except KeyRefused:
        raise
    except NotFound:
        return CancelRow(task_id, "not there")
    except NotDone as no:
        return CancelRow(task_id, "not cancelled", reason=str(no))
    except Unclear as silence:
        return CancelRow(task_id, "unclear", reason=f"{silence}; repeat the command")
    match word.state:
        case CancelState.DONE:
            return CancelRow(task_id, "cancelled", word.credits, word.reason)
        case CancelState.REFUSED:
            status = word.status or "in another status"
            return CancelRow(task_id, "too late", reason=f"it is {status}")
        case _:
            ends = format_moment(quarantine_ends(word, quarantine), zone)
            reason = f"it may still take effect; repeat the command after {ends}"
            return CancelRow(task_id, "unclear", reason=reason)


def _as_text(rows: list[CancelRow]) -> str:
    cells = [
        (
            row.id,
            row.outcome,
            "" if row.credits_refunded is None else f"{row.credits_refunded:g}",
            row.reason or "",
        )
        for row in rows
    ]
    return table(("task", "outcome", "credits back", "why"), cells, longest=110)


def _sum_up(screen: Screen, rows: list[CancelRow], *, live: bool) -> None:
    back = sum(row.credits_refunded or 0 for row in rows if row.outcome != EARLIER)
    if not live:
        dry = styled("\nDry run", "care")
        screen.say(f"{dry}: nothing was sent. About {back:g} would come back.")
        return
    unsaid = sum(row.outcome == "cancelled" and row.credits_refunded is None for row in rows)
    tail = f", and what {counted(unsaid, 'task')} gave back was not said" if unsaid else ""
    screen.say(f"\ncredits refunded: {back:g}{tail}.")
