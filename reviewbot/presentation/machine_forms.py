"""What programs read as JSON: the published shapes with their schemas, and the report in its own.

`python -m reviewbot.presentation.machine_forms FOLDER` writes the schemas; docs/schemas holds them.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.domain.decision import Action, State
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import CommentTask
from reviewbot.domain.text import iso
from reviewbot.foresight.future import Paid
from reviewbot.insights.grades import Grade
from reviewbot.insights.limited import KeptBack
from reviewbot.insights.limits_forecast import LimitHit
from reviewbot.insights.peoples_word import PeoplesWord
from reviewbot.insights.plan import Planned, QueuePlan
from reviewbot.policy.recorded_facts import subject_json

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA = "reviewbot.report/1"
PAST_SCHEMA = "reviewbot.past/1"
Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        extra_json_schema={"format": "date-time"},
    ),
]
"""A moment in UTC, as text."""


def json_lines(values: Iterable[object]) -> str:
    """One JSON object a line."""
    return "\n".join(msgspec.json.encode(value).decode() for value in values)


class LaterLine(msgspec.Struct, frozen=True, kw_only=True):
    """From the moment `at` on the answer is this."""

    at: Moment
    action: str
    rule: str
    until: Moment | None


class DecisionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that waits: what would be done now, and at each later moment.

    It holds `task`, a comment task, or `bundle`, an account, under the API's names. `end` is how it
    will end if nobody steps in; `logged` what was done in this round already. `threshold` says what one
    step of one number would bring, null where the answer does not hang on that.
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
    threshold: str | None
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
    """The whole queue of a key. `writes` is counted by the transport and always 0."""

    key: str
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

    key: str
    title: str
    version: str
    read: int
    judged: int
    unreadable: int
    figures: dict[str, str]
    tables: dict[str, tuple[dict[str, str], ...]]
    graded: tuple[GradedLine, ...]
    run: Run | msgspec.UnsetType = UNSET
    """Which run over an exported log; `key` is empty then, and no decision is graded by itself."""


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


class UnreadableRecord(msgspec.Struct, frozen=True):
    """A record that could not be judged, as far as it can be shown, and why."""

    record: str
    why: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to one run: the same records give the same result by another.

    Of the log a diff has as well `days`, over how many days it was read, and `people`, what both policies
    say of the reviews that people answered: records by themselves tell neither.
    """

    over: str
    engine: str
    parts: int
    started_at: str
    seconds: float
    unreadable: tuple[Unreadable, ...]
    days: float | None = None
    people: PeoplesWord | None = None

    @classmethod
    def of(
        cls,
        over: str,
        engine: str,
        parts: int,
        started_at: datetime,
        seconds: float,
        unreadable: Iterable[tuple[str, str]],
    ) -> Run:
        """Write down a run; `unreadable` are the first records that could not be judged, by place."""
        return cls(
            over=over,
            engine=engine,
            parts=parts,
            started_at=iso(started_at),
            seconds=round(seconds, 3),
            unreadable=tuple(Unreadable(*problem) for problem in unreadable),
        )


class BackTest(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="reviewbot.backtest/1"
):
    """What one policy makes of the past.

    Of `read` records `judged` (`reviews`) were judged, `others` are of another kind than the policy and `unread`
    could not be judged, some of which are shown in `unreadable`; `could_not_tell` by rule the reviews
    that passed it over because something was unknown. Everything but `run` is the same, byte for
    byte, wherever and however often the same records are judged.
    """

    policy: str
    revision: str
    version: str
    read: int
    judged: int
    reviews: int
    others: int
    unread: int
    unreadable: tuple[UnreadableRecord, ...]
    rules: tuple[RuleCount, ...]
    could_not_tell: dict[str, int]
    limits: tuple[KeptBack, ...]
    run: Run


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
    version: str
    read: int
    judged: int
    reviews: int
    others: int
    unread: int
    unreadable: tuple[UnreadableRecord, ...]
    moves: tuple[Moved, ...]
    limits: BothLimits
    broken: tuple[str, ...]
    run: Run


def published() -> dict[str, str]:
    """Each schema by the name of its file."""
    shapes: dict[str, tuple[type[msgspec.Struct], str]] = {
        "report": (Report, "reviewbot report --format json"),
        "past": (Past, "reviewbot report --since MOMENT --format json"),
        "backtest": (BackTest, "reviewbot policy backtest --format json"),
        "diff": (Diff, "reviewbot policy diff --format json"),
    }
    return {f"{name}.json": _schema_text(*shape) for name, shape in shapes.items()}


def _schema_text(shape: type[msgspec.Struct], title: str) -> str:
    """The JSON Schema of a shape. What is written always holds every field that it requires."""
    schema: dict[str, Any] = msgspec.json.schema(shape)
    return json.dumps({"$schema": DIALECT, "title": title, **schema}, indent=2) + "\n"


def report_of(plan: QueuePlan, benches: Sequence[ReviewPipeline], key: str) -> Report:
    """The documented form. `writes` is what the transport itself has counted."""
    policies = [judge.policy for bench in benches for judge in bench.judges]
    return Report(
        key=key,
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
        failed=tuple(FailedLine(failed.item.id, failed.why) for failed in plan.failed),
    )


def _cap(bite: LimitHit) -> CapLine:
    summary = bite.summary
    return CapLine(
        policy=summary.policy,
        cap=summary.cap,
        held=summary.count,
        money_usd=summary.micros / 1_000_000,
        since=iso(summary.since),
        until=_iso(summary.until),
        asks_people=summary.asked,
        paid_by_silence=tuple(wait.task_id for wait in bite.to_silence),
        tasks=tuple(
            HeldLine(wait.task_id, wait.action, wait.rule, _iso(wait.until)) for wait in bite.held
        ),
    )


def _summary(plan: QueuePlan) -> Summary:
    rules = Counter((planned.verdict.rule, planned.verdict.action) for planned in plan.planned)
    return Summary(
        waiting=len(plan.planned) + len(plan.failed),
        now=plan.now,
        ends=plan.ends,
        money_usd={end: micros / 1_000_000 for end, micros in plan.money_micros.items()},
        people_needed=plan.people_needed,
        failed=len(plan.failed),
        rules=tuple(RuleLine(rule, action, count) for (rule, action), count in rules.most_common()),
    )


def _decision(planned: Planned) -> DecisionLine:
    item, verdict = planned.item, planned.verdict
    return DecisionLine(
        **subject_json(item.subject),
        round=planned.round,
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
            for later in planned.later
        ),
        end=planned.end,
        end_at=_iso(planned.end_at),
        logged=planned.logged,
        threshold=planned.threshold,
        note=planned.note or planned.future.why or verdict.note,
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


if __name__ == "__main__":
    for _name, _text in published().items():
        Path(sys.argv[1], _name).write_text(_text)
