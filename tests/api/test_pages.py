"""A list is read whole although rows move between its pages."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.api.answers import Page
from reviewbot.api.pages import MOST_PAGES, MOST_READINGS, read_all


class Shifting:
    """A newest-first list of numbers that changes between reads of its pages."""

    def __init__(self, rows: list[int], changes: list[tuple[int, int]], size: int = 5) -> None:
        self.rows, self.changes, self.size = rows, list(changes), size
        self.next = 1_000
        self.reads = 0

    def page(self, number: int) -> Page[int]:
        """One page, after which the list may change."""
        self.reads += 1
        start = (number - 1) * self.size
        shown = tuple(self.rows[start : start + self.size])
        total = len(self.rows)
        if self.changes:
            arrivals, leave = self.changes.pop(0)
            for _ in range(arrivals):
                self.rows.insert(0, self.next)
                self.next += 1
            if leave >= 0 and self.rows:
                self.rows.pop(leave % len(self.rows))
        return Page(rows=shown, page=number, total=total, total_pages=-(-total // self.size))


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
    found = read_all(lambda n: Page(rows=pages.get(n, ()), page=n), same)
    assert found.rows == (1, 2, 3)


def test_counts_that_are_too_low_do_not_hide_rows() -> None:
    """A list that says one page but more rows than it showed is read on."""
    pages = {1: (1, 2), 2: (3,)}
    found = read_all(lambda n: Page(rows=pages.get(n, ()), page=n, total=3, total_pages=1), same)
    assert found.rows == (1, 2, 3)


def test_a_list_without_an_end_is_left_after_its_most_pages() -> None:
    """Three readings of it, then what was seen is taken as not agreed."""
    read: list[int] = []

    def page(number: int) -> Page[int]:
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

    def page(number: int) -> Page[int]:
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
    assert reads((1,), (2,), total=1, total_pages=2)[2] == [1, 2, 1, 2]


def test_a_list_without_counts_ends_with_an_empty_page() -> None:
    """It is asked for in both readings."""
    assert reads((1, 2), (3,)) == ((1, 2, 3), True, [1, 2, 3, 1, 2, 3])


def test_an_empty_page_ends_a_list_that_promises_more() -> None:
    """However much it promises."""
    assert reads((1,), (), (3,), total=9, total_pages=9) == ((1,), True, [1, 2, 1, 2])


def test_rows_of_all_readings_are_given_newest_reading_first() -> None:
    """Where no two agreed; each row once."""
    lists = iter([(1,), (2,), (3,), (2,), (4,), (2,)])

    def page(number: int) -> Page[int]:
        return Page(rows=next(lists), page=number, total=2, total_pages=2)

    found = read_all(page, same)
    assert found.rows == (4, 2, 3, 1)
    assert found.agreed is False


def test_rows_are_those_of_the_last_reading() -> None:
    """The same keys, with what the second reading said of them."""
    lists = iter([("a1",), ("b1",), ("b2",), ("a2",)])

    def page(number: int) -> Page[str]:
        return Page(rows=next(lists), page=number, total=2, total_pages=2)

    found = read_all(page, lambda row: row[0])
    assert (found.rows, found.agreed) == (("b2", "a2"), True)
