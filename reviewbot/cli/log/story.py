"""One decision told in full: what it was, what became of it, and why, from the log alone."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.cli.log.forms import outcome_of
from reviewbot.cli.screen import styled
from reviewbot.cli.words import dollars
from reviewbot.domain.decision import Decision
from reviewbot.domain.moments import format_moment, format_written
from reviewbot.domain.safetext import safe, safe_line
from reviewbot.ports import Ledger, Logged
from reviewbot.service.guards.secondlook import marked


def told_in_full(ledger: Ledger, logged: Logged, zone: str) -> Iterator[str]:
    """Give the lines about one decision; moments are read in this zone."""
    decision = logged.decision
    yield styled(f"{decision.action.value.upper()}  {outcome_of(logged)}", "strong")
    by = f"{decision.decided_by}, a person" if decision.decided_by else f"rule {decision.rule!r}"
    epoch = format_written(decision.epoch or "unknown", zone)
    facts = (
        ("decision", decision.id),
        ("by", f"{by}, policy {decision.policy or 'none'} {decision.revision[:8]}"),
        (decision.review, f"{decision.task_id}, round {decision.round} ({epoch})"),
        ("decided", f"{format_moment(decision.decided_at, zone)}, {decision.mode.value}"),
        ("deadline", format_moment(decision.deadline_at, zone) + _estimate(decision)),
        ("until", format_moment(decision.until, zone) if decision.until else None),
        ("pays", dollars(decision.amount_micros) if decision.action.pays else None),
        ("second look", marked(ledger).get(decision.id)),
        ("passed over", ", ".join(decision.cannot_tell) or None),
    )
    for name, value in facts:
        if value is not None:
            yield f"{name:12}{safe_line(value, 200)}"
    if decision.reason:
        yield "text"
        yield from (f"  {line}" for line in safe(decision.reason).splitlines())
    yield ""
    yield from _story(ledger, logged, zone)
    yield ""
    yield from _why(ledger, logged)


def _estimate(decision: Decision) -> str:
    return ", an estimate: the API states none" if decision.deadline_is_estimate else ""


def _story(ledger: Ledger, logged: Logged, zone: str) -> Iterator[str]:
    yield styled("What became of it", "strong")
    for entry in ledger.entries(logged.decision.id):
        about = [entry.note, f"request id {entry.request_id}" if entry.request_id else None]
        tail = safe_line("; ".join(part for part in about if part), 200)
        line = f"  line {entry.seq}  {format_moment(entry.at, zone)}  {entry.state.value}"
        yield f"{line}  {tail}" if tail else line


def _why(ledger: Ledger, logged: Logged) -> Iterator[str]:
    from reviewbot.policy.explain import explain
    from reviewbot.policy.explain_text import explanation_text
    from reviewbot.service.outlook.replay import was_judged
    from reviewbot.service.records import facts_from_json
    from reviewbot.service.revisions import Revisions

    if not was_judged(logged.decision):
        yield "No policy judged this, so there is nothing to explain."
        return
    judge = Revisions(ledger).judge(logged.decision.revision)
    if judge is None:
        yield f"Revision {logged.decision.revision[:8]} is not in the log, so it cannot be explained."
        return
    try:
        facts = facts_from_json(logged.decision.facts)
    except (ValueError, KeyError, msgspec.MsgspecError) as error:
        yield f"Its facts cannot be read: {safe_line(str(error))}"
        return
    yield styled("Why", "strong")
    yield explanation_text(explain(judge, facts), everything=True)
