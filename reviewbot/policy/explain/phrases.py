"""Conditions, moments and texts as plain English, by fixed forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from reviewbot.domain.text import format_moment, safe_line
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, FactType
from reviewbot.policy.engine.templates import Text, plain_format
from reviewbot.policy.engine.trace import ConditionResult, Outcome, RuleResult
from reviewbot.policy.facts import Facts
from reviewbot.policy.locales import language_of
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    BeforeDeadline,
    Compare,
    Condition,
    EachAttempt,
    FactTest,
    FromConfirmed,
    Moment,
    Named,
    NoneOf,
    Placeholder,
    Policy,
    Template,
    Unless,
    WhenOpens,
)
from reviewbot.policy.operators import InList, IsKnown, OneOf
from reviewbot.policy.operators.operator import either

_ATTEMPTS = {
    "any": "on at least one of the checker's tries of this round, ",
    "every": "there are tries of the checker in this round and on each of them ",
    "no": "on none of the checker's tries of this round (or without any), ",
}

_LAST = "; on its last try of this round"
_ROWS = files("reviewbot.policy.explain").joinpath("nouns.txt").read_text("utf-8").splitlines()
_NOUNS = dict(row.split(": ", 1) for row in _ROWS)
"""Facts as the subject of a sentence, where the catalogue's question makes none, and what the API calls by a code."""
_OPENED = {"comments": "the confirmation", "accounts": "the first sight in review"}


class Prose:
    """The parts of one policy as English clauses."""

    def __init__(self, policy: Policy, example: Facts | None = None) -> None:
        self._facts = CATALOGUE[policy.applies_to.review]
        self._zone = ZoneInfo(policy.timezone)
        self._locale = policy.locale
        self._opened = _OPENED[policy.applies_to.review]
        self._example = example

    def condition(self, condition: Condition, *, attempt: bool = False) -> str:
        """A condition as a clause."""
        if isinstance(condition, Compare):
            fact = (ATTEMPT_FACTS if attempt else self._facts)[condition.fact]
            return self._line(fact, condition.test)
        if isinstance(condition, EachAttempt):
            return _ATTEMPTS[condition.quantifier] + self.condition(
                condition.condition, attempt=True
            )
        match condition:
            case AnyOf(parts=parts):
                return either([self._alternative(part, attempt) for part in parts])
            case NoneOf(parts=parts):
                return f"it is certain that {_none([self._alternative(part, attempt) for part in parts])}"
            case Named(name=name):
                return f'"{name}" holds'
        return self.meaning(condition, attempt=attempt)

    def meaning(self, whole: AllOf, *, attempt: bool = False) -> str:
        """What must hold together, as a clause, also where the whole has a name."""
        return ", and ".join(self.condition(part, attempt=attempt) for part in whole.parts)

    def _alternative(self, part: AllOf, attempt: bool) -> str:
        words = self.condition(part, attempt=attempt)
        return f"({words})" if len(part.parts) > 1 and not isinstance(part, Named) else words

    def unless(self, unless: Unless) -> str:
        """What keeps a rule from matching, as a clause."""
        return either([self._alternative(part, attempt=False) for part in unless.parts])

    def moment(self, moment: Moment) -> str:
        """A moment of a wait, a reminder or the deadline."""
        match moment:
            case FromConfirmed(seconds=seconds):
                return f"{length(seconds)} after {self._opened}"
            case BeforeDeadline(seconds=seconds):
                return f"{length(seconds)} before the deadline"
            case WhenOpens(hours=hours):
                return f'the hours "{hours}" open'
        return f"{moment.at.astimezone(self._zone):%Y-%m-%d %H:%M}"

    def text(self, template: Template) -> str:
        """A text in quotes on one line: with the example's values, or with its facts in braces."""
        if self._example is not None:
            filled = Text(template, self._facts, self._zone).show(self._example)
            return f"“{safe_line(filled)}”"
        parts = (_place(p) if isinstance(p, Placeholder) else p for p in template.parts)
        return f"“{safe_line(''.join(parts))}”"

    def language(self, template: Template) -> str:
        """In which language a text is, where that is not the policy's own."""
        return "" if template.locale == self._locale else f" in {language_of(template.locale)}"

    def _line(self, fact: Fact, test: FactTest) -> str:
        subject = _subject(fact)
        if isinstance(test, IsKnown):
            return f"{subject} is {'known' if test.known else 'not known'}"
        if fact.type is FactType.YES_NO and isinstance(test, OneOf) and len(test.values) == 1:
            holds = bool(test.values[0]) is not test.negated
            return f"{'' if holds else 'it is not so that '}{subject.removeprefix('whether ')}"
        return f"{subject} {test.describe(lambda value: self._value(fact, value))}"

    def _value(self, fact: Fact, value: Any) -> str:
        if isinstance(value, str) and fact.type is FactType.TEXT:
            return f'"{safe_line(value)}"'
        if fact.type is FactType.CHOICE:
            return prose_value(value)
        if fact.type is FactType.DURATION:
            return length(value)
        return plain_format(fact, self._zone)(value)


def _place(place: Placeholder) -> str:
    form = "" if place.format == "plain" else f", {place.format}"
    return f"{{{place.fact}{form}{f' {place.first}' if place.first is not None else ''}}}"


def prose_value(code: str) -> str:
    """What the API calls by a code, as a reader would."""
    return _NOUNS.get(f"={code}", code)


def length(seconds: float) -> str:
    """1 day, 3 hours, 1 hour 30 minutes."""
    words, left = [], round(seconds)
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}{'s' * (count > 1)}")
    return " ".join(words) or "0 seconds"


def _subject(fact: Fact) -> str:
    """What a fact is, as a sentence about it begins."""
    last = fact.sentence.endswith(_LAST)
    own = fact.name.removeprefix("last.") if last else fact.name
    return (_NOUNS.get(own) or fact.sentence.split(";")[0]) + (" on its last try" if last else "")


def _none(parts: list[str]) -> str:
    if len(parts) == 1:
        return f"this does not hold ({parts[0]})"
    return f"none of this holds ({'; '.join(parts)})"


def deciding(result: RuleResult) -> ConditionResult | None:
    """The one condition for which a rule did not match; None where it did match."""
    return _first_bad(result.parts)


def met_leaves(parts: Iterable[ConditionResult]) -> Iterator[ConditionResult]:
    """The lines that made a rule match: every line of a mapping, of alternatives those that held."""
    for part in parts:
        match part.condition:
            case Named(name=name) if part.outcome is Outcome.MET:
                yield from (_of(name, leaf) for leaf in met_leaves(part.parts))
            case AllOf() | AnyOf() if part.outcome is Outcome.MET:
                yield from met_leaves(part.parts)
            case AllOf() | AnyOf():
                continue
            case _ if part.outcome is Outcome.MET:
                yield part


def _first_bad(parts: Iterable[ConditionResult]) -> ConditionResult | None:
    bad = [part for part in parts if part.outcome is not Outcome.MET]
    bad.sort(key=lambda part: part.outcome is not Outcome.NOT_MET)
    return _inmost(bad[0]) if bad else None


def _inmost(result: ConditionResult) -> ConditionResult:
    match result.condition:
        case Named(name=name):
            return _of(name, _first_bad(result.parts) or result)
        case AllOf() | AnyOf():
            return _first_bad(result.parts) or result
        case NoneOf():
            guilty = [part for part in result.parts if part.outcome is not Outcome.NOT_MET]
            leaves = list(met_leaves(guilty))
            return leaves[0] if len(leaves) == 1 else result
    return result


def _of(name: str, leaf: ConditionResult) -> ConditionResult:
    """A line with the name of the condition that it belongs to."""
    return replace(leaf, label=f"condition {name}")


class Wording:
    """Facts and conditions of one policy in words, for what decided a review."""

    def __init__(self, policy: Policy) -> None:
        self._facts = CATALOGUE[policy.applies_to.review]
        self._zone = ZoneInfo(policy.timezone)

    def fact(self, name: str) -> Fact:
        """A fact of the policy's reviews, or of one attempt."""
        return self._facts.get(name) or ATTEMPT_FACTS[name]

    def value(self, name: str, facts: Facts) -> str:
        """What a fact is, as a text; `unknown` where it is."""
        fact = self._facts[name]
        words = self.value_words(name, fact.read(facts))
        doubtful = getattr(facts, fact.doubtful) if fact.doubtful else ()
        return f"{words}; in doubt: {', '.join(doubtful)}" if doubtful else words

    def value_words(self, name: str, value: Any) -> str:
        """A value of a fact as a text; `unknown` for None."""
        if value is None:
            return "unknown"
        fact = self.fact(name)
        if fact.type is FactType.MOMENT:
            return format_moment(value, self._zone.key)
        return plain_format(fact, self._zone)(value) if value != () else "none"

    def why(self, result: ConditionResult, facts: Facts) -> str:
        """Why a condition was not met: `line 31 between 1 and 98 was not met by 99`."""
        condition = result.condition
        if isinstance(condition, Compare):
            of = f" of {result.label}" if result.label else ""
            place = f"line {condition.test_span.line} `{condition.text}`{of}"
            value = self.value(condition.fact, facts)
            if result.outcome is Outcome.CANNOT_TELL:
                return f"{place} could not be answered: {condition.fact} is {value}"
            met = "was met" if result.outcome is Outcome.MET else "was not met"
            return f"{place} {met} by {value}"
        return f"{self.place(result)} {_was(result.outcome)}"

    def place(self, result: ConditionResult) -> str:
        """Where a condition without a value of its own stands."""
        match result.condition:
            case EachAttempt(quantifier=quantifier, span=span):
                return f"line {span.line} `{quantifier} check`"
            case Unless(span=span):
                return f"line {span.line} `unless`"
            case NoneOf(span=span):
                return f"line {span.line} `none of`"
            case Named(span=span, name=name):
                return f"line {span.line} `condition: {name}`"
            case AnyOf(span=span) | AllOf(span=span):
                return f"the conditions on line {span.line}"
        return f"`{result.label}`"

    def short(self, result: ConditionResult, facts: Facts) -> str:
        """The same in few words: `last.comments_scraped is 87, needs 0`."""
        condition = result.condition
        if isinstance(condition, Compare):
            value = self.value(condition.fact, facts)
            if result.outcome is Outcome.CANNOT_TELL:
                return f"{condition.fact} is {value}"
            if isinstance(condition.test, InList) and not condition.test.negated:
                return f"{condition.fact} is not {condition.text}"
            return f"{condition.fact} is {value}, needs {condition.text}"
        return f"{self.place(result)} {_was(result.outcome)}"


def _was(outcome: Outcome) -> str:
    if outcome is Outcome.CANNOT_TELL:
        return "could not be answered"
    return f"was {outcome}"
