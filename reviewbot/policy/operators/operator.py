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

    def refused(
        self,
        code: str,
        message: str,
        *,
        under: str | None = None,
        cure: str | None = None,
        replacement: str | None = None,
    ) -> Misread:
        """The whole argument is at fault."""
        end = self.at + len(self.rest)
        return Misread(code, message, self.at, end, under=under, cure=cure, replacement=replacement)

    def number(self, text: str, at: int) -> int | float:
        """Read one number of the fact's type."""
        value = read_literal(text, self.fact, self.zone, at)
        if isinstance(value, str | bool | datetime | Day):
            raise Misread("P101", f'"{text}" is not a number', at, at + len(text))
        return value


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """One word, or a few, that a test begins with."""

    words: str
    takes: frozenset[FactType]
    """The types of fact that it can be asked of."""
    parse: Callable[[Argument], FactTest]
    """Raises `Misread`."""
    negatable: bool = False
    opposite: str | None = None
    """The words that say its negation, where `not` cannot."""
    behind: str = "{value}"
    """What follows, for an editor; `{value}` is a plain value of the fact."""
    meaning: str
    example: str

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


def read_literal(text: str, fact: Fact, zone: ZoneInfo, at: int = 0) -> Value | Day:
    """Read one plain value of a fact's type, as tests and lists write it."""
    match fact.type:
        case FactType.COUNT:
            return read_count(text, at)
        case FactType.SCORE:
            return read_score(text, at)
        case FactType.MONEY:
            return read_money(text, at)
        case FactType.SHARE:
            return read_share(text, at)
        case FactType.DURATION:
            return read_duration(text, at)
        case FactType.MOMENT:
            return read_when(text, at, zone)
        case FactType.YES_NO:
            return read_yes_no(text, at)
        case FactType.CHOICE | FactType.NAMES:
            return read_choice(text, at, fact.values)
        case FactType.TEXT:
            return text


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
