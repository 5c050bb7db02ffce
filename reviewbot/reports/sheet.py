"""The report as CSV: one row per waiting thing, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from reviewbot.domain.moments import iso
from reviewbot.domain.safetext import safe_cell
from reviewbot.service.outlook.plan import Plan, Planned

COLUMNS = (
    "review",
    "id",
    "platform",
    "account_id",
    "round",
    "deadline_at",
    "deadline_is_estimate",
    "action",
    "rule",
    "reason",
    "until",
    "cannot_tell",
    "next_at",
    "next_action",
    "next_rule",
    "end",
    "end_at",
    "amount_usd",
    "note",
)


def as_csv(plan: Plan) -> str:
    """Write the plan; what could not be judged follows with its reason in `note`."""
    rows = [_row(one) for one in plan.planned]
    rows += [_failed_row(one.item.review, one.item.id, one.why) for one in plan.failed]
    return sheet(COLUMNS, rows)


def sheet(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write rows under heads; every cell is made harmless."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _row(one: Planned) -> tuple[str, ...]:
    item, verdict = one.item, one.verdict
    later = one.later[0] if one.later else None
    return (
        item.review,
        item.id,
        item.subject.platform or "",
        item.account_id or "",
        str(one.round),
        iso(item.deadline_at) if item.deadline_at else "",
        "yes" if item.deadline_is_estimate else "no",
        verdict.action.value,
        verdict.rule,
        verdict.reason or "",
        iso(verdict.until) if verdict.until else "",
        "; ".join(verdict.cannot_tell),
        iso(later.at) if later else "",
        later.action if later else "",
        later.rule if later else "",
        one.end,
        iso(one.end_at) if one.end_at else "",
        "" if item.amount_micros is None else f"{item.amount_micros / 1_000_000:.2f}",
        one.note or verdict.note or "",
    )


def _failed_row(review: str, thing: str, why: str) -> tuple[str, ...]:
    return (review, thing, *("" for _ in COLUMNS[3:]), why)
