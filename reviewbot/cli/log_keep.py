"""`reviewbot log archive` and `erase`: the log is kept for years, and forgets what it has to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from reviewbot.cli.answering import as_option, ledger_for_a_word, person_of
from reviewbot.cli.command import command, format_option, ledger_option
from reviewbot.cli.each_key import for_each_key
from reviewbot.cli.opening import checkpoints_of, signing_key_of, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import parse_iso, safe_line
from reviewbot.ledger.segments import SegmentSeal
from reviewbot.ports.ledger import Erased, ErasureOrder
from reviewbot.presentation.format import counted
from reviewbot.presentation.machine_forms import json_lines
from reviewbot.presentation.style import styled
from reviewbot.safety.stop_conditions import keep
from reviewbot.setting_values import NotASetting, parse_age


class AgeType(click.ParamType[datetime]):
    """A moment with a zone, or a length of time back from now: `90d`, `26w`, `2y`."""

    name = "age"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the moment, or say what one looks like."""
        if isinstance(value, datetime):
            return value
        with suppress(ValueError):
            return parse_iso(value)
        try:
            return datetime.now(UTC) - timedelta(seconds=parse_age(value))
        except NotASetting as wrong:
            self.fail(f"{value!r} {wrong}; or a moment: 2026-06-02T12:00:00Z", param, ctx)


@command
@click.option(
    "--before", type=AgeType(), required=True, help="What ended before: 90d, 2y or a moment."
)
@click.option(
    "--to",
    type=click.Path(),
    metavar="FOLDER",
    help="Where to; without it where the last ones are.",
)
@with_settings(as_option, ledger_option, every_key=True)
@format_option("text", "json")
def archive(
    screen: Screen, settings: Settings, before: datetime, to: str | None, form: str
) -> None:
    """Move what ended long ago out of the log, to sealed Parquet segments in a folder.

    The lines of closed rounds and their decisions leave, which are most of the log's bytes; what limits,
    counts and claims go by stays. The log's chain goes on from each segment's seal. log verify, replay
    and export, and policy backtest read the segments like the rest, as long as they are in that folder;
    verify names those that are not. A bot may run meanwhile, and whatever stops the archiving: nothing is
    lost, nothing is there twice. Needs  pip install 'reviewbot[parquet]'.

    $ reviewbot log archive --before 90d --to /var/lib/reviewbot/archive  # the first time
    $ reviewbot log archive --before 90d  # the folder is remembered
    """

    def of_one(key: Settings) -> None:
        book, now = checkpoints_of(key), datetime.now(UTC)
        with ledger_for_a_word(key) as ledger, screen.progress() as progress:
            made = ledger.archive(
                None if to is None else Path(to),
                before,
                now,
                who=person_of(key),
                signing=signing_key_of(key),
                told=lambda seal: progress(f"{seal.file} is written …"),
            )
            if made:
                keep(ledger, book, now)
        _show_archived(screen, key.key, made, form)

    for_each_key(screen, settings, of_one, heads=form == "text")


def _show_archived(screen: Screen, key: str, made: Sequence[SegmentSeal], form: str) -> None:
    if not made:
        screen.say("Nothing that is still in the log ended before that.")
        return
    if form == "json":
        screen.data(json_lines([_seal_json(key, seal) for seal in made]))
        return
    for seal in made:
        what = f"{counted(seal.decisions, 'decision')}, {counted(seal.lines, 'line')}"
        path = safe_line(str(Path(seal.folder) / seal.file), 300)
        screen.data(f"{styled('archived', 'good')}  {what} in {path}")


def _seal_json(key: str, seal: SegmentSeal) -> dict[str, object]:
    return {"schema": "reviewbot.archived/1", "key": key, **msgspec.to_builtins(seal)}


@command
@click.option("--task", metavar="ID", help="The texts of one task.")
@click.option("--account", metavar="ID", help="The texts of all tasks of one account.")
@click.option("--handle", metavar="H", help="The texts of whatever says this handle.")
@click.option(
    "--before", type=AgeType(), help="The texts of all that ended before: 2y or a moment."
)
@click.option("--because", metavar="TEXT", help="Why; it stands in the log.")
@with_settings(as_option, ledger_option, every_key=True)
@format_option("text", "json")
def erase(
    screen: Screen,
    settings: Settings,
    task: str | None,
    account: str | None,
    handle: str | None,
    before: datetime | None,
    because: str | None,
    form: str,
) -> None:
    """Take out of the log, for good, what people wrote and are called: in one task or all of somebody.

    Comments, handles, addresses, reasons and names go, with the facts and the trace of each decision; what
    was decided, when, by which rule and for how much stays. The log is whole after it (log verify), and a
    line says what was erased, by whom and why. Nothing is left in the files of the log; backups of it,
    and what was exported before, are yours to remove. What is still open is left, and named.

    $ reviewbot log erase --task 0d8b5a3e-5f1c --because "asked for on 3 May"  # one task
    $ reviewbot log erase --handle @ana.b --because "asked for on 3 May"  # wherever the handle stands
    """
    order, why = _order(
        ErasureOrder(task=task, account=account, handle=handle, before=before), because
    )

    def of_one(key: Settings) -> None:
        with ledger_for_a_word(key) as ledger:
            done = ledger.erase(order, datetime.now(UTC), who=person_of(key), because=why)
            ledger.finish_erasures()
        if form == "json":
            screen.data(json_lines([_as_json(key.key, done)]))
        else:
            screen.data(_line(done))
        if not (done.lines or done.still_open):
            screen.say(
                styled("note: ", "care") + "the log holds no such text, or it was erased before"
            )

    for_each_key(screen, settings, of_one, heads=form == "text")


def _order(order: ErasureOrder, because: str | None) -> tuple[ErasureOrder, str]:
    """Whose texts, and why. Raises UsageError."""
    names = [name for name in (order.task, order.account, order.handle) if name is not None]
    if len(names) + (order.before is not None) != 1 or not all(n.strip("@ ") for n in names):
        raise UsageError(
            "say whose texts: one of --task ID, --account ID, --handle H and --before AGE"
        )
    if because is None or not because.strip():
        raise UsageError("an erasure needs its reason: --because TEXT")
    if order.handle is not None and order.handle.strip("@ ").casefold() in because.casefold():
        raise UsageError("the reason stands in the log, so it must not name the handle")
    return order, because.strip()


def _line(done: Erased) -> str:
    what = f"{counted(done.lines, 'line')} of {counted(done.tasks, 'task')}"
    text = f"{styled('erased', 'good')}  {what}"
    if done.still_open:
        names = ", ".join(safe_line(name, 40) for name in done.still_open[:10])
        text += f"\n        left, for it is still open: {names}; erase again once it has ended"
    return text


def _as_json(key: str, done: Erased) -> dict[str, object]:
    return {
        "schema": "reviewbot.erased/1",
        "key": key,
        "lines": done.lines,
        "tasks": done.tasks,
        "still_open": done.still_open,
    }
