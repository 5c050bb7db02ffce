"""A list is read whole although rows move between its pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.domain.errors import (
    BadAnswer,
    Forbidden,
    KeyRefused,
    NotFound,
    ServerFault,
    TooLarge,
)
from reviewbot.tokportal.envelope import Page
from reviewbot.tokportal.pagination import (
    MOST_EMPTY,
    MOST_NAMELESS,
    MOST_PAGES,
    MOST_READINGS,
    MOST_TOO_LARGE,
    first_id,
    read_all,
    read_one_page,
)


class Shifting:
    """A newest-first list of numbers that changes between reads of its pages."""

    def __init__(self, rows: list[int], changes: list[tuple[int, int]], size: int = 5) -> None:
        self.rows, self.changes, self.size = rows, list(changes), size
        self.next = 1_000
        self.reads = 0

    def page(self, number: int, per_page: int = 100) -> Page[int]:
        """One page, after which the list may change; it is never larger than the server likes."""
        self.reads += 1
        size = min(self.size, per_page)
        start = (number - 1) * size
        shown = tuple(self.rows[start : start + size])
        total = len(self.rows)
        if self.changes:
            arrivals, leave = self.changes.pop(0)
            for _ in range(arrivals):
                self.rows.insert(0, self.next)
                self.next += 1
            if leave >= 0 and self.rows:
                self.rows.pop(leave % len(self.rows))
        pages = -(-total // size)
        return Page(rows=shown, page=number, per_page=size, total=total, total_pages=pages)


def same(row: int) -> int:
    """A number is its own key."""
    return row


@given(
    changes=st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 30)), max_size=12),
    rows=st.integers(0, 23),
)
@settings(max_examples=100, deadline=None)
def test_what_stays_is_seen_once(changes: list[tuple[int, int]], rows: int) -> None:
    """Agreed readings hold no row twice; whoever stays through a quiet reading is there."""
    shifting = Shifting(list(range(rows, 0, -1)), changes)
    found = read_all(shifting.page, same)
    assert len(found.rows) == len(set(found.rows))
    if not shifting.changes and found.agreed and shifting.reads > 15:
        assert set(shifting.rows) <= set(found.rows)


def test_a_quiet_list_is_read_twice_and_agrees() -> None:
    """Two pages or more are read until two readings hold the same rows."""
    shifting = Shifting(list(range(12)), [])
    found = read_all(shifting.page, same)
    assert (found.rows, found.agreed, shifting.reads) == (tuple(range(12)), True, 6)


def test_a_row_missed_by_a_shift_is_found_by_the_next_reading() -> None:
    """When a row leaves an early page, another slips between the pages: it is found again."""
    shifting = Shifting(list(range(12)), [(0, 0)])
    found = read_all(shifting.page, same)
    assert set(range(1, 12)) <= set(found.rows)
    assert found.agreed


def test_a_list_that_never_agrees_says_so_and_holds_all_seen() -> None:
    """After three readings the rows of all of them are given, marked as not agreed."""
    shifting = Shifting(list(range(12)), [(1, -1)] * 99)
    found = read_all(shifting.page, same)
    assert not found.agreed
    assert set(range(12)) <= set(found.rows)


def test_a_list_without_counts_is_read_to_its_end() -> None:
    """Where the API does not say how many pages there are, an empty one ends the list."""
    pages = {1: (1, 2), 2: (3,)}
    found = read_all(lambda n, _: Page(rows=pages.get(n, ()), page=n), same)
    assert found.rows == (1, 2, 3)


def test_counts_that_are_too_low_do_not_hide_rows() -> None:
    """A list that says one page but more rows than it showed is read on."""
    pages = {1: (1, 2), 2: (3,)}
    found = read_all(lambda n, _: Page(rows=pages.get(n, ()), page=n, total=3, total_pages=1), same)
    assert found.rows == (1, 2, 3)


def test_a_list_without_an_end_is_left_after_its_most_pages() -> None:
    """Three readings of it, then what was seen is taken as not agreed."""
    read: list[int] = []

    def page(number: int, _: int) -> Page[int]:
        read.append(number)
        return Page(rows=(len(read),), page=number, total=None, total_pages=None)

    found = read_all(page, same)

    assert len(read) == MOST_READINGS * MOST_PAGES
    assert max(read) == MOST_PAGES
    assert not found.agreed
    assert len(found.rows) == len(read)


# To the letter -------------------------------------------------------------------------------


def reads(
    *pages: tuple[int, ...], total: int | None = None, total_pages: int | None = None
) -> tuple[tuple[int, ...], bool, list[int]]:
    """Rows and agreement of a list of these pages, and which of them were asked for."""
    asked: list[int] = []

    def page(number: int, _: int) -> Page[int]:
        asked.append(number)
        rows = pages[number - 1] if number <= len(pages) else ()
        return Page(rows=rows, page=number, total=total, total_pages=total_pages)

    found = read_all(page, same)
    return found.rows, found.agreed, asked


def test_one_page_is_read_once() -> None:
    """Nothing can have moved; an empty list is one page."""
    assert reads((1, 2), total=2, total_pages=1) == ((1, 2), True, [1])
    assert reads(total=0, total_pages=0) == ((), True, [1])
    assert reads() == ((), True, [1])


def test_either_count_asks_for_another_page() -> None:
    """Pages or rows; what is not stated asks for none."""
    assert reads((1, 2), (3,), total=3)[2] == [1, 2, 1, 2]
    assert reads((1, 2), (3,), total_pages=2)[2] == [1, 2, 1, 2]
    assert reads((1, 2), (3,), total=2)[2] == [1]
    assert reads((1, 2), (3,), total_pages=1)[2] == [1]
    assert reads((1,), (2,), (3,), total_pages=3)[2] == [1, 2, 3, 1, 2, 3]
    assert reads((1,), (), total_pages=1)[2] == [1]
    assert reads((1,), (2,), total=2, total_pages=2)[2] == [1, 2, 1, 2]


def test_a_list_without_counts_ends_with_an_empty_page() -> None:
    """It is asked for in both readings."""
    assert reads((1, 2), (3,)) == ((1, 2, 3), True, [1, 2, 3, 1, 2, 3])


def test_an_empty_page_ends_a_list_that_promises_more_once_it_was_looked_past() -> None:
    """Two readings end there; the third goes on behind it, and never far."""
    rows, agreed, asked = reads((1,), (), (3,), total=9, total_pages=9)
    assert (rows, agreed) == ((1, 3), False)
    assert asked == [1, 2, 1, 2, *range(1, 4), *range(4, 4 + MOST_EMPTY)]


@pytest.mark.parametrize("counted", [0, None])
def test_a_list_that_has_become_empty_is_not_looked_behind(counted: int | None) -> None:
    """However its first readings contradicted themselves: where no row is counted, none is missing."""
    answers = iter([((1,), 5), ((), None), ((1,), 5), ((), None)])
    asked: list[int] = []

    def page(number: int, _: int) -> Page[int]:
        asked.append(number)
        rows, total = next(answers, ((), counted))
        return Page(rows=rows, page=number, total=total)

    read_all(page, same)
    assert asked == [1, 2, 1, 2, 1]


def test_rows_of_all_readings_are_given_newest_reading_first() -> None:
    """Where no two agreed; each row once."""
    lists = iter([(1,), (2,), (3,), (2,), (4,), (2,)])

    def page(number: int, _: int) -> Page[int]:
        return Page(rows=next(lists), page=number, total=2, total_pages=2)

    found = read_all(page, same)
    assert found.rows == (4, 2, 3, 1)
    assert found.agreed is False


def test_rows_are_those_of_the_last_reading() -> None:
    """The same keys, with what the second reading said of them."""
    lists = iter([("a1",), ("b1",), ("b2",), ("a2",)])

    def page(number: int, _: int) -> Page[str]:
        return Page(rows=next(lists), page=number, total=2, total_pages=2)

    found = read_all(page, lambda row: row[0])
    assert (found.rows, found.agreed) == (("b2", "a2"), True)


# A list and its own count ---------------------------------------------------------------------


def pages_of(all_rows: list[int], number: int, per_page: int, **changes: Any) -> Page[int]:
    """One page of a quiet list, as an orderly server gives it; `changes` are what it gets wrong."""
    total = len(all_rows)
    told: dict[str, Any] = {
        "rows": tuple(all_rows[(number - 1) * per_page : number * per_page]),
        "page": number,
        "per_page": per_page,
        "total": total,
        "total_pages": -(-total // per_page),
    }
    return Page(**(told | changes))


ROWS = list(range(130))


def test_a_page_that_is_left_out_is_read_around() -> None:
    """The second page is empty whatever its size; behind it, and in smaller pages, all is found."""

    def page(number: int, per_page: int) -> Page[int]:
        wrong = {"rows": ()} if number == 2 else {}
        return pages_of(ROWS, number, per_page, **wrong)

    found = read_all(page, same)

    assert (set(found.rows), found.agreed, found.counted) == (set(ROWS), False, 130)


@pytest.mark.parametrize("stated", [130, 0, 100])
def test_rows_that_no_page_shows_are_missed_aloud(stated: int) -> None:
    """What the API counts and hides is said; what the empty page itself counts does not matter."""

    def page(number: int, per_page: int) -> Page[int]:
        shown = pages_of(ROWS, number, per_page)
        rows = tuple(row for row in shown.rows if row < 100)
        return replace(shown, rows=rows, total=130 if shown.rows and number == 1 else stated)

    found = read_all(page, same)

    assert (set(found.rows), found.agreed, found.counted) == (set(range(100)), False, 130)


@pytest.mark.parametrize("counted", [100, 37, 0])
def test_a_full_last_page_is_not_the_end(counted: int) -> None:
    """A count that is too low hides nothing behind a full page; that it is wrong is said."""

    def page(number: int, per_page: int) -> Page[int]:
        return pages_of(ROWS, number, per_page, total=counted, total_pages=1)

    found = read_all(page, same)

    assert (set(found.rows), found.agreed, found.counted) == (set(ROWS), False, counted)


def test_a_full_list_is_looked_behind_once() -> None:
    """Of exactly one page: the next one is empty, and nothing is read again."""
    asked: list[int] = []

    def page(number: int, per_page: int) -> Page[int]:
        asked.append(number)
        return pages_of(ROWS[:100], number, per_page)

    found = read_all(page, same)

    assert (len(found.rows), found.agreed, asked) == (100, True, [1, 2])


@pytest.mark.parametrize("error", [NotFound("no page 2"), BadAnswer("it is page 1")])
def test_an_error_behind_the_promised_end_says_that_nothing_is_there(error: Exception) -> None:
    """What a server answers to a page past the end is not documented."""

    def page(number: int, per_page: int) -> Page[int]:
        if number > 1:
            raise error
        return pages_of(ROWS[:100], number, per_page)

    assert read_all(page, same).agreed


@pytest.mark.parametrize(
    ("error", "rows"),
    [
        (KeyRefused("401"), 100),
        (Forbidden("403"), 100),
        (ServerFault("500"), 100),
        (NotFound(""), 130),
    ],
)
def test_an_error_in_the_list_is_one(error: Exception, rows: int) -> None:
    """A refused key says nothing about pages, nor does an outage; a promised page must be there."""

    def page(number: int, per_page: int) -> Page[int]:
        if number > 1:
            raise error
        return pages_of(ROWS[:rows], number, per_page)

    with pytest.raises(type(error)):
        read_all(page, same)


def test_an_ordinary_list_costs_its_pages_twice() -> None:
    """Where the count says that all is read, no page more is asked for."""
    asked: list[tuple[int, int]] = []

    def page(number: int, per_page: int) -> Page[int]:
        asked.append((number, per_page))
        return pages_of(list(range(230)), number, per_page)

    assert read_all(page, same).agreed
    assert asked == [(1, 100), (2, 100), (3, 100)] * 2


def test_a_passing_contradiction_is_read_over() -> None:
    """One reading lacks a page, the next two hold all: they agree with each other and the count."""
    lacking = iter([True])

    def page(number: int, per_page: int) -> Page[int]:
        wrong = {"rows": ()} if number == 2 and next(lacking, False) else {}
        return pages_of(ROWS, number, per_page, **wrong)

    found = read_all(page, same)

    assert (len(found.rows), found.agreed, found.counted) == (130, True, None)


# Pages that are too large ---------------------------------------------------------------------

LIMIT = 2_048


class Heavy:
    """A list of rows that weigh something, behind a limit on what one answer may weigh."""

    def __init__(self, weights: list[int]) -> None:
        self.weights = weights
        self.reads = self.refused = 0

    def page(self, number: int, per_page: int) -> Page[int]:
        """One page; over the limit only its beginning arrives."""
        self.reads += 1
        places = list(range(len(self.weights)))
        shown = pages_of(places, number, per_page)
        if sum(self.weights[place] for place in shown.rows) > LIMIT:
            self.refused += 1
            beginning = b'{"data": [{"id": "t%d", "comment_text": "' % shown.rows[0]
            raise TooLarge("too large", beginning=beginning)
        return shown


@given(
    weights=st.lists(st.sampled_from([1, 1, 1, 1, 60, LIMIT, LIMIT + 1]), min_size=1, max_size=260)
)
@settings(max_examples=60, deadline=None)
def test_only_rows_that_are_too_large_alone_are_not_read(weights: list[int]) -> None:
    """Every other row is there, and each of those is named by its place and id."""
    heavy = Heavy(weights)
    found = read_all(heavy.page, same)
    fat = [place for place, weight in enumerate(weights) if weight > LIMIT]
    if heavy.refused < MOST_TOO_LARGE:
        assert set(found.rows) == set(range(len(weights))) - set(fat)
        assert [(row.place, row.id) for row in found.unread] == [(p + 1, f"t{p}") for p in fat]
        assert found.agreed
    assert heavy.refused <= MOST_READINGS * (MOST_TOO_LARGE + 10)


def test_one_large_row_costs_few_requests() -> None:
    """A page of a hundred with it is read in pieces, and the rest in pages as large as they fit."""
    heavy = Heavy([1] * 99 + [LIMIT + 1])
    found = read_all(heavy.page, same)
    assert (len(found.rows), [row.place for row in found.unread]) == (99, [100])
    assert heavy.reads == 1 + 2 + 2 + 5 + 5 + 1


def test_a_list_of_heavy_rows_goes_on_in_pages_that_fit() -> None:
    """Each page too large is found out twice, not at every page."""
    heavy = Heavy([LIMIT // 30] * 1_000)
    found = read_all(heavy.page, same)
    assert (len(found.rows), found.agreed, found.unread) == (1_000, True, ())
    assert heavy.refused <= 10
    assert heavy.reads <= 2 * 1_000 // 25 + 20


def test_where_everything_is_too_large_what_is_not_looked_at_is_named() -> None:
    """The reading ends, and no row is lost without a word."""
    heavy = Heavy([LIMIT + 1] * 300)
    found = read_all(heavy.page, same)
    assert {row.place for row in found.unread} >= set(range(1, 301))
    assert heavy.reads <= MOST_READINGS * 2 * MOST_TOO_LARGE


def test_answers_that_tell_of_no_row_are_an_error() -> None:
    """A server that sends too much of anything has no list; it is asked a few times only."""
    asked: list[int] = []

    def page(number: int, per_page: int) -> Page[int]:
        asked.append(per_page)
        raise TooLarge("too large", beginning=b"<html>")

    with pytest.raises(TooLarge):
        read_all(page, same)
    assert asked == [100, 50, 25, 5, *[1] * MOST_NAMELESS]


@pytest.mark.parametrize("others", [0, 1, 130])
def test_a_large_row_at_the_head_that_tells_no_id_costs_that_row_only(others: int) -> None:
    """Its id may stand behind what is large; it is named by its place, also where it is alone."""
    heavy = Heavy([LIMIT + 1] + [1] * others)

    def page(number: int, per_page: int) -> Page[int]:
        try:
            return heavy.page(number, per_page)
        except TooLarge:
            raise TooLarge("too large", beginning=b'{"data": [{"comment_text": "xx') from None

    found = read_all(page, same)

    assert set(found.rows) == set(range(1, others + 1))
    assert [(row.place, row.id) for row in found.unread] == [(1, None)]


def test_a_single_page_can_be_read_in_pieces_too() -> None:
    """As the lists of finished tasks are read."""
    page = read_one_page(Heavy([1] * 30 + [LIMIT + 1] + [1] * 99).page, 1)
    assert (page.size, len(page.rows), page.total, page.total_pages) == (100, 99, 130, 2)


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (b'{"data":[{"id":"a-1","comment_text":"xxx', "a-1"),
        (b'{"data": {"status": "x", "n": 1.5, "b": null, "id": "a-1", "t": "', "a-1"),
        (rb'{"data":[{"t":"\"id\": \"no\"","id":"yes","u":"', "yes"),
        (b'{"data":[{"t":"xxxxx', None),
        (b'{"data":[{"account":{"id":"no"},"id":"yes"', None),
        (b'{"data":[{"id":"..","t":"', None),
        (b'{"data":[{"id":"\xff","t":"', "\ufffd"),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_the_id_of_a_row_is_had_from_its_beginning(beginning: bytes, expected: str | None) -> None:
    """Only where it stands in the row itself, behind plain fields; a text cannot pretend it."""
    assert first_id(beginning) == expected
