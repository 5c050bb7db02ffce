"""Spoils JSON answers: one to three things in each, at every place in turn, the same for the same seed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import msgspec

Path = tuple[str | int, ...]

_MARK = "\ue000verbatim\ue001"
VERBATIM = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "-0", "-0.0", "1e-400"),
    *("9223372036854775808", "-9223372036854775809", "1" + "0" * 40, "9" * 5000),
    *('"\\ud800"', '"\\u0000"', '"\\u001b]0;x\\u0007"', '"\\u202e"', '"\\/\\b\\f\\n\\r\\t"'),
    *("[" * 1500 + "]" * 1500, '{"a":' * 600 + "1" + "}" * 600),
    *("True", "None", "undefined", "0x10", "01", "+1", "1.", ".5", "'x'", ""),
)
"""What Python's own writer would not write; some of it is no JSON."""
PLAIN: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 87, 99, 100, 101, 10**15, 2**53 + 1, 2**63 - 1),
    *(0.0, 0.5, 1.0, 87.0, 87.5, 1e300, -1e300, 1e-300, 9.3e12),
    *(
        "",
        " ",
        "0",
        "0.24",
        "true",
        "null",
        "yes",
        "é",
        "e\u0301",
        "\u202egnp",
        "\x1b[2J",
        "a\x00b",
    ),
    *("x" * 3000, "😀" * 60, "..", "../me", "a/b?c#d", "%2e%2e", "\ufeff", "ＦＵＬＬ"),
    *(
        "verified",
        "scrape_failed",
        "couldnt_verify",
        "Scrape_Failed",
        "scrape_failed ",
        "needs_look",
    ),
    *("manually_confirmed", "finalized", "in_review", "tiktok", "TikTok", "facebook"),
    *("2026-06-02T12:00:00Z", "2026-06-02T12:00:00", "2026-06-02", "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "2026-06-02T24:00:00Z", "1780000000"),
    *("2026-06-02T12:00:00+02:00", "2026-W23-2T12:00:00Z", "20260602T120000Z"),
    *([], {}, [None], [1, 2], ["scrape_failed"], {"value": 1}, {"id": "x"}, [[[]]], {"": {}}),
)
"""Values of every JSON type, good ones for other fields among them."""


def places(value: Any, at: Path = ()) -> list[Path]:
    """Every place in a JSON value, the whole included."""
    found = [at]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += places(inner, (*at, index))
    return found


class Whole:
    """An answer as it should be: its bytes, and every place in it."""

    def __init__(self, value: Any) -> None:
        self.body = json.dumps(value).encode()
        self.places = places(value)


def mutate(chance: Random, answer: Whole, place: Path) -> bytes:
    """Spoil an answer at `place`, and now and then elsewhere too, or its very bytes."""
    work = _Work(msgspec.json.decode(answer.body), answer.places)
    spots = [place]
    while chance.random() < 0.25 and len(spots) < 3:
        spots.append(chance.choice(answer.places))
    for spot in spots:
        if work.has(spot):
            chance.choice(WAYS)(chance, work, spot)
    body = work.written()
    return _spoil_bytes(chance, body) if chance.random() < 0.03 else body


class _Work:
    """An answer that is being spoiled; `verbatim` are texts that stand in it as they are."""

    def __init__(self, value: Any, spots: list[Path]) -> None:
        self.root = {"root": value}
        self.spots = spots
        self.verbatim: list[str] = []

    def has(self, place: Path) -> bool:
        """Whether the place is still there."""
        try:
            holder, key = self.holder(place)
            return isinstance(holder, dict | list) and holder[key] is not self
        except (LookupError, TypeError):
            return False

    def get(self, place: Path) -> Any:
        """What stands at a place."""
        holder, key = self.holder(place)
        return holder[key]

    def holder(self, place: Path) -> tuple[Any, Any]:
        """What holds the place, and under which key."""
        holder: Any = self.root
        path: Path = ("root", *place)
        for key in path[:-1]:
            holder = holder[key]
        return holder, path[-1]

    def put(self, place: Path, value: Any) -> None:
        """Let something else stand there."""
        holder, key = self.holder(place)
        holder[key] = value

    def as_is(self, text: str) -> str:
        """A place-holder for a text that is to stand there as it is."""
        self.verbatim.append(text)
        return f"{_MARK}{len(self.verbatim) - 1};"

    def written(self) -> bytes:
        """The answer as bytes."""
        text = json.dumps(self.root["root"], ensure_ascii=False)
        for number, verbatim in enumerate(self.verbatim):
            text = text.replace(f'"{_MARK}{number};"', verbatim)
        return text.encode("utf-8", "surrogatepass")


def _drop(chance: Random, work: _Work, place: Path) -> None:
    if place:
        holder, key = work.holder(place)
        del holder[key]
    else:
        work.put(place, None)


def _null(chance: Random, work: _Work, place: Path) -> None:
    work.put(place, None)


def _retype(chance: Random, work: _Work, place: Path) -> None:
    work.put(place, copy.deepcopy(chance.choice(PLAIN)))


def _verbatim(chance: Random, work: _Work, place: Path) -> None:
    work.put(place, work.as_is(chance.choice(VERBATIM)))


def _wrap(chance: Random, work: _Work, place: Path) -> None:
    old = work.get(place)
    work.put(place, chance.choice(([old], {"value": old}, [old, old], str(old))))


def _swap(chance: Random, work: _Work, place: Path) -> None:
    other = chance.choice(work.spots)
    if place[: len(other)] == other or other[: len(place)] == place or not work.has(other):
        return
    mine, theirs = work.get(place), work.get(other)
    work.put(place, theirs)
    work.put(other, mine)


def _rename(chance: Random, work: _Work, place: Path) -> None:
    holder, key = work.holder(place)
    if place and isinstance(holder, dict):
        holder[chance.choice((str(key).upper(), f"{key}_v2", f" {key}", f"{key}\x00"))] = (
            holder.pop(key)
        )


def _double_key(chance: Random, work: _Work, place: Path) -> None:
    """The same key twice in one object, with another value the second time."""
    holder, key = work.holder(place)
    if place and isinstance(holder, dict):
        first = json.dumps(chance.choice(PLAIN), ensure_ascii=True)
        again = json.dumps(holder[key], ensure_ascii=True)
        if chance.random() < 0.5:
            first, again = again, first
        if _MARK not in first + again:
            holder[key] = work.as_is(f"{first}, {json.dumps(key)}: {again}")


def _add(chance: Random, work: _Work, place: Path) -> None:
    """Something that nobody has told us of."""
    here = work.get(place)
    value = copy.deepcopy(chance.choice(PLAIN))
    if isinstance(here, dict):
        here[chance.choice(("mood", "v2", "", "id ", "Status", "x" * 300, "\x1b[31m"))] = value
    elif isinstance(here, list):
        here.insert(chance.randrange(len(here) + 1), value)


def _repeat(chance: Random, work: _Work, place: Path) -> None:
    here = work.get(place)
    if isinstance(here, list):
        here.extend(copy.deepcopy(here) * chance.randint(1, 3))
    elif isinstance(here, str):
        work.put(place, here * 2)


def _shuffle(chance: Random, work: _Work, place: Path) -> None:
    here = work.get(place)
    if isinstance(here, list):
        chance.shuffle(here)
    elif isinstance(here, dict):
        keys = list(here)
        values = [here[key] for key in keys]
        chance.shuffle(values)
        here.update(zip(keys, values, strict=True))


def _nudge(chance: Random, work: _Work, place: Path) -> None:
    here = work.get(place)
    match here:
        case bool():
            work.put(place, not here)
        case int() | float():
            work.put(place, here + chance.choice((-1, 1, 0.5, 1e6)))
        case str() if here:
            at = chance.randrange(len(here))
            work.put(place, here[:at] + chance.choice("0aZ \x00\u200b😀") + here[at + 1 :])


Way = Callable[[Random, _Work, Path], None]
WAYS: tuple[Way, ...] = (
    *(_drop, _null, _retype, _retype, _retype, _verbatim, _verbatim, _wrap, _swap),
    *(_rename, _double_key, _add, _repeat, _shuffle, _nudge),
)


def _spoil_bytes(chance: Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    match chance.randrange(4):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        case 2:
            return (
                body[:at] + chance.choice((b"\xff", b"\xed\xa0\x80", b"\x00", b"\xc0")) + body[at:]
            )
        case _:
            return chance.choice((b"\xef\xbb\xbf", b" ", b"\n\n", b")]}',\n")) + body
