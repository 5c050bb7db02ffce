"""Recorded reviews on disk (`policy decide`): comment tasks and accounts, one JSON object a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import msgspec

from reviewbot.domain.account import AccountReview, Profile
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import Attempt, CommentTask, Moment
from reviewbot.policy.facts import (
    NO_ACCOUNT_HISTORY,
    NO_FLEET,
    NO_HISTORY,
    AccountHistory,
    AttemptSummary,
    Facts,
    Fleet,
    History,
    account_facts,
    attempts_of_round,
    begin_of_round,
    last_attempt,
    summarise,
)
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.compare import Recorded
from reviewbot.policy.used import fields_used
from reviewbot.tokportal.decode import (
    Drift,
    Json,
    UnreadableBody,
    attempts_from_json,
    moment,
    parse_json,
    task_from_json,
    whole,
)
from reviewbot.tokportal.profiles import BundleReader, profile_from_json

_WINDOW = timedelta(hours=72)


_BARE_BUNDLE = BundleReader(any_id=True)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded comment task. `drift` names what was not usable.

    `attempts` are those of all rounds, in any order; None means that they are not known.
    """

    task: CommentTask
    attempts: tuple[Attempt, ...] | None = None
    history: History = NO_HISTORY
    at: Moment | None = None
    drift: tuple[str, ...] = ()

    @property
    def review(self) -> ReviewKind:
        """Comments."""
        return "comments"

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
        task, past = self.task, self.history
        attempts = None if self.attempts is None else attempts_of_round(self.attempts, past)
        return Facts(
            now=self.at or at,
            started_at=task.manually_confirmed_at,
            deadline_at=task.client_dispute_deadline_at,
            past=past,
            task=task,
            attempts=attempts,
            last=last_attempt(attempts),
            checks=summarise(attempts),
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
    drift: tuple[str, ...] = ()

    @property
    def review(self) -> ReviewKind:
        """Accounts."""
        return "accounts"

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
        return account_facts(
            self.bundle,
            now=self.at or at,
            started_at=self.first_seen,
            deadline_at=None if self.first_seen is None else self.first_seen + _WINDOW,
            delivered=self.delivered,
            past=self.history,
        )


_RECORD = msgspec.json.Decoder(Record)


def decode_record(line: bytes) -> Record | AccountRecord:
    """Read one line of records.

    Raises Unreadable (a ValueError) when the line is no JSON object with a task or a bundle, or when
    one of its moments is none: judging it at another time would be a guess.
    """
    try:
        record = _RECORD.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _lenient_record(parse_json(line))
    history = record.history
    if record.drift or (history.disputes or 0) < 0 or history.rounds_before < 0:
        return _lenient_record(parse_json(line))
    return record


def _lenient_record(value: Json) -> Record | AccountRecord:
    if not isinstance(value, dict):
        raise UnreadableBody("a record must be a JSON object")
    if isinstance(value.get("bundle"), dict) and "task" not in value:
        return _account_record(value)
    if not isinstance(value.get("task"), dict):
        raise UnreadableBody('a record needs "task" or "bundle", an object with the API\'s fields')
    task, wrong_task = task_from_json(value["task"])
    attempts, wrong_attempts = attempts_from_json(value.get("attempts"))
    drift = Drift()
    return Record(
        task=task,
        attempts=attempts,
        history=_history(value.get("history"), drift),
        at=_moment(value, "at"),
        drift=(*wrong_task, *wrong_attempts, *drift.wrong),
    )


def _account_record(value: dict[str, Json]) -> AccountRecord:
    drift = Drift()
    bundle = _BARE_BUNDLE.from_json(value["bundle"], drift)
    delivered = value.get("delivered")
    if delivered is not None and not isinstance(delivered, dict):
        drift.expected("delivered", "an object", delivered)
        delivered = None
    return AccountRecord(
        bundle=bundle or AccountReview(id=""),
        delivered=None if delivered is None else profile_from_json(delivered, drift),
        first_seen=_moment(value, "first_seen"),
        history=_history(value.get("history"), drift),
        at=_moment(value, "at"),
        drift=drift.wrong,
    )


def _moment(record: dict[str, Json], name: str) -> datetime | None:
    value = record.get(name)
    found = moment(value)
    if value is not None and found is None:
        raise UnreadableBody(f'"{name}" must be a moment with a zone, like 2026-06-02T12:00:00Z')
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
    before = whole(value.get("rounds_before", 0))
    if before is None or before < 0:
        drift.expected("history.rounds_before", "a count", value["rounds_before"])
        disputes, before = None, 0
    texts = value.get("texts")
    return History(
        disputes=disputes,
        last_dispute_at=_past_moment(value, "last_dispute_at", drift),
        rounds_before=before,
        round_before_until=_past_moment(value, "round_before_until", drift),
        texts=tuple(t for t in texts if isinstance(t, str)) if isinstance(texts, list) else (),
    )


def _past_moment(history: dict[str, Json], name: str, drift: Drift) -> datetime | None:
    value = history.get(name)
    found = moment(value)
    if value is not None and found is None:
        drift.expected(f"history.{name}", "a moment with a zone", value)
    return found


# ------------------------------------------------------------------------------------------------
# Recorded tasks read for some policies alone: only the fields that these can look at are decoded.
#
# What stands in the other fields is skipped, and cannot spoil a record. A line in which anything else
# is out of the ordinary is read again in full, so that it means the same as ever.


def decoder_for(policies: Sequence[Policy]) -> Callable[[bytes], Recorded]:
    """Make `decode_record` for records that only these policies will judge.

    It raises Unreadable (a ValueError) where `decode_record` does, but for what it skips.
    """
    if any(policy.applies_to.review != "comments" for policy in policies):
        return decode_record
    used = fields_used(policies)
    attempt = _narrowed(Attempt, used.attempt)
    narrow: Callable[[bytes], Any] = msgspec.json.Decoder(
        msgspec.defstruct(
            "NarrowRecord",
            [
                ("task", _narrowed(CommentTask, used.task)),
                (
                    "all_attempts",
                    tuple[attempt, ...] | None,  # type: ignore[valid-type]
                    msgspec.field(default=None, name="attempts"),
                ),
            ],
            bases=(_Narrow,),
            frozen=True,
            kw_only=True,
            gc=False,
        )
    ).decode

    def decode(line: bytes) -> Any:
        try:
            record = narrow(line)
            if not line.isascii():
                line.decode()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return decode_record(line)
        return record

    return decode


class _History(History, frozen=True, kw_only=True):
    """A history as it should be."""

    disputes: Annotated[int, msgspec.Meta(ge=0)] | None = 0
    rounds_before: Annotated[int, msgspec.Meta(ge=0)] = 0


_NO_HISTORY = _History()


class _Narrow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record that is its own facts: what a rule asks for is worked out when it asks."""

    past: _History = msgspec.field(default=_NO_HISTORY, name="history")
    now: Moment | None = msgspec.field(default=None, name="at")
    drift: Annotated[tuple[str, ...], msgspec.Meta(max_length=0)] = ()
    """Not for files to say."""

    review: ClassVar[ReviewKind] = "comments"
    account: ClassVar[AccountHistory] = NO_ACCOUNT_HISTORY
    fleet: ClassVar[Fleet] = NO_FLEET

    if TYPE_CHECKING:  # Each decoder adds its own, with the fields that are used.
        task: CommentTask
        all_attempts: tuple[Attempt, ...] | None

    # As a record ---------------------------------------------------------------------------------

    @property
    def subject(self) -> CommentTask:
        """The task."""
        return self.task

    @property
    def amount_micros(self) -> int:
        """What the manager is paid, in millionths of a US dollar; 0 where it is not known."""
        return round((self.task.cm_payout_amount or 0.0) * 1_000_000)

    def facts(self, at: datetime) -> Self:
        """The facts at its own moment, or at `at` where it carries none."""
        return self if self.now is not None else msgspec.structs.replace(self, now=at)

    # As facts ------------------------------------------------------------------------------------

    @property
    def started_at(self) -> datetime | None:
        """When the round began."""
        return self.task.manually_confirmed_at

    @property
    def deadline_at(self) -> datetime | None:
        """When it is paid by silence."""
        return self.task.client_dispute_deadline_at

    @property
    def attempts(self) -> tuple[Attempt, ...] | None:
        """Those of this round, oldest first."""
        found = self.all_attempts
        return None if found is None else attempts_of_round(found, self.past)

    @property
    def last(self) -> Attempt:
        """The newest of them."""
        found = self.all_attempts
        if found is not None and len(found) == 1 and begin_of_round(self.past) is None:
            return found[0]  # Most often there is no more to it.
        return last_attempt(self.attempts)

    @property
    def checks(self) -> AttemptSummary:
        """All of them in figures, worked out when a rule asks for one."""
        return _Figures(self)  # type: ignore[return-value]  # it has the same attributes


def _figure(name: str) -> Any:
    return property(lambda self: getattr(summarise(self.record.attempts), name))


class _Figures(msgspec.Struct, frozen=True, gc=False):
    """`Checks`, worked out on demand."""

    record: _Narrow

    count = property(lambda self: None if (a := self.record.attempts) is None else len(a))
    failed = _figure("failed")
    best_score = _figure("best_score")
    most_comments = _figure("most_comments")
    fewest_comments = _figure("fewest_comments")


def _narrowed(struct: type[msgspec.Struct], names: Iterable[str]) -> type[msgspec.Struct]:
    """The same kind of value with these fields alone."""
    wanted = frozenset(names)
    fields: list[Any] = [
        (field.name, field.type) if field.required else (field.name, field.type, field.default)
        for field in msgspec.structs.fields(struct)
        if field.name in wanted
    ]
    return msgspec.defstruct(
        f"Narrow{struct.__name__}", fields, frozen=True, kw_only=True, gc=False
    )
