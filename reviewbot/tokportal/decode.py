"""How one JSON object becomes one of our structs: fast when all is as documented, else field by field.

Theory of operation. What no log can hold (a NUL, half a surrogate pair, a number of more than 64 bits,
an id of a kilobyte) is not let in: whatever a row says, only that row may suffer. msgspec reads a whole row straight into a struct, which is right for nearly
every row and costs a microsecond. Where it refuses, the row is read again leniently: each field on
its own, and one that cannot be what it should be becomes None, which means unknown, and is noted.
Nothing is ever converted by guessing; only 87.0 counts as the whole number 87.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec

from reviewbot.domain.task import (
    OUTCOME_KINDS,
    PLATFORMS,
    TASK_STATUSES,
    Attempt,
    CommentTask,
    Timeline,
)
from reviewbot.domain.text import parse_iso
from reviewbot.ports.queue import Odd

# ------------------------------------------------------------------------------------------------
# What the API said that we did not expect, each thing once, and on how many things it was seen.


MOST = 200
"""Notes kept of each kind; a server that invents field names cannot fill the memory."""


MOST_THINGS = 20
"""Things that are remembered for each note; more are as good as all."""


class Drift:
    """Notes taken while reading answers.

    `wrong` names used fields that were missing or of another type, and rows that could not be
    read: values we had to treat as unknown. `values` are values of used fields that nobody has told
    us of: they are kept as they are, match no rule that names another, and people are told. `strange`
    names fields that are new to us; they change nothing.
    """

    def __init__(self) -> None:
        self._wrong: dict[str, set[str]] = {}
        self._unnamed: list[str] = []
        self._values: dict[str, None] = {}
        self._strange: dict[str, None] = {}
        self.taken = 0
        """How often anything was noted, repetitions included."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """Used fields that are not as documented, in the order found."""
        return tuple(self._wrong)

    @property
    def things(self) -> Mapping[str, frozenset[str]]:
        """By each note on a used field, the things on which it was seen, as far as they are known."""
        return {text: frozenset(things) for text, things in self._wrong.items()}

    def belongs_to(self, name: Callable[[], str] | None) -> None:
        """Say what was read while the last notes were taken, where any were; None: no one thing."""
        if self._unnamed and name is not None:
            thing = name()
            for text in self._unnamed:
                if len(self._wrong[text]) < MOST_THINGS:
                    self._wrong[text].add(thing)
        self._unnamed.clear()

    @property
    def strange(self) -> tuple[str, ...]:
        """Fields that are new to us, in the order found."""
        return tuple(self._strange)

    @property
    def values(self) -> tuple[str, ...]:
        """Values of used fields that are new to us, in the order found."""
        return tuple(self._values)

    @property
    def odd(self) -> Odd:
        """What people and guards should know of it."""
        return Odd(drift=self.wrong, drift_on=self.things, new_values=self.values)

    def expected(self, place: str, what: str, got: object) -> None:
        """Note a used field of another type than documented."""
        self._note_wrong(f"{place}: expected {what}, got {kind_of(got)}")

    def missing(self, place: str) -> None:
        """Note a used field that was not sent."""
        self._note_wrong(f"{place}: missing")

    def unreadable(self, why: str) -> None:
        """Note a row that could not be read at all."""
        self._note_wrong(f"a row: {why}")

    def unknown(self, place: str) -> None:
        """Note a field that the fact sheet does not have."""
        self._note(self._strange, f"{place}: new field")

    def new_value(self, place: str, value: str) -> None:
        """Note a value of a used field that the fact sheet does not have."""
        self._note(self._values, f"{place}: {value[:60]!r}")

    def take(self, other: Drift) -> None:
        """Add what another reading found."""
        for text, things in other._wrong.items():
            self._note_wrong(text)
            self._unnamed.clear()
            if text in self._wrong:
                self._wrong[text] |= things
        for text in other._values:
            self._note(self._values, text)
        for text in other._strange:
            self._note(self._strange, text)

    def _note_wrong(self, text: str) -> None:
        self.taken += 1
        if text in self._wrong or len(self._wrong) < MOST:
            self._wrong.setdefault(text, set())
            if len(self._unnamed) < MOST:
                self._unnamed.append(text)

    def _note(self, notes: dict[str, None], text: str) -> None:
        self.taken += 1
        if len(notes) < MOST:
            notes[text] = None


def kind_of(value: object) -> str:
    """Say what a JSON value is, without saying the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "yes or no"
        case int() | float():
            return "a number" if value == value else "not a number"
        case str():
            return "text that cannot be kept" if "\0" in value else "text"
        case list():
            return "a list"
        case _:
            return "an object"


S = TypeVar("S", bound=msgspec.Struct)


Json = Any
"""Whatever a JSON text may hold; nothing about it is known yet."""


LONGEST_ID = 200


LARGEST_WHOLE = 2**63 - 1
"""The largest whole number that every database holds."""


MOST_USD = 1e9
"""The largest amount that is one: as many of them as a log may hold still add up to a whole number."""


YEARS = range(1970, 3000)
"""The years in which a moment is one: at the edges of the calendar no window can be counted."""


_REMEMBERED = 512


class UnreadableBody(ValueError):
    """Bytes that are no JSON at all."""


class Shape(Generic[S]):
    """One kind of object the API sends, by the name that notes call it.

    `sent` are the fields documented for every answer, `filled` those of them that are never null;
    `values` are the documented values of fields that hold one of a few; `ids` are fields that name
    other things; what is in neither a word nor a name that could be kept is unknown. `amounts` are in
    dollars. `also` are documented fields that we do not read. Unless `any_id`, an object whose `id`
    cannot be asked for is unusable.
    """

    def __init__(
        self,
        struct: type[S],
        name: str,
        *,
        sent: Iterable[str] = (),
        filled: Iterable[str] = (),
        also: Iterable[str] = (),
        values: Mapping[str, Iterable[str]] | None = None,
        ids: Iterable[str] = (),
        amounts: Iterable[str] = (),
        any_id: bool = False,
    ) -> None:
        fields = msgspec.structs.fields(struct)
        self._struct = struct
        self._name = name
        self._fast = msgspec.json.Decoder(struct)
        self._readers = {f.name: _reader_of(f.type) for f in fields}
        self._required = frozenset(f.name for f in fields if f.required)
        self._sent = frozenset(sent)
        self._known = frozenset(self._readers) | frozenset(also)
        self._moments = tuple(f for f, reader in self._readers.items() if reader is _A_MOMENT)
        self._moments_of = _getter(self._moments)
        self._filled = tuple(filled)
        self._filled_of = _getter(self._filled)
        self._values = {field: frozenset(texts) for field, texts in (values or {}).items()}
        self._names = (*self._values, *ids)
        self._names_of = _getter(self._names)
        self._wholes = tuple(f for f, reader in self._readers.items() if reader is _A_WHOLE)
        self._wholes_of = _getter(self._wholes)
        self._amounts = tuple(amounts)
        self._needs_id = "id" in self._required and not any_id
        self._clean: dict[bytes, S] = {}
        self._seen: set[tuple[str, ...]] = set()

    def read(self, raw: bytes | msgspec.Raw, drift: Drift) -> S | None:
        """Read one object; None (and a note) when it is none or lacks what it cannot be without.

        Lists say the same of a waiting thing poll after poll; the same bytes are read once.
        """
        body = bytes(raw)
        if (known := self._clean.get(body)) is not None:
            return known
        if _NUL in body:
            return self.from_json(parse_json(body), drift)
        try:
            value = self._fast.decode(body)
            fields = _FIELDS.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self.from_json(parse_json(body), drift)
        before = drift.taken
        self._check_fields(fields, drift)
        checked = self._checked(value, drift)
        if checked is not None and drift.taken == before:
            if len(self._clean) >= _REMEMBERED:
                self._clean.clear()
            self._clean[body] = checked
        return checked

    def from_json(self, value: Json, drift: Drift) -> S | None:
        """Read an object that is parsed already, field by field."""
        if not isinstance(value, dict):
            drift.expected(self._name, "an object", value)
            return None
        self._check_fields(value, drift)
        found: dict[str, Any] = {}
        for field, (what, reader) in self._readers.items():
            got = value.get(field)
            if got is None:
                continue
            read = reader(got)
            if read is None:
                drift.expected(f"{self._name}.{field}", what, got)
            found[field] = read
        if any(found.get(field) is None for field in self._required):
            for field in self._required - found.keys():
                drift.missing(f"{self._name}.{field}")
            return None
        return self._checked(self._struct(**found), drift)

    def _check_fields(self, fields: Mapping[str, object], drift: Drift) -> None:
        names = tuple(fields)
        if names in self._seen:
            return
        there = frozenset(names)
        for field in sorted(there - self._known):
            drift.unknown(f"{self._name}.{field[:60]}")
        absent = self._sent - there
        for field in sorted(absent):
            drift.missing(f"{self._name}.{field}")
        if there <= self._known and not absent and len(self._seen) < 64:
            self._seen.add(names)

    def _checked(self, value: S, drift: Drift) -> S | None:
        if self._needs_id and not usable_id(value.id):  # type: ignore[attr-defined]  # required above
            drift.expected(f"{self._name}.id", "an id", value.id)  # type: ignore[attr-defined]
            return None
        for field, when in zip(self._moments, self._moments_of(value), strict=False):
            if when is not None and when.year not in YEARS:
                value = self._without(value, field, _A_MOMENT[0], when.isoformat(), drift)
        for field, word in zip(self._names, self._names_of(value), strict=False):
            if word is not None and not usable_id(word):
                value = self._without(value, field, "a word that can be kept", word, drift)
        for field, count in zip(self._wholes, self._wholes_of(value), strict=False):
            if count is not None and abs(count) > LARGEST_WHOLE:
                value = self._without(value, field, _A_WHOLE[0], count, drift)
        for field in self._amounts:
            amount = getattr(value, field)
            if amount is not None and not is_amount(amount):
                drift.expected(f"{self._name}.{field}", "an amount", amount)
        if None in self._filled_of(value):
            for field in self._filled:
                if getattr(value, field) is None:
                    what, _ = self._readers[field]
                    drift.expected(f"{self._name}.{field}", what, None)
        for field, known in self._values.items():
            text = getattr(value, field)
            if text is not None and text not in known:
                drift.new_value(f"{self._name}.{field}", text)
        return value

    def _without(self, value: S, field: str, what: str, got: object, drift: Drift) -> S:
        """Note that a field is not what it should be, and make it unknown."""
        drift.expected(f"{self._name}.{field}", what, got)
        return msgspec.structs.replace(value, **{field: None})


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


_NUL = rb"\u0000"


def _getter(fields: tuple[str, ...]) -> Callable[[object], tuple[Any, ...]]:
    """Read several fields at once; each is named twice, so that one alone gives a tuple as well."""
    return attrgetter(*fields, *fields) if fields else lambda _: ()


def usable_id(text: str) -> bool:
    """Whether a text can stand in a path as an id."""
    return 0 < len(text) <= LONGEST_ID and text.isprintable() and text.strip(" .") != ""


def is_amount(dollars: float) -> bool:
    """Whether a number of dollars is one that can be paid: not negative, not beyond all measure."""
    return 0 <= dollars <= MOST_USD


def parse_json(body: bytes) -> Json:
    """Parse any JSON, also with NaN in it, which becomes a number that is refused later.

    Raises Unreadable when it is none.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise UnreadableBody(f"not JSON ({type(error).__name__})") from None


# One field ----------------------------------------------------------------------------------

ObjectReader = tuple[str, Callable[[Json], Any]]
"""What a field should be, in words, and how it is read; None when it is not that."""


def text(value: Json) -> str | None:
    """A text that every log can hold: no NUL, and no lone half of a surrogate pair."""
    if not isinstance(value, str) or "\0" in value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def number(value: Json) -> float | None:
    """A finite number; yes and no are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def whole(value: Json) -> int | None:
    """A whole number, also written 87.0."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and abs(value) <= LARGEST_WHOLE else None


def yes_no(value: Json) -> bool | None:
    """A JSON true or false."""
    return value if isinstance(value, bool) else None


def moment(value: Json) -> datetime | None:
    """An ISO 8601 moment of our times with a zone; a naive one could mean any hour, so it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = parse_iso(value)
    except (ValueError, OverflowError):
        return None
    return found if found.year in YEARS else None


_A_MOMENT: ObjectReader = ("a moment with a zone", moment)


_A_WHOLE: ObjectReader = ("a whole number", whole)


_READERS: dict[type, ObjectReader] = {
    str: ("a text", text),
    float: ("a number", number),
    int: _A_WHOLE,
    bool: ("yes or no", yes_no),
    datetime: _A_MOMENT,
}


def _reader_of(annotation: Any) -> ObjectReader:
    kind = msgspec.inspect.type_info(annotation)
    options = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    for option in options:
        if isinstance(option, msgspec.inspect.NoneType):
            continue
        return _READERS[_KINDS[type(option)]]
    raise AssertionError(f"no reader for {annotation}")


_KINDS: dict[type, type] = {
    msgspec.inspect.StrType: str,
    msgspec.inspect.FloatType: float,
    msgspec.inspect.IntType: int,
    msgspec.inspect.BoolType: bool,
    msgspec.inspect.DateTimeType: datetime,
}


# ------------------------------------------------------------------------------------------------
# Their JSON and our values; nobody else knows how their answers are nested.
#
# No HTTP here: recorded tasks on disk (`policy decide`) are read by the same functions.


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
