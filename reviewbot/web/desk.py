"""Today and the queue: what needs somebody now, and every open question by when silence pays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from starlette.responses import Response

from reviewbot.core.questions import Round
from reviewbot.core.recorded_facts import facts_from_json
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import safe_line
from reviewbot.foresight.future import Future
from reviewbot.insights.questions import OpenQuestion, questions_of
from reviewbot.insights.status import situation
from reviewbot.presentation.phrases import if_you_do_nothing
from reviewbot.review.pending import pending_answers
from reviewbot.runtime.bot_health import bot_of
from reviewbot.safety.seal import sealed_rounds
from reviewbot.web.console import Visit
from reviewbot.web.render import page

ROWS = 50
FILTERS = ("to", "rule", "platform", "account", "text")


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One question as a row of the queue."""

    task_id: str
    review: str
    round: int
    rule: str
    question: str
    to: str
    account: str
    platform: str
    comment: str
    amount_micros: int | None
    deadline_at: datetime | None
    ends_at: datetime | None
    otherwise: str
    in_full: str
    tone: str
    """`bad` where silence pays, `care` where the fallback does, `plain` elsewhere."""
    claimed_by: str
    pending: str


def today(visit: Visit) -> Response:
    """Four figures, what needs somebody now, and whatever stands in the way."""
    console = visit.console
    outlook = console.outlook()
    rows = list(_rows(visit, questions_of(console.ledger, outlook)))
    found = situation(console.ledger, visit.now, bot_of(console.settings, visit.now))
    return page(
        visit,
        "today.html.jinja",
        limits=visit.console.limits(),
        sealed=sealed_rows(visit),
        found=found,
        books=found.books,
        rows=rows[:10],
        waiting=len(rows),
        next_at=min((row.ends_at for row in rows if row.ends_at is not None), default=None),
    )


def queue(visit: Visit) -> Response:
    """Every open question, by when silence pays."""
    console = visit.console
    wanted = {name: visit.query.get(name, "").strip() for name in FILTERS}
    mine = visit.query.get("mine") == "yes"
    rows = [
        row
        for row in _rows(visit, questions_of(console.ledger, console.outlook()))
        if _is_wanted(row, wanted) and (not mine or row.claimed_by == visit.who.name)
    ]
    number = _number(visit.query.get("page", "1"))
    first = (number - 1) * ROWS
    shown = rows[first : first + ROWS]
    kept = {name: value for name, value in wanted.items() if value} | (
        {"mine": "yes"} if mine else {}
    )
    return page(
        visit,
        "queue.html.jinja",
        sealed=sealed_rows(visit),
        rows=shown,
        count=len(rows),
        number=number,
        last=max(1, -(-len(rows) // ROWS)),
        wanted=wanted,
        mine=mine,
        way=lambda n: "/queue?" + urlencode({**kept, "page": n}),
    )


def sealed_rows(visit: Visit) -> list[Round]:
    """What a rule holds a while before it is sent, by when it goes."""
    return sorted(
        sealed_rounds(visit.console.ledger), key=lambda found: found.decision.until or visit.now
    )


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise UsageError("pages are numbered from 1")
    return int(text)


def _is_wanted(row: QueueRow, wanted: dict[str, str]) -> bool:
    for name in ("to", "rule", "platform", "account"):
        if wanted[name] and wanted[name].casefold() not in getattr(row, name).casefold():
            return False
    text = wanted["text"].casefold()
    return not text or text in f"{row.comment} {row.question} {row.task_id}".casefold()


def _rows(visit: Visit, questions: Iterator[OpenQuestion]) -> Iterator[QueueRow]:
    zones = visit.console.zones()
    pending = {answer.question: answer for answer in pending_answers(visit.console.ledger)}
    for question in questions:
        decision = question.round.decision
        zone = zones.of(revision=decision.revision, policy=decision.policy, review=decision.review)
        account, platform, comment = _about(visit, decision.id)
        waiting = pending.get(decision.id)
        end = question.otherwise.end
        yield QueueRow(
            task_id=decision.task_id,
            review=decision.review,
            round=decision.round,
            rule=decision.rule,
            question=safe_line(decision.reason or "", 200),
            to=", ".join(map(safe_line, decision.to)),
            account=account or decision.account_id or "",
            platform=platform,
            comment=comment,
            amount_micros=decision.amount_micros,
            deadline_at=decision.deadline_at,
            ends_at=question.otherwise.at,
            otherwise=_in_short(question.otherwise, zone),
            in_full=if_you_do_nothing(question.otherwise, visit.now, zone),
            tone="bad" if end == "silence" else "care" if end == "fallback" else "plain",
            claimed_by="" if question.round.claim is None else question.round.claim.who,
            pending="" if waiting is None else waiting.reply.action.value,
        )


_ENDS = {
    "fallback": "the fallback pays",
    "rule": "a rule pays",
    "silence": "SILENCE PAYS",
    "left": "the timer pays, on purpose",
    "sent back": "sent back",
    "acted on": "decided already",
}


def _in_short(future: Future, zone: str) -> str:
    """How it ends in a few words; the sentence in full is on the task's page."""
    words = _ENDS.get(future.end, "nobody can tell")
    if future.at is None:
        return words
    return f"{words}, {future.at.astimezone(ZoneInfo(zone)):%a %H:%M}"


def _about(visit: Visit, decision_id: str) -> tuple[str, str, str]:
    """Account, platform and text of what is asked about, as they were recorded."""
    logged = visit.console.ledger.decision(decision_id)
    try:
        facts = None if logged is None else facts_from_json(logged.decision.facts)
    except (ValueError, KeyError, msgspec.MsgspecError):
        facts = None
    if facts is None:
        return "", "", ""
    if facts.task.id:
        handle = getattr(facts.account, "handle", None)
        comment = safe_line(facts.task.comment_text or "", 120)
        return handle or facts.task.saved_account_id or "", facts.task.platform or "", comment
    return facts.bundle.id, facts.bundle.platform or "", safe_line(facts.bundle.title or "", 120)
