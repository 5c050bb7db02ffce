"""Where things stood in a list, and which page should show one of them again.

Before a write the thing must have been seen shortly before, and one list page shows up to 100 at once.
A list is newest first: arrivals push a row back, rows that leave let those behind them move up. So
each row's last known place is corrected by how far the rows nearest to it have moved. Pages begin at
multiples of their size, but the size is ours to choose: the page is chosen so that it holds the wanted
row, not too near an edge, and as many as possible of those whose turn comes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec

from reviewbot.domain.review import ReviewItem

LARGEST = 100
SMALLEST = 50
NEXT = 100
"""How many of those that come next are counted: about what a minute's budget can decide."""
MARGIN = 4


class Window(msgspec.Struct, frozen=True):
    """A page to ask for."""

    page: int
    per_page: int

    @property
    def first(self) -> int:
        """The place, counted from 0, of its first row."""
        return (self.page - 1) * self.per_page


class ListIndex:
    """The places of all waiting things by id, and the order in which their turn comes."""

    def __init__(self, items: Sequence[ReviewItem] = ()) -> None:
        self._items = items
        self._place = {item.id: place for place, item in enumerate(items)}

    @cached_property
    def _order(self) -> list[str]:
        first_due = sorted(self._items, key=lambda i: (i.deadline_at is None, i.deadline_at, i.id))
        return [item.id for item in first_due]

    @cached_property
    def _turn(self) -> dict[str, int]:
        return {item_id: turn for turn, item_id in enumerate(self._order)}

    def window(self, item_id: str) -> Window:
        """Choose the page that should hold a thing, and most of those that come after it."""
        place = self._place.get(item_id, 0)
        size = max(self._place.values(), default=0) + 1
        if size <= LARGEST - MARGIN:
            return Window(1, LARGEST)
        turn = self._turn.get(item_id, 0)
        upcoming = [self._place[i] for i in self._order[turn : turn + NEXT] if i in self._place]
        windows = (Window(place // n + 1, n) for n in range(LARGEST, SMALLEST - 1, -1))
        return max(windows, key=lambda w: _worth(w, place, upcoming))

    def seen(self, window: Window, ids: Sequence[str]) -> None:
        """Correct places by what a page showed."""
        moved = [
            (self._place[item_id], window.first + row - self._place[item_id])
            for row, item_id in enumerate(ids)
            if item_id in self._place
        ]
        if not moved:
            return
        (top, top_shift), (bottom, bottom_shift) = moved[0], moved[-1]
        shown = {item_id: window.first + row for row, item_id in enumerate(ids)}
        gone = window.first + len(ids)
        for item_id, place in list(self._place.items()):
            if item_id in shown:
                continue
            if place < top:
                self._place[item_id] = max(place + top_shift, 0)
            elif place > bottom:
                self._place[item_id] = max(place + bottom_shift, gone)
            else:
                del self._place[item_id]
        self._place.update(shown)


def _worth(window: Window, place: int, upcoming: Sequence[int]) -> tuple[bool, int, int]:
    """Say how good a page is: room around the wanted row, then how long until the next is needed."""
    first, last = window.first, window.first + window.per_page - 1
    # The end of the list gives no room: what arrives in front pushes the last row on as well.
    roomy = (first == 0 or place - first >= MARGIN) and last - place >= MARGIN
    shown = [first <= other <= last for other in upcoming]
    until_miss = shown.index(False) if False in shown else len(shown)
    return roomy, until_miss, sum(shown)
