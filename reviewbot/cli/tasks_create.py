"""`reviewbot tasks create`: order comments, each exactly once, also when the command is repeated."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click
import msgspec

from reviewbot.cli.command import Command, Example, config_option, format_option, ledger_option
from reviewbot.cli.opening import ProgressLine, checkpoints_of, settings_with
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
from reviewbot.domain.order import FIELDS, Order, fault, folded_id
from reviewbot.domain.text import format_moment, safe_cell, safe_line
from reviewbot.ledger.open import open_ledger
from reviewbot.orders.book import OrderBook
from reviewbot.orders.foresee import Accounts, foreseen
from reviewbot.orders.place import OrderPlacer, OrderRow, OrderStops, Result, Totals, planned
from reviewbot.policy.engine.calendar import calendars_of
from reviewbot.policy.model import Policy
from reviewbot.policy.text_forms import did_you_mean
from reviewbot.ports.orders import TaskReader
from reviewbot.presentation.format import counted, due, table
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.runtime.bootstrap import connect
from reviewbot.runtime.state_files import PauseFile
from reviewbot.tokportal.client import ReadApi
from reviewbot.tokportal.pagination import read_all

# ------------------------------------------------------------------------------------------------
# Reading orders from a CSV or JSON-lines file: every bad row by its number, with its reason.
#
# A quote that is not closed makes it impossible to say where the rows after it begin, and a column
# with an unknown name may be a mistyped one. Both refuse the file as a whole; all else only its row.


NEEDED = ("saved_account_id", "comment_text")


LONGEST_FILE = 100 * 1024 * 1024


_SEPARATORS = ",;\t"


_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


class BadRow(NamedTuple):
    """A row that is not sent: its number, why, and its cells as they stand."""

    number: int
    reason: str
    cells: Mapping[str, str]


class Rows(NamedTuple):
    """The rows of a file, good and bad. Rows count as a spreadsheet counts them: the header is 1."""

    good: tuple[OrderRow, ...]
    bad: tuple[BadRow, ...]

    def first(self, most: int) -> Rows:
        """The first `most` rows of the file, the bad ones counted."""
        numbers = [*(row.number for row in self.good), *(row.number for row in self.bad)]
        last = max(sorted(numbers)[:most], default=0)
        return Rows(
            tuple(row for row in self.good if row.number <= last),
            tuple(row for row in self.bad if row.number <= last),
        )


def read_csv(path: Path) -> Rows:
    """Read a CSV file. Raises UsageError where the file as a whole cannot be used."""
    text = _text_of(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    records = _records(reader, path)
    header = [name.strip() for name in next(records, [])]
    _check_columns(header, path)
    filled = (
        (number, _cells(header, record))
        for number, record in enumerate(records, start=2)
        if any(map(str.strip, record))
    )
    return _judged(filled, path.name)


def read_jsonl(path: Path) -> Rows:
    """Read a file with one JSON object a line. Raises UsageError where it cannot be used at all."""
    lines = enumerate(_text_of(path).split("\n"), start=1)
    return _judged(((number, _object(line)) for number, line in lines if line.strip()), path.name)


def one_row(cells: Mapping[str, str]) -> Rows:
    """Take one order from the words of the command."""
    return _judged([(1, dict(cells))], "the command line")


def _judged(records: Iterable[tuple[int, dict[str, str] | str]], where: str) -> Rows:
    """Part good rows from bad ones; a record that is a text is why it could not be read."""
    good, bad = [], []
    for number, cells in records:
        if isinstance(cells, str):
            bad.append(BadRow(number, cells, {}))
            continue
        order = _order(cells)
        reason = _unreadable(cells) or fault(order)
        if reason is None:
            good.append(OrderRow(number=number, order=order, source=f"{where} row {number}"))
        else:
            bad.append(BadRow(number, reason, cells))
    return Rows(tuple(good), tuple(bad))


def _order(cells: Mapping[str, str]) -> Order:
    """Take ids and addresses without the spaces around them; a text stays as it was written."""
    bare = {name: cells[name].strip() or None for name in FIELDS if name in cells}
    return Order(
        **bare
        | {
            "saved_account_id": bare.get("saved_account_id") or "",
            "comment_text": cells.get("comment_text", ""),
        }  # type: ignore[arg-type]  # the two that are needed are texts, the others may be None
    )


def _unreadable(cells: Mapping[str, str]) -> str | None:
    """Name the cell whose bytes are no UTF-8: they were read as lone surrogates."""
    for name, cell in cells.items():
        for char in cell:
            if 0xDC80 <= ord(char) <= 0xDCFF:
                return f"{name} holds the byte 0x{ord(char) - 0xDC00:02X}, which is not UTF-8; save the file as UTF-8"
    return None


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise UsageError(f"{path}: is larger than {LONGEST_FILE // 1024**2} MiB; split it")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    if content[:2] in _WIDE_MARKS:
        raise UsageError(f"{path}: is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if not text.strip():
        raise UsageError(f"{path}: is empty")
    return text


def _separator(text: str) -> str:
    """Take the separator with which the header names most fields: spreadsheets differ by country."""
    header = text.lstrip("\r\n").splitlines()[0]

    def named(separator: str) -> int:
        return sum(name.strip(' "') in FIELDS for name in header.split(separator))

    return max(_SEPARATORS, key=named)


def _records(reader: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    number = 1
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _refuse_quoting(path, number, error)
        if number > 1 or record:
            yield record
            number += 1


def _refuse_quoting(path: Path, number: int, error: csv.Error) -> NoReturn:
    raise UsageError(
        f"{path}: row {number} is not well quoted ({error}); put a text that holds a comma, a quote"
        ' or a line break between quotes, and write a quote inside it twice: "She said ""yes"""'
    ) from error


def _check_columns(header: Sequence[str], path: Path) -> None:
    wrong = []
    for position, name in enumerate(header, start=1):
        shown = safe_line(name, 60)
        if name in header[: position - 1]:
            wrong.append(f"column {position} is {shown!r} once more")
        elif name not in FIELDS:
            cure = did_you_mean(name, FIELDS) or f"there are {', '.join(FIELDS)}"
            wrong.append(f"column {position}, {shown!r}, is no field of an order: {cure}")
    wrong += [f"there is no column {name}" for name in NEEDED if name not in header]
    if "target_video_url" not in header and "target_comment_url" not in header:
        wrong.append("there is no column target_video_url")
    if wrong:
        raise UsageError(f"{path}: the first row names the fields; " + "; ".join(wrong))


def _cells(header: Sequence[str], record: Sequence[str]) -> dict[str, str] | str:
    if len(record) == len(header):
        return dict(zip(header, record, strict=True))
    return (
        f"has {len(record)} cells where the header has {len(header)};"
        " a text that holds a comma must stand between quotes"
    )


def _object(line: str) -> dict[str, str] | str:
    try:
        found = json.loads(line, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        return f"is no JSON object ({safe_line(str(error), 100)})"
    if not isinstance(found, dict):
        return "is no JSON object"
    cells = {}
    for name, value in found.items():
        if name not in FIELDS:
            cure = did_you_mean(name, FIELDS) or f"there are {', '.join(FIELDS)}"
            return f"{safe_line(name, 60)!r} is no field of an order: {cure}"
        if value is None:
            continue
        if not isinstance(value, str):
            return f"{name} must be a text, not {json.dumps(value)[:60]}"
        cells[name] = value
    return cells


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field stands there twice")
    return found


# ------------------------------------------------------------------------------------------------
# What became of each row: as a table of those to look at, as sums, and as a file of all.


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


FINE = frozenset({"created", "would create", "already", "duplicate"})


_STYLES = {"created": "good", "would create": "good", "already": "faint", "duplicate": "faint"}


_MOST_SHOWN = 50


class ResultRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the outcome, as `--format json` and `--output` write it."""

    row: int
    outcome: str
    task_id: str | None = None
    reason: str | None = None
    tasks: tuple[str, ...] = ()
    order: dict[str, str] = {}


def lines_of(results: Iterable[Result], bad: Iterable[BadRow]) -> list[ResultRow]:
    """Put good and bad rows back into the order of the file."""
    lines = [
        ResultRow(
            row=one.row.number,
            outcome=one.outcome,
            task_id=one.task_id,
            reason=one.reason,
            tasks=one.tasks,
            order=msgspec.to_builtins(one.row.order),
        )
        for one in results
    ]
    lines += [
        ResultRow(row=one.number, outcome="bad", reason=one.reason, order=_whole(one))
        for one in bad
    ]
    return sorted(lines, key=lambda line: line.row)


def all_fine(lines: Iterable[ResultRow]) -> bool:
    """Whether every row is a task, or would be one."""
    return all(line.outcome in FINE for line in lines)


def as_text(lines: Sequence[ResultRow]) -> str:
    """Count the outcomes, and name each row that somebody has to look at."""
    counts = Counter(line.outcome for line in lines)
    sums = [
        styled(f"{counts[name]:>7,}  {said}", _STYLES.get(name, "care"))
        for name, said in SAID.items()
        if counts[name]
    ]
    notable = [line for line in lines if line.outcome not in ("created", "would create", "already")]
    if not notable:
        return "\n".join(sums)
    shown = [(str(line.row), line.outcome, _why(line)) for line in notable[:_MOST_SHOWN]]
    parts = [table(("row", "outcome", "why"), shown, longest=300)]
    if len(notable) > _MOST_SHOWN:
        more = counted(len(notable) - _MOST_SHOWN, "more row")
        parts.append(f"… and {more}; --output FILE writes them all")
    return "\n".join([*parts, "", *sums])


def as_json(lines: Iterable[ResultRow]) -> str:
    """One JSON object a row."""
    return "\n".join(msgspec.json.encode(line).decode() for line in lines)


def write_csv(path: Path, lines: Iterable[ResultRow]) -> None:
    """Write every row with its outcome; no cell of it is a formula.

    Raises UsageError where the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("row", "outcome", "task_id", "reason", *FIELDS))
    for line in lines:
        cells = (line.task_id or " ".join(line.tasks), line.reason or "")
        fields = (line.order.get(name, "") for name in FIELDS)
        writer.writerow((line.row, line.outcome, *map(safe_cell, (*cells, *fields))))
    try:
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from error


def _why(line: ResultRow) -> str:
    if line.tasks:
        return (
            f"{line.reason}; look at {', '.join(line.tasks)}. To order it all the same, write the"
            " full address of the video"
        )
    reason = line.reason or ""
    return f"{reason}: {MEANINGS[reason]}" if reason in MEANINGS else reason


def _whole(bad: BadRow) -> dict[str, str]:
    """Take a bad row's cells; what was no text is shown as far as it was one."""
    return {
        name: cell.encode("utf-8", "replace").decode("utf-8") for name, cell in bad.cells.items()
    }


# ------------------------------------------------------------------------------------------------
# Whether anybody is at the desk when an order that is placed now would be paid by silence.


WINDOW = timedelta(hours=72)
"""How long a task may be disputed after its manager confirmed it; then silence pays."""


def nobody_at_the_desk(settings: Settings, now: datetime) -> list[str]:
    """A sentence for each policy whose hours are all closed as the window of an order of now ends."""
    end = now + WINDOW
    return [word for policy in _policies(settings) if (word := _word(policy, end)) is not None]


def _policies(settings: Settings) -> Iterator[Policy]:
    """Those of the settings that can be used; what is wrong with another is told elsewhere."""
    try:
        found = load_all(settings.need_policies())
    except ReviewbotError:
        return
    for parsed in found:
        if parsed.policy is not None and parsed.policy.applies_to.review == "comments":
            yield parsed.policy


def _word(policy: Policy, end: datetime) -> str | None:
    hours = calendars_of(policy)
    if not hours or any(calendar.is_open(end) for calendar in hours.values()):
        return None
    opens = min(filter(None, (one.next_open(end) for one in hours.values())), default=None)
    again = "" if opens is None else f" before {format_moment(opens, policy.timezone)}"
    return (
        f"what is confirmed at once is paid by silence at {format_moment(end, policy.timezone)},"
        f" when nobody is at the desk{again} (hours of policy {safe_line(policy.name, 80)})"
    )


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
    lines = (_place_orders if live else _rehearse)(screen, settings, wanted)
    if not all_fine(lines):
        raise click.exceptions.Exit(REMAINS)


def _rehearse(screen: Screen, settings: Settings, wanted: _Wanted) -> list[ResultRow]:
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


def _place_orders(screen: Screen, settings: Settings, wanted: _Wanted) -> list[ResultRow]:
    """Order what is good and was not ordered before."""
    log = open_ledger(settings.ledger)
    connection = connect(settings, live=True)
    progress = ProgressLine(screen)
    stops = OrderStops(
        log, file=PauseFile(settings.pause_path()).read, book=checkpoints_of(settings)
    )
    try:
        assert connection.desk is not None
        counter = OrderPlacer(
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


def _print(screen: Screen, wanted: _Wanted, lines: list[ResultRow]) -> None:
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


def _credits(tasks: TaskReader) -> float | None:
    """Ask how many credits there are; an API that does not say is no reason to stop."""
    try:
        return tasks.credits()
    except ApiError:
        return None
