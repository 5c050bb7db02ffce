"""All texts, sorted by what the tests of a policy say of them.

Texts that the policy names (values, list entries) are tried as they stand. All other texts are
classed by the tests that look inside them; a class that would contradict itself is left out, one
for which no text was found is kept but not `sure`, so that nothing is claimed because of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import reduce
from itertools import chain, islice, permutations, product
from unicodedata import normalize

from msgspec.structs import replace

from reviewbot.policy.lint.boxes import each_bit
from reviewbot.policy.lint.solver import Cell, Masks, bits, truth_of
from reviewbot.policy.lint.usual import CONFIRMED, WINDOW
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

Answers = tuple[int, int]
"""Which tests may be true and which may be false, as bits; what is neither is unknown."""
Look = tuple[str, str, bool]
"""A test that looks inside a text, without its `not`: kind, text or pattern, exact."""


class TextClasses:
    """All texts, classed by the tests that a policy makes of one fact."""

    def __init__(
        self, tests: Sequence[FactTest], lists: Lists, patterns: dict[str, Pattern], typical: str
    ) -> None:
        self._lists = lists
        self._patterns = patterns
        self._typical = typical
        self._every = (1 << len(tests)) - 1
        self._negated = bits(_is_negated(test) for test in tests)
        self._known = bits(isinstance(test, IsKnown) for test in tests)
        self._minds = bits(map(_minds_spelling, tests))
        self._folded: dict[str, int] = {}
        """By a folded text: the tests that name it."""
        self._exact: dict[str, int] = {}
        self._ending: dict[str, dict[str, int]] = {}
        """By a folded text: the lists that it is in for some days only, with their tests."""
        self._looks: dict[Look, int] = {}
        self._rows: dict[Answers, Cell] = {}
        self._named: dict[str, None] = {}
        """Every text that a test names in full."""
        for place, test in enumerate(tests):
            self._note(test, 1 << place)
        self._asked = [(_holds(look, lists), place) for look, place in self._looks.items()]
        self._fill()

    def _note(self, test: FactTest, bit: int) -> None:
        """Write down which texts a test names, or what it looks for."""
        match test:
            case OneOf(values=values, exact=exact):
                for value, spelled in zip(map(str, values), exact, strict=True):
                    named, form = (self._exact, nfc) if spelled else (self._folded, fold)
                    named[form(value)] = named.get(form(value), 0) | bit
                    self._named[value] = None
            case InList(list=name):
                for text, until in self._lists.entries[name].items():
                    if until is None:
                        self._folded[text] = self._folded.get(text, 0) | bit
                    else:
                        lists = self._ending.setdefault(text, {})
                        lists[name] = lists.get(name, 0) | bit
                    self._named[text] = None
            case TextTest() | Matches():
                self._looks[_look(test)] = self._looks.get(_look(test), 0) | bit
            case _:
                assert isinstance(test, IsKnown), test

    def cells(self) -> list[Cell]:
        """A cell for each class; that of the typical text first."""
        return list(self._rows.values())

    def masks(self) -> list[Masks]:
        """By test: the cells in which it may be true, false, unknown."""
        base, every = self._unnamed(0, 0), (1 << len(self._rows)) - 1
        columns = [
            [every * (base[0] >> place & 1), every * (base[1] >> place & 1)]
            for place in range(self._every.bit_length())
        ]
        for cell, answers in enumerate(self._rows):
            for which in (0, 1):
                for place in each_bit(answers[which] ^ base[which]):
                    columns[place][which] ^= 1 << cell
        return [(true, false, every & ~(true | false)) for true, false in columns]

    def _fill(self) -> None:
        """Find the classes: the named texts as they stand, then all others."""
        self._add_named(self._typical)
        for text in self._named:
            for spelled in (text, text.lower(), text.upper()) if self._minds else (text,):
                self._add_named(spelled)
        for text in dict.fromkeys(map(fold, self._named)) if self._minds else ():
            for (true, false), _ in self._in_time(text):  # what may hold of its further spellings
                row = true | self._minds, false | self._minds
                self._rows.setdefault(row, Cell(value=self._typical, low=0, sure=False))
        free = self._sampled if len(self._looks) > MOST_CLASSED else self._combined
        for answers, example in free():
            known = self._rows.get(answers)
            if known is None or (example is not None and not known.sure):
                value = self._typical if example is None else example
                self._rows[answers] = Cell(value=value, low=0, sure=example is not None)
            else:  # there may be texts of any length beside the named ones
                self._rows[answers] = replace(known, low=0, high=None)

    def _ask(self, text: str) -> Answers:
        folded = fold(text)
        named = self._folded.get(folded, 0) | self._exact.get(nfc(text), 0) | self._known
        unclear = 0
        for holds, places in self._asked:
            held = holds(text, folded)
            if held:
                named |= places
            elif held is None:
                unclear |= places
        true = (named ^ self._negated) & ~unclear
        some_days = sum(self._ending.get(folded, {}).values())
        return true | some_days, self._every & ~true & ~unclear | some_days

    def _in_time(self, text: str) -> Iterator[tuple[Answers, bool]]:
        """While an entry of a list counts, and once its last day is over: each is a class of its own.

        One of them is sure where it holds for as long as the usual review lasts.
        """
        true, false = self._ask(text)
        ends = self._ending.get(fold(text), {})
        some_days = sum(ends.values())
        for chosen in product((True, False), repeat=len(ends)):
            on = sum(tests for tests, counts in zip(ends.values(), chosen, strict=True) if counts)
            met = (on ^ self._negated) & some_days
            sure = all(
                self._lists.holds(name, text, at) is counts
                for name, counts in zip(ends, chosen, strict=True)
                for at in (CONFIRMED, CONFIRMED + timedelta(seconds=WINDOW))
            )
            yield (true & ~some_days | met, false & ~some_days | some_days & ~met), sure

    def _unnamed(self, held: int, perhaps: int) -> Answers:
        """What tests come to for a text that none names, of which these looks hold, and those may."""
        true = (held | self._known) ^ self._negated
        return true | perhaps, self._every & ~true | perhaps

    def _add_named(self, text: str) -> None:
        shortest, longest = spelled_lengths(text)
        for answers, sure in self._in_time(text):
            known = self._rows.get(answers, Cell(value=text, low=shortest, high=longest, sure=sure))
            if sure and not known.sure:
                known = replace(known, value=text, sure=True)
            low, high = min(known.low or 0, shortest), max(known.high or 0, longest)
            if known is not self._rows.get(answers) or (low, high) != (known.low, known.high):
                self._rows[answers] = replace(known, low=low, high=high)

    def _combined(self) -> Iterator[tuple[Answers, str | None]]:
        """Every class that does not contradict itself, with a text where one was found."""
        for chosen in product((False, True), repeat=len(self._looks)):
            holds = dict(zip(self._looks, chosen, strict=True))
            if _contradicts_itself(holds):
                continue
            held = [look for look in self._looks if holds[look]]
            answers = self._unnamed(sum(self._looks[look] for look in held), 0)
            tried = islice(_texts_with(held, self._patterns, self._typical), MOST_TRIED)
            yield answers, next((text for text in tried if self._ask(text) == answers), None)

    def _sampled(self) -> Iterator[tuple[Answers, str | None]]:
        """Texts for each look and for pairs of them, beside a class of which nothing is known."""
        yield self._unnamed(0, sum(self._looks.values())), None
        names = set(map(fold, self._named))
        most = max(2 * len(self._looks), MOST_ASKED // len(self._looks))
        for looks in islice(self._samples(), most):
            text = next(_texts_with(looks, self._patterns, self._typical), self._typical)
            if fold(text) not in names:
                yield self._ask(text), text

    def _samples(self) -> Iterator[Sequence[Look]]:
        """Each look, then pairs of them: those far apart first, as they are of different rules."""
        looks = list(self._looks)
        yield from ((look,) for look in looks)
        count = len(looks)
        for apart in (*range(count // 2, 0, -1), *range(count // 2 + 1, count)):
            yield from zip(looks, looks[apart:], strict=False)


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


def _is_negated(test: FactTest) -> bool:
    return not test.known if isinstance(test, IsKnown) else getattr(test, "negated", False)


def _holds(look: Look, lists: Lists) -> Callable[[str, str], bool | None]:
    """Whether a text, given with its folded form, is as looked for."""
    kind, wanted, exact = look
    if kind == "matches":
        return lambda text, _: lists.searches[wanted](text)
    if exact:
        return lambda text, _: _INSIDE[kind](nfc(text), wanted)
    return lambda _, folded: _INSIDE[kind](folded, wanted)


_INSIDE: dict[str, Callable[[str, str], bool]] = {
    "contains": str.__contains__,
    "starts with": str.startswith,
    "ends with": str.endswith,
}


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
