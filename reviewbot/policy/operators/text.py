"""What lies inside: `contains`, `starts with`, `ends with` on texts, `contains` on lists of names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from reviewbot.domain.text import safe_line
from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.model import FactTest, Lists, Value
from reviewbot.policy.operators.operator import ANY_TEXT, TEXTS, Argument, Operator, read_exactly
from reviewbot.policy.operators.phrases import second_test
from reviewbot.policy.source import Emitted, Pool, three_valued, three_way
from reviewbot.policy.text_forms import fold, nfc
from reviewbot.policy.values import Misread, read_choice

Kind = Literal["contains", "starts with", "ends with"]
_VERBS: dict[Kind, str] = {
    "contains": "contain",
    "starts with": "start with",
    "ends with": "end with",
}
_HOLDS: dict[Kind, Callable[[str, str], bool]] = {
    "contains": str.__contains__,
    "starts with": str.startswith,
    "ends with": str.endswith,
}
_SOURCES: dict[Kind, str] = {
    "contains": "{1} in {0}",
    "starts with": "{0}.startswith({1})",
    "ends with": "{0}.endswith({1})",
}


class TextTest(FactTest, frozen=True, kw_only=True):
    """`contains`, `starts with`, `ends with`."""

    kind: Kind
    text: str
    exact: bool = False
    negated: bool = False

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        if value is None:
            return None
        form = nfc if self.exact else fold
        wanted, text = form(self.text), form(value)
        return _HOLDS[self.kind](text, wanted) is not self.negated

    def emit(self, fact: Fact, pool: Pool, lists: Lists) -> Emitted:
        form = nfc if self.exact else fold
        local, word = pool.fact(fact, form), pool.constant(form(self.text))
        return three_valued(local, _SOURCES[self.kind].format(local, word), self.negated)

    def describe(self, words: Callable[[Value], str]) -> str:
        verb = f"does not {_VERBS[self.kind]}" if self.negated else self.kind
        exact = " (letter by letter)" if self.exact else ""
        return f'{verb} "{safe_line(self.text)}"{exact}'


class Has(FactTest, frozen=True, kw_only=True):
    """`contains NAME` on a fact that is a list of names (`profile.differs: contains username`)."""

    member: str
    negated: bool = False

    def matches(self, value: Any, lists: Lists, now: datetime | None = None) -> bool | None:
        return None if value is None else (self.member in value) is not self.negated

    def emit(self, fact: Fact, pool: Pool, lists: Lists) -> Emitted:
        names, name = pool.fact(fact), pool.constant(self.member)
        if not fact.doubtful:
            return three_valued(names, f"{name} in {names}", self.negated)
        # One name may be in doubt while the others are not.
        unclear = f"{names} is None or {name} in f.{fact.doubtful}"
        held = pool.local(f"None if {unclear} else {name} in {names}", names)
        return three_way(held, self.negated)

    def describe(self, words: Callable[[Value], str]) -> str:
        return f"{'do not include' if self.negated else 'include'} {self.member}"


def _looks_inside(kind: Kind, takes: frozenset[FactType], meaning: str, example: str) -> Operator:
    def parse(asked: Argument) -> FactTest:
        fact = asked.fact
        if fact.type is FactType.NAMES:
            member = read_choice(asked.rest, asked.at, fact.values, "field")
            return Has(member=member, negated=asked.negated)
        text, exact = read_exactly(asked.rest, asked.at)
        if not exact and (words := _several_or_quoted(text)) is not None:
            at = asked.at + text.index(words)
            message = f"all of  {text}  would be looked for as one text"
            cure = f"if that is meant write  {kind} exactly {text}"
            raise Misread("P112", message, at, at + len(words), cure=cure)
        return TextTest(kind=kind, text=text, exact=exact, negated=asked.negated)

    return Operator(kind, takes, parse, meaning, example, negatable=True, behind=ANY_TEXT)


def _several_or_quoted(text: str) -> str | None:
    """What makes a text look like several, or quotes that would belong to it."""
    if len(text) > 1 and text[0] in "\"'`“„»«‘‚*[" and text[-1] in "\"'`”“«»’‘*]":
        return text[0]
    if text.casefold().startswith(("any of ", "one of ", "either ")):
        return text.split(" ")[0]
    if second := second_test(text):
        return second
    return next(
        (joint.strip() for joint in (" or ", " oder ", ", ", " | ", "||") if joint in text), None
    )


WORDS = (
    _looks_inside(
        "contains",
        TEXTS | {FactType.NAMES},
        "holds the text, in any letter case; a list of names holds the name",
        "contains promo",
    ),
    _looks_inside(
        "starts with", TEXTS, "begins with the text, in any letter case", "starts with @"
    ),
    _looks_inside("ends with", TEXTS, "ends with the text, in any letter case", "ends with !"),
)
