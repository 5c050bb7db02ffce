"""`reviewbot log erase`: what people wrote, taken out of the log for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import click

from reviewbot.cli.answering import as_option, person_of
from reviewbot.cli.command import command, format_option, ledger_option
from reviewbot.cli.opening import with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import safe_line
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Erased, ErasureOrder, Ledger
from reviewbot.presentation.format import counted
from reviewbot.presentation.machine_forms import json_lines
from reviewbot.presentation.style import styled


@contextmanager
def _written(settings: Settings) -> Iterator[Ledger]:
    """The log of one key, to be written beside a running bot."""
    with closing(open_ledger(settings.ledger, key=settings.key, create=False)) as opened:
        yield opened


@command
@click.option("--task", metavar="ID", help="The texts of one task.")
@click.option("--account", metavar="ID", help="The texts of all tasks of one account.")
@click.option("--handle", metavar="H", help="The texts of whatever says this handle.")
@click.option("--because", metavar="TEXT", help="Why; it stands in the log.")
@with_settings(as_option, ledger_option, every_key=True)
@format_option("text", "json")
def erase(
    screen: Screen,
    settings: Settings,
    task: str | None,
    account: str | None,
    handle: str | None,
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
    order, why = _order(task, account, handle, because)
    results: list[tuple[str, Erased]] = []
    for each in settings.each():
        with _written(each) as ledger:
            done = ledger.erase(order, datetime.now(UTC), who=person_of(each), because=why)
            ledger.finish_erasures()
        results.append((each.key, done))
    if form == "json":
        screen.data(json_lines([_as_json(key, done) for key, done in results]))
    else:
        screen.data("\n".join(_line(key, done) for key, done in results))
    if not any(done.lines or done.still_open for _, done in results):
        screen.say(styled("note: ", "care") + "the log holds no such text, or it was erased before")


def _order(
    task: str | None, account: str | None, handle: str | None, because: str | None
) -> tuple[ErasureOrder, str]:
    """Whose texts, and why. Raises UsageError."""
    if len([name for name in (task, account, handle) if name and name.strip("@ ")]) != 1:
        raise UsageError("say whose texts: one of --task ID, --account ID and --handle H")
    if because is None or not because.strip():
        raise UsageError("an erasure needs its reason: --because TEXT")
    if handle is not None and handle.strip("@ ").casefold() in because.casefold():
        raise UsageError("the reason stands in the log, so it must not name the handle")
    return ErasureOrder(task=task, account=account, handle=handle), because.strip()


def _line(key: str, done: Erased) -> str:
    what = f"{counted(done.lines, 'line')} of {counted(done.tasks, 'task')}"
    text = f"{styled('erased', 'good')}  {safe_line(key)}: {what}"
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
