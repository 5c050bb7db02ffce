"""How answers are nested: one thing under `data`, or a page of rows with its counts."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Generic, TypeVar

import msgspec

from reviewbot.domain.errors import BadAnswer
from reviewbot.ports.queue import UnreadRow
from reviewbot.tokportal.decode import (
    WHOLE,
    Drift,
    Fields,
    Json,
    ObjectReader,
    UnreadableBody,
    parse_json,
)

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


class _RawPage(msgspec.Struct):
    """A page as documented, its rows not read yet."""

    data: list[msgspec.Raw]
    pagination: dict[str, Json]


_RAW_PAGE = msgspec.json.Decoder(_RawPage)


def read_page(
    answer: OkResponse, page: int, per_page: int, reader: ObjectReader[T], drift: Drift
) -> Page[T]:
    """Read one page of a list of at most so many rows; rows that cannot be read are noted and named.

    Raises BadAnswer when there is no list.
    """
    rows: list[Any]
    counts: Json
    try:
        found = _RAW_PAGE.decode(answer.body)
        rows, counts = found.data, found.pagination
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        envelope = read_envelope(answer)
        rows, counts = envelope["data"], envelope.get("pagination")
        if not isinstance(rows, list):
            raise bad(answer, '"data" is no list') from None
    told = _counts(counts, drift)
    if told["page"] not in (None, page):
        raise bad(answer, f"asked for page {page}, the answer is another one")
    # A server may give smaller pages than were asked for; then these are its full ones.
    size = min(per_page, told["per_page"] or per_page)
    read = [_read_row(reader, row, drift) for row in rows]
    return Page(
        rows=tuple(row for row in read if row is not None),
        page=page,
        per_page=size,
        total=told["total"],
        total_pages=told["total_pages"],
        unread=tuple(
            UnreadRow(place=place, why="it has no id, or is no object")
            for place, row in enumerate(read, (page - 1) * size + 1)
            if row is None
        ),
    )


def _counts(value: Json, drift: Drift) -> dict[str, int | None]:
    if not isinstance(value, dict):
        drift.expected("pagination", "an object", value)
        value = {}
    fields = Fields(value, "pagination", drift)
    told = {name: fields.get(name, WHOLE) for name in ("page", "per_page", "total", "total_pages")}
    drift.belongs_to(None)
    return {name: None if (count or 0) < 0 else count for name, count in told.items()}


def read_one(answer: OkResponse, reader: ObjectReader[T], drift: Drift) -> T:
    """Read the one thing under `data`.

    Raises BadAnswer when there is none, or when the API says that it only pretended.
    """
    thing = _read_row(reader, read_envelope(answer)["data"], drift)
    if thing is None:
        raise bad(answer, 'what stands under "data" is not what was asked for')
    return thing


def _read_row(reader: ObjectReader[T], row: Json | msgspec.Raw, drift: Drift) -> T | None:
    """Read one thing, and say for the notes which: by its id, or by its words where it has none."""
    is_raw = isinstance(row, msgspec.Raw)
    try:
        thing = reader.read(row, drift) if is_raw else reader.from_json(row, drift)
    except UnreadableBody as error:
        drift.unreadable(str(error))
        thing = None

    def name() -> str:
        found = getattr(thing, "id", None) or getattr(thing, "task_id", None)
        words = bytes(row) if is_raw else repr(row).encode(errors="replace")
        return str(found or sha256(words).hexdigest())

    drift.belongs_to(name)
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
    is_marked = part.get("dry_run") not in (None, False)
    return is_marked or str(part.get("id")).startswith(_SYNTHETIC)


def bad(answer: OkResponse, why: str) -> BadAnswer:
    """Make the error for an answer that is not the shape we use."""
    return BadAnswer(why, status=answer.status, request_id=answer.request_id)
