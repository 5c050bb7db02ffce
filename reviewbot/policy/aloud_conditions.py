"""Conditions, moments and texts as plain English, by fixed forms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from reviewbot.domain.safetext import safe_line
from reviewbot.policy.fields import ATTEMPT_FACTS, Fact, FactType
from reviewbot.policy.model import (
    AnyOf,
    BeforeDeadline,
    Checks,
    Compare,
    Condition,
    FromConfirmed,
    Has,
    InList,
    IsKnown,
    Matches,
    Moment,
    NoneOf,
    OneOf,
    Placeholder,
    Range,
    Template,
    Test,
    TextTest,
    WhenOpens,
)
from reviewbot.policy.texts import duration, plain_format

_ATTEMPTS = {
    "any": "on at least one of the checker's tries of this round, ",
    "every": "there are tries of the checker in this round and on each of them ",
    "no": "on none of the checker's tries of this round (or without any), ",
}
_LAST = "; on its last try of this round"


class Voice:
    """Says the parts of one policy: its catalogue of facts, its zone, its kind of review."""

    def __init__(self, facts: Mapping[str, Fact], timezone: str, opened: str) -> None:
        """Take the catalogue, the zone, and what opens the window (`the confirmation`)."""
        self._facts = facts
        self._zone = ZoneInfo(timezone)
        self._opened = opened

    def condition(self, condition: Condition, *, attempt: bool = False) -> str:
        """Say a condition as a clause."""
        if isinstance(condition, Compare):
            fact = (ATTEMPT_FACTS if attempt else self._facts)[condition.fact]
            return self._line(fact, condition.test)
        if isinstance(condition, Checks):
            return _ATTEMPTS[condition.quantifier] + self.condition(
                condition.condition, attempt=True
            )
        parts = [self.condition(part, attempt=attempt) for part in condition.parts]
        if isinstance(condition, AnyOf):
            return _either(parts)
        if isinstance(condition, NoneOf):
            return f"it is certain that not ({_either(parts)})"
        return ", and ".join(parts)

    def moment(self, moment: Moment) -> str:
        """Say a moment."""
        if isinstance(moment, FromConfirmed):
            return f"{duration(moment.seconds)} after {self._opened}"
        if isinstance(moment, BeforeDeadline):
            return f"{duration(moment.seconds)} before the deadline"
        if isinstance(moment, WhenOpens):
            return f'the hours "{moment.hours}" open'
        return f"{moment.at.astimezone(self._zone):%Y-%m-%d %H:%M}"

    def text(self, template: Template) -> str:
        """Quote a text, with its facts in braces, on one line."""
        parts = (_place(p) if isinstance(p, Placeholder) else p for p in template.parts)
        return f"“{safe_line(''.join(parts))}”"

    def _line(self, fact: Fact, test: Test) -> str:
        subject = _subject(fact)
        if isinstance(test, IsKnown):
            return f"it is {'known' if test.known else 'not known'} {_asked(subject)}"
        if fact.type is FactType.YES_NO and isinstance(test, OneOf) and len(test.values) == 1:
            holds = bool(test.values[0]) is not test.negated
            return f"it is {'so' if holds else 'not so'} that {subject.removeprefix('whether ')}"
        return f"{subject} {self._test(fact, test)}"

    def _test(self, fact: Fact, test: Test) -> str:
        match test:
            case OneOf():
                values = [self._value(fact, value) for value in test.values]
                exact = " (letter by letter)" if any(test.exact) else ""
                return f"is {'not ' if test.negated else ''}{_either(values)}{exact}"
            case Range():
                return f"is {self._range(fact, test)}"
            case TextTest():
                verb = {"contains": "contain", "starts with": "start with", "ends with": "end with"}
                said = f"does not {verb[test.kind]}" if test.negated else test.kind
                exact = " (letter by letter)" if test.exact else ""
                return f'{said} "{safe_line(test.text)}"{exact}'
            case Matches():
                return (
                    f"{'does not match' if test.negated else 'matches'} the pattern {test.pattern}"
                )
            case InList():
                return f"is {'not ' if test.negated else ''}on the list {test.list}"
            case Has():
                return f"{'do not include' if test.negated else 'include'} {test.member}"
        raise AssertionError(test)

    def _range(self, fact: Fact, test: Range) -> str:
        low = None if test.low is None else self._value(fact, test.low)
        high = None if test.high is None else self._value(fact, test.high)
        if low is not None and high is not None:
            ends = "" if test.high_included else ", the end not included"
            return f"between {low} and {high}{ends}"
        if isinstance(test.low, datetime) or isinstance(test.high, datetime):
            return f"before {high}" if low is None else f"after {low}"
        if low is not None:
            return f"{'at least' if test.low_included else 'more than'} {low}"
        return f"{'at most' if test.high_included else 'less than'} {high}"

    def _value(self, fact: Fact, value: Any) -> str:
        if isinstance(value, str) and fact.type is FactType.TEXT:
            return f'"{safe_line(value)}"'
        return plain_format(fact, self._zone)(value)


def _place(place: Placeholder) -> str:
    form = "" if place.format == "plain" else f", {place.format}"
    return f"{{{place.fact}{form}{f' {place.first}' if place.first is not None else ''}}}"


def _subject(fact: Fact) -> str:
    """What a fact is, without the explanations behind its semicolon."""
    last = fact.sentence.endswith(_LAST)
    return fact.sentence.split(";")[0] + (" on its last try" if last else "")


def _asked(subject: str) -> str:
    return (
        subject
        if subject.startswith(
            ("how ", "when ", "whether ", "what ", "who ", "which ", "until ", "why ", "where ")
        )
        else f"what is {subject}"
    )


def _either(parts: list[str]) -> str:
    return f"either {', or '.join(parts)}" if len(parts) > 1 else "".join(parts)
