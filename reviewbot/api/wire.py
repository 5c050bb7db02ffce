"""Their JSON and our values; nobody else knows how their answers are nested.

No HTTP here: recorded tasks on disk (`policy decide`) are read by the same functions.
"""

from __future__ import annotations

import msgspec

from reviewbot.api.drift import Drift
from reviewbot.api.reading import Json, Shape, parse_json, text
from reviewbot.domain.comments import PLATFORMS, TASK_STATUSES, CommentTask
from reviewbot.domain.timeline import OUTCOME_KINDS, Attempt, Timeline

_ATTEMPT_FIELDS = tuple(field.name for field in msgspec.structs.fields(Attempt))

TASK: Shape[CommentTask] = Shape(
    CommentTask,
    "task",
    sent=(
        "id",
        "status",
        "platform",
        "saved_account_id",
        "target_video_url",
        "target_author_handle",
        "comment_text",
        "cm_payout_amount",
        "submitted_at",
        "verified_at",
        "manually_confirmed_at",
        "client_dispute_deadline_at",
        "finalized_at",
        "correction_required",
        "deadline_at",
        "created_at",
        "updated_at",
    ),
    filled=("status", "platform", "saved_account_id", "comment_text", "updated_at"),
    also=("brief_id",),
    values={"status": TASK_STATUSES, "platform": PLATFORMS},
    ids=("saved_account_id",),
    amounts=("cm_payout_amount",),
)
"""A task as lists and reads send it. `brief_id` is documented for creating only."""

ATTEMPT: Shape[Attempt] = Shape(
    Attempt,
    "attempt",
    sent=_ATTEMPT_FIELDS,
    filled=("attempt_n", "scraped_at", "outcome_kind"),
    values={"outcome_kind": OUTCOME_KINDS, "platform": PLATFORMS},
)

ANSWERED_TASK: Shape[CommentTask] = Shape(
    CommentTask,
    "task",
    also=("brief_id",),
    values={"status": TASK_STATUSES},
    ids=("saved_account_id",),
)
"""A task as acts answer it: the documented examples are abbreviated, so nothing is missed."""

_BARE_TASK: Shape[CommentTask] = Shape(CommentTask, "task", any_id=True)
_BARE_ATTEMPT: Shape[Attempt] = Shape(Attempt, "attempt")
"""Recorded tasks may hold as little as they like: what is absent is unknown, and no news."""


def task_from_json(value: Json) -> tuple[CommentTask, tuple[str, ...]]:
    """Read a recorded task, and name what in it is not as documented."""
    drift = Drift()
    task = _BARE_TASK.from_json(value, drift)
    if task is None and isinstance(value, dict):
        task = _BARE_TASK.from_json(value | {"id": ""}, drift)
    return task or CommentTask(id=""), drift.wrong


def attempts_from_json(value: Json) -> tuple[tuple[Attempt, ...] | None, tuple[str, ...]]:
    """Read recorded attempts; None when there is no list, which means: not at hand."""
    drift = Drift()
    if not isinstance(value, list):
        if value is not None:
            drift.expected("attempts", "a list", value)
        return None, drift.wrong
    return tuple(_attempt(entry, drift) for entry in value), drift.wrong


class TimelineReader:
    """Reads what the verifier saw. A row that is no object was still an attempt, all unknown."""

    def read(self, raw: bytes | msgspec.Raw, drift: Drift) -> Timeline | None:
        """Read a timeline's bytes."""
        try:
            rows = _TIMELINE.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self.from_json(parse_json(bytes(raw)), drift)
        return Timeline(
            task_id=rows.task_id,
            status=rows.status,
            attempts=tuple(ATTEMPT.read(row, drift) or Attempt() for row in rows.attempts),
        )

    def from_json(self, value: Json, drift: Drift) -> Timeline | None:
        """Read a timeline; None, with a note, when there is no list of attempts."""
        if not isinstance(value, dict):
            drift.expected("timeline", "an object", value)
            return None
        task_id, rows = text(value.get("task_id")), value.get("attempts")
        if task_id is None:
            drift.expected("timeline.task_id", "an id", value.get("task_id"))
            return None
        if not isinstance(rows, list):
            drift.expected("timeline.attempts", "a list", rows)
            return None
        return Timeline(
            task_id=task_id,
            status=text(value.get("status")),
            attempts=tuple(ATTEMPT.from_json(row, drift) or Attempt() for row in rows),
        )


class _TimelineRows(msgspec.Struct):
    task_id: str
    attempts: list[msgspec.Raw]
    status: str | None = None


_TIMELINE = msgspec.json.Decoder(_TimelineRows)
TIMELINE = TimelineReader()


def _attempt(value: Json, drift: Drift) -> Attempt:
    """Read one attempt; what is no object was still an attempt, of which nothing is known."""
    return _BARE_ATTEMPT.from_json(value, drift) or Attempt()
