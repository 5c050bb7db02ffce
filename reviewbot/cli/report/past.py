"""The past, told: `reviewbot report --since 30d`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from textwrap import fill
from zoneinfo import ZoneInfo

from reviewbot.cli.opening import ledger_at, settings_with
from reviewbot.cli.report.pastshape import GradedLine, Past
from reviewbot.cli.screen import styled
from reviewbot.cli.shapes import as_text
from reviewbot.cli.unread import UNREADABLE, Unread
from reviewbot.cli.words import table
from reviewbot.cli.zones import zones_of
from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import iso
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Logged
from reviewbot.reports.document import Document
from reviewbot.reports.past import past_document
from reviewbot.service.outlook.past import read_past
from reviewbot.service.outlook.replay import was_judged
from reviewbot.service.outlook.scorecard import TOPICS, Graded, scorecard
from reviewbot.service.revisions import Revisions


def past_report(
    form: str, since: datetime, unread: Unread, *, ledger: str | None, config: str | None
) -> str:
    """Write the report of the past in one of its forms. Reads the log only.

    What of it can no longer be judged goes to `unread`.
    """
    if form == "csv":
        raise UsageError("the past as CSV is  reviewbot log export --format csv")
    # What a program reads stays in UTC.
    settings = settings_with(config=config, ledger=ledger)
    zone = "UTC" if form == "json" else zones_of(settings).first
    with ledger_at(settings.ledger) as log:
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
        from reviewbot.reports.page import as_html

        return as_html(document)
    if form == "json":
        return _as_json(document, scorecard(decisions, endings, notes).answered, unread)
    return "\n".join(_as_text(document))


def _count_unread(decisions: Iterable[Logged], unread: Unread) -> None:
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


def _as_json(document: Document, answered: Iterable[Graded], unread: Unread) -> str:
    return as_text(
        Past(
            title=document.title,
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
    )


def _graded(one: Graded) -> GradedLine:
    claim = one.claim
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
        grade=one.grade,
        because=None if one.found is None else one.found.why,
    )
