"""`reviewbot tasks …`: the comment tasks themselves: list, follow, order and cancel them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime

import click
import msgspec

from reviewbot.cli.command import Lazy, MomentType, command, format_option, group, ledger_option
from reviewbot.cli.health import say_health
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import NotFound, UsageError
from reviewbot.domain.task import PLATFORMS, TASK_STATUSES, CommentTask
from reviewbot.domain.text import format_moment, safe, safe_line
from reviewbot.policy.text_forms import did_you_mean
from reviewbot.ports.queue import UnreadRow
from reviewbot.presentation.format import counted, due, table
from reviewbot.presentation.machine_forms import json_lines
from reviewbot.presentation.sheets import sheet
from reviewbot.presentation.stories import TaskHistory, task_history
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.runtime.bootstrap import connect
from reviewbot.tokportal.client import ReadApi
from reviewbot.tokportal.pagination import read_one_page

NEWEST = 100
_MOST_PAGES = 2_000


@group(
    {
        "Commands": {
            "list": Lazy("tasks:list_", "tasks, newest first"),
            "show": Lazy("tasks:show", "the life of one task, as a story"),
            "create": Lazy("tasks_create:create", "order comments; a dry run unless --live"),
            "cancel": Lazy("tasks_cancel:cancel", "cancel pending tasks; a dry run unless --live"),
        }
    }
)
def tasks() -> None:
    """List, follow, order and cancel comment tasks. Nothing is sent unless you say --live.

    $ reviewbot tasks list --status pending,submitted  # what is being worked on
    $ reviewbot tasks create --csv comments.csv  # what would be ordered, and its cost
    """


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks to list."""

    statuses: tuple[str, ...] = ()
    account: str | None = None
    platform: str | None = None
    since: datetime | None = None
    newest: int | None = None

    def is_older(self, task: CommentTask) -> bool:
        """Whether a task, and so all behind it, was created too early."""
        created = task.created_at
        return self.since is not None and created is not None and created < self.since


@command
@click.option(
    "--status", "statuses", multiple=True, metavar="STATUS", help="Only these; repeat, or a,b."
)
@click.option("--account", metavar="ID", help="Only those of one account (saved_account_id).")
@click.option("--platform", type=click.Choice(PLATFORMS), help="Only those of one platform.")
@click.option("--since", type=MomentType(), metavar="TIME", help="Only those created since.")
@click.option("--newest", type=click.IntRange(min=1), metavar="N", help="The newest N, not 100.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@with_settings()
@format_option("text", "json", "csv")
def list_(
    screen: Screen,
    settings: Settings,
    statuses: tuple[str, ...],
    account: str | None,
    platform: str | None,
    since: datetime | None,
    newest: int | None,
    everything: bool,
    form: str,
) -> None:
    """List tasks, newest first, by any of their statuses, account, platform and age.

    With --format json each line is one task with the API's field names.

    $ reviewbot tasks list  # the newest 100
    $ reviewbot tasks list --status pending --status submitted  # not confirmed yet
    $ reviewbot tasks list --all --since 2026-06-01T00:00:00Z --format csv  # a month
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
    say_health(screen, settings, form)
    unread: list[UnreadRow] = []
    with closing(connect(settings)) as connection, screen.progress() as progress:
        found = list(tasks_of(connection.api, wanted, progress, unread))
    if found or form == "csv":
        screen.data(_listed(found, form, zones_of(settings).of(review="comments")))
    screen.say(_ending(found, wanted))
    for row in unread:
        name = f"no. {row.place}" if row.id is None else f"no. {row.place}, {safe_line(row.id)}"
        screen.complain(f"A task ({name} of the list) cannot be read: {safe_line(row.why)}")


def tasks_of(
    api: ReadApi, wanted: Wanted, progress: Callable[[str], None], unread: list[UnreadRow]
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
            if wanted.is_older(task):
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


def _listed(found: Sequence[CommentTask], form: str, zone: str) -> str:
    if form == "json":
        return json_lines(found)
    if form == "csv":
        heads = CommentTask.__struct_fields__
        rows = (
            [_plain(values[name]) for name in heads] for values in map(msgspec.to_builtins, found)
        )
        return sheet(heads, rows, end="\n").rstrip("\n")
    return table(
        ("id", "status", "platform", "account", "created", "comment_text"),
        [
            (
                task.id,
                task.status or "unknown",
                task.platform or "unknown",
                (task.saved_account_id or "unknown")[:8],
                format_moment(task.created_at, zone),
                task.comment_text or "",
            )
            for task in found
        ],
        longest=45,
    )


def _plain(value: object) -> str | None:
    return None if value is None else str(value)


@command
@click.argument("task_id", metavar="ID")
@with_settings(ledger_option)
@format_option("text", "json")
def show(screen: Screen, settings: Settings, task_id: str, form: str) -> None:
    """Show a task: what it is, every check, every round, and what we decided and sent.

    $ reviewbot tasks show 3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e40  # its whole life
    """
    zone = "UTC" if form == "json" else zones_of(settings).of(review="comments")
    with ledger_at(settings) as log, closing(connect(settings)) as connection:
        try:
            task = connection.api.get_comment(task_id)
        except NotFound as no:
            raise UsageError(f"the API knows no task {safe_line(task_id, 80)!r} of yours") from no
        history = task_history(task, connection.api.get_verifications(task_id), log, zone)
    if form == "json":
        screen.data(json_lines([history]))
    else:
        screen.data("\n".join(history_lines(history, zone)))


def history_lines(history: TaskHistory, zone: str) -> Iterator[str]:
    """A task and what happened to it, for a person."""
    task = history.task
    yield styled(f"task {safe_line(task.id)}  {safe_line(task.status or 'unknown', 40)}", "strong")
    for name in ("platform", "saved_account_id", "target_video_url", "target_comment_url"):
        if value := getattr(task, name):
            yield f"  {name:<18} {safe_line(value, 200)}"
    # Each line of a foreign text is indented, so that none can pass for one of ours.
    first, *more = safe(task.comment_text or "unknown").splitlines() or [""]
    yield f"  {'comment_text':<18} {first}"
    yield from (f"  {'':<18} {line}" for line in more)
    if task.status == "pending" and task.deadline_at is not None:
        when = due(task.deadline_at, datetime.now(UTC), zone)
        yield (
            f"  {styled('if nobody posts it:', 'care')} it cancels itself at {when}, and its credit"
            " comes back"
        )
    if task.execution_blocked:
        yield styled(f"  blocked: {safe_line(task.execution_block_reason or 'no reason')}", "care")
    if task.correction_required:
        yield "  correction_required"
        yield from (f"    {line}" for line in safe(task.correction_required).splitlines())
    yield ""
    yield from (event.line(zone) for event in history.events)
