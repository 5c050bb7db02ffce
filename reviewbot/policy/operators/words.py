"""Every word of a test, and what is nearly one: its meaning is in doubt, so it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.operators.known import WORDS as OF_THE_UNKNOWN
from reviewbot.policy.operators.named import WORDS as OF_NAMES
from reviewbot.policy.operators.operator import Operator
from reviewbot.policy.operators.range import WORDS as OF_RANGES
from reviewbot.policy.operators.text import WORDS as OF_TEXTS
from reviewbot.policy.text_forms import did_you_mean
from reviewbot.policy.values import Misread

OPERATORS: tuple[Operator, ...] = (*OF_RANGES, *OF_TEXTS, *OF_NAMES, *OF_THE_UNKNOWN)
"""Every test of a value, apart from plain values and lists of them."""


def operator_of(text: str) -> Operator | None:
    """Find the operator whose words a text begins with."""
    return next((operator for operator in OPERATORS if operator.begins(text)), None)


_SIGNS = {
    "at least": (">=", "=>", "≥"),
    "at most": ("<=", "=<", "≤"),
    "not": ("!=", "<>"),
    "more than": (">",),
    "less than": ("<",),
    "": ("==", "="),
}
_SYNONYMS = {
    "more than": ("greater than", "higher than", "above", "over", "older than"),
    "less than": ("fewer than", "lower than", "below", "under", "younger than"),
    "at least": ("minimum", "min", "atleast", "al least"),
    "at most": ("maximum", "max", "up to", "atmost"),
    "not": ("is not",),
    "": ("equals", "equal to", "is", "one of"),
    "contains": ("includes", "include", "contain"),
    "starts with": ("start with", "begins with"),
    "ends with": ("end with",),
    "matches pattern": ("matches", "match pattern"),
    "in list": ("in",),
    "not in list": ("not in",),
    "in hours": ("during", "within"),
    "after": ("since",),
    "before": ("until",),
}
"""By what was probably meant, what people write."""

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
        right, sign = _meant(text, _SIGNS)
        if sign:
            written = f"{right} {text[len(sign) :].strip()}".strip()
            refuse(f"comparisons are words: {sign} is not one", len(text), write=written)
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
    right, wrong = _meant(folded, _SYNONYMS, " ")
    if fact.type is FactType.MOMENT:
        right = right.replace("in list", "in hours")
    if wrong:
        refuse(
            f'"{wrong}" is not a test of values',
            len(wrong),
            under=f"write  {f'{right} {text[len(wrong) :].strip()}'.strip()}",
            replacement=right or None,
        )
    if folded in _EMPTY_WORDS and folded not in fact.values:
        message = f'"{text}" is no value; a fact without a value is  unknown'
        refuse(message, len(text), write="unknown")
    _refuse_mistyped_words(text, at)


def _meant(text: str, words: Mapping[str, tuple[str, ...]], behind: str = "") -> tuple[str, str]:
    """What a text's first word was meant for, and that word; twice nothing where it is none of these."""
    pairs = ((right, wrong) for right, wrongs in words.items() for wrong in wrongs)
    return next((pair for pair in pairs if text.startswith(pair[1] + behind)), ("", ""))


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
