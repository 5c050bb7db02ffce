"""The report as one JSON object."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from reviewbot.domain.moments import iso
from reviewbot.service.app import App
from reviewbot.service.capsahead import Bite, CapsAhead, Held
from reviewbot.service.plan import Later, Plan, Planned
from reviewbot.service.records import subject_json

SCHEMA = "reviewbot.report/1"


def as_json(found: CapsAhead, app: App) -> str:
    """Write the documented form. `writes` is what the transport itself has counted."""
    plan = found.plan
    policies = [judge.policy for bench in app.benches for judge in bench.judges]
    report = {
        "schema": SCHEMA,
        "generated_at": iso(plan.at),
        "policy": ", ".join(policy.name for policy in policies),
        "revision": ", ".join(policy.revision for policy in policies),
        "writes": plan.writes,
        "requests": plan.requests,
        "list_agreed": plan.agreed,
        "summary": summary(plan),
        "caps": [_bite(bite) for bite in found.bites],
        "decisions": [_decision(one) for one in plan.planned],
        "failed": [{"id": one.item.id, "why": one.why} for one in plan.failed],
    }
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def _bite(bite: Bite) -> dict[str, Any]:
    """A cap that will keep something back: what, from when, until when, and who silence pays."""
    told = bite.summary
    return {
        "policy": told.policy,
        "cap": told.cap,
        "held": told.count,
        "money_usd": told.micros / 1_000_000,
        "since": iso(told.since),
        "until": iso(told.until) if told.until else None,
        "asks_people": told.asked,
        "paid_by_silence": [one.item.id for one in bite.to_silence],
        "tasks": [
            {"id": one.item.id, "action": one.action.value, "rule": one.rule, "until": _moment(one)}
            for one in bite.held
        ],
    }


def _moment(held: Held) -> str | None:
    return iso(held.until) if held.until else None


def summary(plan: Plan) -> dict[str, Any]:
    """The report in figures: by action now, by how each review will end, and the money of it."""
    rules = Counter((one.verdict.rule, one.verdict.action.value) for one in plan.planned)
    return {
        "waiting": len(plan.planned) + len(plan.failed),
        "now": plan.now,
        "ends": plan.ends,
        "money_usd": {end: micros / 1_000_000 for end, micros in plan.money_micros.items()},
        "people_needed": plan.people_needed,
        "failed": len(plan.failed),
        "rules": [
            {"rule": rule, "action": action, "count": count}
            for (rule, action), count in rules.most_common()
        ],
    }


def _decision(one: Planned) -> dict[str, Any]:
    item, verdict = one.item, one.verdict
    deadline = {"deadline_at": iso(item.deadline_at) if item.deadline_at else None}
    if item.deadline_is_estimate:
        deadline["deadline_is_estimate"] = True  # type: ignore[assignment]  # JSON holds both
    return {
        **subject_json(item.subject),
        "round": one.round,
        "action": verdict.action.value,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "until": iso(verdict.until) if verdict.until else None,
        **deadline,
        "cannot_tell": verdict.cannot_tell,
        "later": [_later(later) for later in one.later],
        "end": one.end,
        "end_at": iso(one.end_at) if one.end_at else None,
        "logged": one.logged.value if one.logged else None,
        "note": one.note or verdict.note,
    }


def _later(later: Later) -> dict[str, Any]:
    return {
        "at": iso(later.at),
        "action": later.action,
        "rule": later.rule,
        "until": iso(later.until) if later.until else None,
    }
