"""How one JSON object becomes one of our values, field by field, and what was odd about it.

A field that is not as documented becomes None, which means unknown, and is noted; nothing is
converted by guessing, only 87.0 counts as the whole number 87. What no log can hold (a NUL, half a
surrogate pair, a number of more than 64 bits, an id of a kilobyte) is not let in: whatever a row
says, only that row may suffer.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from reviewbot.domain.text import parse_iso
from reviewbot.ports.queue import Odd

Json = Any
"""Whatever a JSON text may hold; nothing about it is known yet."""
T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
MOST_NOTES = 200
"""Notes kept of each kind; a server that invents values cannot fill the memory."""
MOST_THINGS = 20
"""Things that are remembered for each note; more are as good as all."""
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


class Drift:
    """What the API said that we did not expect, each note once, and on which things it was seen.

    `wrong` are used fields that were missing or of another type, and rows that could not be read:
    values we had to treat as unknown. `values` are values of used fields that nobody has told us of:
    they are kept as they are, match no rule that names another, and people are told.
    """

    def __init__(self) -> None:
        self._wrong: dict[str, set[str]] = {}
        self._unnamed: list[str] = []
        self._values: dict[str, None] = {}
        self.taken = 0
        """How often anything was noted, repetitions included."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """Used fields that are not as documented, in the order found."""
        return tuple(self._wrong)

    @property
    def values(self) -> tuple[str, ...]:
        """Values of used fields that are new to us, in the order found."""
        return tuple(self._values)

    @property
    def odd(self) -> Odd:
        """What people and guards should know of it."""
        things = {note: frozenset(things) for note, things in self._wrong.items()}
        return Odd(drift=self.wrong, drift_on=things, new_values=self.values)

    def expected(self, place: str, what: str, got: object) -> None:
        """Note a used field of another type than documented."""
        self._note(f"{place}: expected {what}, got {kind_of(got)}")

    def missing(self, place: str) -> None:
        """Note a used field that was not sent."""
        self._note(f"{place}: missing")

    def unreadable(self, why: str) -> None:
        """Note a row that could not be read at all."""
        self._note(f"a row: {why}")

    def new_value(self, place: str, value: str) -> None:
        """Note a value of a used field that the fact sheet does not have."""
        self.taken += 1
        if len(self._values) < MOST_NOTES:
            self._values[f"{place}: {value[:60]!r}"] = None

    def belongs_to(self, name: Callable[[], str] | None) -> None:
        """Say what was read while the last notes were taken, where any were; None: no one thing."""
        if self._unnamed and name is not None:
            thing = name()
            for note in self._unnamed:
                if len(self._wrong[note]) < MOST_THINGS:
                    self._wrong[note].add(thing)
        self._unnamed.clear()

    def _note(self, note: str) -> None:
        self.taken += 1
        if note in self._wrong or len(self._wrong) < MOST_NOTES:
            self._wrong.setdefault(note, set())
            if len(self._unnamed) < MOST_NOTES:
                self._unnamed.append(note)


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


# Values -------------------------------------------------------------------------------------


def parse_json(body: bytes) -> Json:
    """Parse any JSON, also with NaN in it, which becomes a number that is refused later.

    Raises UnreadableBody when it is none.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise UnreadableBody(f"not JSON ({type(error).__name__})") from None


def usable_id(text: str) -> bool:
    """Whether a text can stand in a path as an id."""
    return 0 < len(text) <= LONGEST_ID and text.isprintable() and text.strip(" .") != ""


def is_amount(dollars: float) -> bool:
    """Whether a number of dollars is one that can be paid: not negative, not beyond all measure."""
    return 0 <= dollars <= MOST_USD


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


# Fields -------------------------------------------------------------------------------------


Kind = tuple[str, Callable[[Json], Any]]
"""What a field should be, in words, and how it is read; None where it is not that."""
TEXT: Kind = ("a text", text)
NUMBER: Kind = ("a number", number)
WHOLE: Kind = ("a whole number", whole)
MOMENT: Kind = ("a moment with a zone", moment)

_BY_TYPE: dict[type, Kind] = {
    msgspec.inspect.StrType: TEXT,
    msgspec.inspect.FloatType: NUMBER,
    msgspec.inspect.IntType: WHOLE,
    msgspec.inspect.BoolType: ("yes or no", yes_no),
    msgspec.inspect.DateTimeType: MOMENT,
}


class Fields:
    """The fields of one object that the API sent, by the name that notes call it."""

    def __init__(self, value: Mapping[str, Json], name: str, drift: Drift) -> None:
        self.value = value
        self.name = name
        self.drift = drift

    def get(self, field: str, kind: Kind) -> Any:
        """One field of this kind; None, with a note, where it is another."""
        got = self.value.get(field)
        if got is None:
            return None
        what, read = kind
        found = read(got)
        if found is None:
            self.expected(field, what, got)
        return found

    def word(self, field: str, known: Collection[str] = ()) -> str | None:
        """A text that names something, and can be kept and asked for; mostly one of those known."""
        found: str | None = self.get(field, TEXT)
        if found is None:
            return None
        if not usable_id(found):
            self.expected(field, "a word that can be kept", found)
            return None
        if known and found not in known:
            self.drift.new_value(f"{self.name}.{field}", found)
        return found

    def dollars(self, field: str) -> float | None:
        """A number that should be an amount; one that is none is kept, and counts nowhere."""
        found: float | None = self.get(field, NUMBER)
        if found is not None and not is_amount(found):
            self.expected(field, "an amount", found)
        return found

    def identity(self, names: Collection[str]) -> str | None:
        """What the object can be asked for by: the first of these fields that holds anything."""
        got = next(filter(None, map(self.value.get, names)), None)
        if got is None:
            self.drift.missing(f"{self.name}.id")
        elif isinstance(got, str) and usable_id(got):
            return got
        else:
            self.expected("id", "an id", got)
        return None

    def expected(self, field: str, what: str, got: Json) -> None:
        """Note that a field is not what it should be."""
        self.drift.expected(f"{self.name}.{field}", what, got)


FieldReader = Callable[[Fields, str], Any]


def word(*known: str) -> FieldReader:
    """Reads a word, one of these where any are documented."""
    return lambda fields, field: fields.word(field, known)


# Objects ------------------------------------------------------------------------------------


class ObjectReader(ABC, Generic[T]):
    """Reads one kind of object."""

    def __init__(self) -> None:
        self._clean: dict[bytes, T] = {}

    def read(self, raw: bytes | msgspec.Raw, drift: Drift) -> T | None:
        """Read an object's bytes. Raises UnreadableBody where they are no JSON.

        Lists say the same of a waiting thing poll after poll: the same bytes without a note are read
        once, which pays in simulated hours per CPU second.
        """
        body = bytes(raw)
        if (known := self._clean.get(body)) is not None:
            return known
        before = drift.taken
        found = self.from_json(parse_json(body), drift)
        if found is not None and drift.taken == before:
            if len(self._clean) >= _REMEMBERED:
                self._clean.clear()
            self._clean[body] = found
        return found

    @abstractmethod
    def from_json(self, value: Json, drift: Drift) -> T | None:
        """Read an object that is parsed; None, with a note, when it cannot be read at all."""


class Shape(ObjectReader[S]):
    """One kind of object the API sends, by the name that notes call it.

    `sent` are the fields documented for every answer, `filled` those of them that are never null.
    `own` says how a field is read where its type does not say it all. An object that cannot be asked
    for, by one of its `ids`, is unusable; one `on_record` may lack it.
    """

    def __init__(
        self,
        struct: type[S],
        name: str,
        *,
        sent: Collection[str] = (),
        filled: Collection[str] = (),
        own: Mapping[str, FieldReader] | None = None,
        ids: Collection[str] = ("id",),
        on_record: bool = False,
    ) -> None:
        super().__init__()
        self._struct = struct
        self._name = name
        self._sent = sent
        self._has_id = "id" in struct.__struct_fields__
        self._ids = ids
        self._on_record = on_record
        own = own or {}
        kinds = {field.name: _kind(field.type) for field in msgspec.structs.fields(struct)}
        self._filled = [(field, kinds[field][0]) for field in filled]
        self._readers: list[tuple[str, FieldReader]] = [
            (field, own.get(field, partial(Fields.get, kind=kind)))
            for field, kind in kinds.items()
            if field != "id"
        ]

    def from_json(self, value: Json, drift: Drift) -> S | None:
        """Read an object, field by field."""
        if not isinstance(value, dict):
            drift.expected(self._name, "an object", value)
            return None
        fields = Fields(value, self._name, drift)
        for field in self._sent:
            if field not in value:
                drift.missing(f"{self._name}.{field}")
        for field, what in self._filled:
            if field in value and value[field] is None:
                fields.expected(field, what, None)
        found = {field: read(fields, field) for field, read in self._readers}
        if self._has_id and self._on_record:
            found["id"] = next(filter(None, (text(value.get(name)) for name in self._ids)), "")
        elif self._has_id:
            found["id"] = fields.identity(self._ids)
            if found["id"] is None:
                return None
        return self._struct(**found)


def _kind(annotation: Any) -> Kind:
    """How values of a type are read; nothing is read where the type does not say it."""
    info = msgspec.inspect.type_info(annotation)
    options = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    known = (_BY_TYPE[type(option)] for option in options if type(option) in _BY_TYPE)
    return next(known, ("nothing", lambda _: None))
