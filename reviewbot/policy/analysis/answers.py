"""What a test says of one value: the analysis' own plain reading of the language.

It is deliberately not the compiled evaluator: the property tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from reviewbot.policy.analysis import truth
from reviewbot.policy.folding import fold, nfc
from reviewbot.policy.model import (
    Has,
    InList,
    IsKnown,
    Matches,
    OneOf,
    Policy,
    Range,
    Test,
    TextTest,
)
from reviewbot.policy.patterns import searcher


class Book(msgspec.Struct, frozen=True):
    """The lists and patterns of a policy, ready to be asked. List entries are folded."""

    lasting: dict[str, frozenset[str]]
    """Entries without an end."""
    passing: dict[str, frozenset[str]]
    """Entries that end on some day: whether they count depends on when it is asked."""
    patterns: dict[str, Callable[[str | None], bool | None]]


def open_book(policy: Policy) -> Book:
    """Prepare the lists and patterns of `policy`."""
    return Book(
        lasting={
            n.name: frozenset(fold(e.id) for e in n.entries if not e.until) for n in policy.lists
        },
        passing={n.name: frozenset(fold(e.id) for e in n.entries if e.until) for n in policy.lists},
        patterns={p.name: searcher(p.regex) for p in policy.patterns},
    )


def may_come_to(test: Test, value: Any, book: Book) -> int:
    """As `answer`, as a set of truths: a list's entry with an end counts on some days only."""
    passing = isinstance(test, InList) and value is not None and _only_for_now(test, value, book)
    return truth.TRUE | truth.FALSE if passing else truth.of(answer(test, value, book))


def _only_for_now(test: InList, value: Any, book: Book) -> bool:
    folded = fold(str(value))
    return folded in book.passing[test.list] and folded not in book.lasting[test.list]


def answer(test: Test, value: Any, book: Book) -> bool | None:
    """Say whether `value` meets `test`; None means that it cannot be told."""
    if isinstance(test, IsKnown):
        return (value is not None) is test.known
    if value is None:
        return None
    if isinstance(test, Range):
        return in_range(test, value)
    if isinstance(test, InList):
        if _only_for_now(test, value, book):
            return None
        return (fold(str(value)) in book.lasting[test.list]) is not test.negated
    return _plain(test, value, book) is not test.negated


def asker(tests: Iterable[Test], book: Book) -> Callable[[str], tuple[int, ...]]:
    """Make the function that says what each test may come to for a text, as `may_come_to` does.

    Many texts are asked many tests, so what does not change from text to text is worked out once.
    """
    asked = tuple(_asked(test, book) for test in tests)

    def answers(text: str) -> tuple[int, ...]:
        folded = fold(text)
        return tuple([ask(text, folded) for ask in asked])

    return answers


def _asked(test: Test, book: Book) -> Callable[[str, str], int]:
    yes, no = truth.TRUE, truth.FALSE
    if isinstance(test, TextTest) and not test.exact:
        wanted = fold(test.text)
        if test.negated:
            yes, no = no, yes
        if test.kind == "contains":
            return lambda _, folded: yes if wanted in folded else no
        if test.kind == "starts with":
            return lambda _, folded: yes if folded.startswith(wanted) else no
        return lambda _, folded: yes if folded.endswith(wanted) else no
    if isinstance(test, OneOf) and not any(test.exact):
        values = frozenset(fold(str(value)) for value in test.values)
        if test.negated:
            yes, no = no, yes
        return lambda _, folded: yes if folded in values else no
    return lambda text, _: may_come_to(test, text, book)


def in_range(test: Range, value: Any) -> bool:
    """Say whether a number or moment lies between the ends of `test`."""
    if test.low is not None and (value < test.low or (value == test.low and not test.low_included)):
        return False
    return test.high is None or value < test.high or (value == test.high and test.high_included)


def _plain(test: OneOf | TextTest | Matches | Has, value: Any, book: Book) -> bool:
    if isinstance(test, OneOf):
        return any(map(lambda wanted, exact: _equal(wanted, exact, value), test.values, test.exact))
    if isinstance(test, TextTest):
        return _text(test, value)
    if isinstance(test, Matches):
        return book.patterns[test.pattern](value) is True
    return test.member in value


def _equal(wanted: Any, exact: bool, value: Any) -> bool:
    if isinstance(wanted, str) and isinstance(value, str):
        return nfc(wanted) == nfc(value) if exact else fold(wanted) == fold(value)
    return bool(wanted == value)


def _text(test: TextTest, value: str) -> bool:
    form = nfc if test.exact else fold
    wanted, text = form(test.text), form(value)
    if test.kind == "contains":
        return wanted in text
    return text.startswith(wanted) if test.kind == "starts with" else text.endswith(wanted)
