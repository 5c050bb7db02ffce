"""Slots: when a cap has room for one more, given what was done and what is planned already.

Pure arithmetic for looking ahead, by the same reading of a cap as the log's own check: what lies
within the last hour or day of a moment counts, that moment included. A newcomer may overfill no
window, neither the one that ends with it nor a later one that holds it and what was planned before.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from datetime import datetime, timedelta

from reviewbot.ports.ledger import Limit


class LimitTrack:
    """What counts against one limit: (when, how much, whether no room is kept for it), in order.

    `frees_after` is for probation, which ends once so many have stood for the limit's time.
    """

    def __init__(self, limit: Limit, *, frees_after: int | None = None) -> None:
        self.limit = limit
        self._length = timedelta(seconds=limit.seconds)
        self._frees_after = frees_after
        self._taken: list[tuple[datetime, int, bool]] = []
        self._sent_back: list[datetime] = []
        self._found: dict[tuple[datetime, int], datetime | None] = {}

    def add(
        self,
        at: datetime,
        amount_micros: int | None,
        *,
        sends_back: bool = False,
        exempt: bool = False,
    ) -> None:
        """Take room at a moment; `exempt` does so whether there is any, and nothing waits for it."""
        insort(self._taken, (at, self._weight(amount_micros), exempt))
        if sends_back:
            insort(self._sent_back, at)

    def room(self, start: datetime, end: datetime, amount_micros: int | None) -> datetime | None:
        """The first moment from `start` on and before `end` that has room; None where none has."""
        weight = self._weight(amount_micros)
        # Room only shrinks, so what was found for the like of it before is the earliest still.
        key = (start, weight)
        at: datetime | None = self._found.get(key, start)
        find = self._share_room if self.limit.measure == "share" else self._count_room
        if at is not None:
            at = self._found[key] = find(at, weight)
        return at if at is not None and at < end else None

    def _weight(self, amount_micros: int | None) -> int:
        return amount_micros or 0 if self.limit.measure == "micros" else 1

    # Counts and money ------------------------------------------------------------------------

    def _count_room(self, at: datetime, weight: int) -> datetime | None:
        most = self.limit.at_most - weight
        if most < 0:
            return None
        while not self._is_over(at):
            first, last = self._between(at - self._length, at)
            used = sum(one for _, one, _ in self._taken[first:last])
            if used > most:
                while used > most:
                    used -= self._taken[first][1]
                    first += 1
                at = self._taken[first - 1][0] + self._length
                continue
            clash = self._clash(at, first, last, used, most)
            if clash is None:
                return at
            at = clash
        return at

    def _clash(self, at: datetime, first: int, last: int, used: int, most: int) -> datetime | None:
        """The first later moment whose window would be too full with a newcomer at `at` in it."""
        taken = self._taken
        while last < len(taken) and taken[last][0] < at + self._length:
            used += taken[last][1]
            while taken[first][0] <= taken[last][0] - self._length:
                used -= taken[first][1]
                first += 1
            if used > most and not taken[last][2]:
                return taken[last][0]
            last += 1
        return None

    def _is_over(self, at: datetime) -> bool:
        count = self._frees_after
        if count is None or len(self._taken) < count:
            return False
        return at >= self._taken[count - 1][0] + self._length

    def _between(self, after: datetime, until: datetime) -> tuple[int, int]:
        """The places of what lies in (after, until]."""
        highest = 1 << 62
        return (
            bisect_right(self._taken, (after, highest)),
            bisect_right(self._taken, (until, highest)),
        )

    # Shares ----------------------------------------------------------------------------------

    def _share_room(self, at: datetime, _: int) -> datetime | None:
        """As many decisions as now go on; a share gets room when others join or leave its window."""
        for _ in range(2 * len(self._taken) + 1):
            first, last = self._between(at - self._length, at)
            count = last - first
            part = bisect_right(self._sent_back, at) - bisect_right(
                self._sent_back, at - self._length
            )
            if count < self.limit.after or (part + 1) * 1_000_000 <= self.limit.at_most * (
                count + 1
            ):
                return at
            changes = [self._taken[first][0] + self._length] if count else []
            changes += [self._taken[last][0]] if last < len(self._taken) else []
            if not changes:
                return None
            at = min(changes)
        return None
