"""Which condition decided that a rule did, or did not, match; and how to say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from reviewbot.domain.moments import format_moment
from reviewbot.policy.assemble import doubtful_names, reader
from reviewbot.policy.facts import Facts
from reviewbot.policy.fields import ATTEMPT_FACTS, CATALOGUE, Fact, FactType
from reviewbot.policy.model import AllOf, AnyOf, Checks, Compare, InList, NoneOf, Policy
from reviewbot.policy.texts import plain_format
from reviewbot.policy.trace import ConditionResult, Outcome, RuleResult


def deciding(result: RuleResult) -> ConditionResult | None:
    """The one condition for which a rule did not match; None where it did match."""
    return _first_bad(result.parts)


def met_leaves(parts: Iterable[ConditionResult]) -> Iterator[ConditionResult]:
    """The lines that made a rule match: every line of a mapping, of alternatives those that held."""
    for part in parts:
        match part.condition:
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
        case AllOf() | AnyOf():
            return _first_bad(result.parts) or result
        case NoneOf():
            guilty = [part for part in result.parts if part.outcome is not Outcome.NOT_MET]
            leaves = list(met_leaves(guilty))
            return leaves[0] if len(leaves) == 1 else result
    return result


class Speaker:
    """Says conditions and facts of one policy in words."""

    def __init__(self, policy: Policy) -> None:
        self._facts: Mapping[str, Fact] = CATALOGUE[policy.applies_to.review]
        self._zone = ZoneInfo(policy.timezone)

    def value(self, name: str, facts: Facts) -> str:
        """What a fact is, as a text; `unknown` where it is."""
        fact = self._facts[name]
        said = self.said(name, reader(fact)(facts))
        doubtful = doubtful_names(fact)(facts) if fact.doubtful else ()
        return f"{said}; in doubt: {', '.join(doubtful)}" if doubtful else said

    def said(self, name: str, value: Any) -> str:
        """A value of a fact as a text."""
        if value is None:
            return "unknown"
        fact = self._facts.get(name) or ATTEMPT_FACTS[name]
        if fact.type is FactType.MOMENT:
            return format_moment(value, self._zone.key)
        return plain_format(fact, self._zone)(value) if value != () else "none"

    def why(self, result: ConditionResult, facts: Facts) -> str:
        """Why a condition was not met: `line 31 between 1 and 98 was not met by 99`."""
        condition = result.condition
        if isinstance(condition, Compare):
            place = f"line {condition.test_span.line} `{condition.text}`"
            value = self.value(condition.fact, facts)
            if result.outcome is Outcome.CANNOT_TELL:
                return f"{place} could not be answered: {condition.fact} is {value}"
            met = "was met" if result.outcome is Outcome.MET else "was not met"
            return f"{place} {met} by {value}"
        return f"{self.place(result)} {_was(result.outcome)}"

    def place(self, result: ConditionResult) -> str:
        """Where a condition without a value of its own stands."""
        match result.condition:
            case Checks(quantifier=quantifier, span=span):
                return f"line {span.line} `{quantifier} check`"
            case NoneOf(span=span):
                return f"line {span.line} `none of`"
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
