"""Every word of a test, and what is nearly one: its meaning is in doubt, so it is refused."""

from __future__ import annotations

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.notations import plain
from reviewbot.policy.operators.known import WORDS as OF_THE_UNKNOWN
from reviewbot.policy.operators.named import WORDS as OF_NAMES
from reviewbot.policy.operators.operator import Operator
from reviewbot.policy.operators.phrases import (
    COMPARISONS,
    IN_HOURS,
    IS,
    NOT,
    begins,
    is_nothing,
    swallowed,
)
from reviewbot.policy.operators.range import WORDS as OF_RANGES
from reviewbot.policy.operators.text import WORDS as OF_TEXTS
from reviewbot.policy.text_forms import only_cure
from reviewbot.policy.values import Misread

OPERATORS: tuple[Operator, ...] = (*OF_RANGES, *OF_TEXTS, *OF_NAMES, *OF_THE_UNKNOWN)
"""Every test of a value, apart from plain values and lists of them."""

_BY_FIRST_WORD: dict[str, list[Operator]] = {}
for _operator in OPERATORS:
    _BY_FIRST_WORD.setdefault(_operator.words.partition(" ")[0], []).append(_operator)


def operator_of(text: str) -> Operator | None:
    """Find the operator whose words a text begins with."""
    likely = _BY_FIRST_WORD.get(text.partition(" ")[0], ())
    return next((operator for operator in likely if operator.begins(text)), None)


def refuse_near_words(text: str, fact: Fact, at: int) -> None:
    """Refuse a plain value that was probably meant as a test: its meaning is in doubt."""
    if text == "exactly" or text.startswith("exactly "):
        return
    is_text = fact.type is FactType.TEXT
    if text in fact.values or (text[:1].isdigit() and not is_text):
        return
    itself = f"for the text itself write  exactly {text}" if is_text else None
    folded = text.casefold()
    if (operator := operator_of(folded)) is not None:
        words = operator.words
        raise Misread(
            "P112",
            f"tests are written in small letters: {words}",
            at,
            at + len(words),
            under=f"write  {words}{text[len(words) :]}",
            cure=itself,
            replacement=None if is_text else words,
        )
    if is_nothing(text) and folded not in fact.values:
        message = f'"{text}" is no value; a fact without a value is  unknown'
        raise Misread("P112", message, at, at + len(text), write="unknown", cure=itself)
    if not is_text:
        _refuse_other_words(text, fact, at)
    elif odd := swallowed(plain(text)):
        message = f'"{text}" looks like a test of values and is none: all of it would be one text'
        start = at + max(0, folded.find(odd.casefold()))
        raise Misread("P112", message, start, start + len(odd), cure=itself)
    elif well_spelt(text) != text:
        message = f'"{text}" is nearly a test of values: all of it would be one text'
        raise Misread("P112", message, at, at + len(text), cure=itself)


def _refuse_other_words(text: str, fact: Fact, at: int) -> None:
    """Refuse what begins with the words or signs of another tool."""
    hours = (IN_HOURS,) if fact.type is FactType.MOMENT else ()
    for phrases in (*hours, COMPARISONS, NOT, IS):
        found = begins(text, phrases)
        if found is None or text.casefold() in fact.values:
            continue
        wrong, end = found[1], len(text)
        message = f"comparisons are words: {wrong} is not one"
        if wrong[0].isalpha():
            message, end = f'"{wrong}" is not a test of values', len(wrong)
        raise Misread("P112", message, at, at + end)


_OF_TEXTS = ("contains", "starts with", "ends with", "matches pattern")


def well_spelt(text: str) -> str:
    """A test of a text whose words are nearly those of the language, with those."""
    words = text.split(" ")
    for operator in _OF_TEXTS:
        length = operator.count(" ") + 1
        if len(words) > length and only_cure(" ".join(words[:length]), (operator,)):
            return " ".join((operator, *words[length:]))
    return text
