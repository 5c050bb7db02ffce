"""Every page of a list, without doubles: read until it agrees with itself and with the API's count.

Rows move between pages while they are read: new ones push the others back,
those that are done leave. So a row can come twice (it is kept once) or be missed; what two readings
in a row show is there. Two readings can be wrong together, where the API leaves pages out: so a
reading counts only if it holds as many rows as the API says there are, and a full last page is not
the end before the one behind it was looked at. What contradicts itself is read once more in smaller
pages, past empty ones.

A page that is too large for one answer is read in smaller ones, down to single rows. A row that is
too large alone is named, by its place and by its id where the beginning of the answer tells it, and
costs the others nothing. What that may take is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from reviewbot.domain.errors import ApiRefusal, BadAnswer, Forbidden, KeyRefused, TooLarge
from reviewbot.ports.queue import UnreadRow
from reviewbot.tokportal.decode import usable_id
from reviewbot.tokportal.envelope import Page

T = TypeVar("T")
PER_PAGE = 100
SMALLER = {100: 50, 50: 25, 25: 5, 5: 1}
"""The next smaller page that begins where a larger one does."""
MOST_TOO_LARGE = 150
"""Answers over the size budget that one reading takes; what is left then is named, and not looked at."""
MOST_NAMELESS = 5
"""Single rows that are too large and tell no id, before any other row came: then it is every answer
that is too large, not a row."""
SMALLEST_STEP = 25
"""A list is read in pages no smaller, but where one is too large: a large row makes no size right."""
MOST_READINGS = 3
MOST_PAGES = 2_000
"""A list that does not end by then has no end."""
MOST_EMPTY = 3
"""Empty pages that the reading in smaller pages looks past."""
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
            unread = [UnreadRow(place=place, why="too much here is too large") for place in places]
            return Page(rows=(), page=number, per_page=per_page, unread=tuple(unread))
        pieces: list[Page[T]] = []
        for piece in range(first, first + times):
            pieces.append(self.page(piece, smaller))
            if pieces[-1].size < smaller:
                break
        total = next((piece.total for piece in pieces if piece.total is not None), None)
        return Page(
            rows=tuple(row for piece in pieces for row in piece.rows),
            page=number,
            per_page=per_page,
            total=total,
            total_pages=None if total is None else -(-total // per_page),
            unread=tuple(row for piece in pieces for row in piece.unread),
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
            unread=(UnreadRow(place=number, id=row_id, why=str(error)),),
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


class Whole(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A whole list: each row once, in the order of the last reading.

    `agreed` is False when the readings did not come to agree; then the rows of every reading are
    there, so that none is missed. `counted` is the API's own count where each of them contradicted
    it. `unread` are the rows that could not be read.
    """

    rows: tuple[T, ...]
    agreed: bool
    counted: int | None = None
    unread: tuple[UnreadRow, ...] = ()


def read_all(
    read: ReadPage[T],
    key: Callable[[T], Hashable],
    doubtful: Callable[[T], bool] = lambda _: False,
) -> Whole[T]:
    """Read a list until two readings in a row hold the same keys, as many as the API counts.

    A list that fits one page is read once. Of two rows with one key a `doubtful` one stays: what an
    answer says in two ways is no ground to act on. Raises what `read` raises, but for single large rows.
    """
    seen: dict[Hashable, T] = {}
    before: _PageReading[T] | None = None
    contradicted = True
    for number in range(1, MOST_READINGS + 1):
        careful = number == MOST_READINGS and contradicted
        per_page = PER_PAGE if before is None else before.per_page
        reading = _PageReading(read, key, doubtful, per_page)
        reading.go(careful=careful)
        alike = before is not None and before.rows.keys() == reading.rows.keys()
        if reading.fits and (reading.pages <= 1 or alike):
            return Whole(rows=tuple(reading.rows.values()), agreed=True, unread=reading.unread)
        contradicted = contradicted and not reading.fits
        seen = reading.rows | {k: row for k, row in seen.items() if k not in reading.rows}
        before = reading
    assert before is not None
    return Whole(
        rows=tuple(seen.values()),
        agreed=False,
        counted=before.total if contradicted else None,
        unread=before.unread,
    )


def read_one_page(read: ReadPage[T], number: int) -> Page[T]:
    """Read one page of the largest size, in pieces where it is too large for one answer."""
    return Pieces(read).page(number, PER_PAGE)


class _PageReading(Generic[T]):
    """One way through a list, from its first page to its last."""

    def __init__(
        self,
        read: ReadPage[T],
        key: Callable[[T], Hashable],
        doubtful: Callable[[T], bool],
        per_page: int,
    ) -> None:
        self._key, self._doubtful = key, doubtful
        self._pieces = Pieces(read)
        self.per_page = per_page
        self.rows: dict[Hashable, T] = {}
        self.unread: tuple[UnreadRow, ...] = ()
        self.total: int | None = None
        """How many rows there are, as the API said when it began: later ones may have come since."""
        self.pages = 0
        """How many pages had rows."""
        self._read = self._size = 0
        """How many pages were read, and how many rows they had, each time that one came."""

    @property
    def fits(self) -> bool:
        """Whether it holds as many rows as the API counts, where that counts them."""
        return self.total in (None, len(self.rows) + len(self.unread))

    def go(self, *, careful: bool) -> None:
        """Read from the first page to the last; `careful`: in smaller pages, and past empty ones."""
        if careful:
            self._narrow()
        most_empty = MOST_EMPTY if careful else 0
        first = self._pieces.page(1, self.per_page)
        self.total = first.total
        page: Page[T] | None = first
        while page is not None:
            self._take(page)
            most_empty -= not page.size
            page = self._following(page, most_empty >= 0)

    def _take(self, page: Page[T]) -> None:
        for row in page.rows:
            twin = self.rows.get(key := self._key(row))
            if twin is None or not self._doubtful(twin):
                self.rows[key] = row
        self.unread += page.unread
        self._size += page.size
        self._read += 1
        self.pages += page.size > 0

    def _following(self, page: Page[T], past_empty: bool) -> Page[T] | None:
        """The next page; None where the list is over."""
        if self._read == MOST_PAGES:
            return None
        if page.size and _promises_more(page, self._size):
            return self._pieces.page(self._next(page.page), self.per_page)
        is_missing = past_empty and self._size < (self.total or 0)
        if page.size >= page.per_page or is_missing:
            return self._behind(self._next(page.page))
        return None

    def _behind(self, number: int) -> Page[T]:
        """Look where no page is promised; that there is none may be said by an error."""
        try:
            return self._pieces.page(number, self.per_page)
        except (KeyRefused, Forbidden):
            raise
        except (ApiRefusal, BadAnswer):
            return Page(rows=(), page=number, total=self.total)

    def _next(self, number: int) -> int:
        """The number of the next page; of smaller ones, where the last was too large."""
        if not self._pieces.were_needed:
            return number + 1
        self._pieces.were_needed = False
        return number * self._narrow() + 1

    def _narrow(self) -> int:
        """Go on in smaller pages, not in too small ones; give how many of them a page before was."""
        before, self.per_page = self.per_page, max(SMALLER[self.per_page], SMALLEST_STEP)
        return before // self.per_page


def _promises_more(page: Page[T], size: int) -> bool:
    """Whether the API says that another page follows, or does not say; either count will do."""
    if page.total is None and page.total_pages is None:
        return True
    return page.page < (page.total_pages or 0) or size < (page.total or 0)
