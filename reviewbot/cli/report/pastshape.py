"""What `report --since … --format json` holds. Its published schema is made from these values."""

from __future__ import annotations

import msgspec

from reviewbot.cli.shapes import Moment
from reviewbot.domain.decision import Action
from reviewbot.domain.review import ReviewKind
from reviewbot.service.outlook.grades import Grade

SCHEMA = "reviewbot.past/1"


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


class Past(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
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
