"""The cells of each fact, cut by all tests of a policy, and what each test says in each.

Numbers and moments fall into points and the gaps between them, so that a cell is exact and not a
sample. Each cell carries one value that stands for it, the usual review's where it fits.

Texts that the policy names (values, list entries) are tried as they stand. All other texts are
classed by the tests that look inside them; a class that would contradict itself is left out, one
for which no text was found is kept but not `sure`, so that nothing is claimed because of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import chain, islice, pairwise, permutations, product
from typing import Any
from unicodedata import normalize

import msgspec
from msgspec.structs import replace

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.lint.solver import FALSE, TRUE, UNKNOWN, Cell, may_come_to, truth_of
from reviewbot.policy.lint.usual import STEPS, usual_value
from reviewbot.policy.model import FactTest, Lists, OpeningHours, Pattern
from reviewbot.policy.operators import Has, InHours, InList, IsKnown, Matches, OneOf, TextTest
from reviewbot.policy.text_forms import fold, nfc

MOST_CLASSED = 6
"""Tests that look inside a text, of which all combinations are classed."""
MOST_ASKED = 600_000
"""Answers of tests about texts that are worked out where there are more tests than can be classed."""
MOST_TRIED = 200
"""Texts that are tried for one class."""
_MOST_FOLDED = 4
"""Characters at most that one becomes when it is folded and taken apart (U+1F82, for one)."""

_ABOUT = timedelta(days=9)
"""How far about a typical moment it is looked up when hours open and close: a week and more."""

Truths = tuple[int, ...]
"""What each test may come to."""
Look = tuple[str, str, bool]
"""A test that looks inside a text, without its `not`: kind, text or pattern, exact."""


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of a variable; `order` names them from the most to the least usual."""

    cells: tuple[Cell, ...]
    order: tuple[int, ...]
    truths: dict[FactTest, tuple[int, ...]] = {}
    """What each test may come to, cell by cell."""


def domain_of(
    fact: Fact,
    tests: Sequence[FactTest],
    cuts: Iterable[float],
    lists: Lists,
    patterns: dict[str, Pattern],
) -> Domain:
    """Cut `fact` by `tests`; `cuts` are those of a number, its neighbours' included."""
    usual = usual_value(fact)

    def row(value: Any, doubtful: Iterable[str] = ()) -> Truths:
        return tuple(
            UNKNOWN
            if isinstance(test, Has) and test.member in doubtful
            else may_come_to(test, value, lists)
            for test in tests
        )

    rows: list[tuple[Cell, Truths]]
    match fact.type:
        case FactType.TEXT:
            rows = TextClasses(tests, lists, patterns, usual).rows()
        case FactType.NAMES:
            rows = [
                (Cell(value=names, sure=not doubtful), row(names, doubtful))
                for names, doubtful in _choices_of_names(fact, tests)
            ]
        case FactType.CHOICE | FactType.YES_NO:
            values = fact.values or (False, True)
            rows = [(Cell(value=value), row(value)) for value in values]
        case _:
            rows = _times(_number_cells(fact, cuts, usual), tests, row, lists)
    # It is always some moment now; of all else the API may one day say nothing.
    rows += [(Cell(value=None), row(None))] * (fact.name != "now")
    cells = tuple(cell for cell, _ in rows)
    truths = {test: tuple(row[i] for _, row in rows) for i, test in enumerate(tests)}
    return Domain(cells=cells, order=_order(cells, usual), truths=truths)


def cut_points(fact: Fact, tests: Iterable[FactTest]) -> set[float]:
    """The numbers at which `tests` change their answer, and the ends that the API documents."""
    ends = (fact.low, fact.high)
    values = (*ends, *(value for test in tests for value in test.boundaries()))
    return {as_number(value) for value in values if value is not None}


def as_number(value: Any) -> float:
    """A number, or a moment as seconds since 1970."""
    return value.timestamp() if isinstance(value, datetime) else float(value)


def _number_cells(fact: Fact, cuts: Iterable[float], usual: Any) -> Iterable[Cell]:
    """Each cut and each gap between two of them, in ascending order, within the fact's sure ends."""
    low, high = fact.sure
    points = {float(p) for p in (*cuts, low, high) if p is not None}
    points = {p for p in points if (low is None or p >= low) and (high is None or p <= high)}
    whole = fact.type is FactType.COUNT
    for start, end in pairwise([None, *sorted(points), None]):
        if not ((start is None and low is not None) or (end is None and high is not None)):
            gap = _gap(start, end, as_number(usual), STEPS[fact.type], whole=whole)
            if gap is not None:
                yield _typed(gap, fact)
        if end is not None:
            yield _typed(Cell(value=end, low=end, high=end), fact)


def _times(
    cells: Iterable[Cell],
    tests: Sequence[FactTest],
    row: Callable[[Any], Truths],
    lists: Lists,
) -> list[tuple[Cell, Truths]]:
    """Cells of numbers or moments, with what each test may come to."""
    asked = [test for test in tests if isinstance(test, InHours)]
    return [
        (part, tuple(known.get(t, truth) for t, truth in zip(tests, row(part.value), strict=True)))
        for cell in cells
        for part, known in _by_hours(cell, asked, lists)
    ]


def _by_hours(
    cell: Cell, tests: Sequence[InHours], lists: Lists
) -> Iterator[tuple[Cell, dict[FactTest, int]]]:
    """A gap between two moments, cut by which of the named hours are open, and what that answers.

    What hours do within days of its typical moment is looked up; a choice of open hours that was not
    found there may come elsewhere, so it is kept but not `sure`.
    """
    names = sorted({test.hours for test in tests})
    if not names or cell.low == cell.high is not None:
        yield cell, {}
        return
    found = dict[tuple[bool, ...], datetime]()
    for moment in _near(cell, [lists.hours[name] for name in names]):
        found.setdefault(tuple(lists.hours[name].is_open(moment) for name in names), moment)
    for chosen in product((True, False), repeat=len(names)):
        is_open = dict(zip(names, chosen, strict=True))
        truths: dict[FactTest, int] = {
            test: truth_of(is_open[test.hours] is not test.negated) for test in tests
        }
        value = found.get(chosen)
        yield replace(cell, value=value or cell.value, sure=value is not None), truths


def _near(cell: Cell, hours: Iterable[OpeningHours]) -> Iterator[datetime]:
    """Moments of a gap: the typical one, then those about it at which hours may open or close."""
    yield cell.value
    for each in hours:
        for moment in each.turning_points(cell.value - _ABOUT, cell.value + _ABOUT):
            above = cell.low is None or moment.timestamp() > cell.low
            if above and (cell.high is None or moment.timestamp() < cell.high):
                yield moment


def _gap(
    start: float | None, end: float | None, usual: float, step: float, *, whole: bool
) -> Cell | None:
    """The numbers between two cuts, with one that stands for them; None where there are none."""
    if whole:
        return _whole_gap(start, end, usual)
    if start is not None and usual <= start:
        value = start + step
    elif end is not None and usual >= end:
        value = end - step
    else:
        value = usual
    if start is not None and end is not None and not start < value < end:
        value = (start + end) / 2
    return Cell(value=value, low=start, high=end)


def _whole_gap(start: float | None, end: float | None, usual: float) -> Cell | None:
    low = None if start is None else start + 1
    high = None if end is None else end - 1
    if low is not None and high is not None and low > high:
        return None
    value = usual if low is None else max(low, usual)
    return Cell(value=value if high is None else min(value, high), low=low, high=high)


def _typed(cell: Cell, fact: Fact) -> Cell:
    """A cell of numbers with a value of its fact's type, marked where the documents exclude it."""
    value = cell.value
    if fact.type is FactType.COUNT:
        value = int(value)
    elif fact.type is FactType.MOMENT:
        value = datetime.fromtimestamp(value, UTC)
    below = fact.low is not None and (cell.low is None or cell.low < fact.low)
    above = fact.high is not None and (cell.high is None or cell.high > fact.high)
    return replace(cell, value=value, documented=not (below or above))


def _choices_of_names(
    fact: Fact, tests: Iterable[FactTest]
) -> list[tuple[tuple[str, ...], frozenset[str]]]:
    """Every choice of the tested names, and which of them are in doubt, where that can be."""
    names = sorted({test.member for test in tests if isinstance(test, Has)})
    states = (False, True, None) if fact.doubtful else (False, True)
    choices = sorted(
        product(states, repeat=len(names)), key=lambda c: (None in c, sum(map(bool, c)))
    )
    return [
        (
            tuple(name for name, state in zip(names, choice, strict=True) if state),
            frozenset(name for name, state in zip(names, choice, strict=True) if state is None),
        )
        for choice in choices
    ]


def _order(cells: Sequence[Cell], usual: Any) -> tuple[int, ...]:
    def oddness(index: int) -> tuple[bool, bool, float]:
        cell = cells[index]
        if cell.value is None:
            return (True, True, 0)
        near = (
            abs(as_number(cell.value) - as_number(usual))
            if isinstance(cell.value, int | float | datetime)
            else float(cell.value != usual)
        )
        return (False, not (cell.sure and cell.documented), near)

    return tuple(sorted(range(len(cells)), key=oddness))


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
                self._rows[truths] = replace(known, low=0, high=None)
        return [(cell, truths) for truths, cell in self._rows.items()]

    def _ask(self, text: str) -> Truths:
        return tuple([may_come_to(test, text, self._lists) for test in self._tests])

    def _add_named(self, text: str) -> None:
        low, high = spelled_lengths(text)
        truths = self._ask(text)
        known = self._rows.get(truths, Cell(value=text, low=low, high=high))
        assert known.low is not None
        assert known.high is not None
        self._rows[truths] = replace(known, low=min(known.low, low), high=max(known.high, high))

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
