"""Today and the queue: what needs somebody now, and every open question by when silence pays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from starlette.responses import Response

from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import safe_line
from reviewbot.foresight.future import Future
from reviewbot.foresight.gather import Outlook
from reviewbot.insights.questions import OpenQuestion, questions_of
from reviewbot.insights.status import situation
from reviewbot.policy.facts import Facts
from reviewbot.presentation.phrases import if_you_do_nothing
from reviewbot.review.pending import pending_answers
from reviewbot.runtime.bot_health import bot_of
from reviewbot.safety.seal import is_sealed
from reviewbot.web.console import Visit
from reviewbot.web.render import page

ROWS, FIRST = 50, 10
"""Questions on a page of the queue, and on Today."""
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
    questions = list(questions_of(console.ledger, outlook))
    ends = (question.otherwise.at for question in questions)
    found = situation(console.ledger, visit.now, bot_of(console.settings, visit.now), outlook)
    return page(
        visit,
        "today.html.jinja",
        limits=visit.console.limits(),
        sealed=_sealed(outlook),
        found=found,
        books=found.books,
        rows=list(_rows(visit, questions[:FIRST])),
        waiting=len(questions),
        next_at=min((at for at in ends if at is not None), default=None),
    )


def queue(visit: Visit) -> Response:
    """Every open question, by when silence pays."""
    console = visit.console
    wanted = {name: visit.query.get(name, "").strip() for name in FILTERS}
    mine = visit.query.get("mine") == "yes"
    outlook = console.outlook()
    found = [
        question
        for question in questions_of(console.ledger, outlook)
        if _is_wanted(question, wanted) and (not mine or _holder(question) == visit.who.name)
    ]
    number = _number(visit.query.get("page", "1"))
    first = (number - 1) * ROWS
    kept = {name: value for name, value in wanted.items() if value} | (
        {"mine": "yes"} if mine else {}
    )
    return page(
        visit,
        "queue.html.jinja",
        sealed=_sealed(outlook),
        rows=list(_rows(visit, found[first : first + ROWS])),
        count=len(found),
        number=number,
        last=max(1, -(-len(found) // ROWS)),
        wanted=wanted,
        mine=mine,
        way=lambda n: "/queue?" + urlencode({**kept, "page": n}),
    )


def _sealed(outlook: Outlook) -> list[Decision]:
    """What a rule holds a while before it is sent, by when it goes."""
    found = (future.round for future in outlook.futures.values())
    sealed = [
        ahead.latest for ahead in found if ahead.cancelled is None and is_sealed(ahead.latest)
    ]
    decisions = [logged.decision for logged in sealed if logged is not None]
    return sorted(decisions, key=lambda decision: decision.until or outlook.at)


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise UsageError("pages are numbered from 1")
    return int(text)


def _is_wanted(question: OpenQuestion, wanted: dict[str, str]) -> bool:
    """Whether a question fits every filter that says something."""
    if not any(wanted.values()):
        return True
    decision = question.round.decision
    account, platform, comment = _about(question.otherwise.round.facts)
    values = {
        "to": ", ".join(decision.to),
        "rule": decision.rule,
        "platform": platform,
        "account": account or decision.account_id or "",
        "text": f"{comment} {decision.reason or ''} {decision.task_id}",
    }
    return all(wanted[name].casefold() in value.casefold() for name, value in values.items())


def _holder(question: OpenQuestion) -> str:
    return "" if question.round.claim is None else question.round.claim.who


def _rows(visit: Visit, questions: Iterable[OpenQuestion]) -> Iterator[QueueRow]:
    zones = visit.console.zones()
    pending = {answer.question: answer for answer in pending_answers(visit.ledger)}
    for question in questions:
        decision = question.round.decision
        zone = zones.of(revision=decision.revision, policy=decision.policy, review=decision.review)
        account, platform, comment = _about(question.otherwise.round.facts)
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
            claimed_by=_holder(question),
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


def _about(facts: Facts | None) -> tuple[str, str, str]:
    """Account, platform and text of what is asked about, as they were recorded."""
    if facts is None:
        return "", "", ""
    if facts.task.id:
        comment = safe_line(facts.task.comment_text or "", 120)
        handle = facts.account.handle or facts.task.saved_account_id or ""
        return handle, facts.task.platform or "", comment
    return facts.bundle.id, facts.bundle.platform or "", safe_line(facts.bundle.title or "", 120)
