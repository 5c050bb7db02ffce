"""`reviewbot tasks create`: order comments, each exactly once, also when the command is repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from reviewbot.cli.command import FOUND, command, format_option
from reviewbot.cli.opening import Opening, checkpoints_of, ledger_at, opens_log
from reviewbot.cli.order_rows import BadRow, Rows, one_row, read_csv, read_jsonl
from reviewbot.cli.policy import load_all
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import (
    ApiError,
    CannotConnect,
    Forbidden,
    KeyRefused,
    ReviewbotError,
    UsageError,
)
from reviewbot.domain.order import FIELDS, folded_id
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.ledger.open import open_ledger
from reviewbot.orders.book import OrderBook
from reviewbot.orders.foresee import Accounts, foreseen
from reviewbot.orders.place import OrderPlacer, OrderStops, Result, Totals, planned
from reviewbot.policy.engine.calendar import calendars_of
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import Ledger
from reviewbot.ports.orders import TaskReader
from reviewbot.presentation.format import counted, due, table
from reviewbot.presentation.machine_forms import json_lines
from reviewbot.presentation.sheets import sheet
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.runtime.bootstrap import connect
from reviewbot.runtime.state_files import PauseFiles
from reviewbot.tokportal.client import ReadApi
from reviewbot.tokportal.pagination import read_all

WINDOW = timedelta(hours=72)
"""How long a task may be disputed after its manager confirmed it; then silence pays."""
SAID = {
    "created": "created",
    "would create": "would be created",
    "would refuse": "would be refused by the API",
    "already": "created by an earlier run",
    "duplicate": "the same as an earlier row",
    "bad": "wrong, not sent",
    "rejected": "refused by the API",
    "under way": "sent, and not known yet whether they arrived",
    "unclear": "sent, and cannot be told from others: never sent again",
    "not sent": "not sent",
}
"""Every outcome of a row, in the order of telling, in words."""
MEANINGS = {
    "account_not_found": "there is no such account; see: reviewbot accounts list --delivered",
    "account_not_owned": "the account is somebody else's",
    "account_not_managed": "the account has no manager now; try again later",
    "account_lookup_failed": "the API could not look the account up; try again later",
    "invalid_video_url": "the API could not follow the address to a video",
    "platform_mismatch": "the account and the video are on different platforms",
    "comment_text_too_long": "over the platform's limit as the API counts",
}
"""What the API's reasons say, and what to do."""
_STYLES = {"created": "good", "would create": "good", "already": "faint", "duplicate": "faint"}
FINE = frozenset(_STYLES)
"""The outcomes of a row that is a task, or would be one."""
_MOST_SHOWN = 50
_OF_THE_WAY_THERE = (CannotConnect, KeyRefused, Forbidden)
"""Errors that say nothing of any row; they have exit codes of their own."""


class ResultRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the outcome, as `--format json` and `--output` write it."""

    row: int
    outcome: str
    task_id: str | None = None
    reason: str | None = None
    tasks: tuple[str, ...] = ()
    order: dict[str, str] = {}


class _Wanted(NamedTuple):
    """What to order, and how to tell of it."""

    rows: Rows
    form: str
    output: Path | None
    wait: bool


@command
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
@opens_log
@format_option("text", "json")
def create(
    screen: Screen,
    opening: Opening,
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
    form: str,
) -> None:
    """Order comments from a file, or one by flags. A dry run unless --live.

    The file's first row (or each JSON object) has the API's field names: saved_account_id,
    target_video_url, comment_text, and if need be brief_id, target_type, target_comment_url. An
    order with the same account, video and text as one that was placed before is not placed again.

    --limit 1 sends the first row alone; the same command without it goes on with the rest. A dry run
    holds each row against the accounts that can post, and names those that would be refused.

    Exit code 4 where a row is not a task in the end: it is wrong, was refused, or remains.

    $ reviewbot tasks create --csv comments.csv  # check every row; sends nothing
    $ reviewbot tasks create --csv comments.csv --limit 1 --live  # the first row alone
    $ reviewbot tasks create --csv comments.csv --live --output done.csv
      # order them; repeat it after a crash, and nothing is ordered twice
    $ reviewbot tasks create --account ID --url tiktok.com/@a/video/1 --text Nice  # one
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
    wanted = _Wanted(rows, form, output, wait)
    results = (_place_orders if live else _rehearse)(screen, opening.settings(), wanted)
    if not all(row.outcome in FINE for row in results):
        raise click.exceptions.Exit(FOUND)


def _rehearse(screen: Screen, settings: Settings, wanted: _Wanted) -> list[ResultRow]:
    """Say what would be ordered, going by the file, the log, and the accounts that can post."""
    with ledger_at(settings) as log:
        plan = planned(wanted.rows.good, OrderBook(log))
    credits, accounts = None, None
    if settings.has_key:
        with closing(connect(settings)) as connection:
            credits = _credits(connection.tasks)
            accounts = _accounts(connection.api) if plan.fresh else None
    plan = foreseen(plan, accounts)
    rows = _print(screen, wanted, plan.results)
    if plan.fresh and (accounts is None or not accounts.whole):
        why = "no key is set" if not settings.has_key else "the API did not show all of them"
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
    return rows


def _place_orders(screen: Screen, settings: Settings, wanted: _Wanted) -> list[ResultRow]:
    """Order what is good and was not ordered before."""
    with (
        closing(open_ledger(settings.ledger, key=settings.key)) as log,
        closing(connect(settings, live=True)) as connection,
    ):
        assert connection.desk is not None
        stops, clock = order_stops(log, settings), connection.clock
        with screen.progress() as progress:
            placer = OrderPlacer(
                desk=connection.desk,
                tasks=connection.tasks,
                ledger=log,
                clock=clock,
                quarantine=timedelta(seconds=settings.quarantine),
                check=stops.check,
                progress=progress,
            )
            fresh, before = planned(wanted.rows.good, placer.book).fresh, _credits(connection.tasks)
            have = "" if before is None else f"; {before:,g} are there"
            orders = counted(len(fresh), "order")
            screen.say(f"{styled('LIVE', 'bad')}: {orders}, a credit for each that is taken{have}.")
            _say_desk(screen, settings, clock.now())
            results = placer.run(wanted.rows.good, wait=wanted.wait)
        if placer.totals.sent or placer.totals.settled:
            stops.keep(clock.now())
        rows = _print(screen, wanted, results)
        left = _credits(connection.tasks)
        zone = zones_of(settings).of(review="comments")
        _sum_up(screen, placer.totals, left, clock.now(), zone)
    if isinstance(placer.totals.error, _OF_THE_WAY_THERE):
        raise placer.totals.error
    return rows


def order_stops(log: Ledger, settings: Settings) -> OrderStops:
    """What keeps orders and cancellations back: pauses, and a log that went back."""
    file = PauseFiles(settings.pause_paths()).read
    return OrderStops(log, file=file, book=checkpoints_of(settings))


def _sum_up(
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


def _print(screen: Screen, wanted: _Wanted, results: Iterable[Result]) -> list[ResultRow]:
    """Write what became of each row, good or bad, in the order of the file."""
    rows = [
        ResultRow(
            row=result.row.number,
            outcome=result.outcome,
            task_id=result.task_id,
            reason=result.reason,
            tasks=result.tasks,
            order=msgspec.to_builtins(result.row.order),
        )
        for result in results
    ]
    rows += [
        ResultRow(row=bad.number, outcome="bad", reason=bad.reason, order=_shown(bad))
        for bad in wanted.rows.bad
    ]
    rows.sort(key=lambda row: row.row)
    if wanted.output is not None:
        _write_csv(wanted.output, rows)
    screen.data(json_lines(rows) if wanted.form == "json" else _as_text(rows))
    return rows


def _shown(bad: BadRow) -> dict[str, str]:
    """Take a bad row's cells; what was no text is shown as far as it was one."""
    return {
        name: cell.encode("utf-8", "replace").decode("utf-8") for name, cell in bad.cells.items()
    }


def _write_csv(path: Path, rows: Iterable[ResultRow]) -> None:
    """Write every row with its outcome. Raises UsageError where the file cannot be written."""
    cells = (
        (
            row.row,
            row.outcome,
            row.task_id or " ".join(row.tasks),
            row.reason,
            *(row.order.get(name) for name in FIELDS),
        )
        for row in rows
    )
    text = sheet(("row", "outcome", "task_id", "reason", *FIELDS), cells)
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from error


def _as_text(rows: Sequence[ResultRow]) -> str:
    """Count the outcomes, and name each row that somebody has to look at."""
    counts = Counter(row.outcome for row in rows)
    sums = [
        styled(f"{counts[name]:>7,}  {words}", _STYLES.get(name, "care"))
        for name, words in SAID.items()
        if counts[name]
    ]
    notable = [row for row in rows if row.outcome not in ("created", "would create", "already")]
    if not notable:
        return "\n".join(sums)
    shown = [(str(row.row), row.outcome, _why(row)) for row in notable[:_MOST_SHOWN]]
    parts = [table(("row", "outcome", "why"), shown, longest=300)]
    if len(notable) > _MOST_SHOWN:
        more = counted(len(notable) - _MOST_SHOWN, "more row")
        parts.append(f"… and {more}; --output FILE writes them all")
    return "\n".join([*parts, "", *sums])


def _why(row: ResultRow) -> str:
    if row.tasks:
        return (
            f"{row.reason}; look at {', '.join(row.tasks)}. To order it all the same, write the"
            " full address of the video"
        )
    reason = row.reason or ""
    return f"{reason}: {MEANINGS[reason]}" if reason in MEANINGS else reason


def _say_desk(screen: Screen, settings: Settings, now: datetime) -> None:
    """A note for each policy whose hours are all closed as the window of an order of now ends."""
    end = now + WINDOW
    for policy in _policies(settings):
        hours = calendars_of(policy)
        if not hours or any(calendar.is_open(end) for calendar in hours.values()):
            continue
        opens = min(filter(None, (hour.next_open(end) for hour in hours.values())), default=None)
        again = "" if opens is None else f" before {format_moment(opens, policy.timezone)}"
        screen.say(
            styled("note: ", "care")
            + f"what is confirmed at once is paid by silence at {format_moment(end, policy.timezone)},"
            f" when nobody is at the desk{again} (hours of policy {safe_line(policy.name, 80)})."
        )


def _policies(settings: Settings) -> Iterator[Policy]:
    """Those of the settings that can be used; what is wrong with another is told elsewhere."""
    try:
        found = load_all(settings.need_policies())
    except ReviewbotError:
        return
    for parsed in found:
        if parsed.policy is not None and parsed.policy.applies_to.review == "comments":
            yield parsed.policy


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


def _credits(tasks: TaskReader) -> float | None:
    """Ask how many credits there are; an API that does not say is no reason to stop."""
    try:
        return tasks.credits()
    except ApiError:
        return None
