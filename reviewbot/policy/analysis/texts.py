"""Cells of a text: which of the texts' tests hold together.

Texts that the policy names (values, list entries) are tried as they stand. All other texts are
classed by the tests that look inside them; a class that would contradict itself is left out, one
for which no text was found is kept but not `sure`, so that nothing is claimed because of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import islice, permutations, product
from unicodedata import normalize

import msgspec

from reviewbot.policy.analysis import truth
from reviewbot.policy.analysis.answers import Book, asker, may_come_to
from reviewbot.policy.analysis.cells import UNKNOWN_CELL, Cell
from reviewbot.policy.folding import fold, nfc
from reviewbot.policy.model import InList, IsKnown, Matches, OneOf, Pattern, Test, TextTest

MOST_CLASSED = 6
"""Tests that look inside a text, of which all combinations are classed."""

MOST_ASKED = 600_000
"""Answers of tests about texts that are worked out where there are more tests than can be classed."""

MOST_TRIED = 200
"""Texts that are tried for one class."""

Row = tuple[Cell, tuple[int, ...]]
"""A cell and what each test may come to in it."""

Ask = Callable[[str], tuple[int, ...]]
"""What each test may come to for a text."""

FreeRow = tuple[tuple[int, ...], Cell]


def text_rows(
    tests: tuple[Test, ...], book: Book, patterns: dict[str, Pattern], *, typical: str
) -> list[Row]:
    """Class all texts by `tests`; the first row holds the typical text."""
    rows: dict[tuple[int, ...], Cell] = {}
    ask = asker(tests, book)
    for text in (typical, *_named(tests, book)):
        _add(rows, ask(text), text)
    for unsure in _other_spellings(tests, book):
        if unsure not in rows:
            rows[unsure] = Cell(value=typical, low=0, sure=False)
    for masks, cell in _free(tests, book, patterns, typical, ask):
        known = rows.get(masks)
        if known is None or (cell.sure and not known.sure):
            rows[masks] = cell
        else:  # Whether or not one was found: there may be texts of any length beside the named ones.
            rows[masks] = msgspec.structs.replace(known, low=0, high=None)
    rows_list = [(cell, masks) for masks, cell in rows.items()]
    unknown = tuple(may_come_to(test, None, book) for test in tests)
    return [*rows_list, (UNKNOWN_CELL, unknown)]


def _add(rows: dict[tuple[int, ...], Cell], masks: tuple[int, ...], text: str) -> None:
    known = rows.get(masks)
    low, high = spelled_lengths(text)
    if known is None:
        rows[masks] = Cell(value=text, low=low, high=high)
    else:
        assert known.low is not None
        assert known.high is not None
        rows[masks] = Cell(value=known.value, low=min(known.low, low), high=max(known.high, high))


_MOST_FOLDED = 4
"""Characters at most that one becomes when it is folded and taken apart (U+1F82, for one)."""


def spelled_lengths(text: str) -> tuple[int, int]:
    """The lengths of all texts that are the same once their case and their accents are folded.

    Folding makes `ß` two letters; taken apart, an accent is a character of its own.
    """
    apart = len(normalize("NFD", fold(text)))
    return -(-apart // _MOST_FOLDED), apart


def _named(tests: Iterable[Test], book: Book) -> Iterable[str]:
    """Every text that a test names in full, and the plain spellings of it."""
    for test in tests:
        if isinstance(test, OneOf):
            for value in test.values:
                yield from _spellings(str(value))
        elif isinstance(test, InList):
            yield from sorted(book.lasting[test.list] | book.passing[test.list])


def _spellings(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((text, text.lower(), text.upper())))


def _other_spellings(tests: tuple[Test, ...], book: Book) -> Iterable[tuple[int, ...]]:
    """What may hold of further spellings of the named texts, where a test minds the spelling."""
    if not any(map(_minds_spelling, tests)):
        return
    for text in dict.fromkeys(map(fold, _named(tests, book))):
        yield tuple(
            truth.TRUE | truth.FALSE if _minds_spelling(test) else may_come_to(test, text, book)
            for test in tests
        )


def _minds_spelling(test: Test) -> bool:
    if isinstance(test, OneOf):
        return any(test.exact)
    return isinstance(test, Matches) or (isinstance(test, TextTest) and test.exact)


# Texts that no test names --------------------------------------------------------------------


def _free(
    tests: tuple[Test, ...],
    book: Book,
    patterns: dict[str, Pattern],
    typical: str,
    ask: Ask,
) -> Iterable[FreeRow]:
    looks = tuple(
        dict.fromkeys(_bare(test) for test in tests if isinstance(test, TextTest | Matches))
    )
    if len(looks) > MOST_CLASSED:
        yield from _sampled(looks, tests, book, patterns, typical, ask)
        return
    for held in product((False, True), repeat=len(looks)):
        truths = dict(zip(looks, held, strict=True))
        if _contradicts_itself(truths):
            continue
        masks = tuple(_free_mask(test, truths) for test in tests)
        text = _find_text(masks, truths, ask, patterns, typical)
        shown = typical if text is None else text
        yield masks, Cell(value=shown, low=0, sure=text is not None)


def _sampled(
    looks: tuple[Look, ...],
    tests: tuple[Test, ...],
    book: Book,
    patterns: dict[str, Pattern],
    typical: str,
    ask: Ask,
) -> Iterable[FreeRow]:
    """Texts for each look and for pairs of them, beside a class of which nothing is known."""
    masks = tuple(_free_mask(test, {}) for test in tests)
    yield masks, Cell(value=typical, low=0, sure=False)
    names = {fold(text) for text in _named(tests, book)}
    for held in islice(_samples(looks), max(2 * len(looks), MOST_ASKED // len(tests))):
        text = next(_attempts(list(held), patterns, typical), typical)
        if fold(text) not in names:
            yield ask(text), Cell(value=text, low=0)


def _samples(looks: tuple[Look, ...]) -> Iterator[tuple[Look, ...]]:
    """Each look, then pairs of them: those far apart first, as they are of different rules."""
    yield from ((look,) for look in looks)
    half = len(looks) // 2
    for apart in (*range(half, 0, -1), *range(half + 1, len(looks))):
        yield from zip(looks, looks[apart:], strict=False)


Look = tuple[str, str, bool]
"""A test that looks inside a text, without its `not`: kind, text or pattern, exact."""


def _bare(test: TextTest | Matches) -> Look:
    if isinstance(test, Matches):
        return ("matches", test.pattern, False)
    return (test.kind, nfc(test.text) if test.exact else fold(test.text), test.exact)


def _free_mask(test: Test, truths: dict[Look, bool]) -> int:
    if isinstance(test, IsKnown):
        return truth.of(test.known)
    if isinstance(test, OneOf | InList):
        return truth.of(test.negated)
    assert isinstance(test, TextTest | Matches)
    look = _bare(test)
    if look not in truths:
        return truth.TRUE | truth.FALSE
    return truth.of(truths[look] is not test.negated)


def _contradicts_itself(truths: dict[Look, bool]) -> bool:
    held = [look for look, holds in truths.items() if holds and look[0] != "matches"]
    missed = [look for look, holds in truths.items() if not holds and look[0] != "matches"]
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
    """Whether no text meets both."""
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


def _find_text(
    wanted: tuple[int, ...],
    truths: dict[Look, bool],
    ask: Ask,
    patterns: dict[str, Pattern],
    typical: str,
) -> str | None:
    """Put together a text of which exactly `truths` hold and which no test names."""
    held = [look for look, holds in truths.items() if holds]
    for text in islice(_attempts(held, patterns, typical), MOST_TRIED):
        if ask(text) == wanted:
            return text
    return None


# Putting texts together ------------------------------------------------------------------------


def texts_like(
    known: str,
    answers: Iterable[tuple[Test, int]],
    patterns: dict[str, Pattern],
    low: int,
    high: float | None,
) -> Iterator[str]:
    """Texts of a length from `low` to `high` that may give the same answers as `known` does."""
    held = [
        _bare(test)
        for test, mask in answers
        if isinstance(test, TextTest | Matches) and mask == truth.of(not test.negated)
    ]
    most = math.inf if high is None else high
    for text in islice(_bases(known, held, patterns), MOST_TRIED):
        if len(text) > most:
            continue
        missing = low - len(text)
        if missing <= 0:
            yield text
            continue
        for filler in ("x", "0", "_"):
            more = filler * missing
            yield from (f"{text}{more}", f"{more}{text}")
            yield from (f"{text[:at]}{more}{text[at:]}" for at in range(1, min(len(text), 60)))


def _bases(known: str, held: list[Look], patterns: dict[str, Pattern]) -> Iterator[str]:
    yield from (known, normalize("NFD", known), fold(known), known.upper(), "", "0", "x")
    yield from _attempts(list(dict.fromkeys(held)), patterns, known)


def _attempts(held: list[Look], patterns: dict[str, Pattern], typical: str) -> Iterator[str]:
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
