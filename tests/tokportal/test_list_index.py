"""The page that is asked for holds the wanted row, also after the list has moved, and is the best."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random  # noqa: TID251 - seeded

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.domain.review import ReviewItem
from reviewbot.tokportal.list_index import LARGEST, MARGIN, NEXT, SMALLEST, ListIndex, Window
from tests.builders import CONFIRMED, an_item


def items(count: int) -> list[ReviewItem]:
    """Newest first; the last is due first."""
    one = an_item()
    return [
        replace(one, id=f"t{place}", deadline_at=CONFIRMED + timedelta(hours=count - place))
        for place in range(count)
    ]


@given(count=st.integers(1, 400), place=st.integers(0, 399), arrived=st.integers(0, MARGIN))
@example(count=97, place=96, arrived=MARGIN)
@settings(max_examples=60, deadline=None)
def test_a_row_is_on_its_page_although_a_few_arrived(count: int, place: int, arrived: int) -> None:
    """A row near no edge of its page stays on it when a few rows come in front of it."""
    place %= count
    window = ListIndex(items(count)).window(f"t{place}")
    assert window.per_page <= LARGEST
    assert window.first <= place + arrived < window.first + window.per_page


def test_what_a_page_showed_corrects_the_places_around_it() -> None:
    """Thirty arrivals push the rest back as well, and rows that left let others move up."""
    index = ListIndex(items(300))
    window = index.window("t150")
    shown = [f"t{place - 30}" for place in range(window.first, window.first + window.per_page)]
    index.seen(window, shown)
    for wanted in (10, 250):
        page = index.window(f"t{wanted}")
        assert page.first <= wanted + 30 < page.first + page.per_page


def test_a_page_that_shows_strangers_only_moves_nothing() -> None:
    """Without a known row there is nothing to go by."""
    index = ListIndex(items(300))
    before = index.window("t150")
    index.seen(before, ["x", "y"])
    assert index.window("t150") == before


def places(index: ListIndex) -> dict[str, int]:
    """Where everything stands, as far as it is known."""
    return index._place


def a_list(count: int, seed: int) -> ListIndex:
    """A list whose turns are in no order, some without a deadline."""
    rng = Random(seed)
    rows = items(count)
    due = [row.deadline_at for row in rows]
    rng.shuffle(due)
    return ListIndex(
        [
            replace(row, deadline_at=None if rng.random() < 0.1 else at)
            for row, at in zip(rows, due, strict=True)
        ]
    )


def best(place: int, upcoming: Sequence[int]) -> Window:
    """The best of all pages, the plain way: room around the row, then the longest run of turns,
    then the most turns, then the largest page."""

    def worth(page: Window) -> tuple[bool, int, int]:
        rows = range(page.first, page.first + page.per_page)
        in_front, behind = place - page.first, rows[-1] - place
        roomy = (page.first == 0 or in_front >= MARGIN) and behind >= MARGIN
        run = 0
        while run < len(upcoming) and upcoming[run] in rows:
            run += 1
        return roomy, run, sum(number in rows for number in upcoming)

    sizes = range(LARGEST, SMALLEST - 1, -1)
    return max((Window(place // size + 1, size) for size in sizes), key=worth)


@pytest.mark.parametrize("seed", range(6))
def test_the_window_is_the_best_of_all_pages(seed: int) -> None:
    """Held against the plain way of choosing, for every row of lists of several lengths."""
    count = (97, 100, 101, 150, 260, 420)[seed]
    index = a_list(count, seed)
    turns = index._order
    for turn, item_id in list(enumerate(turns))[::7]:
        upcoming = [places(index)[page] for page in turns[turn : turn + NEXT]]
        assert index.window(item_id) == best(places(index)[item_id], upcoming)


def test_turns_come_by_deadline_then_id_and_last_without_one() -> None:
    """What nobody knows the deadline of can wait."""
    one = an_item()
    early, late = items(2)[1], items(2)[0]
    rows = [
        replace(one, id="c", deadline_at=None),
        replace(late, id="b"),
        replace(late, id="a"),
        replace(early, id="z"),
    ]
    assert ListIndex(rows)._order == ["z", "a", "b", "c"]


@pytest.mark.parametrize(("count", "whole"), [(LARGEST - MARGIN, True), (97, False)])
def test_a_list_is_one_page_as_long_as_a_few_may_arrive(count: int, whole: bool) -> None:
    """96 rows and four arrivals fit a page of 100; with 97 a page is chosen."""
    index = ListIndex(items(count))
    assert (index.window("t0") == Window(1, LARGEST)) is True
    assert (index.window(f"t{count - 1}") == Window(1, LARGEST)) is whole


def test_what_is_unknown_is_looked_for_on_the_first_page() -> None:
    """It is new, so it stands in front; also in a long list, and in none."""
    assert ListIndex().window("new") == Window(1, LARGEST)
    assert ListIndex(items(300)).window("new").page == 1


def by_name(*ids: str, first: int = 0) -> dict[str, int]:
    """These, one after the other."""
    return {item_id: first + n for n, item_id in enumerate(ids)}


@pytest.mark.parametrize(
    ("first", "shown", "expected"),
    [
        (5, "t3 t4 t6", by_name("t0", "t1", "t2", "t3", "t4", "t6", "t7", "t8", "t9", first=2)),
        (3, "t3 t5", by_name("t0", "t1", "t2", "t3", "t5", "t6", "t7", "t8", "t9")),
        (0, "t4 t5 t6", dict.fromkeys(("t0", "t1", "t2", "t3"), 0)
         | by_name("t4", "t5", "t6", "t7", "t8", "t9")),
        (7, "t7 x y z", by_name("t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "x", "y", "z")
         | {"t8": 11, "t9": 11}),
        (4, "new t4 t5 newer", by_name("t0", "t1", "t2", "t3", first=1)
         | by_name("new", "t4", "t5", "newer", first=4) | {"t6": 8, "t7": 8, "t8": 9, "t9": 10}),
    ],
)  # fmt: skip
def test_rows_around_a_page_move_as_the_nearest_known_ones(
    first: int, shown: str, expected: dict[str, int]
) -> None:
    """Arrivals push back, what left lets others move up, but none onto the page; the gone are forgotten."""
    index = ListIndex(items(10))
    index.seen(Window(first + 1, 1), shown.split())
    assert places(index) == expected
