"""`reviewbot tasks show`: one task, and its life as a story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click
import msgspec

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.tasks.life import Life, in_words, life_of
from reviewbot.cli.words import due
from reviewbot.cli.zones import zones_of
from reviewbot.counter import connect
from reviewbot.domain.errors import NotFound, UsageError
from reviewbot.domain.safetext import safe, safe_line
from reviewbot.ledger.opening import open_ledger


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot tasks show 3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e40", "its whole life"),
    ],
)
@click.argument("task_id", metavar="ID")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def show(screen: Screen, task_id: str, ledger: str | None, config: str | None, form: str) -> None:
    """Show a task: what it is, every check, every round, and what we decided and sent."""
    settings = settings_with(config=config, ledger=ledger)
    zone = "UTC" if form == "json" else zones_of(settings).of(review="comments")
    log = open_ledger(settings.ledger, read_only=True)
    connection = connect(settings)
    try:
        try:
            task = connection.api.get_comment(task_id)
        except NotFound as no:
            raise UsageError(f"the API knows no task {safe_line(task_id, 80)!r} of yours") from no
        life = life_of(task, connection.api.get_verifications(task_id), log, zone)
    finally:
        connection.close()
        log.close()
    if form == "json":
        screen.data(msgspec.json.encode(life).decode())
    else:
        screen.data("\n".join(_in_full(life, zone)))


def _in_full(life: Life, zone: str) -> Iterator[str]:
    task = life.task
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
    yield from (in_words(event, zone) for event in life.events)
