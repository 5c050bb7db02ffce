"""Names that a person mistyped: the nearest valid ones, and letters that only look right."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕԁһνοαеАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧɡıⅼ",
    "aeopcyxijsdhvoaeABEKMHOPCTXIJSABEZHIKMNOPTYXgil",
)
"""Cyrillic and Greek letters (and a few more) that a screen shows like Latin ones."""

_CLOSE = 0.72
_SURE = 0.84
_FOREIGN_LETTERS = 5
"""Words that differ in more letters are not compared any closer: it would cost time for nothing."""


def nearest(word: str, candidates: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Give the valid names most like `word`, best first; none when none is close."""
    wanted = _folded(word)
    ranked = []
    for candidate in dict.fromkeys(candidates):
        likeness = _likeness(wanted, _folded(candidate))
        if likeness >= _CLOSE:
            ranked.append((-likeness, candidate))
    ranked.sort()
    return tuple(candidate for _, candidate in ranked[:most])


def only_cure(word: str, candidates: Iterable[str]) -> str | None:
    """Give the one name that was certainly meant; None when none or several could be."""
    wanted = _folded(word)
    scored = sorted(
        ((_likeness(wanted, _folded(candidate)), candidate) for candidate in set(candidates)),
        reverse=True,
    )
    if not scored or scored[0][0] < _SURE:
        return None
    if len(scored) > 1 and scored[0][0] - scored[1][0] < 0.03:
        return None
    return scored[0][1]


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


@lru_cache(maxsize=2048)
def _folded(text: str) -> str:
    text = latin(text[:80]).casefold()
    return text.replace("_", " ").replace("-", " ").strip()


@lru_cache(maxsize=4096)
def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    likeness = 0.0
    if len(_letters(one) ^ _letters(other)) <= _FOREIGN_LETTERS:
        matcher = SequenceMatcher(None, one, other, autojunk=False)
        if matcher.real_quick_ratio() >= _CLOSE:
            likeness = matcher.ratio()
    tail = other.rpartition(".")[2]
    if one and tail == one.rpartition(".")[2]:
        likeness = max(likeness, 0.9)
    if one.replace(" ", "") == other.replace(" ", ""):
        likeness = max(likeness, 0.99)
    return likeness


@lru_cache(maxsize=1024)
def _letters(word: str) -> frozenset[str]:
    return frozenset(word)
