"""The board: every task in order of creation, also by status and by account, without ever sorting."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from heapq import merge
from itertools import islice

from reviewbot.simulator.model import Task


class Board:
    """Tasks filed by the status that the API shows; a task with none is filed nowhere.

    A task is filed under its number: numbers are given in order of creation.
    """

    def __init__(self) -> None:
        self._task: dict[int, Task] = {}
        self._all: list[int] = []
        self._by_status: defaultdict[str, list[int]] = defaultdict(list)
        self._by_account: defaultdict[str, list[int]] = defaultdict(list)
        self._filed: dict[int, str] = {}

    def file(self, task: Task, shown: str | None) -> None:
        """File a task under `shown`, wherever it was before; None takes it off the board."""
        key = task.seq
        before = self._filed.get(key)
        if before == shown:
            return
        if before is not None:
            _remove(self._by_status[before], key)
        if shown is None:
            if before is not None:
                del self._filed[key], self._task[key]
                _remove(self._all, key)
                _remove(self._by_account[task.account.id], key)
            return
        insort(self._by_status[shown], key)
        self._filed[key] = shown
        if before is None:
            self._task[key] = task
            insort(self._all, key)
            insort(self._by_account[task.account.id], key)

    def count(self, status: str) -> int:
        """How many tasks show this status."""
        return len(self._by_status.get(status, ()))

    def tasks(self, status: str) -> list[Task]:
        """Every task that shows this status, newest first."""
        return [self._task[key] for key in reversed(self._by_status.get(status, ()))]

    def page(
        self,
        statuses: Sequence[str] | None,
        account_id: str | None,
        page: int,
        per_page: int,
    ) -> tuple[list[Task], int]:
        """One page, newest first, and how many there are in all."""
        first = (page - 1) * per_page
        if account_id is not None:
            keys = self._of_account(account_id, statuses)
        elif statuses is None:
            keys = self._all
        elif len(statuses) == 1:
            keys = self._by_status.get(statuses[0], [])
        else:
            lists = [self._by_status.get(status, []) for status in statuses]
            total = sum(map(len, lists))
            newest_first = merge(*map(reversed, lists), reverse=True)
            wanted = islice(newest_first, first, first + per_page)
            return [self._task[key] for key in wanted], total
        end = len(keys) - first
        return [self._task[key] for key in keys[max(0, end - per_page) : max(0, end)][::-1]], len(
            keys
        )

    def _of_account(self, account_id: str, statuses: Sequence[str] | None) -> list[int]:
        keys = self._by_account.get(account_id, [])
        if statuses is None:
            return keys
        return [key for key in keys if self._filed[key] in statuses]


def _remove(keys: list[int], key: int) -> None:
    del keys[bisect_left(keys, key)]
