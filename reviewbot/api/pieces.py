"""Pages of a list that are too large for one answer, read in smaller pages, down to single rows.

A row that is too large alone is named, by its place and by its id where the beginning of the answer
tells it, and costs the others nothing. What that may take is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from reviewbot.api.answers import Page
from reviewbot.api.reading import usable_id
from reviewbot.domain.errors import TooLarge
from reviewbot.ports import Unread

T = TypeVar("T")

PER_PAGE = 100
SMALLER = {100: 50, 50: 25, 25: 5, 5: 1}
"""The next smaller page that begins where a larger one does."""
MOST_TOO_LARGE = 150
"""Answers over the size budget that one reading takes; what is left then is named, and not looked at."""
MOST_NAMELESS = 5
"""Single rows that are too large and tell no id, before any other row came: then it is every answer
that is too large, not a row."""

ReadPage = Callable[[int, int], Page[T]]
"""Reads one page, by its number and by how many rows it may hold."""


@dataclass(slots=True)
class Pieces(Generic[T]):
    """Reads pages, and those that are too large in pieces."""

    read: ReadPage[T]
    were_needed: bool = False
    too_large: int = 0
    any_row: bool = False
    """Whether any row could be read or named by its id."""
    nameless: int = 0

    def page(self, number: int, per_page: int) -> Page[T]:
        """Read one page. Raises TooLarge where no answer, however small the page, tells of a row."""
        try:
            page = self.read(number, per_page)
        except TooLarge as error:
            self.too_large += 1
            if per_page == 1:
                return self._alone(number, error)
            self.were_needed = True
            return self._joined(number, per_page)
        self.any_row = self.any_row or page.size > 0
        return page

    def _joined(self, number: int, per_page: int) -> Page[T]:
        """One page out of smaller ones."""
        smaller = SMALLER[per_page]
        times = per_page // smaller
        first = (number - 1) * times + 1
        if self.too_large >= MOST_TOO_LARGE:
            places = range((number - 1) * per_page + 1, number * per_page + 1)
            unread = [Unread(place=place, why="too much here is too large") for place in places]
            return Page(rows=(), page=number, per_page=per_page, unread=tuple(unread))
        pieces: list[Page[T]] = []
        for piece in range(first, first + times):
            pieces.append(self.page(piece, smaller))
            if pieces[-1].size < smaller:
                break
        told = next((one for one in pieces if one.total is not None), pieces[0])
        total = told.total
        return Page(
            rows=tuple(row for one in pieces for row in one.rows),
            page=number,
            per_page=per_page,
            total=total,
            total_pages=None if total is None else -(-total // per_page),
            unread=tuple(row for one in pieces for row in one.unread),
        )

    def _alone(self, number: int, error: TooLarge) -> Page[T]:
        """A page of one row that is too large: the row, named."""
        row_id = first_id(error.beginning)
        self.any_row = self.any_row or row_id is not None
        if not self.any_row:
            self.nameless += 1
            if self.nameless == MOST_NAMELESS:
                raise error
        return Page(
            rows=(),
            page=number,
            per_page=1,
            unread=(Unread(place=number, id=row_id, why=str(error)),),
        )


_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_FIRST_ID = re.compile(
    rb'\s*\{\s*"data"\s*:\s*(?:\[\s*)?\{\s*'
    rb"(?:" + _STRING + rb"\s*:\s*(?:" + _STRING + rb"|[-+.\w]+)\s*,\s*)*?"
    rb'"id"\s*:\s*"([^"\\]+)"',
    re.DOTALL,
)


def first_id(beginning: bytes) -> str | None:
    """The id of the first thing under `data`, where only the beginning of an answer is there."""
    found = _FIRST_ID.match(beginning)
    if found is None:
        return None
    text = found[1].decode(errors="replace")
    return text if usable_id(text) else None
