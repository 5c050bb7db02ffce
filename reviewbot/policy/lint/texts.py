"""Classes of texts: which of the tests of one text hold together.

Texts that the policy names (values, list entries) are tried as they stand. All other texts are
classed by the tests that look inside them; a class that would contradict itself is left out, one
for which no text was found is kept but not `sure`, so that nothing is claimed because of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain, islice, permutations, product
from unicodedata import normalize

import msgspec

from reviewbot.policy.lint.circuits import FALSE, TRUE, Cell, may_come_to, truth_of
from reviewbot.policy.model import FactTest, Lists, Pattern
from reviewbot.policy.operators import InList, IsKnown, Matches, OneOf, TextTest
from reviewbot.policy.text_forms import fold, nfc

MOST_CLASSED = 6
"""Tests that look inside a text, of which all combinations are classed."""
MOST_ASKED = 600_000
"""Answers of tests about texts that are worked out where there are more tests than can be classed."""
MOST_TRIED = 200
"""Texts that are tried for one class."""
_MOST_FOLDED = 4
"""Characters at most that one becomes when it is folded and taken apart (U+1F82, for one)."""

Truths = tuple[int, ...]
"""What each test may come to."""
Look = tuple[str, str, bool]
"""A test that looks inside a text, without its `not`: kind, text or pattern, exact."""


class TextClasses:
    """All texts, classed by the tests that a policy makes of one fact."""

    def __init__(
        self, tests: Sequence[FactTest], lists: Lists, patterns: dict[str, Pattern], typical: str
    ) -> None:
        self._tests = tests
        self._lists = lists
        self._patterns = patterns
        self._typical = typical
        self._named = tuple(dict.fromkeys(self._named_texts()))
        self._looks = tuple(
            dict.fromkeys(_look(test) for test in tests if isinstance(test, TextTest | Matches))
        )
        self._rows: dict[Truths, Cell] = {}

    def rows(self) -> list[tuple[Cell, Truths]]:
        """A cell for each class and what each test may come to in it; the typical text first."""
        for text in (self._typical, *self._named):
            self._add_named(text)
        for truths in self._other_spellings():
            if truths not in self._rows:
                self._rows[truths] = Cell(value=self._typical, low=0, sure=False)
        free = self._sampled if len(self._looks) > MOST_CLASSED else self._combined
        for truths, found in free():
            known = self._rows.get(truths)
            if known is None or (found is not None and not known.sure):
                value = self._typical if found is None else found
                self._rows[truths] = Cell(value=value, low=0, sure=found is not None)
            else:  # there may be texts of any length beside the named ones
                self._rows[truths] = msgspec.structs.replace(known, low=0, high=None)
        return [(cell, truths) for truths, cell in self._rows.items()]

    def _ask(self, text: str) -> Truths:
        return tuple([may_come_to(test, text, self._lists) for test in self._tests])

    def _add_named(self, text: str) -> None:
        low, high = spelled_lengths(text)
        truths = self._ask(text)
        known = self._rows.get(truths, Cell(value=text, low=low, high=high))
        assert known.low is not None
        assert known.high is not None
        self._rows[truths] = msgspec.structs.replace(
            known, low=min(known.low, low), high=max(known.high, high)
        )

    def _named_texts(self) -> Iterator[str]:
        """Every text that a test names in full, and the plain spellings of it."""
        for test in self._tests:
            if isinstance(test, OneOf):
                for text in map(str, test.values):
                    yield from (text, text.lower(), text.upper())
            elif isinstance(test, InList):
                yield from sorted(self._lists.entries[test.list])

    def _other_spellings(self) -> Iterator[Truths]:
        """What may hold of further spellings of the named texts, where a test minds the spelling."""
        minds = [_minds_spelling(test) for test in self._tests]
        for text in dict.fromkeys(map(fold, self._named)) if any(minds) else ():
            yield tuple(
                TRUE | FALSE if mind else may_come_to(test, text, self._lists)
                for test, mind in zip(self._tests, minds, strict=True)
            )

    def _combined(self) -> Iterator[tuple[Truths, str | None]]:
        """Every class that does not contradict itself, with a text where one was found."""
        for chosen in product((False, True), repeat=len(self._looks)):
            holds = dict(zip(self._looks, chosen, strict=True))
            if _contradicts_itself(holds):
                continue
            truths = tuple(_unnamed(test, holds) for test in self._tests)
            held = [look for look in self._looks if holds[look]]
            tried = islice(_texts_with(held, self._patterns, self._typical), MOST_TRIED)
            yield truths, next((text for text in tried if self._ask(text) == truths), None)

    def _sampled(self) -> Iterator[tuple[Truths, str | None]]:
        """Texts for each look and for pairs of them, beside a class of which nothing is known."""
        yield tuple(_unnamed(test, {}) for test in self._tests), None
        names = set(map(fold, self._named))
        most = max(2 * len(self._looks), MOST_ASKED // len(self._tests))
        for held in islice(self._samples(), most):
            text = next(_texts_with(held, self._patterns, self._typical), self._typical)
            if fold(text) not in names:
                yield self._ask(text), text

    def _samples(self) -> Iterator[Sequence[Look]]:
        """Each look, then pairs of them: those far apart first, as they are of different rules."""
        yield from ((look,) for look in self._looks)
        count = len(self._looks)
        for apart in (*range(count // 2, 0, -1), *range(count // 2 + 1, count)):
            yield from zip(self._looks, self._looks[apart:], strict=False)


def spelled_lengths(text: str) -> tuple[int, int]:
    """The lengths of all texts that are the same once their case and their accents are folded.

    Folding makes `ß` two letters; taken apart, an accent is a character of its own.
    """
    apart = len(normalize("NFD", fold(text)))
    return -(-apart // _MOST_FOLDED), apart


def texts_like(
    known: str,
    answers: Iterable[tuple[FactTest, int]],
    patterns: dict[str, Pattern],
    low: int,
    high: float | None,
) -> Iterator[str]:
    """Texts of a length from `low` to `high` that may give the same answers as `known` does."""
    held = dict.fromkeys(
        _look(test)
        for test, mask in answers
        if isinstance(test, TextTest | Matches) and mask == truth_of(not test.negated)
    )
    bases = (known, normalize("NFD", known), fold(known), known.upper(), "", "0", "x")
    for text in islice(chain(bases, _texts_with(list(held), patterns, known)), MOST_TRIED):
        missing = low - len(text)
        if len(text) > (math.inf if high is None else high):
            continue
        if missing <= 0:
            yield text
            continue
        for filler in ("x", "0", "_"):
            more = filler * missing
            yield from (f"{text}{more}", f"{more}{text}")
            yield from (f"{text[:at]}{more}{text[at:]}" for at in range(1, min(len(text), 60)))


def _look(test: TextTest | Matches) -> Look:
    if isinstance(test, Matches):
        return ("matches", test.pattern, False)
    return (test.kind, nfc(test.text) if test.exact else fold(test.text), test.exact)


def _minds_spelling(test: FactTest) -> bool:
    if isinstance(test, OneOf):
        return any(test.exact)
    return isinstance(test, Matches) or (isinstance(test, TextTest) and test.exact)


def _unnamed(test: FactTest, holds: dict[Look, bool]) -> int:
    """What a test may come to for a text that no test names, of which these looks hold."""
    match test:
        case IsKnown(known=known):
            return truth_of(known)
        case OneOf(negated=negated) | InList(negated=negated):
            return truth_of(negated)
        case TextTest() | Matches():
            held = holds.get(_look(test))
            return TRUE | FALSE if held is None else truth_of(held is not test.negated)
    raise AssertionError(test)


def _contradicts_itself(holds: dict[Look, bool]) -> bool:
    held = [look for look, met in holds.items() if met and look[0] != "matches"]
    missed = [look for look, met in holds.items() if not met and look[0] != "matches"]
    return any(_implies(a, b) for a in held for b in missed) or any(
        _exclude(a, b) for a in held for b in held
    )


def _implies(a: Look, b: Look) -> bool:
    """Whether every text that meets `a` meets `b`."""
    (kind_a, text_a, exact_a), (kind_b, text_b, exact_b) = a, b
    if exact_b and not exact_a:
        return False
    if exact_a and not exact_b:
        if not _folds_alone(text_a):
            return False
        text_a = fold(text_a)
    if kind_b == "contains":
        return text_b in text_a
    if kind_a != kind_b:
        return False
    return text_a.startswith(text_b) if kind_b == "starts with" else text_a.endswith(text_b)


def _exclude(a: Look, b: Look) -> bool:
    """Whether no text meets both: two beginnings, or two ends, of which none goes on as the other."""
    (kind_a, text_a, exact_a), (kind_b, text_b, exact_b) = a, b
    if kind_a != kind_b or kind_a == "contains":
        return False
    if exact_a is not exact_b:
        if not _folds_alone(text_a if exact_a else text_b):
            return False
        text_a, text_b = fold(text_a), fold(text_b)
    text_a, text_b = sorted((text_a, text_b), key=len)
    starts = kind_a == "starts with"
    return not (text_b.startswith(text_a) if starts else text_b.endswith(text_a))


def _folds_alone(text: str) -> bool:
    """Whether a text is folded in the same way wherever it stands.

    Elsewhere folding may join its end to what follows: `J` and a caron are two letters, `ǰ` is one.
    """
    return text.isascii() and not text[-1:].isupper()


def _texts_with(held: Sequence[Look], patterns: dict[str, Pattern], typical: str) -> Iterator[str]:
    """Texts that may meet all of `held`: the parts laid over each other, then side by side."""
    if not held:
        yield from (typical, "lorem ipsum", "0", "x", "")
    starts = max((t for kind, t, _ in held if kind == "starts with"), key=len, default="")
    ends = max((t for kind, t, _ in held if kind == "ends with"), key=len, default="")
    inside = [t for kind, t, _ in held if kind == "contains"]
    examples = [patterns[name].matches[:3] for kind, name, _ in held if kind == "matches"]
    for chosen in product(*examples):
        yield from chosen
        for middle in islice(permutations((*inside, *chosen)), 6):
            parts = [part for part in (starts, *middle, ends) if part]
            yield reduce(_overlaid, parts, "")
            for glue in (" ", "", " x ", "1"):
                yield glue.join(parts)
            if parts:
                yield f"so {' '.join(parts)} it is"
        yield starts + "x" + ends
    if starts or inside:
        yield starts + "".join(inside) + "x" + ends


def _overlaid(first: str, second: str) -> str:
    """The shortest text that begins with the one and ends with the other."""
    shared = next(
        n for n in range(min(len(first), len(second)), -1, -1) if first.endswith(second[:n])
    )
    return first + second[shared:]
