"""Cells of a text: which of the texts' tests hold together.

Texts that the policy names (values, list entries) are tried as they stand. All other texts are
classed by the tests that look inside them; a class that would contradict itself is left out, one
for which no text was found is kept but not `sure`, so that nothing is claimed because of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from reviewbot.policy.analysis import truth
from reviewbot.policy.analysis.answers import Book, may_come_to
from reviewbot.policy.analysis.cells import UNKNOWN_CELL, Cell
from reviewbot.policy.folding import fold, nfc
from reviewbot.policy.model import InList, IsKnown, Matches, OneOf, Pattern, Test, TextTest

MOST_CLASSED = 6
"""Tests that look inside a text, of which all combinations are classed."""

Row = tuple[Cell, tuple[int, ...]]
"""A cell and what each test may come to in it."""


def text_rows(
    tests: tuple[Test, ...],
    book: Book,
    patterns: dict[str, Pattern],
    *,
    typical: str,
    longest: int | None,
) -> list[Row]:
    """Class all texts by `tests`; the first row holds the typical text."""
    rows: dict[tuple[int, ...], Cell] = {}
    for text in (typical, *_named(tests, book)):
        _add(rows, tuple(may_come_to(test, text, book) for test in tests), text)
    for unsure in _other_spellings(tests, book):
        if unsure not in rows:
            rows[unsure] = Cell(value=typical, low=0, high=longest, sure=False)
    for masks, cell in _free(tests, book, patterns, typical, longest):
        if masks not in rows or not rows[masks].sure:
            rows[masks] = cell
        elif cell.sure:
            known = rows[masks]
            rows[masks] = Cell(value=known.value, low=0, high=longest)
    rows_list = [(cell, masks) for masks, cell in rows.items()]
    unknown = tuple(may_come_to(test, None, book) for test in tests)
    return [*rows_list, (UNKNOWN_CELL, unknown)]


def _add(rows: dict[tuple[int, ...], Cell], masks: tuple[int, ...], text: str) -> None:
    known = rows.get(masks)
    length = len(text)
    if known is None:
        rows[masks] = Cell(value=text, low=length, high=length)
    else:
        assert known.low is not None
        assert known.high is not None
        low, high = min(known.low, length), max(known.high, length)
        rows[masks] = Cell(value=known.value, low=low, high=high)


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
    longest: int | None,
) -> Iterable[tuple[tuple[int, ...], Cell]]:
    looks = tuple(
        dict.fromkeys(_bare(test) for test in tests if isinstance(test, TextTest | Matches))
    )
    if len(looks) > MOST_CLASSED:
        masks = tuple(_free_mask(test, {}) for test in tests)
        yield masks, Cell(value=typical, low=0, high=longest, sure=False)
        options: Iterable[tuple[bool, ...]] = (
            tuple(a in (b, c) for a in range(len(looks)))
            for b in range(-1, len(looks))
            for c in range(b + 1)
        )
    else:
        options = product((False, True), repeat=len(looks))
    for held in options:
        truths = dict(zip(looks, held, strict=True))
        if _contradicts_itself(truths):
            continue
        text = _find_text(truths, tests, book, patterns, typical, longest)
        if text is None and len(looks) > MOST_CLASSED:
            continue
        shown = typical if text is None else text
        masks = tuple(_free_mask(test, truths) for test in tests)
        yield masks, Cell(value=shown, low=0, high=longest, sure=text is not None)


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
        text_a = fold(text_a)
    if kind_b == "contains":
        return text_b in text_a
    if kind_a != kind_b:
        return False
    return text_a.startswith(text_b) if kind_b == "starts with" else text_a.endswith(text_b)


def _exclude(a: Look, b: Look) -> bool:
    """Whether no text meets both."""
    (kind_a, text_a, _), (kind_b, text_b, _) = a, b
    text_a, text_b = sorted((fold(text_a), fold(text_b)), key=len)
    if kind_a != kind_b or kind_a == "contains":
        return False
    starts = kind_a == "starts with"
    return not (text_b.startswith(text_a) if starts else text_b.endswith(text_a))


def _find_text(
    truths: dict[Look, bool],
    tests: tuple[Test, ...],
    book: Book,
    patterns: dict[str, Pattern],
    typical: str,
    longest: int | None,
) -> str | None:
    """Put together a text of which exactly `truths` hold and which no test names."""
    wanted = tuple(_free_mask(test, truths) for test in tests)
    for text in _attempts([look for look, holds in truths.items() if holds], patterns, typical):
        if longest is not None and len(text) > longest:
            continue
        if tuple(may_come_to(test, text, book) for test in tests) == wanted:
            return text
    return None


def _attempts(held: list[Look], patterns: dict[str, Pattern], typical: str) -> Iterable[str]:
    if not held:
        yield from (typical, "lorem ipsum", "0", "x")
    starts = max((t for kind, t, _ in held if kind == "starts with"), key=len, default="")
    ends = max((t for kind, t, _ in held if kind == "ends with"), key=len, default="")
    inside = [t for kind, t, _ in held if kind == "contains"]
    examples = [patterns[name].matches[:3] for kind, name, _ in held if kind == "matches"]
    for chosen in product(*examples):
        for glue in (" ", "", " x ", "1"):
            yield glue.join(part for part in (starts, *inside, *chosen, ends) if part)
            yield glue.join(part for part in (starts, *chosen, *inside, ends) if part)
        yield starts + "x" + ends
        yield from chosen
        for text in inside:
            yield f"so {text} it is"
    if starts or inside:
        yield starts + "".join(inside) + "x" + ends
