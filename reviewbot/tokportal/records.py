"""Recorded reviews on disk (`policy decide`): comment tasks and accounts, one JSON object a line."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

import msgspec

from reviewbot.domain.account import AccountReview, Profile
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import Attempt, CommentTask, Moment
from reviewbot.policy.facts import (
    NO_HISTORY,
    Facts,
    History,
    about_account,
    attempts_of_round,
    begin_of_round,
    last_attempt,
    summarise,
)
from reviewbot.tokportal.decode import (
    MOMENT,
    Drift,
    Fields,
    Json,
    Kind,
    UnreadableBody,
    moment,
    parse_json,
    whole,
)
from reviewbot.tokportal.shapes import (
    AN_OBJECT,
    RECORDED_BUNDLE,
    RECORDED_TASK,
    attempts_of,
    profile_of,
)

_WINDOW = timedelta(hours=72)


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One recorded comment task.

    `attempts` are those of all rounds, in any order; None means that they are not known.
    """

    task: CommentTask
    attempts: tuple[Attempt, ...] | None = None
    history: History = NO_HISTORY
    at: Moment | None = None

    review: ClassVar[ReviewKind] = "comments"

    @property
    def subject(self) -> CommentTask:
        """The task."""
        return self.task

    @property
    def amount_micros(self) -> int:
        """What the manager is paid, in millionths of a US dollar; 0 where it is not known."""
        return round((self.task.cm_payout_amount or 0.0) * 1_000_000)

    def facts(self, at: datetime) -> Facts:
        """The facts at the record's own moment, or at `at` where it carries none."""
        # A million of these are made in a second or two: no call where nothing is to be done.
        task, past, attempts = self.task, self.history, self.attempts
        if attempts and (len(attempts) > 1 or begin_of_round(past) is not None):
            attempts = attempts_of_round(attempts, past)
        return Facts(
            self.at or at,
            task.manually_confirmed_at,
            task.client_dispute_deadline_at,
            past,
            task,
            attempts,
            last_attempt(attempts),
            summarise(attempts),
        )


class AccountRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded account. `delivered` None means that the delivered profile is not at hand.

    Its deadline is 72 hours after `first_seen`; without that both are unknown.
    """

    bundle: AccountReview
    delivered: Profile | None = None
    first_seen: datetime | None = None
    history: History = NO_HISTORY
    at: datetime | None = None

    review: ClassVar[ReviewKind] = "accounts"

    @property
    def subject(self) -> AccountReview:
        """The bundle."""
        return self.bundle

    @property
    def amount_micros(self) -> int:
        """Nothing: a finalized account pays no amount that the API states."""
        return 0

    def facts(self, at: datetime) -> Facts:
        """The facts at the record's own moment, or at `at` where it carries none."""
        return Facts(
            now=self.at or at,
            started_at=self.first_seen,
            deadline_at=None if self.first_seen is None else self.first_seen + _WINDOW,
            past=self.history,
            **about_account(self.bundle, self.delivered),
        )


def lenient_record(line: bytes) -> Record | AccountRecord:
    """Read a record that is not as written by us: what cannot be read of it is unknown.

    Raises UnreadableBody (a ValueError) as `decode_record`.
    """
    value = parse_json(line)
    if not isinstance(value, dict):
        raise UnreadableBody("a record must be a JSON object")
    drift = Drift()
    if isinstance(value.get("task"), dict):
        return Record(
            task=RECORDED_TASK.from_json(value["task"], drift) or CommentTask(id=""),
            attempts=attempts_of(value.get("attempts"), drift),
            history=_history(value.get("history"), drift),
            at=_moment(value, "at"),
        )
    if "task" in value or not isinstance(value.get("bundle"), dict):
        raise UnreadableBody('a record needs "task" or "bundle", an object with the API\'s fields')
    delivered = Fields(value, "record", drift).get("delivered", AN_OBJECT)
    return AccountRecord(
        bundle=RECORDED_BUNDLE.from_json(value["bundle"], drift) or AccountReview(id=""),
        delivered=None if delivered is None else profile_of(Fields(delivered, "delivered", drift)),
        first_seen=_moment(value, "first_seen"),
        history=_history(value.get("history"), drift),
        at=_moment(value, "at"),
    )


_ALWAYS = frozenset(
    {"id", "platform", "saved_account_id", "cm_payout_amount", "manually_confirmed_at"}
    | {"client_dispute_deadline_at"}
)
"""The fields of a task that are looked at whatever the policy says."""


def decoder(fields: Collection[str]) -> Callable[[bytes | memoryview], Record]:
    """Make the function that reads one record as we write it, of its task only these fields.

    It raises one of `NO_RECORD` for all else; `lenient_record` reads what can be read of that.
    """
    return msgspec.json.Decoder(_record_of(fields)).decode


NO_RECORD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode_all = msgspec.json.Decoder(Record).decode


def decode_record(line: bytes) -> Record | AccountRecord:
    """Read one record, all of it.

    Raises UnreadableBody (a ValueError) when it is no JSON object with a task or a bundle, or when
    one of its moments is none: judging it at another time would be a guess.
    """
    try:
        return _decode_all(line)
    except NO_RECORD:
        return lenient_record(line)


def _record_of(fields: Collection[str]) -> type[Record]:
    """A record whose task has only some of its fields: what is never asked need not be decoded."""
    wanted = [
        (field.name, field.type, field.default)
        for field in msgspec.structs.fields(CommentTask)
        if field.name in fields or field.name in _ALWAYS
    ]
    some = [(name, kind) if name == "id" else (name, kind, None) for name, kind, _ in wanted]
    options: dict[str, Any] = {"frozen": True, "kw_only": True, "gc": False}
    task = msgspec.defstruct("SomeOfATask", some, **options)
    return cast(
        type[Record],
        msgspec.defstruct("SomeOfARecord", [("task", task)], bases=(Record,), **options),
    )


def _moment(record: dict[str, Any], name: str) -> datetime | None:
    value = record.get(name)
    found = moment(value)
    if value is not None and found is None:
        raise UnreadableBody(f'"{name}" must be a moment with a zone, like 2026-06-02T12:00:00Z')
    return found


def _count(value: Json) -> int | None:
    count = whole(value)
    return count if count is not None and count >= 0 else None


_COUNT: Kind = ("a count", _count)


def _history(value: Json, drift: Drift) -> History:
    """What is known of the past; disputes are unknown wherever a count of it cannot be read."""
    if value is None:
        return NO_HISTORY
    if not isinstance(value, dict):
        drift.expected("history", "an object", value)
        return History(disputes=None)
    fields = Fields(value, "history", drift)
    disputes = fields.get("disputes", _COUNT) if "disputes" in value else 0
    before = fields.get("rounds_before", _COUNT) if "rounds_before" in value else 0
    texts = value.get("texts")
    return History(
        disputes=None if before is None else disputes,
        last_dispute_at=fields.get("last_dispute_at", MOMENT),
        rounds_before=before or 0,
        round_before_until=fields.get("round_before_until", MOMENT),
        texts=tuple(t for t in texts if isinstance(t, str)) if isinstance(texts, list) else (),
    )
