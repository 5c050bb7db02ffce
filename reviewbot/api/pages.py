"""Every page of a list, without doubles: read again until two readings agree."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import msgspec

from reviewbot.api.answers import Page

T = TypeVar("T")

MOST_READINGS = 3
MOST_PAGES = 2_000
"""A list that does not end by then has no end."""


class Whole(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A whole list: each row once, in the order of the last reading.

    `agreed` is False when no two readings in a row held the same rows; then the rows of every
    reading are there, so that none is missed.
    """

    rows: tuple[T, ...]
    agreed: bool


def read_all(read: Callable[[int], Page[T]], key: Callable[[T], Hashable]) -> Whole[T]:
    """Read a list until two readings in a row hold the same keys; one page is read once.

    Rows move between pages while they are read: new ones push the others back, those that are done
    leave. So a row can come twice (it is kept once) or be missed (the next reading has it).
    """
    seen: dict[Hashable, T] = {}
    before: dict[Hashable, T] | None = None
    for _ in range(MOST_READINGS):
        rows, pages = _read_once(read, key)
        if pages == 1 or (before is not None and rows.keys() == before.keys()):
            return Whole(rows=tuple(rows.values()), agreed=True)
        seen = rows | {k: row for k, row in seen.items() if k not in rows}
        before = rows
    return Whole(rows=tuple(seen.values()), agreed=False)


def _read_once(
    read: Callable[[int], Page[T]], key: Callable[[T], Hashable]
) -> tuple[dict[Hashable, T], int]:
    rows: dict[Hashable, T] = {}
    size = 0
    for number in range(1, MOST_PAGES + 1):
        page = read(number)
        rows |= {key(row): row for row in page.rows}
        size += page.size
        if not page.size or not _more(page, size):
            break
    return rows, number


def _more(page: Page[T], size: int) -> bool:
    """Whether another page may follow; where the API's counts disagree, look."""
    if page.total is None and page.total_pages is None:
        return True
    return page.page < (page.total_pages or 0) or size < (page.total or 0)
