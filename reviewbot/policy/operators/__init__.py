"""The tests of values: how each is read, what it means, how it is said.

A line's value is read by the words at its start; without any it is a plain value, which the fact
must equal.
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo

from reviewbot.policy.catalog import Fact, FactType, described
from reviewbot.policy.model import FactTest
from reviewbot.policy.operators.equals import OneOf, parse_equals, read_listed
from reviewbot.policy.operators.known import IsKnown
from reviewbot.policy.operators.named import InHours, InList, Matches
from reviewbot.policy.operators.operator import NUMBERS, Argument, Operator, read_literal
from reviewbot.policy.operators.range import Range
from reviewbot.policy.operators.text import Has, TextTest
from reviewbot.policy.operators.words import OPERATORS, operator_of, refuse_near_words
from reviewbot.policy.text_forms import listed
from reviewbot.policy.values import Misread

__all__ = [
    "Has",
    "InHours",
    "InList",
    "IsKnown",
    "MOMENT_WORDS",
    "Matches",
    "OPERATORS",
    "OneOf",
    "Operator",
    "Range",
    "TextTest",
    "operator_of",
    "read_listed",
    "read_literal",
    "read_test",
]

LONGEST_TEST = 4000


@lru_cache(
    maxsize=2048
)  # while somebody types nearly every line is as it was: benchmarks/checker.py
def read_test(text: str, fact: Fact, zone: ZoneInfo, at: int = 0) -> FactTest:
    """Read the test that a line's value is. Raises `Misread` with the words at fault."""
    if len(text) > LONGEST_TEST:
        message = f"a test of values has at most {LONGEST_TEST:,} characters"
        raise Misread("P111", message, 0, len(text), cure="move long lists to  lists:")
    negated = _is_negated(text)
    rest = text
    if negated:
        rest = text[3:].lstrip(" ")
        at += len(text) - len(rest)
        if not rest:
            message = "nothing stands behind  not"
            raise Misread("P111", message, at - 3, at, cure="write a value, or delete the line")
        if _is_negated(rest):
            raise Misread("P110", "not  stands twice", at, at + 3, cure="delete both")
    whole = Argument(fact, zone, rest, at, negated)
    operator = operator_of(rest)
    if operator is None:
        refuse_near_words(rest, fact, at)
        return parse_equals(whole)
    return operator.parse(_argument(operator, whole))


def _is_negated(text: str) -> bool:
    return text == "not" or text.startswith("not ")


def _argument(operator: Operator, whole: Argument) -> Argument:
    """What stands behind the words, once they may stand there."""
    words = operator.words
    rest = whole.rest[len(words) :].lstrip(" ")
    if whole.fact.type not in operator.takes:
        raise _not_for(operator, whole)
    if whole.negated and not operator.negatable:
        raise _no_not(operator, whole)
    if not rest and operator.behind:
        message = f"nothing stands behind  {words}"
        cure = f"write it as  {operator.example}"
        raise Misread("P111", message, whole.at, whole.at + len(words), cure=cure)
    at = whole.at + len(whole.rest) - len(rest)
    return Argument(whole.fact, whole.zone, rest, at, whole.negated)


MOMENT_WORDS = {
    "at least": "after",
    "more than": "after",
    "at most": "before",
    "less than": "before",
}
"""What a comparison of numbers means of moments."""

_MEANT_OF_NUMBERS = {"before": "less than", "after": "more than"}


def _not_for(operator: Operator, whole: Argument) -> Misread:
    fact, words = whole.fact, operator.words
    under = None
    if fact.type is FactType.MOMENT and words in MOMENT_WORDS:
        under = f"did you mean  {MOMENT_WORDS[words]}  ?"
    elif fact.type in NUMBERS and words in _MEANT_OF_NUMBERS:
        under = f"did you mean  {_MEANT_OF_NUMBERS[words]}  ?"
    elif fact.type is FactType.TEXT:
        under = f"for the text itself write  exactly {whole.rest}"
    takes = [other.words for other in OPERATORS if fact.type in other.takes]
    message = f"{words}  cannot be asked of {fact.name}, which is {described(fact)}"
    cure = f"it takes a plain value, {listed(takes)}"
    return Misread("P109", message, whole.at, whole.at + len(words), under=under, cure=cure)


def _no_not(operator: Operator, whole: Argument) -> Misread:
    words, at = operator.words, whole.at
    message = f"not  cannot stand before  {words}"
    if operator.opposite is None:
        cure = f"write  none of:  and below it  - {whole.fact.name}: {whole.rest}"
        return Misread("P110", message, at, at + len(words), cure=cure)
    written = operator.opposite + whole.rest[len(words) :]
    under = f"write  {written}"
    return Misread("P110", message, at - 4, at + len(whole.rest), under=under, replacement=written)
