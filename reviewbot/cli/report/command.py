"""`reviewbot report`: reads the queue once and says what would happen. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewbot.bootstrap import build
from reviewbot.cli.bot import bot_by, bot_of
from reviewbot.cli.health import say_health
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.log.forms import SinceType
from reviewbot.cli.opening import logs_for, settings_with
from reviewbot.cli.options import (
    MomentType,
    config_option,
    format_option,
    ledger_option,
    policy_option,
)
from reviewbot.cli.readingbar import reading_bar
from reviewbot.cli.report import forms, text
from reviewbot.cli.screen import Screen
from reviewbot.cli.unread import Unread
from reviewbot.domain.errors import UsageError
from reviewbot.service.app import App
from reviewbot.service.outlook.plan import Plan, plan

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot report", "the whole queue, most urgent first"),
        Example("reviewbot report --policy policies/starter.yaml", "by another policy"),
        Example("reviewbot report --format json --output report.json", "for a program"),
        Example("reviewbot report --format html --output report.html", "to send around"),
        Example(
            "reviewbot report --since 30d --format html --output june.html", "what was decided"
        ),
        Example("reviewbot report --at 2026-06-05T08:00:00Z", "as if it were then"),
    ],
)
@policy_option
@ledger_option
@config_option
@format_option("text", "json", "csv", "html")
@click.option("--at", type=MomentType(), help="Judge as of this moment.")
@click.option("--since", type=SinceType(), help="Tell the past instead: 30d, 12h, or a moment.")
@click.option("--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write to a file.")
@click.pass_obj
def report(
    screen: Screen,
    policies: tuple[str, ...],
    ledger: str | None,
    config: str | None,
    form: str,
    at: datetime | None,
    since: datetime | None,
    output: str | None,
) -> None:
    """Say what would happen to every waiting task: now, and at each later moment up to its deadline.

    Sends nothing: the client it uses has no method that writes. The decision log is read without
    locking it, also beside a running bot; where there is none, nothing is known of the past. With
    --since it tells the past from the log instead: what was decided, and paid on whose word.
    """
    unread = Unread(screen)
    say_health(screen, settings_with(policy=policies, ledger=ledger, config=config), form)
    if since is not None:
        from reviewbot.cli.report.past import past_report

        shown = past_report(form, since, unread, ledger=ledger, config=config)
    else:
        shown = _queue_report(screen, form, at, policy=policies, ledger=ledger, config=config)
    if output is None:
        screen.data(shown)
    else:
        _write(screen, Path(output), shown)
    if since is not None:
        unread.end()


def _write(screen: Screen, output: Path, shown: str) -> None:
    try:
        output.write_text(click.unstyle(shown) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    screen.say(f"Written to {output}")


def _queue_report(screen: Screen, form: str, at: datetime | None, **flags: Any) -> str:
    settings = settings_with(**flags)
    app = build(settings, events=logs_for(screen, settings, least="warning"), read_only=True)
    try:
        with reading_bar(screen) as progress:
            bot = bot_by(bot_of(settings, datetime.now(UTC)), _judges(app))
            found = plan(app, at=at, bot=bot, progress=progress)
        return _FORMS[form](found, app)
    finally:
        app.close()


def _judges(app: App) -> list[Judge]:
    return [judge for bench in app.benches for judge in bench.judges]


def _html(found: Plan, app: App) -> str:
    from reviewbot.reports.page import as_html
    from reviewbot.reports.queue import queue_document

    return as_html(queue_document(found, _judges(app)))


def _csv(found: Plan, app: App) -> str:  # noqa: ARG001 - every form takes both
    from reviewbot.reports.sheet import as_csv

    return as_csv(found)


_FORMS: dict[str, Callable[[Plan, App], str]] = {
    "text": text.as_text,
    "json": forms.as_json,
    "csv": _csv,
    "html": _html,
}
