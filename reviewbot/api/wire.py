"""Their JSON and our values; nobody else knows how their answers are nested.

No HTTP here: recorded tasks on disk (`policy decide`) are read by the same functions.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from reviewbot.api.drift import Drift
from reviewbot.api.reading import Json, Shape, Unreadable, moment, parse_json, text, whole
from reviewbot.domain.comments import PLATFORMS, TASK_STATUSES, CommentTask, Moment
from reviewbot.domain.timeline import OUTCOME_KINDS, Attempt, Timeline
from reviewbot.policy.facts import NO_HISTORY, History

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
    CommentTask, "task", also=("brief_id",), values={"status": TASK_STATUSES}
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


# Records -------------------------------------------------------------------------------------


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded review: a line of a `policy decide` file. `drift` names what was not usable."""

    task: CommentTask
    attempts: tuple[Attempt, ...] | None = None
    history: History = NO_HISTORY
    at: Moment | None = None
    drift: tuple[str, ...] = ()


_RECORD = msgspec.json.Decoder(Record)


def decode_record(line: bytes) -> Record:
    """Read one line of records.

    Raises Unreadable (a ValueError) when the line is no JSON object with a task, or when its `at`
    is no moment: judging it at another time would be a guess.
    """
    try:
        record = _RECORD.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _lenient_record(parse_json(line))
    if record.drift or (record.history.disputes or 0) < 0:
        return _lenient_record(parse_json(line))
    return record


def _lenient_record(value: Json) -> Record:
    if not isinstance(value, dict):
        raise Unreadable("a record must be a JSON object")
    if not isinstance(value.get("task"), dict):
        raise Unreadable('a record needs "task", an object with the API\'s fields')
    task, wrong_task = task_from_json(value["task"])
    attempts, wrong_attempts = attempts_from_json(value.get("attempts"))
    drift = Drift()
    return Record(
        task=task,
        attempts=attempts,
        history=_history(value.get("history"), drift),
        at=_at(value.get("at")),
        drift=(*wrong_task, *wrong_attempts, *drift.wrong),
    )


def _at(value: Json) -> datetime | None:
    if value is None:
        return None
    found = moment(value)
    if found is None:
        raise Unreadable('"at" must be a moment with a zone, like 2026-06-02T12:00:00Z')
    return found


def _history(value: Json, drift: Drift) -> History:
    if value is None:
        return NO_HISTORY
    if not isinstance(value, dict):
        drift.expected("history", "an object", value)
        return History(disputes=None)
    disputes: int | None = 0
    if "disputes" in value:
        disputes = whole(value["disputes"])
        if disputes is None or disputes < 0:
            drift.expected("history.disputes", "a count", value["disputes"])
            disputes = None
    last = value.get("last_dispute_at")
    last_at = moment(last)
    if last is not None and last_at is None:
        drift.expected("history.last_dispute_at", "a moment with a zone", last)
    texts = value.get("texts")
    return History(
        disputes=disputes,
        last_dispute_at=last_at,
        texts=tuple(t for t in texts if isinstance(t, str)) if isinstance(texts, list) else (),
    )
