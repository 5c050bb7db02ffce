"""`reviewbot demo`: a simulated week at fast-forward, reviewed live, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Iterable

import click

from reviewbot.cli.demo.summary import headline, summary_lines
from reviewbot.cli.demo.week import Progress, Week
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import ReviewbotError


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot demo", "the same week each time"),
        Example("reviewbot demo --seed 7", "another week"),
    ],
)
@click.option("--seed", default=0, show_default=True, help="Which week to live through.")
@click.pass_obj
def demo(screen: Screen, seed: int) -> None:
    """Review a simulated week at fast-forward. Needs no key and no network.

    The bot, its client and its decision log are the real ones; only TokPortal, the managers and a
    person at the desk are simulated. Exit code 0 only if tasks were really approved, disputed,
    waited for and escalated, and none was paid by silence.
    """
    began = time.perf_counter()
    week = Week(seed)
    for line in headline(week):
        screen.say(line)
    _watch(screen, week.review())
    found = week.tally
    for line in summary_lines(week, found, time.perf_counter() - began):
        screen.data(line)
    if not found.shows_everything or not week.ledger.verify().whole:
        raise ReviewbotError("the demo did not come out as it should: please report this")


def _watch(screen: Screen, passes: Iterable[Progress]) -> None:
    """Show the week go by: a moving bar on a terminal, a line a day elsewhere."""
    if screen.is_terminal() and screen.verbosity >= 0:
        _watch_on_terminal(screen, passes)
        return
    last: Progress | None = None
    for progress in passes:
        if last is not None and progress.at.date() != last.at.date():
            screen.say(_line(last))
        last = progress
    if last is not None:
        screen.say(_line(last))


def _watch_on_terminal(screen: Screen, passes: Iterable[Progress]) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, no_color=not screen.wants_color())
    columns = (BarColumn(bar_width=30), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("", total=1.0)
        for progress in passes:
            bar.update(task, completed=progress.share, description=_line(progress))
        bar.update(task, completed=1.0)


def _line(progress: Progress) -> str:
    return (
        f"{progress.at:%a %d %b}  {progress.waiting:>3} waiting  {progress.approved:>4} approved"
        f"  {progress.disputed:>4} disputed  {progress.questions:>3} with a person"
    )
