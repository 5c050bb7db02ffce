"""The report as CSV: one row per waiting thing, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET

from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.core.recorded_facts import subject_json
from reviewbot.domain.decision import Action, State
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import CommentTask
from reviewbot.domain.text import iso, safe_cell
from reviewbot.foresight.future import Paid
from reviewbot.insights.grades import Grade
from reviewbot.insights.limited import KeptBack
from reviewbot.insights.limits_forecast import LimitHit
from reviewbot.insights.plan import Planned, QueuePlan
from reviewbot.ports.ledger import Logged


def outcome_of(logged: Logged) -> str:
    """Name where a decision stands; an intent that nothing is known of yet is `unknown`."""
    state = State.UNKNOWN if logged.state is State.INTENT else logged.state
    return state.value


QUEUE_COLUMNS = (
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


def as_csv(plan: QueuePlan) -> str:
    """Write the plan; what could not be judged follows with its reason in `note`."""
    rows = [_row(one) for one in plan.planned]
    rows += [_failed_row(one.item.review, one.item.id, one.why) for one in plan.failed]
    return sheet(QUEUE_COLUMNS, rows)


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
    return (review, thing, *("" for _ in QUEUE_COLUMNS[3:]), why)


# ------------------------------------------------------------------------------------------------
# The published shapes of JSON output: how their schemas are made from the values that are written.
#
# `python -m reviewbot.presentation.machine_forms FOLDER` writes them; docs/schemas holds them.


Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        extra_json_schema={"format": "date-time"},
    ),
]
"""A moment in UTC, as text."""


DIALECT = "https://json-schema.org/draft/2020-12/schema"


def as_text(value: msgspec.Struct) -> str:
    """Write a value of a published shape."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def schema_text(shape: type[msgspec.Struct], title: str) -> str:
    """The JSON Schema of a shape. What is written always holds every field that it requires."""
    schema: dict[str, Any] = msgspec.json.schema(shape)
    return json.dumps({"$schema": DIALECT, "title": title, **schema}, indent=2) + "\n"


def published() -> dict[str, str]:
    """Each schema by the name of its file."""

    return {
        "report.json": schema_text(Report, "reviewbot report --format json"),
        "past.json": schema_text(Past, "reviewbot report --since MOMENT --format json"),
        "backtest.json": schema_text(BackTest, "reviewbot policy backtest --format json"),
        "diff.json": schema_text(Diff, "reviewbot policy diff --format json"),
    }


def main(folder: Path) -> None:
    """Write every schema into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in published().items():
        (folder / name).write_text(text)


# ------------------------------------------------------------------------------------------------
# What `report --format json` holds. Its published schema is made from these values.


SCHEMA = "reviewbot.report/1"


class LaterLine(msgspec.Struct, frozen=True, kw_only=True):
    """From the moment `at` on the answer is this."""

    at: Moment
    action: str
    rule: str
    until: Moment | None


class DecisionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that waits: what would be done now, and at each later moment.

    It holds `task`, a comment task, or `bundle`, an account, under the API's names. `end` is how it
    will end if nobody steps in; `logged` what was done in this round already.
    """

    task: CommentTask | msgspec.UnsetType = msgspec.UNSET
    bundle: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    round: int
    action: Action
    rule: str
    reason: str | None
    until: Moment | None
    deadline_at: Moment | None
    deadline_is_estimate: bool | msgspec.UnsetType = msgspec.UNSET
    cannot_tell: tuple[str, ...]
    later: tuple[LaterLine, ...]
    end: Paid
    end_at: Moment | None
    logged: State | None
    note: str | None


class FailedLine(msgspec.Struct, frozen=True):
    """One thing that could not be judged, and why."""

    id: str
    why: str


class RuleLine(msgspec.Struct, frozen=True):
    """How often a rule says this now."""

    rule: str
    action: Action
    count: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The report in figures: by action now, by how each review will end, and the money of it."""

    waiting: int
    now: dict[str, int]
    ends: dict[str, int]
    money_usd: dict[str, float]
    people_needed: int
    failed: int
    rules: tuple[RuleLine, ...]


class HeldLine(msgspec.Struct, frozen=True):
    """One decision that a cap keeps back; `until` null means to the deadline."""

    id: str
    action: Action
    rule: str
    until: Moment | None


class CapLine(msgspec.Struct, frozen=True, kw_only=True):
    """A cap that will keep something back: what, from when, until when, and who silence pays."""

    policy: str
    cap: str
    held: int
    money_usd: float
    since: Moment
    until: Moment | None
    asks_people: bool
    paid_by_silence: tuple[str, ...]
    tasks: tuple[HeldLine, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """The whole queue. `writes` is counted by the transport and always 0."""

    generated_at: Moment
    policy: str
    revision: str
    writes: int
    requests: int
    list_agreed: bool
    summary: Summary
    holds: tuple[str, ...]
    caps: tuple[CapLine, ...]
    decisions: tuple[DecisionLine, ...]
    failed: tuple[FailedLine, ...]


# ------------------------------------------------------------------------------------------------
# What `report --since … --format json` holds. Its published schema is made from these values.


PAST_SCHEMA = "reviewbot.past/1"


class GradedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of which something is known, and what later events say of it.

    `shadow` is who spoke in the shadow, null for the live policy; `because` is what the grade rests
    on, null where nothing came back.
    """

    review: ReviewKind
    task_id: str
    epoch: str | None
    at: Moment
    shadow: str | None
    rule: str
    action: Action
    carried_out: bool
    amount_micros: int
    grade: Grade
    because: str | None


class Past(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=PAST_SCHEMA):
    """The past as it is told on the page: figures by their label, tables by their section.

    A row of a table has its cells, as shown, by the heads of their columns. Of the decisions `read`,
    `unreadable` can no longer be judged again by what they were judged by; the rest are `judged`.
    """

    title: str
    read: int
    judged: int
    unreadable: int
    figures: dict[str, str]
    tables: dict[str, tuple[dict[str, str], ...]]
    graded: tuple[GradedLine, ...]


# ------------------------------------------------------------------------------------------------
# The report as one JSON object.


def as_json(plan: QueuePlan, benches: Sequence[ReviewPipeline]) -> str:
    """Write the documented form. `writes` is what the transport itself has counted."""
    policies = [judge.policy for bench in benches for judge in bench.judges]
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


def _cap(bite: LimitHit) -> CapLine:
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


def _summary(plan: QueuePlan) -> Summary:
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


# ------------------------------------------------------------------------------------------------
# What `policy backtest` and `policy diff` write as JSON. Their published schemas are made from these values.


class RuleCount(msgspec.Struct, frozen=True, kw_only=True):
    """What went one way by one rule: reviews, what approving them pays, accounts, and some by name."""

    action: str
    rule: str
    count: int
    money_usd: float
    accounts: int
    samples: tuple[str, ...]


class Unreadable(msgspec.Struct, frozen=True):
    """A record that could not be judged: where it stands, and why."""

    place: str
    why: str


class BackTest(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="reviewbot.backtest/1"
):
    """What one policy makes of the past.

    Of `read` records `reviews` were judged and `unread` could not be, the first few of which are
    named in `unreadable`; `could_not_tell` by rule the reviews that passed it over
    because something was unknown.
    """

    policy: str
    revision: str
    over: str
    read: int
    reviews: int
    unread: int
    unreadable: tuple[Unreadable, ...]
    rules: tuple[RuleCount, ...]
    could_not_tell: dict[str, int]
    limits: tuple[KeptBack, ...]


class Which(msgspec.Struct, frozen=True):
    """One of the two policies."""

    policy: str
    revision: str


class Pair(msgspec.Struct, frozen=True, rename={"old": "from", "new": "to"}):
    """The rules by which reviews moved."""

    old: str
    new: str
    count: int


class Moved(msgspec.Struct, frozen=True, kw_only=True, rename={"old": "from", "new": "to"}):
    """Reviews by what the old and the new policy say of them; those that stay are there as well."""

    old: str
    new: str
    count: int
    money_usd: float
    accounts: int
    samples: tuple[str, ...]
    rules: tuple[Pair, ...]


class BothLimits(msgspec.Struct, frozen=True):
    """What the limits of each policy kept back."""

    old: tuple[KeptBack, ...]
    new: tuple[KeptBack, ...]


class Diff(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="reviewbot.diff/1"):
    """What a change of policy moves, over what was read as in `BackTest`.

    `broken` says which conditions of --fail-if came true.
    """

    old: Which
    new: Which
    over: str
    read: int
    reviews: int
    unread: int
    unreadable: tuple[Unreadable, ...]
    moves: tuple[Moved, ...]
    limits: BothLimits
    broken: tuple[str, ...]


# ------------------------------------------------------------------------------------------------
# A decision as a row of a table: the columns that CSV and Parquet have, and how each is typed.


Kind = Literal["text", "word", "count", "moment", "yes or no", "micros", "usd", "json"]
"""`word` is a text of which there are few; `micros` are millionths of a US dollar."""


class Field(NamedTuple):
    """One column: its name, what it holds, and how it is read."""

    name: str
    kind: Kind
    read: Callable[[Logged], Any]


def _of_decision(name: str, kind: Kind) -> Field:
    return Field(name, kind, lambda logged: getattr(logged.decision, name))


def _usd(logged: Logged) -> Decimal | None:
    micros = logged.decision.amount_micros
    return None if micros is None else Decimal(micros).scaleb(-6)


COLUMNS: tuple[Field, ...] = (
    _of_decision("id", "text"),
    Field("seq", "count", lambda logged: logged.seq),
    _of_decision("decided_at", "moment"),
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
    _of_decision("deadline_is_estimate", "yes or no"),
    _of_decision("account_id", "text"),
    _of_decision("amount_micros", "micros"),
    Field("amount_usd", "usd", _usd),
    _of_decision("decided_by", "text"),
)
"""Those of `log show --format json` first, in its order; then what a table is sliced and added up by."""


def row_of(logged: Logged) -> tuple[Any, ...]:
    """One decision, column by column."""
    return tuple(field.read(logged) for field in COLUMNS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
