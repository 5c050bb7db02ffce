"""What each word of a test is: the object in which all that reviewbot knows of the word stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.model import FactTest, Value
from reviewbot.policy.values import (
    Day,
    Misread,
    read_choice,
    read_count,
    read_duration,
    read_money,
    read_score,
    read_share,
    read_when,
    read_yes_no,
)

NUMBERS = frozenset(
    {FactType.COUNT, FactType.SCORE, FactType.MONEY, FactType.SHARE, FactType.DURATION}
)
TEXTS = frozenset({FactType.TEXT, FactType.CHOICE})
MOMENTS = frozenset({FactType.MOMENT})

ANY_TEXT = r"\S.*"
"""What an editor takes behind a word that takes any text."""


class Argument(msgspec.Struct, frozen=True):
    """What a test is read from: the words behind its operator, for a fact in the policy's zone."""

    fact: Fact
    zone: ZoneInfo
    rest: str
    at: int
    """Where `rest` begins in the whole text."""
    negated: bool = False

    def refused(self, code: str, message: str, **cures: str | None) -> Misread:
        """The whole argument is at fault."""
        return Misread(code, message, self.at, self.at + len(self.rest), **cures)

    def number(self, text: str, at: int) -> int | float:
        """Read one number of the fact's type."""
        value = read_literal(text, self.fact, self.zone, at)
        if isinstance(value, str | bool | datetime | Day):
            raise Misread("P101", f'"{text}" is not a number', at, at + len(text))
        return value


class Operator(msgspec.Struct, frozen=True):
    """One word, or a few, that a test begins with."""

    words: str
    takes: frozenset[FactType]
    """The types of fact that it can be asked of."""
    parse: Callable[[Argument], FactTest]
    """Raises `Misread`."""
    meaning: str
    example: str
    negatable: bool = False
    opposite: str | None = None
    """The words that say its negation, where `not` cannot."""
    behind: str = "{value}"
    """What follows, for an editor; `{value}` is a plain value of the fact."""

    def begins(self, text: str) -> bool:
        """Whether a text begins with these words."""
        if not self.behind:
            return text == self.words
        return text == self.words or text.startswith(f"{self.words} ")

    def schema(self, fact: Fact, value: str) -> str:
        """A regular expression of the whole test, where `value` is that of a plain value."""
        behind = value if fact.type is FactType.NAMES else self.behind.format(value=value)
        shown = f"{self.words} {behind}" if self.behind else self.words
        return f"(not )?{shown}" if self.negatable else shown


_READERS: dict[FactType, Callable[[str, int], Value]] = {
    FactType.COUNT: read_count,
    FactType.SCORE: read_score,
    FactType.MONEY: read_money,
    FactType.SHARE: read_share,
    FactType.DURATION: read_duration,
    FactType.YES_NO: read_yes_no,
    FactType.TEXT: lambda text, _: text,
}


def read_literal(text: str, fact: Fact, zone: ZoneInfo, at: int = 0) -> Value | Day:
    """Read one plain value of a fact's type, as tests and lists write it."""
    if fact.type is FactType.MOMENT:
        return read_when(text, at, zone)
    if fact.type in (FactType.CHOICE, FactType.NAMES):
        return read_choice(text, at, fact.values)
    return _READERS[fact.type](text, at)


def read_exactly(text: str, at: int) -> tuple[str, bool]:
    """Read a text, and whether it says that letter case counts."""
    if text == "exactly":
        raise Misread(
            "P111", "nothing stands behind  exactly", at, at + 7, cure="write the text behind it"
        )
    if text.startswith("exactly "):
        return text[8:].lstrip(" "), True
    return text, False


def either(parts: list[str]) -> str:
    """`either a, or b`; one part stands for itself."""
    return f"either {', or '.join(parts)}" if len(parts) > 1 else "".join(parts)
