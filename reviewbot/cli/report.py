"""`reviewbot report`: reads the queue once and says what would happen. Sends nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from textwrap import fill
from zoneinfo import ZoneInfo

import click
import msgspec

from reviewbot import __version__
from reviewbot.cli import each_key
from reviewbot.cli.command import MomentType, command, format_option, ledger_option, policy_option
from reviewbot.cli.each_key import for_each_key
from reviewbot.cli.health import say_health
from reviewbot.cli.opening import ledger_at, logs_for, with_settings
from reviewbot.cli.policy_records import RecordedPast, records_options
from reviewbot.cli.screen import Screen
from reviewbot.cli.unread import UNREADABLE, UnreadCount
from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.replay import read_past, was_judged
from reviewbot.core.revisions import Revisions
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import iso, pretty, safe_line
from reviewbot.insights.plan import QueuePlan, plan, recall_evidence
from reviewbot.insights.scorecard import TOPICS, Graded, scorecard
from reviewbot.ports.ledger import Logged
from reviewbot.presentation import machine_forms, queue_report, sheets
from reviewbot.presentation.document import Document
from reviewbot.presentation.format import table
from reviewbot.presentation.history_report import exported_document, past_document
from reviewbot.presentation.html import as_html
from reviewbot.presentation.machine_forms import GradedLine, Past
from reviewbot.presentation.queue_report import queue_document
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.runtime.bootstrap import build
from reviewbot.runtime.bot_health import bot_by, bot_of

NO_CSV = "the past as CSV is  reviewbot log export --format csv"


@command
@with_settings(policy_option, ledger_option, every_key=True)
@format_option("text", "json", "csv", "html")
@click.option("--at", type=MomentType(), help="Judge as of this moment.")
@click.option(
    "--since", type=MomentType(ago=True), help="Tell the past instead: 30d, 12h, or a moment."
)
@click.option("--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write to a file.")
@records_options(column=False)
def report(
    screen: Screen,
    settings: Settings,
    form: str,
    at: datetime | None,
    since: datetime | None,
    output: str | None,
    past: RecordedPast | None,
) -> None:
    """Say what would happen to every waiting task: now, and at each later moment up to its deadline.

    Sends nothing: the client it uses has no method that writes. The decision log is read without
    locking it, also beside a running bot; where there is none, nothing is known of the past. With
    --since it tells the past from the log instead: what was decided, and paid on whose word. With
    --records it tells it from an exported log, of any size: what was decided, and how the rules did.

    $ reviewbot report  # the whole queue, most urgent first
    $ reviewbot report --policy policies/starter.yaml  # by another policy
    $ reviewbot report --format json --output report.json  # for a program
    $ reviewbot report --format html --output report.html  # to send around
    $ reviewbot report --since 30d --format html --output june.html  # what was decided
    $ reviewbot report --since 90d --records exported/  # from a folder of exports
    $ reviewbot report --at 2026-06-05T08:00:00Z  # as if it were then
    """
    if past is not None:
        _exported_report(screen, settings, form, since, output, past)
        return
    if form in ("csv", "html") or output is not None:
        settings = settings.one()
    say_health(screen, settings, form)
    told: list[msgspec.Struct] = []
    several = len(settings.each()) > 1

    def of_one(key: Settings) -> None:
        unread = UnreadCount(screen)
        shown: str | msgspec.Struct
        if since is not None:
            shown = _past_report(form, since, unread, key)
        else:
            shown = _queue_report(screen, key, form, at)
        if isinstance(shown, msgspec.Struct):
            told.append(shown)
            shown = "" if several else pretty(shown)
        if output is not None:
            screen.write(output, shown)
        elif shown:
            screen.data(shown)
        if since is not None:
            unread.end()

    try:
        for_each_key(screen, settings, of_one, heads=form == "text")
    finally:
        if several and told:
            screen.data(each_key.as_json(told))


def _exported_report(
    screen: Screen,
    settings: Settings,
    form: str,
    since: datetime | None,
    output: str | None,
    past: RecordedPast,
) -> None:
    """Tell the past from an exported log."""
    if form == "csv":
        raise UsageError(NO_CSV)
    unread = UnreadCount(screen)
    zone = "UTC" if form == "json" else zones_of(settings).first
    scores, run = past.scores(screen, since, unread)
    document = exported_document(scores, since, ZoneInfo(zone))
    if form == "json":
        shown = pretty(msgspec.structs.replace(_as_past("", document, (), unread), run=run))
    else:
        shown = as_html(document) if form == "html" else "\n".join(_as_text(document))
    if output is not None:
        screen.write(output, shown)
    else:
        screen.data(shown)
    unread.end()


def _queue_report(
    screen: Screen, settings: Settings, form: str, at: datetime | None
) -> str | machine_forms.Report:
    with planned_queue(screen, settings, at=at) as (queue, app):
        match form:
            case "json":
                return machine_forms.report_of(queue, app.benches, settings.key)
            case "csv":
                return sheets.as_csv(queue)
            case "html":
                judges = [judge for bench in app.benches for judge in bench.judges]
                return as_html(queue_document(queue, judges))
        return queue_report.as_text(queue, app.benches)


@contextmanager
def planned_queue(
    screen: Screen,
    settings: Settings,
    *,
    at: datetime | None = None,
    patience: float = math.inf,
    recall: bool = False,
) -> Iterator[tuple[QueuePlan, BotContext]]:
    """Read the queue from the API and say what becomes of it; `recall` asks for no evidence twice."""
    events = logs_for(screen, settings, least="warning")
    with closing(build(settings, events=events, read_only=True)) as app:
        if recall:
            recall_evidence(app)
        judges = [judge for bench in app.benches for judge in bench.judges]
        bot = bot_by(bot_of(settings, datetime.now(UTC)), judges)
        with screen.progress() as show:

            def progress(done: int, total: int) -> None:
                show(f"reading the queue: {done:,} of {total:,}")

            queue = plan(app, at=at, bot=bot, progress=progress, patience=patience)
        yield queue, app


def _past_report(form: str, since: datetime, unread: UnreadCount, settings: Settings) -> str | Past:
    """Write the report of the past in one of its forms. Reads the log only.

    What of it can no longer be judged goes to `unread`.
    """
    if form == "csv":
        raise UsageError(NO_CSV)
    # What a program reads stays in UTC.
    zone = "UTC" if form == "json" else zones_of(settings).first
    with ledger_at(settings) as log:
        decisions, endings = log.decisions(since=since), log.endings(since)
        notes = log.notes(*TOPICS)
        document = past_document(
            decisions,
            endings,
            Revisions(log),
            since=since,
            now=datetime.now(UTC),
            zone=ZoneInfo(zone),
            notes=notes,
        )
    _count_unread(decisions, unread)
    if form == "html":
        return as_html(document)
    if form == "json":
        return _as_past(
            settings.key, document, scorecard(decisions, endings, notes).answered, unread
        )
    return "\n".join(_as_text(document))


def _count_unread(decisions: Iterable[Logged], unread: UnreadCount) -> None:
    """Read what each decision was judged by, as its explanation will need it."""
    for logged in decisions:
        if not was_judged(logged.decision) or read_past(logged) is not None:
            unread.judged += 1
        else:
            unread.add(f"decision {logged.decision.id[:8]}", UNREADABLE)


def _as_text(document: Document) -> Iterator[str]:
    yield styled(document.title, "strong")
    yield from document.lead
    for section in document.sections:
        if section.table is None or not section.table.rows:
            continue
        yield ""
        yield styled(section.title, "strong")
        if section.lead:
            yield fill(section.lead, 100)
        rows = [[safe_line(cell) for cell in row] for row in section.table.rows]
        yield table(section.table.heads, rows)


def _as_past(key: str, document: Document, answered: Iterable[Graded], unread: UnreadCount) -> Past:
    return Past(
        key=key,
        title=document.title,
        version=__version__,
        read=unread.read,
        judged=unread.judged,
        unreadable=unread.count,
        figures={card.label: card.value for card in document.cards},
        tables={
            section.id: tuple(
                dict(zip(section.table.heads, row, strict=True)) for row in section.table.rows
            )
            for section in document.sections
            if section.table is not None
        },
        graded=tuple(map(_graded, answered)),
    )


def _graded(graded: Graded) -> GradedLine:
    claim = graded.claim
    return GradedLine(
        review=claim.review,
        task_id=claim.task_id,
        epoch=claim.epoch,
        at=iso(claim.at),
        shadow=claim.voice or None,
        rule=claim.rule,
        action=claim.action,
        carried_out=claim.carried_out,
        amount_micros=claim.micros,
        grade=graded.grade,
        because=None if graded.found is None else graded.found.why,
    )
