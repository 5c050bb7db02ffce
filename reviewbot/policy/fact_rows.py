"""One row of the catalogue: a fact with its type, its range and one sentence, and how rows are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import Any, Literal

import msgspec


class FactType(StrEnum):
    """What kind of value a fact has, in the words that messages use."""

    COUNT = "a whole number"
    SCORE = "a number"
    MONEY = "an amount of money"
    SHARE = "a share"
    DURATION = "a length of time"
    MOMENT = "a moment"
    TEXT = "a text"
    CHOICE = "one of"
    YES_NO = "yes or no"
    NAMES = "a list of names"


Source = Literal["row", "evidence", "history", "account", "directory", "total", "fleet", "clock"]
"""What must be at hand: the listed thing itself, evidence fetched on demand, our log's memory of
the thing, of its account, or of all, the API's list of accounts or its count of one account's
finalized tasks; `clock` needs the row and the time."""

_SOURCES: dict[str, Source] = {
    "last": "evidence",
    "checks": "evidence",
    "account": "account",
    "fleet": "fleet",
}


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. `low`, `high` and `longest` (characters) bound it where the API states a bound.

    What the API sends is kept as it comes, also beyond these. `sure` are the ends that no value can
    pass, because we count it ourselves; only they may be called impossible.

    `values` is the closed list of a choice or of the names a list may hold. `with_attempt` marks
    attempt fields that are known as soon as there is an attempt, so that a test on a neighbour
    proves them known.
    """

    name: str
    type: FactType
    sentence: str
    example: str
    paths: tuple[str, ...]
    """Where it stands on `Facts`, or what it is worked out from; `attempt.…` is the attempt's own."""
    work: Callable[..., Any] | None = None
    """How it is worked out from what stands at `paths`."""
    read: Callable[[Any], Any]
    """What it is for the facts of a review, or for an attempt; None where that is unknown."""
    source: Source = "row"
    low: float | None = None
    high: float | None = None
    longest: int | None = None
    sure: tuple[float | None, float | None] = (None, None)
    values: tuple[str, ...] = ()
    nullable: bool = True
    with_attempt: bool = False
    internal: bool = False
    """Whether it means something to us alone: an id, a score, a tag."""
    doubtful: str = ""
    """For a list of names: where those stand of which nobody can tell whether they belong."""


Row = Callable[[str], Fact]
"""A fact that waits for its name."""


def _fact(
    kind: FactType,
    sentence: str,
    example: str,
    *,
    of: str | tuple[Any, ...] = "",
    values: tuple[str, ...] = (),
    source: Source | None = None,
    low: float | None = None,
    high: float | None = None,
    longest: int | None = None,
    ours: bool = False,
    nullable: bool = True,
    with_attempt: bool = False,
    internal: bool = False,
    doubtful: str = "",
) -> Row:
    """A row stands at its name, or is `of` another path or a function with its paths.

    What is `ours` is counted by us, so that it cannot lie outside its range.
    """

    def named(name: str) -> Fact:
        own = name if "." in name else f"attempt.{name}"
        work, *paths = of if isinstance(of, tuple) else (None, of or own)
        return Fact(
            name=name,
            type=kind,
            sentence=sentence,
            example=example,
            paths=tuple(paths),
            work=work,
            read=reader(paths, work, values if kind is FactType.CHOICE else ()),
            source=source or _SOURCES.get(name.partition(".")[0], "row"),
            low=low,
            high=high,
            longest=longest,
            sure=(float(low or 0), 1.0 if kind is FactType.SHARE else None)
            if ours
            else (None, None),
            values=values,
            nullable=nullable,
            with_attempt=with_attempt,
            internal=internal,
            doubtful=doubtful,
        )

    return named


def reader(
    paths: Sequence[str], work: Callable[..., Any] | None, values: tuple[str, ...]
) -> Callable[[Any], Any]:
    """Make the function that reads a fact from what stands at some paths."""
    read: Callable[[Any], Any] = attrgetter(*(path.removeprefix("attempt.") for path in paths))
    if work is not None:
        single = len(paths) == 1
        return lambda facts: work(read(facts)) if single else work(*read(facts))
    if values:
        return lambda facts: value if (value := read(facts)) in values else None
    return read


count = partial(_fact, FactType.COUNT)
tally = partial(_fact, FactType.COUNT, low=0, ours=True)
score = partial(_fact, FactType.SCORE)
money = partial(_fact, FactType.MONEY)
share = partial(_fact, FactType.SHARE)
duration = partial(_fact, FactType.DURATION)
moment = partial(_fact, FactType.MOMENT)
text = partial(_fact, FactType.TEXT)
choice = partial(_fact, FactType.CHOICE)
yes_no = partial(_fact, FactType.YES_NO)
names = partial(_fact, FactType.NAMES)
