"""Rows of tables for a spreadsheet or a data frame: the queue, and decisions column by column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

from reviewbot.domain.decision import State
from reviewbot.domain.text import iso, safe_cell
from reviewbot.insights.plan import Planned, QueuePlan
from reviewbot.ports.ledger import Logged

_PLAIN = re.compile(r"[A-Za-z0-9][ -~]*").fullmatch
"""A cell that nothing need be done to, and that is nearly all."""


def sheet(heads: Iterable[str], rows: Iterable[Iterable[object]], end: str = "\r\n") -> str:
    """Write rows under heads; every cell is made harmless."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end)
    writer.writerow(heads)
    writer.writerows(map(cell, row) for row in rows)
    return out.getvalue()


def cell(value: object) -> str:
    """A value as a cell; a text that a sheet would compute is marked as a text."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return iso(value)
        case str():
            return value if _PLAIN(value) else safe_cell(value, longest=len(value) * 10)
    return str(value)


_QUEUE: dict[str, Callable[[Planned], object]] = {
    "review": lambda planned: planned.item.review,
    "id": lambda planned: planned.item.id,
    "platform": lambda planned: planned.item.subject.platform,
    "account_id": lambda planned: planned.item.account_id,
    "round": lambda planned: planned.round,
    "deadline_at": lambda planned: planned.item.deadline_at,
    "deadline_is_estimate": lambda planned: planned.item.deadline_is_estimate,
    "action": lambda planned: planned.verdict.action.value,
    "rule": lambda planned: planned.verdict.rule,
    "reason": lambda planned: planned.verdict.reason,
    "until": lambda planned: planned.verdict.until,
    "cannot_tell": lambda planned: "; ".join(planned.verdict.cannot_tell),
    "next_at": lambda planned: planned.later[0].at if planned.later else None,
    "next_action": lambda planned: planned.later[0].action if planned.later else None,
    "next_rule": lambda planned: planned.later[0].rule if planned.later else None,
    "end": lambda planned: planned.end,
    "end_at": lambda planned: planned.end_at,
    "amount_usd": lambda planned: _in_usd(planned.item.amount_micros),
    "threshold": lambda planned: planned.threshold,
    "note": lambda planned: planned.note or planned.verdict.note,
}
QUEUE_COLUMNS = tuple(_QUEUE)


def _in_usd(micros: int | None) -> str | None:
    return None if micros is None else f"{micros / 1_000_000:.2f}"


def as_csv(plan: QueuePlan) -> str:
    """Write the plan; what could not be judged follows with its reason in `note`."""
    gap = [None] * (len(_QUEUE) - 3)
    rows = [[read(planned) for read in _QUEUE.values()] for planned in plan.planned]
    rows += [[failed.item.review, failed.item.id, *gap, failed.why] for failed in plan.failed]
    return sheet(QUEUE_COLUMNS, rows)


def outcome_of(logged: Logged) -> str:
    """Name where a decision stands; an intent that nothing is known of yet is `unknown`."""
    return (State.UNKNOWN if logged.state is State.INTENT else logged.state).value


Kind = Literal["text", "word", "count", "moment", "yes or no", "micros", "usd", "json"]
"""`word` is a text of which there are few; `micros` are millionths of a US dollar."""


class Field(NamedTuple):
    """One column of a decision: its name, what it holds, and how it is read."""

    name: str
    kind: Kind
    read: Callable[[Logged], Any]


def _of_decision(name: str, kind: Kind) -> Field:
    return Field(name, kind, lambda logged: getattr(logged.decision, name))


def _usd(logged: Logged) -> Decimal | None:
    micros = logged.decision.amount_micros
    return None if micros is None else Decimal(micros).scaleb(-6)


LINE: tuple[Field, ...] = (
    _of_decision("id", "text"),
    Field("seq", "count", lambda logged: logged.seq),
    Field("key", "word", lambda logged: logged.key),
    _of_decision("decided_at", "moment"),
    _of_decision("decided_by", "text"),
    _of_decision("review", "word"),
    _of_decision("task_id", "text"),
    _of_decision("round", "count"),
    _of_decision("epoch", "text"),
    Field("action", "word", lambda logged: logged.decision.action.value),
    _of_decision("rule", "word"),
    _of_decision("reason", "text"),
    _of_decision("policy", "word"),
    _of_decision("revision", "word"),
    Field("mode", "word", lambda logged: logged.decision.mode.value),
    _of_decision("deadline_at", "moment"),
    Field("outcome", "word", outcome_of),
    Field("settled_at", "moment", lambda logged: logged.settled_at),
    Field("trace", "json", lambda logged: logged.decision.trace.decode()),
    Field("facts", "json", lambda logged: logged.decision.facts.decode()),
)
"""What `log show --format json` holds of each decision, in this order."""
BESIDE: tuple[Field, ...] = (
    _of_decision("account_id", "text"),
    _of_decision("amount_micros", "micros"),
    Field("wanted", "word", lambda logged: logged.decision.wanted),
    Field("intended_at", "moment", lambda logged: logged.intended_at),
)
"""What an export holds beside, to be sliced and added up by."""
COLUMNS = (
    *LINE,
    _of_decision("deadline_is_estimate", "yes or no"),
    *BESIDE,
    Field("amount_usd", "usd", _usd),
)
"""The columns of CSV and Parquet."""


def line_of(logged: Logged, second_look: str | None = None) -> dict[str, Any]:
    """One decision as `log show --format json` writes it; `second_look` says why it needs one."""
    line = {field.name: field.read(logged) for field in LINE}
    for field in ("trace", "facts"):
        line[field] = msgspec.Raw(line[field])
    if logged.decision.deadline_is_estimate:
        line["deadline_is_estimate"] = True
    return line if second_look is None else line | {"second_look": second_look}
