"""`reviewbot tasks list`: the tasks of this key, newest first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

import click
import msgspec

from reviewbot.api.client import ReadApi
from reviewbot.api.pages import read_one_page
from reviewbot.cli.health import say_health
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import MomentType, config_option, format_option
from reviewbot.cli.screen import Screen
from reviewbot.cli.tasks.progress import Progress
from reviewbot.cli.words import counted, table
from reviewbot.cli.zones import zones_of
from reviewbot.counter import connect
from reviewbot.domain.comments import PLATFORMS, TASK_STATUSES, CommentTask
from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_cell, safe_line
from reviewbot.policy.names import did_you_mean
from reviewbot.ports import Unread

NEWEST = 100
_MOST_PAGES = 2_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks to list."""

    statuses: tuple[str, ...] = ()
    account: str | None = None
    platform: str | None = None
    since: datetime | None = None
    newest: int | None = None


@click.command(
    "list",
    cls=Command,
    examples=[
        Example("reviewbot tasks list", "the newest 100"),
        Example("reviewbot tasks list --status pending --status submitted", "not confirmed yet"),
        Example("reviewbot tasks list --all --since 2026-06-01T00:00:00Z --format csv", "a month"),
    ],
)
@click.option(
    "--status", "statuses", multiple=True, metavar="STATUS", help="Only these; repeat, or a,b."
)
@click.option("--account", metavar="ID", help="Only those of one account (saved_account_id).")
@click.option("--platform", type=click.Choice(PLATFORMS), help="Only those of one platform.")
@click.option("--since", type=MomentType(), metavar="TIME", help="Only those created since.")
@click.option("--newest", type=click.IntRange(min=1), metavar="N", help="The newest N, not 100.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@config_option
@format_option("text", "json", "csv")
@click.pass_obj
def list_(
    screen: Screen,
    statuses: tuple[str, ...],
    account: str | None,
    platform: str | None,
    since: datetime | None,
    newest: int | None,
    everything: bool,
    config: str | None,
    form: str,
) -> None:
    """List tasks, newest first, by any of their statuses, account, platform and age.

    With --format json each line is one task with the API's field names.
    """
    if newest and everything:
        raise UsageError("--newest and --all contradict each other")
    wanted = Wanted(
        statuses=_statuses(statuses),
        account=account,
        platform=platform,
        since=since,
        newest=None if everything else newest or NEWEST,
    )
    settings = settings_with(config=config)
    say_health(screen, settings, form)
    connection = connect(settings)
    progress = Progress(screen)
    unread: list[Unread] = []
    try:
        found = list(tasks_of(connection.api, wanted, progress, unread))
    finally:
        progress.done()
        connection.close()
    if found or form == "csv":
        zone = zones_of(settings).of(review="comments")
        screen.data(_as_text(found, zone) if form == "text" else _FORMS[form](found))
    screen.say(_ending(found, wanted))
    for row in unread:
        name = f"no. {row.place}" if row.id is None else f"no. {row.place}, {safe_line(row.id)}"
        screen.complain(f"A task ({name} of the list) cannot be read: {safe_line(row.why)}")


def tasks_of(
    api: ReadApi, wanted: Wanted, progress: Progress, unread: list[Unread]
) -> Iterator[CommentTask]:
    """Read page after page; a task that moved to the next page meanwhile comes once.

    What could not be read is added to `unread`.
    """
    seen: set[str] = set()
    status = ",".join(wanted.statuses) or None
    for number in range(1, _MOST_PAGES + 1):
        page = read_one_page(
            lambda page, per_page: api.list_comments(
                status=status, saved_account_id=wanted.account, page=page, per_page=per_page
            ),
            number,
        )
        progress(f"page {number} of {page.total_pages or '?'}")
        unread += page.unread
        for task in page.rows:
            old = wanted.since is not None and task.created_at is not None
            if old and task.created_at < wanted.since:  # type: ignore[operator]  # both are there
                return
            if task.id in seen or (wanted.platform and task.platform != wanted.platform):
                continue
            seen.add(task.id)
            yield task
            if len(seen) == wanted.newest:
                return
        if not page.size or (page.total_pages is not None and number >= page.total_pages):
            return


def _statuses(words: Sequence[str]) -> tuple[str, ...]:
    names = [name.strip() for word in words for name in word.split(",") if name.strip()]
    for name in names:
        if name not in TASK_STATUSES:
            cure = did_you_mean(name, TASK_STATUSES) or f"there are {', '.join(TASK_STATUSES)}"
            raise UsageError(f"{name!r} is no status of a task: {cure}")
    return tuple(dict.fromkeys(names))


def _ending(found: Sequence[CommentTask], wanted: Wanted) -> str:
    if not found:
        return "There is no such task."
    more = "; there may be more: --newest N or --all" if len(found) == wanted.newest else ""
    return f"\n{counted(len(found), 'task')}{more}. One in full: reviewbot tasks show ID"


def _as_text(found: Sequence[CommentTask], zone: str) -> str:
    heads = ("id", "status", "platform", "account", "created", "comment_text")
    rows = [
        (
            task.id,
            task.status or "unknown",
            task.platform or "unknown",
            (task.saved_account_id or "unknown")[:8],
            format_moment(task.created_at, zone),
            task.comment_text or "",
        )
        for task in found
    ]
    return table(heads, rows, longest=45)


def _as_json(found: Sequence[CommentTask]) -> str:
    return "\n".join(msgspec.json.encode(task).decode() for task in found)


def _as_csv(found: Sequence[CommentTask]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = CommentTask.__struct_fields__
    writer.writerow(names)
    for task in found:
        values = msgspec.to_builtins(task)
        writer.writerow(
            [safe_cell("" if values[name] is None else str(values[name])) for name in names]
        )
    return text.getvalue().rstrip("\n")


_FORMS = {"json": _as_json, "csv": _as_csv}
