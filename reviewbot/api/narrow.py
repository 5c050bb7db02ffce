"""Recorded tasks read for some policies alone: only the fields that these can look at are decoded.

What stands in the other fields is skipped, and cannot spoil a record. A line in which anything else
is out of the ordinary is read again in full, so that it means the same as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import msgspec

from reviewbot.api.records import AccountRecord, Record, decode_record
from reviewbot.domain.comments import CommentTask
from reviewbot.domain.timeline import Attempt
from reviewbot.policy.facts import Checks, History, summarise
from reviewbot.policy.model import Policy
from reviewbot.policy.used import fields_used


def decoder_for(policies: Sequence[Policy]) -> Callable[[bytes], Record | AccountRecord]:
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
                ("attempts", tuple[attempt, ...] | None, None),  # type: ignore[valid-type]
            ],
            bases=(_Narrow,),
            frozen=True,
            kw_only=True,
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


_NO_HISTORY = _History()


class _Narrow(Record, frozen=True, kw_only=True):
    """A record whose attempts are put in figures when something asks for them."""

    history: _History = _NO_HISTORY
    drift: Annotated[tuple[str, ...], msgspec.Meta(max_length=0)] = ()
    """Not for files to say."""

    def figures(self, attempts: tuple[Attempt, ...] | None) -> Checks:
        """Worked out when a rule asks for one."""
        return _Figures(attempts)  # type: ignore[return-value]  # it has the same attributes


class _Figures:
    """`Checks`, worked out on demand."""

    __slots__ = ("_attempts",)

    def __init__(self, attempts: tuple[Attempt, ...] | None) -> None:
        self._attempts = attempts

    def __getattr__(self, name: str) -> Any:
        return getattr(summarise(self._attempts), name)


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
