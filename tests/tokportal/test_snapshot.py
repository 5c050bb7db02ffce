"""The page that is asked for holds the wanted row, also after the list has moved."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reviewbot.domain.review import ReviewItem
from reviewbot.tokportal.pagination import LARGEST, MARGIN, ListIndex
from tests.builders import CONFIRMED, an_item


def items(count: int) -> list[ReviewItem]:
    """Newest first; the last is due first."""
    one = an_item()
    return [
        msgspec.structs.replace(
            one, id=f"t{place}", deadline_at=CONFIRMED + timedelta(hours=count - place)
        )
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
    snapshot = ListIndex(items(300))
    window = snapshot.window("t150")
    shown = [f"t{place - 30}" for place in range(window.first, window.first + window.per_page)]
    snapshot.seen(window, shown)
    for wanted in (10, 250):
        page = snapshot.window(f"t{wanted}")
        assert page.first <= wanted + 30 < page.first + page.per_page


def test_a_short_list_is_one_page() -> None:
    """What fits one page is asked for as one page."""
    assert ListIndex(items(30)).window("t3").first == 0
    assert ListIndex().window("unknown").page == 1


def test_a_page_that_shows_strangers_only_moves_nothing() -> None:
    """Without a known row there is nothing to go by."""
    snapshot = ListIndex(items(300))
    before = snapshot.window("t150")
    snapshot.seen(before, ["x", "y"])
    assert snapshot.window("t150") == before
