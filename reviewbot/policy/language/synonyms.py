"""Other words for the language's own: by what they mean, in English and German, and the program's phrases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files

from reviewbot.policy.text_forms import fold

Words = Mapping[str, tuple[str, ...]]
"""Folded words, and the names that they may stand for, the likeliest first."""


def meaning(word: str, words: Words, allowed: Iterable[str]) -> str | None:
    """Find the allowed name that a word stands for by its meaning."""
    folded = " ".join(fold(word).replace("_", " ").replace("-", " ").strip(" .:;,!?…").split())
    names = tuple(allowed)
    spelled = folded.replace("ae", "ä").replace("oe", "ö").replace("ue", "ü")
    found = words.get(folded) or words.get(spelled, ())
    return next((name for name in found if name in names), None)


_TURNING = "not no never don't dont nicht kein nie without ohne or and"


def meaning_inside(text: str, words: Words, allowed: Iterable[str]) -> str | None:
    """Find the allowed name that some words of a sentence stand for; None where they are in doubt."""
    spaced = f" {fold(text).strip(' .!?')} "
    if set(_TURNING.split()) & set(spaced.split()):
        return None
    names = tuple(allowed)
    found = {
        meaning(word, words, names) for word in words if len(word) > 2 and f" {word} " in spaced
    }
    return found.pop() if len(found) == 1 else None


def _table(heading: str) -> Words:
    """Read the rows below a heading of `words.txt`: `name: other words, …`."""
    found: dict[str, tuple[str, ...]] = {}
    text = files("reviewbot.policy.language").joinpath("words.txt").read_text("utf-8")
    for row in text.partition(f"[{heading}]\n")[2].partition("\n\n")[0].strip().split("\n"):
        name, _, words = row.rpartition(": ")
        for word in words.split(", "):
            found[fold(word)] = (*found.get(fold(word), ()), name)
    return found


ACTIONS, KEYS = _table("actions"), _table("keys")
FACTS, VALUES, PERIODS = _table("facts"), _table("values"), _table("periods")
ZONES = _table("zones")

OF_OTHERS = _table("others")
"""What is said of keys that rules have in other tools and need not here."""


def is_otherwise(key: str) -> bool:
    """Whether a key begins the last case, also by another word for it."""
    return key == "otherwise" or meaning(key, KEYS, ("otherwise",)) is not None
