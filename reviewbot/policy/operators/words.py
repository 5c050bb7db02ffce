"""Every word of a test, and what is nearly one: its meaning is in doubt, so it is refused."""

from __future__ import annotations

from typing import NoReturn

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.operators.known import KNOWN, UNKNOWN
from reviewbot.policy.operators.named import IN_LIST, MATCHES_PATTERN
from reviewbot.policy.operators.operator import Operator
from reviewbot.policy.operators.range import (
    AFTER,
    AT_LEAST,
    AT_MOST,
    BEFORE,
    BETWEEN,
    LESS_THAN,
    MORE_THAN,
)
from reviewbot.policy.operators.text import CONTAINS, ENDS_WITH, STARTS_WITH
from reviewbot.policy.text_forms import did_you_mean
from reviewbot.policy.values import Misread

OPERATORS: tuple[Operator, ...] = (
    *(AT_LEAST, AT_MOST, MORE_THAN, LESS_THAN, BETWEEN, BEFORE, AFTER),
    *(CONTAINS, STARTS_WITH, ENDS_WITH, MATCHES_PATTERN, IN_LIST, KNOWN, UNKNOWN),
)
"""Every test of a value, apart from plain values and lists of them."""


def operator_of(text: str) -> Operator | None:
    """Find the operator whose words a text begins with."""
    return next((operator for operator in OPERATORS if operator.begins(text)), None)


_SIGNS = {
    ">=": "at least",
    "<=": "at most",
    "=>": "at least",
    "=<": "at most",
    "≥": "at least",
    "≤": "at most",
    "!=": "not",
    "<>": "not",
    "==": "",
    ">": "more than",
    "<": "less than",
    "=": "",
}
_SYNONYMS = {
    "greater than": "more than",
    "higher than": "more than",
    "above": "more than",
    "over": "more than",
    "fewer than": "less than",
    "lower than": "less than",
    "below": "less than",
    "under": "less than",
    "minimum": "at least",
    "min": "at least",
    "maximum": "at most",
    "max": "at most",
    "up to": "at most",
    "older than": "more than",
    "younger than": "less than",
    "equals": "",
    "equal to": "",
    "is not": "not",
    "is": "",
    "includes": "contains",
    "include": "contains",
    "contain": "contains",
    "start with": "starts with",
    "begins with": "starts with",
    "end with": "ends with",
    "matches": "matches pattern",
    "match pattern": "matches pattern",
    "in": "in list",
    "not in": "not in list",
    "one of": "",
    "since": "after",
    "until": "before",
    "atleast": "at least",
    "atmost": "at most",
    "al least": "at least",
}
_HALF_WORDS = {
    "matches": "matches pattern NAME",
    "start with": "starts with TEXT",
    "end with": "ends with TEXT",
    "not in": "not in list NAME",
}
"""Where a text begins like this, it is a test with a word too few."""

_EMPTY_WORDS = ("null", "none", "nil", "empty", "missing", "~", "undefined", "n/a", '""', "set")


def refuse_near_words(text: str, fact: Fact, at: int) -> None:
    """Refuse a plain value that was probably meant as a test: its meaning is in doubt."""

    def refuse(message: str, until: int, **cures: str | None) -> NoReturn:
        raise Misread("P112", message, at, at + until, **cures)

    is_text = fact.type is FactType.TEXT
    itself = f"for the text itself write  exactly {text}"
    folded = text.casefold()
    if not is_text:
        for sign, right in _SIGNS.items():
            if text.startswith(sign):
                written = f"{right} {text[len(sign) :].strip()}".strip()
                refuse(
                    f"comparisons are words: {sign} is not one",
                    len(text),
                    under=f"write  {written}",
                    replacement=written,
                )
    for operator in OPERATORS:
        words = operator.words
        if operator.begins(folded):
            refuse(
                f"tests are written in small letters: {words}",
                len(words),
                under=f"write  {words}{text[len(words) :]}",
                cure=itself if is_text else None,
                replacement=None if is_text else words,
            )
    if is_text:
        for wrong, right in _HALF_WORDS.items():
            if text.startswith(f"{wrong} "):
                message = f'"{text}" looks like a test of values and is none'
                refuse(message, len(wrong), under=f"write  {right}", cure=itself)
        return
    for wrong, right in _SYNONYMS.items():
        if folded.startswith(f"{wrong} "):
            written = f"{right} {text[len(wrong) :].strip()}".strip()
            refuse(
                f'"{wrong}" is not a test of values',
                len(wrong),
                under=f"write  {written}",
                replacement=right or None,
            )
    if folded in _EMPTY_WORDS and folded not in fact.values:
        message = f'"{text}" is no value; a fact without a value is  unknown'
        refuse(message, len(text), under="write  unknown", replacement="unknown")
    _refuse_mistyped_words(text, at)


def _refuse_mistyped_words(text: str, at: int) -> None:
    words = text.split(" ")
    for operator in OPERATORS:
        length = operator.words.count(" ") + 1
        start = " ".join(words[:length])
        if len(words) > length and did_you_mean(start, (operator.words,)):
            raise Misread(
                "P112",
                f'there is no test "{start}"',
                at,
                at + len(start),
                under=f"did you mean  {operator.words}  ?",
                replacement=operator.words,
            )
