"""The report as one JSON object."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from msgspec import UNSET

from reviewbot.cli.report.shape import (
    CapLine,
    DecisionLine,
    FailedLine,
    HeldLine,
    LaterLine,
    Report,
    RuleLine,
    Summary,
)
from reviewbot.cli.shapes import as_text
from reviewbot.domain.moments import iso
from reviewbot.service.app import App
from reviewbot.service.outlook.bites import Bite
from reviewbot.service.outlook.plan import Plan, Planned
from reviewbot.service.records import subject_json


def as_json(plan: Plan, app: App) -> str:
    """Write the documented form. `writes` is what the transport itself has counted."""
    policies = [judge.policy for bench in app.benches for judge in bench.judges]
    return as_text(
        Report(
            generated_at=iso(plan.at),
            policy=", ".join(policy.name for policy in policies),
            revision=", ".join(policy.revision for policy in policies),
            writes=plan.writes,
            requests=plan.requests,
            list_agreed=plan.agreed,
            summary=_summary(plan),
            holds=tuple(hold.sentence for hold in plan.holds),
            caps=tuple(map(_cap, plan.bites)),
            decisions=tuple(map(_decision, plan.planned)),
            failed=tuple(FailedLine(one.item.id, one.why) for one in plan.failed),
        )
    )


def _cap(bite: Bite) -> CapLine:
    told = bite.summary
    return CapLine(
        policy=told.policy,
        cap=told.cap,
        held=told.count,
        money_usd=told.micros / 1_000_000,
        since=iso(told.since),
        until=_iso(told.until),
        asks_people=told.asked,
        paid_by_silence=tuple(one.task_id for one in bite.to_silence),
        tasks=tuple(
            HeldLine(one.task_id, one.action, one.rule, _iso(one.until)) for one in bite.held
        ),
    )


def _summary(plan: Plan) -> Summary:
    rules = Counter((one.verdict.rule, one.verdict.action) for one in plan.planned)
    return Summary(
        waiting=len(plan.planned) + len(plan.failed),
        now=plan.now,
        ends=plan.ends,
        money_usd={end: micros / 1_000_000 for end, micros in plan.money_micros.items()},
        people_needed=plan.people_needed,
        failed=len(plan.failed),
        rules=tuple(RuleLine(rule, action, count) for (rule, action), count in rules.most_common()),
    )


def _decision(one: Planned) -> DecisionLine:
    item, verdict = one.item, one.verdict
    return DecisionLine(
        **subject_json(item.subject),
        round=one.round,
        action=verdict.action,
        rule=verdict.rule,
        reason=verdict.reason,
        until=_iso(verdict.until),
        deadline_at=_iso(item.deadline_at),
        deadline_is_estimate=True if item.deadline_is_estimate else UNSET,
        cannot_tell=tuple(verdict.cannot_tell),
        later=tuple(
            LaterLine(
                at=iso(later.at), action=later.action, rule=later.rule, until=_iso(later.until)
            )
            for later in one.later
        ),
        end=one.end,
        end_at=_iso(one.end_at),
        logged=one.logged,
        note=one.note or one.future.why or verdict.note,
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
