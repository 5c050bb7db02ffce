"""The page that is chosen is the best there is, and what it showed moves each place by what it should."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random  # noqa: TID251 - seeded

import pytest
from msgspec.structs import replace

from reviewbot.tokportal.pagination import LARGEST, MARGIN, NEXT, SMALLEST, ListIndex, Window
from tests.builders import an_item
from tests.tokportal.test_snapshot import items


def places(snapshot: ListIndex) -> dict[str, int]:
    """Where everything stands, as far as it is known."""
    return snapshot._place


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
        return roomy, run, sum(one in rows for one in upcoming)

    sizes = range(LARGEST, SMALLEST - 1, -1)
    return max((Window(place // size + 1, size) for size in sizes), key=worth)


@pytest.mark.parametrize("seed", range(6))
def test_the_window_is_the_best_of_all_pages(seed: int) -> None:
    """Held against the plain way of choosing, for every row of lists of several lengths."""
    count = (97, 100, 101, 150, 260, 420)[seed]
    snapshot = a_list(count, seed)
    turns = snapshot._order
    for turn, item_id in list(enumerate(turns))[::7]:
        upcoming = [places(snapshot)[one] for one in turns[turn : turn + NEXT]]
        assert snapshot.window(item_id) == best(places(snapshot)[item_id], upcoming)


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
    snapshot = ListIndex(items(count))
    assert (snapshot.window("t0") == Window(1, LARGEST)) is True
    assert (snapshot.window(f"t{count - 1}") == Window(1, LARGEST)) is whole


def test_what_is_unknown_is_looked_for_on_the_first_page() -> None:
    """It is new, so it stands in front; also in a long list, and in none."""
    assert ListIndex().window("new") == Window(1, LARGEST)
    assert ListIndex(items(300)).window("new").page == 1


def test_a_page_begins_at_a_multiple_of_its_size() -> None:
    """Counted from 0."""
    assert [Window(1, 80).first, Window(2, 80).first, Window(4, 50).first] == [0, 80, 150]


def seen(first: int, ids: Sequence[str], count: int = 10) -> dict[str, int]:
    """Places of t0, t1, ... after a page beginning at `first` showed these."""
    snapshot = ListIndex(items(count))
    snapshot.seen(Window(first + 1, 1), ids)
    return places(snapshot)


def by_name(*ids: str, first: int = 0) -> dict[str, int]:
    """These, one after the other."""
    return {item_id: first + n for n, item_id in enumerate(ids)}


def test_rows_before_a_page_move_as_its_first_and_those_behind_as_its_last() -> None:
    """Two arrived in front, and one left within the page."""
    found = seen(5, ["t3", "t4", "t6"])
    assert found == by_name("t0", "t1", "t2", "t3", "t4", "t6", "t7", "t8", "t9", first=2)


def test_what_a_page_should_have_shown_and_did_not_is_forgotten() -> None:
    """It has left."""
    assert "t4" not in seen(3, ["t3", "t5"])
    assert seen(3, ["t3", "t5"]) == {**by_name("t0", "t1", "t2", "t3"), **by_name(
        "t5", "t6", "t7", "t8", "t9", first=4)}  # fmt: skip


def test_no_place_is_below_the_first_nor_within_what_was_shown() -> None:
    """Rows that left in front move the rest up, but none onto the page."""
    found = seen(0, ["t4", "t5", "t6"])
    assert found == {"t0": 0, "t1": 0, "t2": 0, "t3": 0, **by_name(
        "t4", "t5", "t6", "t7", "t8", "t9")}  # fmt: skip


def test_rows_behind_stand_behind_the_page() -> None:
    """A known row, and strangers after it: what came behind it does so still, after them."""
    found = seen(0, ["t0", "x", "y", "z"], count=3)
    assert found == {"t0": 0, "x": 1, "y": 2, "z": 3, "t1": 4, "t2": 4}


def test_strangers_in_front_are_no_measure() -> None:
    """How far rows have moved is read off the first and the last that are known."""
    found = seen(4, ["new", "t4", "t5", "newer"])
    expected = by_name("t0", "t1", "t2", "t3", first=1)
    expected |= {"new": 4, "t4": 5, "t5": 6, "newer": 7, "t6": 8, "t7": 8, "t8": 9, "t9": 10}
    assert found == expected
