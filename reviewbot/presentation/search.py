"""Which of many passages fit a question best, as people at the desk ask it.

Theory of operation. A question and the passages become stems (`weekends` is `weekend`, `paid` is
`pay`). A stem counts by how few passages have it, and more in a heading than in running text; a word
that means much the same here counts half, the nearest known word in place of a mistyped one somewhat
more. A passage that answers more of the question stands before one that repeats a single word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from importlib.resources import files
from math import log
from typing import Generic, TypeVar

import msgspec

from reviewbot.policy.text_forms import fold, nearest

Item = TypeVar("Item")


class Searchable(msgspec.Struct, frozen=True):
    """What of a passage is searched: its heading, other words to ask for it, its names, its text."""

    title: str
    text: str = ""
    asked: str = ""
    names: tuple[str, ...] = ()


EXACT = 1_000.0
"""What a name or a heading that was given whole makes at least."""
_TITLE, _ASKED, _TEXT = 3.5, 3.0, 1.0
_ALIKE, _NEAR, _OPENING = 0.5, 0.7, 0.1
_SURE = 0.8
"""How alike a mistyped word and the one that was meant must be."""
_NOISE = files("reviewbot.presentation").joinpath("noise_words.txt").read_text("utf-8")
"""Words that say nothing of what is asked."""
_FORMS = files("reviewbot.presentation").joinpath("word_forms.txt").read_text("utf-8").splitlines()
_IRREGULAR = {form: row.split(": ")[0] for row in _FORMS for form in row.split(": ")[1].split()}
_SAME = files("reviewbot.presentation").joinpath("same_words.txt").read_text("utf-8").splitlines()
"""Words that people use for much the same thing here."""


def _stem(word: str) -> str:
    """Take off what a word's form adds: plural, tense, the ends of a verb or an adverb."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for end, put in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("ly", ""), ("s", "")):
        if word.endswith(end) and len(word) - len(end) >= 3 and not word.endswith(("ss", "us")):
            word = word.removesuffix(end) + put
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousl":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def stems(text: str) -> list[str]:
    """The stems of a text, in order; a name like `last.comments_scraped` is three."""
    return [_stem(word) for word in re.findall(r"[^\W_]+", fold(text))]


_GROUPS: dict[str, frozenset[str]] = {}
for _line in _SAME:
    _group = frozenset(stems(_line))
    for _word in _group:
        _GROUPS[_word] = _GROUPS.get(_word, frozenset()) | _group
_NOISE_STEMS = frozenset(stems(_NOISE))


class _Passage:
    """A passage's stems, and how much each of them counts in it."""

    def __init__(self, searchable: Searchable) -> None:
        self.names = {_plain(name) for name in (searchable.title, *searchable.names)}
        self.openings = tuple(fold(text).split() for text in (searchable.title, searchable.asked))
        self.weights: dict[str, float] = {}
        text = stems(searchable.text)
        for stem in text:
            self.weights[stem] = self.weights.get(stem, 0.0) + 1.0
        length = 1.0 + len(text) / 400
        for stem, times in self.weights.items():
            self.weights[stem] = _TEXT * times / (times + length)
        for words, weight in ((searchable.asked, _ASKED), (searchable.title, _TITLE)):
            for stem in set(stems(words)):
                self.weights[stem] = max(weight, self.weights.get(stem, 0.0))
        for name in searchable.names:
            for stem in set(stems(name)):
                self.weights[stem] = max(_TITLE, self.weights.get(stem, 0.0))


class SearchIndex(Generic[Item]):
    """Items made ready to be searched; `shown` says what of an item is."""

    def __init__(self, items: Iterable[Item], shown: Callable[[Item], Searchable]) -> None:
        self._passages = [(item, _Passage(shown(item))) for item in items]
        self._common: Counter[str] = Counter()
        for _, passage in self._passages:
            self._common.update(passage.weights.keys())

    def search(self, question: str) -> list[tuple[float, Item]]:
        """Give the items that fit a question, best first, each with how well it fits."""
        wanted = [_forms(stem, self._common) for stem in _asked(question)]
        found = []
        for item, passage in self._passages:
            score = _score(passage, wanted, self._common, len(self._passages))
            score *= _begun(passage, question)
            score += EXACT * (_plain(question) in passage.names)
            if score > 0:
                found.append((score, item))
        return sorted(found, key=lambda pair: -pair[0])


def _begun(passage: _Passage, question: str) -> float:
    """More where a passage begins with the words of the question: `how many`, `when`, `whether`."""
    words = fold(question).split()
    shared = max(
        next(
            (n for n, (a, b) in enumerate(zip(words, opening, strict=False)) if a != b),
            min(len(words), len(opening)),
        )
        for opening in passage.openings
    )
    return 1 + _OPENING * min(shared, 3)


def _plain(name: str) -> str:
    return " ".join(fold(name).strip(" :`\"'?").replace("_", " ").split())


def _asked(question: str) -> list[str]:
    """The stems that say what is asked; all of them where each is noise."""
    words = list(dict.fromkeys(stems(question)))
    return [word for word in words if word not in _NOISE_STEMS] or words


def _forms(stem: str, common: Mapping[str, int]) -> list[tuple[str, float]]:
    """What may stand for a stem in a passage, and how much that counts."""
    forms = [(stem, 1.0)] if stem in common else []
    forms += [
        (other, _ALIKE)
        for other in sorted(_GROUPS.get(stem, frozenset()) - {stem})
        if other in common
    ]
    if not forms and len(stem) > 3:
        near = nearest(stem, common, most=1)
        forms = [(other, _NEAR) for other in near if _alike(stem, other) >= _SURE]
    return forms


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _score(
    passage: _Passage,
    wanted: Sequence[Sequence[tuple[str, float]]],
    common: Mapping[str, int],
    total: int,
) -> float:
    """The sum over what is asked, by the share of the question that is met at all."""
    score, met, whole = 0.0, 0.0, 0.0
    for forms in wanted:
        if not forms:
            continue
        rarity = max(log(1 + total / common[form]) for form, _ in forms[:1])
        whole += rarity
        best = max((passage.weights.get(form, 0.0) * share for form, share in forms), default=0.0)
        score += rarity * best
        met += rarity * min(1.0, best)
    return score * met / whole if whole else 0.0
