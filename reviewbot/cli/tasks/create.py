"""`reviewbot tasks create`: order comments, each exactly once, also when the command is repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import click

from reviewbot.api.client import ReadApi
from reviewbot.api.pages import read_all
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import checkpoints_of, settings_with
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.tasks.desk import nobody_at_the_desk
from reviewbot.cli.tasks.progress import Progress
from reviewbot.cli.tasks.reading import Rows, one_row, read_csv, read_jsonl
from reviewbot.cli.tasks.results import Line, all_fine, as_json, as_text, lines_of, write_csv
from reviewbot.cli.words import counted, due
from reviewbot.cli.zones import zones_of
from reviewbot.counter import connect
from reviewbot.domain.errors import ApiError, CannotConnect, Forbidden, KeyRefused, UsageError
from reviewbot.domain.orders import folded_id
from reviewbot.domain.safetext import safe_line
from reviewbot.ledger.opening import open_ledger
from reviewbot.pausefile import PauseFile
from reviewbot.ports import TaskBook
from reviewbot.service.orders.foresee import Accounts, foreseen
from reviewbot.service.orders.orderbook import OrderBook
from reviewbot.service.orders.orders import Counter, Totals, planned
from reviewbot.service.orders.orderstops import OrderStops
from reviewbot.settings import Settings

REMAINS = 4
"""Exit code where a row is no task in the end."""


_OF_THE_WAY_THERE = (CannotConnect, KeyRefused, Forbidden)
"""Errors that say nothing of any row; they have exit codes of their own."""


class _Wanted(NamedTuple):
    """What to order, and how to tell of it."""

    rows: Rows
    form: str
    output: Path | None
    wait: bool


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot tasks create --csv comments.csv", "check every row; sends nothing"),
        Example(
            "reviewbot tasks create --csv comments.csv --limit 1 --live", "the first row alone"
        ),
        Example(
            "reviewbot tasks create --csv comments.csv --live --output done.csv",
            "order them; repeat it after a crash, and nothing is ordered twice",
        ),
        Example(
            "reviewbot tasks create --account ID --url tiktok.com/@a/video/1 --text Nice", "one"
        ),
    ],
)
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), metavar="FILE", help="A CSV.")
@click.option(
    "--jsonl", "jsonl_file", type=click.Path(path_type=Path), metavar="FILE", help="JSON lines."
)
@click.option("--account", metavar="ID", help="One order: saved_account_id.")
@click.option("--url", metavar="URL", help="One order: target_video_url.")
@click.option("--text", metavar="TEXT", help="One order: comment_text.")
@click.option("--brief", metavar="ID", help="One order: brief_id.")
@click.option("--reply-to", metavar="URL", help="One order: target_comment_url, for a reply.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N rows.")
@click.option("--live", is_flag=True, help="Order. Without it nothing is sent.")
@click.option("--wait", is_flag=True, help="Stay until it is known what became of every row.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Every row's outcome, as CSV."
)
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def create(
    screen: Screen,
    csv_file: Path | None,
    jsonl_file: Path | None,
    account: str | None,
    url: str | None,
    text: str | None,
    brief: str | None,
    reply_to: str | None,
    limit: int | None,
    live: bool,
    wait: bool,
    output: Path | None,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Order comments from a file, or one by flags. A dry run unless --live.

    The file's first row (or each JSON object) has the API's field names: saved_account_id,
    target_video_url, comment_text, and if need be brief_id, target_type, target_comment_url. An
    order with the same account, video and text as one that was placed before is not placed again.

    --limit 1 sends the first row alone; the same command without it goes on with the rest. A dry run
    holds each row against the accounts that can post, and names those that would be refused.

    Exit code 4 where a row is not a task in the end: it is wrong, was refused, or remains.
    """
    single = {
        "saved_account_id": account,
        "target_video_url": url,
        "comment_text": text,
        "brief_id": brief,
        "target_comment_url": reply_to,
        "target_type": "comment" if reply_to else None,
    }
    given = {name: value for name, value in single.items() if value is not None}
    if [bool(csv_file), bool(jsonl_file), bool(given)].count(True) != 1:
        raise UsageError(
            "name one of: --csv FILE, --jsonl FILE, or one order by --account, --url, --text"
        )
    if csv_file:
        rows = read_csv(csv_file)
    else:
        rows = read_jsonl(jsonl_file) if jsonl_file else one_row(given)
    if limit is not None:
        rows = rows.first(limit)
    settings = settings_with(config=config, ledger=ledger)
    wanted = _Wanted(rows, form, output, wait)
    lines = (_order if live else _rehearse)(screen, settings, wanted)
    if not all_fine(lines):
        raise click.exceptions.Exit(REMAINS)


def _rehearse(screen: Screen, settings: Settings, wanted: _Wanted) -> list[Line]:
    """Say what would be ordered, going by the file, the log, and the accounts that can post."""
    log = open_ledger(settings.ledger, read_only=True)
    try:
        plan = planned(wanted.rows.good, OrderBook(log))
    finally:
        log.close()
    credits, accounts = None, None
    if settings.api_key is not None:
        connection = connect(settings)
        try:
            credits = _credits(connection.tasks)
            accounts = _accounts(connection.api) if plan.fresh else None
        finally:
            connection.close()
    plan = foreseen(plan, accounts)
    lines = lines_of(plan.results, wanted.rows.bad)
    _print(screen, wanted, lines)
    if plan.fresh and (accounts is None or not accounts.whole):
        why = "no key is set" if settings.api_key is None else "the API did not show all of them"
        screen.say(
            styled("\nnote: ", "care") + f"not every account was checked, because {why};"
            " the API may refuse rows."
        )
    _say_desk(screen, settings, datetime.now(UTC))
    have = "" if credits is None else f"; {credits:,g} are there"
    cost = counted(len(plan.fresh), "credit")
    screen.say(f"\nDry run: nothing was sent. With --live it would cost at most {cost}{have}.")
    if credits is not None and credits < len(plan.fresh):
        screen.say(styled("warning: ", "care") + "that is more than there are.")
    return lines


def _order(screen: Screen, settings: Settings, wanted: _Wanted) -> list[Line]:
    """Order what is good and was not ordered before."""
    log = open_ledger(settings.ledger)
    connection = connect(settings, live=True)
    progress = Progress(screen)
    stops = OrderStops(
        log, file=PauseFile(settings.pause_path()).read, book=checkpoints_of(settings)
    )
    try:
        assert connection.desk is not None
        counter = Counter(
            desk=connection.desk,
            tasks=connection.tasks,
            ledger=log,
            clock=connection.clock,
            quarantine=timedelta(seconds=settings.quarantine),
            check=stops.check,
            progress=progress,
        )
        fresh = len(planned(wanted.rows.good, counter.book).fresh)
        before = _credits(connection.tasks)
        _announce(screen, fresh, before)
        _say_desk(screen, settings, connection.clock.now())
        results = counter.run(wanted.rows.good, wait=wanted.wait)
        progress.done()
        if counter.totals.sent or counter.totals.settled:
            stops.keep(connection.clock.now())
        lines = lines_of(results, wanted.rows.bad)
        _print(screen, wanted, lines)
        zone = zones_of(settings).of(review="comments")
        _account(screen, counter.totals, _credits(connection.tasks), connection.clock.now(), zone)
    finally:
        progress.done()
        connection.close()
        log.close()
    if isinstance(counter.totals.error, _OF_THE_WAY_THERE):
        raise counter.totals.error
    return lines


def _announce(screen: Screen, fresh: int, credits: float | None) -> None:
    have = "" if credits is None else f"; {credits:,g} are there"
    screen.say(
        f"{styled('LIVE', 'bad')}: {counted(fresh, 'order')}, a credit for each that is taken{have}."
    )


def _account(
    screen: Screen, totals: Totals, credits: float | None, now: datetime, zone: str
) -> None:
    """Say what it cost, and what to do about the rows that are not tasks yet."""
    left = "" if credits is None else f"; {credits:,g} are left"
    screen.say(f"\ncredits charged: {totals.charged:,g}{left}.")
    if totals.settled:
        screen.say(f"{counted(totals.settled, 'row')} of earlier runs settled by reading the list.")
    if totals.stopped:
        screen.say(
            styled("stopped early: ", "bad")
            + f"{safe_line(totals.stopped)}. Repeat the command for the rows that remain."
        )
    if totals.again_at is not None:
        screen.say(
            "What was sent without a clear answer may still arrive. Repeat the command after "
            f"{due(totals.again_at, now, zone)}: it reads the list and orders only what is not there."
        )


def _say_desk(screen: Screen, settings: Settings, now: datetime) -> None:
    for word in nobody_at_the_desk(settings, now):
        screen.say(styled("note: ", "care") + word + ".")


def _print(screen: Screen, wanted: _Wanted, lines: list[Line]) -> None:
    if wanted.output is not None:
        write_csv(wanted.output, lines)
    screen.data(as_json(lines) if wanted.form == "json" else as_text(lines))


def _accounts(api: ReadApi) -> Accounts | None:
    """The accounts that can post; an API that does not show them is no reason to stop."""
    try:
        found = read_all(
            lambda page, per_page: api.list_accounts(page=page, per_page=per_page),
            key=lambda account: account.id,
        )
    except ApiError:
        return None
    return Accounts(
        platforms={folded_id(account.id): account.platform for account in found.rows},
        whole=found.agreed and found.counted is None and not found.unread,
    )


def _credits(tasks: TaskBook) -> float | None:
    """Ask how many credits there are; an API that does not say is no reason to stop."""
    try:
        return tasks.credits()
    except ApiError:
        return None
