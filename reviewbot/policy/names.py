"""Names that a person mistyped: the nearest valid ones, and letters that only look right."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕԁһνοαеАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧɡıⅼ",
    "aeopcyxijsdhvoaeABEKMHOPCTXIJSABEZHIKMNOPTYXgil",
)
"""Cyrillic and Greek letters (and a few more) that a screen shows like Latin ones."""

_CLOSE = 0.72
_SURE = 0.84
_FOREIGN_LETTERS = 5
"""Words that differ in more letters are not compared any closer."""
_LONGEST = 80
"""Letters of a word that are looked at."""


def nearest(word: str, candidates: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Give the valid names most like `word`, best first; none when none is close."""
    return tuple(candidate for _, candidate in _close(word[:_LONGEST], tuple(candidates))[:most])


def only_cure(word: str, candidates: Iterable[str]) -> str | None:
    """Give the one name that was certainly meant; None when none or several could be."""
    close = _close(word[:_LONGEST], tuple(candidates))
    if not close or close[0][0] < _SURE:
        return None
    if len(close) > 1 and close[0][0] - close[1][0] < 0.03:
        return None
    return close[0][1]


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """Say the nearest valid names as a question; None when none is close."""
    near = nearest(word, candidates)
    if not near:
        return None
    return f"did you mean  {'  or  '.join(near)}  ?"


def listed(words: Iterable[str], last: str = "or") -> str:
    """Write `a, b or c`."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def latin(text: str) -> str:
    """Replace letters that only look like Latin ones, and full-width ones, by the Latin ones."""
    return unicodedata.normalize("NFKC", text).translate(_LOOK_ALIKES)


def odd_letter(text: str) -> str | None:
    """Find the first letter that only looks like a Latin one in a text that is otherwise Latin."""
    if text.isascii() or not any(char.isascii() and char.isalpha() for char in text):
        return None
    for char in text:
        if not char.isascii() and char.isalpha() and latin(char).isascii():
            return char
    return None


def letter_name(char: str) -> str:
    """Name a letter for a person, such as `Cyrillic small letter a`."""
    return unicodedata.name(char, f"U+{ord(char):04X}").capitalize()


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a list, a pattern, hours or a reason."""
    words = text.split(" ")
    return 0 < len(text) <= 80 and all(
        word and all(char.isalnum() or char in "_-" for char in word) for word in words
    )


@lru_cache(maxsize=256)
def _close(word: str, candidates: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
    """The candidates that are like `word`, each with how much, best first."""
    wanted = _word(word)
    scored = ((_likeness(wanted, _word(name)), name) for name in dict.fromkeys(candidates))
    return tuple(sorted((one for one in scored if one[0] >= _CLOSE), key=lambda s: (-s[0], s[1])))


class _Word(NamedTuple):
    """A name as it is compared: without what a person may well write otherwise."""

    text: str
    joined: str
    tail: str
    letters: frozenset[str]


@lru_cache(maxsize=2048)
def _word(name: str) -> _Word:
    text = latin(name[:_LONGEST]).casefold().replace("_", " ").replace("-", " ").strip()
    return _Word(text, text.replace(" ", ""), text.rpartition(".")[2], frozenset(text))


def _likeness(one: _Word, other: _Word) -> float:
    if one.text == other.text:
        return 1.0
    if one.joined == other.joined:
        return 0.99
    likeness = 0.9 if one.text and one.tail == other.tail else 0.0
    short, long = sorted((len(one.text), len(other.text)))
    # What the lengths and the letters forbid is not compared: it would cost time for nothing.
    if (
        2 * short >= _CLOSE * (short + long)
        and len(one.letters ^ other.letters) <= _FOREIGN_LETTERS
    ):
        matcher = SequenceMatcher(None, one.text, other.text, autojunk=False)
        likeness = max(likeness, matcher.ratio())
    return likeness
