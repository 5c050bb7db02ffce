"""What each operation answers, as values under the API's names."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from reviewbot.domain.account import Profile
from reviewbot.domain.errors import BadAnswer
from reviewbot.domain.task import CommentTask, Moment
from reviewbot.ports.queue import UnreadRow
from reviewbot.tokportal.decode import Drift, Json, UnreadableBody, parse_json, whole

T = TypeVar("T")


class OkResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A 2xx with a JSON body that is yet to be read."""

    status: int
    body: bytes
    request_id: str | None = None
    replayed: bool = False


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list. `total` and `total_pages` are None where the API did not say.

    `per_page` is how many rows it could hold; `unread` are those that could not be read at all.
    """

    rows: tuple[T, ...]
    page: int
    per_page: int = 100
    total: int | None = None
    total_pages: int | None = None
    unread: tuple[UnreadRow, ...] = ()

    @property
    def size(self) -> int:
        """How many rows it has, readable or not."""
        return len(self.rows) + len(self.unread)


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A row that a create call refused: the API's reason, and its echo of the row."""

    reason: str | None = None
    raw: dict[str, Any] | None = None


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """What a create call made, refused and cost."""

    created: tuple[CommentTask, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    created_count: int | None = None
    rejected_count: int | None = None
    credits_charged: float | None = None
    request_id: str | None = None
    replayed: bool = False


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """A cancelled task, and what came back."""

    id: str
    status: str | None = None
    credits_refunded: float | None = None
    request_id: str | None = None


class Acted(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A clear yes to an act, with the thing as it is now."""

    thing: T
    request_id: str | None = None
    replayed: bool = False


class NewTask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of a create call."""

    saved_account_id: str
    target_video_url: str | None = None
    comment_text: str
    brief_id: str | None = None
    target_type: str | None = None
    target_comment_url: str | None = None


class DeliveredAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A delivered account: the one that can post, with its actual profile."""

    id: str
    platform: str | None = None
    profile: Profile = Profile()
    country: str | None = None
    profile_url: str | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the key belongs to."""

    email: str | None = None
    credits: float | None = None


# ------------------------------------------------------------------------------------------------
# How answers are nested: the envelope with one thing under `data`, and pages of rows.


T_co = TypeVar("T_co", covariant=True)


_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Reader(Protocol[T_co]):
    """Reads one kind of object; None, with a note, when it cannot be read at all."""

    def read(self, raw: bytes | msgspec.Raw, drift: Drift) -> T_co | None:
        """Read the object's bytes."""

    def from_json(self, value: Json, drift: Drift) -> T_co | None:
        """Read the object parsed already."""


class _Counts(msgspec.Struct):
    page: int | None = None
    per_page: int | None = None
    total: int | None = None
    total_pages: int | None = None


class _Rows(msgspec.Struct):
    data: list[msgspec.Raw]
    pagination: _Counts


class _One(msgspec.Struct):
    data: msgspec.Raw


_ROWS = msgspec.json.Decoder(_Rows)


_ONE = msgspec.json.Decoder(_One)


def read_page(
    answer: OkResponse, page: int, per_page: int, reader: Reader[T], drift: Drift
) -> Page[T]:
    """Read one page of a list of at most so many rows; rows that cannot be read are noted and named.

    Raises BadAnswer when there is no list.
    """
    try:
        found = _ROWS.decode(answer.body)
    except _BROKEN:
        read, counts = _rows_one_by_one(answer, reader, drift)
    else:
        read = [_read(reader, raw, drift) for raw in found.data]
        counts = found.pagination
    rows = tuple(row for row in read if row is not None)
    if counts.page is not None and counts.page != page:
        raise bad(answer, f"asked for page {page}, the answer is another one")
    # A server may give smaller pages than were asked for; then these are its full ones.
    size = min(per_page, counts.per_page or per_page)
    first = (page - 1) * size + 1
    return Page(
        rows=rows,
        page=page,
        per_page=size,
        total=_at_least_0(counts.total),
        total_pages=_at_least_0(counts.total_pages),
        unread=tuple(
            UnreadRow(place=place, why="it has no id, or is no object")
            for place, row in enumerate(read, first)
            if row is None
        ),
    )


def read_one(answer: OkResponse, reader: Reader[T], drift: Drift) -> T:
    """Read the one thing under `data`.

    Raises BadAnswer when there is none, or when the API says that it only pretended.
    """
    try:
        found = None if _MARK in answer.body else _ONE.decode(answer.body)
    except _BROKEN:
        found = None
    if found is None:
        row = read_envelope(answer)["data"]
        thing = _named(reader.from_json(row, drift), row, drift)
    else:
        thing = _read(reader, found.data, drift)
    if thing is None:
        raise bad(answer, 'what stands under "data" is not what was asked for')
    return thing


def read_envelope(answer: OkResponse) -> dict[str, Any]:
    """Parse a whole answer; its `data` is there, of whatever kind.

    Raises BadAnswer when the body is no such envelope, or when the API says that it only pretended.
    """
    try:
        found = parse_json(answer.body)
    except UnreadableBody as error:
        raise bad(answer, f"the answer is {error}") from None
    if not isinstance(found, dict) or "data" not in found:
        raise bad(answer, 'the answer has no "data"')
    if any(map(_pretends, _parts(found))):
        raise bad(answer, "the API says that this was only a dry run")
    return found


_MARK = b"dry_run"


_SYNTHETIC = "00000000-0000-4000-8000-"
"""How the ids begin that a dry run makes up (its public page)."""


def _parts(envelope: dict[str, Any]) -> Iterator[Any]:
    """Wherever an answer may say that it is about a dry run."""
    data = envelope["data"]
    yield envelope
    yield data
    if isinstance(data, dict) and isinstance(data.get("created"), list):
        yield from data["created"]


def _pretends(part: Any) -> bool:
    """Whether a part of an answer is marked: by anything but a no, or by an id that is made up."""
    if not isinstance(part, dict):
        return False
    return part.get(_MARK.decode()) not in (None, False) or str(part.get("id")).startswith(
        _SYNTHETIC
    )


def bad(answer: OkResponse, why: str) -> BadAnswer:
    """Make the error for an answer that is not the shape we use."""
    return BadAnswer(why, status=answer.status, request_id=answer.request_id)


def _read(reader: Reader[T], raw: msgspec.Raw, drift: Drift) -> T | None:
    """Read one thing; bytes that are no JSON after all (a broken letter, say) are noted."""
    try:
        thing = reader.read(raw, drift)
    except UnreadableBody as error:
        drift.unreadable(str(error))
        thing = None
    return _named(thing, raw, drift)


def _named(thing: T | None, raw: object, drift: Drift) -> T | None:
    """Say for the notes what was read: by its id, or by its very words where it has none."""

    def name() -> str:
        found = getattr(thing, "id", None) or getattr(thing, "task_id", None)
        words = bytes(raw) if isinstance(raw, msgspec.Raw) else repr(raw).encode(errors="replace")
        return str(found or sha256(words).hexdigest())

    drift.belongs_to(name)
    return thing


def _rows_one_by_one(
    answer: OkResponse, reader: Reader[T], drift: Drift
) -> tuple[list[T | None], _Counts]:
    envelope = read_envelope(answer)
    rows, told = envelope["data"], envelope.get("pagination")
    if not isinstance(rows, list):
        raise bad(answer, '"data" is no list')
    if not isinstance(told, dict):
        drift.expected("pagination", "an object", told)
        told = {}
    counts = {}
    for name in ("page", "total", "total_pages"):
        counts[name] = whole(told.get(name))
        if counts[name] is None:
            drift.expected(f"pagination.{name}", "a whole number", told.get(name))
    drift.belongs_to(None)
    read = [_named(reader.from_json(row, drift), row, drift) for row in rows]
    return read, _Counts(**counts)


def _at_least_0(count: int | None) -> int | None:
    return count if count is not None and count >= 0 else None
