"""What `report --format json` holds. Its published schema is made from these values."""

from __future__ import annotations

from typing import Any

import msgspec

from reviewbot.cli.shapes import Moment
from reviewbot.domain.comments import CommentTask
from reviewbot.domain.decision import Action
from reviewbot.domain.lifecycle import State
from reviewbot.service.outlook.future import Paid

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
