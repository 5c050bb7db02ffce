"""Recorded tasks read for some policies alone: only the fields that these can look at are decoded.

What stands in the other fields is skipped, and cannot spoil a record. A line in which anything else
is out of the ordinary is read again in full, so that it means the same as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import msgspec

from reviewbot.api.records import decode_record
from reviewbot.domain.comments import CommentTask, Moment
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.timeline import Attempt
from reviewbot.policy.facts import (
    NO_ACCOUNT_HISTORY,
    NO_FLEET,
    AccountHistory,
    Checks,
    Fleet,
    History,
    attempts_of_round,
    begin_of_round,
    last_attempt,
    summarise,
)
from reviewbot.policy.model import Policy
from reviewbot.policy.records import Recorded
from reviewbot.policy.used import fields_used


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
    def checks(self) -> Checks:
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
