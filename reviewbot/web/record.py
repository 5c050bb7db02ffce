"""Decisions as they were made: the record of one, its evidence pack, and the log to look through."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import SEEK_END
from itertools import islice
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from starlette.responses import Response, StreamingResponse

from reviewbot.domain.decision import Action
from reviewbot.domain.errors import LedgerUnwritable, UsageError
from reviewbot.domain.text import format_moment, iso, safe_line
from reviewbot.policy.explain.explain import Explanation, explain
from reviewbot.policy.recorded_facts import facts_from_json
from reviewbot.ports.ledger import Checkpoint, Logged
from reviewbot.presentation.document import told_lines
from reviewbot.presentation.format import dollars
from reviewbot.presentation.log_files import WRITERS
from reviewbot.presentation.machine_forms import json_lines
from reviewbot.presentation.sheets import line_of, outcome_of
from reviewbot.presentation.stories import evidence_lines
from reviewbot.web.console import Visit
from reviewbot.web.people import note
from reviewbot.web.render import environment, page

ROWS = 50
MOST_EXPORTED = 100_000
PIECE = 64 * 1024
KINDS = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
FILTERS = ("action", "rule", "policy", "account", "who", "outcome", "text", "since", "until")
PATIENCE = 0.1
"""Seconds that a page looks through the log at most; then it offers to look further back."""


def show(visit: Visit) -> Response:
    """One decision as it was made; beside it what today's policy would say."""
    logged = _logged(visit)
    return page(visit, "decision.html.jinja", **_record(visit, logged))


def pack(visit: Visit) -> Response:
    """The evidence pack: one file of HTML that needs nothing else, or its JSON."""
    logged = _logged(visit)
    values = _record(visit, logged)
    form = visit.query.get("form", "html")
    note(
        visit.ledger,
        "evidence pack",
        who=visit.who.name,
        now=visit.now,
        decision=logged.decision.id,
        form=form,
    )
    name = f"reviewbot-{logged.decision.id[:12]}"
    if form == "json":
        body = json_lines([_packed(values, logged)])
        kind = "application/json"
    else:
        body = (
            environment()
            .get_template("pack.html.jinja")
            .render(
                **values, moment=lambda at: format_moment(at, values["zone"]), made_at=visit.now
            )
        )
        kind = "text/html"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(body, media_type=kind, headers=headers)


def _logged(visit: Visit) -> Logged:
    found = visit.ledger.decision(visit.path["decision"])
    if found is None:
        raise UsageError("no decision has this id")
    return found


def _record(visit: Visit, logged: Logged) -> dict[str, Any]:
    console, decision = visit.console, logged.decision
    revisions = console.revisions()
    judge = revisions.judge(decision.revision)
    zone = console.zones().of(revision=decision.revision, policy=decision.policy)
    try:
        facts = facts_from_json(decision.facts)
    except (ValueError, KeyError, msgspec.MsgspecError):
        facts = None
    told = None if judge is None or facts is None else explain(judge, facts)
    rule = None
    if judge is not None:
        rule = next((rule for rule in judge.policy.rules if rule.name == decision.rule), None)
    return {
        "logged": logged,
        "decision": decision,
        "outcome": outcome_of(logged),
        "amount": dollars(decision.amount_micros),
        "zone": zone,
        "moment": lambda at, of=zone: format_moment(at, of),
        "evidence": evidence_lines(decision.facts, zone),
        "lines": () if told is None else tuple(told_lines(told)),
        "rule_text": "" if rule is None or judge is None else _source_of(judge.policy.source, rule),
        "steps": console.ledger.entries(decision.id),
        "today": _today(visit, logged),
    }


def _source_of(source: str, rule: Any) -> str:
    """The rule as it stood in the file at that moment."""
    lines = source.splitlines()
    start = max(rule.span.line - 1, 0)
    text = lines[start : start + 1]
    indent = len(lines[start]) - len(lines[start].lstrip()) if start < len(lines) else 0
    for line in lines[start + 1 :]:
        inside = len(line) - len(line.lstrip()) > indent or not line.strip()
        if not inside:
            break
        text.append(line)
    return "\n".join(text).rstrip()


def _today(visit: Visit, logged: Logged) -> Explanation | None:
    """What the policy that runs now would say of the same facts."""
    beat = visit.console.beat()
    revisions = visit.console.revisions()
    for running in () if beat is None else beat.policies:
        if running.name != logged.decision.policy or running.revision == logged.decision.revision:
            continue
        judge = revisions.judge(running.revision)
        if judge is not None and not logged.erased:
            return explain(judge, facts_from_json(logged.decision.facts))
    return None


def _packed(values: dict[str, Any], logged: Logged) -> dict[str, Any]:
    decision = logged.decision
    return {
        "schema": "reviewbot.evidence-pack/1",
        "decision": line_of(logged),
        "rule_text": values["rule_text"],
        "why": [{"mark": line.label, "text": line.text} for line in values["lines"]],
        "steps": [
            {
                "seq": step.seq,
                "at": step.at,
                "state": step.state.value,
                "request_id": step.request_id,
            }
            for step in values["steps"]
        ],
        "run_again": {
            "replay": f"reviewbot log replay --task {decision.task_id}",
            "explain": f"reviewbot policy explain {decision.id[:12]}",
        },
    }


# The log ----------------------------------------------------------------------------------------


def log(visit: Visit) -> Response:
    """Every decision, newest first, with filters; pages by a cursor."""
    wanted = _wanted(visit)
    rows, cursor = _page_of(visit, wanted)
    zones = visit.console.zones()
    kept = {name: value for name, value in wanted.items() if value}
    return page(
        visit,
        "log.html.jinja",
        rows=[
            {
                "logged": logged,
                "at": format_moment(
                    logged.decision.decided_at, zones.of(revision=logged.decision.revision)
                ),
                "outcome": outcome_of(logged),
                "text": safe_line(logged.decision.reason or "", 80),
            }
            for logged in rows
        ],
        wanted=wanted,
        actions=[action.value for action in Action],
        older=None if cursor is None else "/log?" + urlencode({**kept, "before": cursor}),
        query=urlencode(kept),
        integrity=_integrity(visit),
    )


class Integrity(NamedTuple):
    """How the log stands against the newest checkpoint that is kept of it; `wrong` is all that speaks against it."""

    kept: int = 0
    newest: Checkpoint | None = None
    wrong: tuple[str, ...] = ()


def _integrity(visit: Visit) -> Integrity:
    """Hold the log against the one line that its newest checkpoint names; all of them is `log verify`'s."""
    book = visit.console.book
    if book is None:
        return Integrity()
    try:
        found = book.read()
    except LedgerUnwritable as error:
        return Integrity(wrong=(str(error),))
    newest = found.checkpoints[-1] if found.checkpoints else None
    departs = None if newest is None else visit.ledger.departure(newest)
    return Integrity(
        kept=len(found.checkpoints),
        newest=newest,
        wrong=(*found.problems, *((departs,) if departs else ())),
    )


def _wanted(visit: Visit) -> dict[str, str]:
    return {name: visit.query.get(name, "").strip() for name in FILTERS}


def _page_of(visit: Visit, wanted: dict[str, str]) -> tuple[list[Logged], int | None]:
    """So many as fit a page, and from where on the next one looks; None at the log's beginning."""
    rows: list[Logged] = []
    end = time.monotonic() + PATIENCE
    last = None
    for logged in _newest_first(visit):
        if last is not None and (len(rows) == ROWS or time.monotonic() > end):
            return rows, last
        if _fits_all(visit, logged, wanted):
            rows.append(logged)
        last = logged.seq
    return rows, None


def _matching(visit: Visit, wanted: dict[str, str]) -> Iterator[Logged]:
    """Everything that fits, newest first."""
    return (logged for logged in _newest_first(visit) if _fits_all(visit, logged, wanted))


def _newest_first(visit: Visit) -> Iterator[Logged]:
    """The log from the cursor back, a stretch at a time."""
    before = visit.query.get("before", "")
    if before and not before.isdecimal():
        raise UsageError("the place in the log is a number")
    return visit.ledger.newest_first(int(before) if before else None)


def _fits_all(visit: Visit, logged: Logged, wanted: dict[str, str]) -> bool:
    day = ""
    if wanted["since"] or wanted["until"]:
        zone = ZoneInfo(visit.console.zones().first)
        day = logged.decision.decided_at.astimezone(zone).date().isoformat()
    if day < wanted["since"] or (wanted["until"] and day > wanted["until"]):
        return False
    named = ((name, value) for name, value in wanted.items() if name not in ("since", "until"))
    return all(not value or _fits(logged, name, value) for name, value in named)


def _fits(logged: Logged, name: str, value: str) -> bool:
    decision, value = logged.decision, value.casefold()
    match name:
        case "action":
            return decision.action.value == value
        case "rule" | "policy":
            return value in getattr(decision, name).casefold()
        case "account":
            return value in (decision.account_id or "").casefold()
        case "who":
            return value in (decision.decided_by or "").casefold()
        case "outcome":
            return outcome_of(logged).casefold().startswith(value)
    return value in f"{decision.reason or ''} {decision.task_id} {decision.id}".casefold()


def export(visit: Visit) -> Response:
    """What the filters let through, newest first, in one of three forms; its own line in the log."""
    wanted, form = _wanted(visit), visit.query.get("form", "jsonl")
    if form not in WRITERS:
        raise UsageError(f"choose a form: {', '.join(WRITERS)}")
    count = 0

    def chosen() -> Iterator[tuple[Logged, None]]:
        nonlocal count
        for logged in islice(_matching(visit, wanted), MOST_EXPORTED):
            count += 1
            yield logged, None

    file = TemporaryFile()  # noqa: SIM115 - the answer reads it, and closes it at its end
    WRITERS[form](file, chosen())
    note(
        visit.ledger,
        "export",
        who=visit.who.name,
        now=visit.now,
        decisions=count,
        form=form,
        filters=safe_line(urlencode({k: v for k, v in wanted.items() if v}), 200),
    )
    length = file.seek(0, SEEK_END)
    file.seek(0)
    name = f"reviewbot-log-{iso(visit.now)[:10]}.{form}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(length),
    }
    return StreamingResponse(_pieces(file), media_type=KINDS[form], headers=headers)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
