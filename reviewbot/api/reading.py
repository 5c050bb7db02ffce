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

from reviewbot.api.drift import Drift
from reviewbot.domain.moments import parse_iso

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


class Unreadable(ValueError):
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
        raise Unreadable(f"not JSON ({type(error).__name__})") from None


# One field ----------------------------------------------------------------------------------

Reader = tuple[str, Callable[[Json], Any]]
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


_A_MOMENT: Reader = ("a moment with a zone", moment)
_A_WHOLE: Reader = ("a whole number", whole)
_READERS: dict[type, Reader] = {
    str: ("a text", text),
    float: ("a number", number),
    int: _A_WHOLE,
    bool: ("yes or no", yes_no),
    datetime: _A_MOMENT,
}


def _reader_of(annotation: Any) -> Reader:
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
