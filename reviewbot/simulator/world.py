"""The world: everything that exists, what time it is there, and what happens next."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from heapq import heappop, heappush, merge
from itertools import islice
from random import Random
from typing import Any, Literal

from reviewbot.simulator.clock import VirtualClock, WorldClock, iso
from reviewbot.simulator.model import (
    Actor,
    Bundle,
    Choices,
    Effect,
    RequestLine,
    SavedAccount,
    Task,
    Truth,
    Video,
)
from reviewbot.simulator.verifier import SAME_HANDLE, similarity


class Board:
    """Tasks in order of creation, also by status and by account, without ever sorting.

    A task is filed under its number, by the status that the API shows; one with none nowhere.
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
        self, statuses: Sequence[str] | None, account_id: str | None, page: int, per_page: int
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


Checker = Literal["well", "blind", "failing"]
"""How the scraper is that the verifier rests on: a blind one returns, and finds nothing at all."""
Event = tuple[float, int, Callable[..., object], tuple[Any, ...]]


class People:
    """Those who act in the world without being asked: of these, nobody ever does anything."""

    def take_on(self, world: World, task: Task) -> None:
        """A task was ordered."""

    def react(self, world: World, task: Task, outcome: str) -> None:
        """The verifier has looked."""

    def answer_dispute(self, world: World, task: Task) -> None:
        """The client objected."""


class World:
    """State, a queue of coming events, and a clock that makes them happen.

    All chance comes from `seed`: the same seed and the same requests give the same world. With a
    `VirtualClock` events happen while the clock advances; with another clock call `catch_up`.
    """

    def __init__(
        self,
        now: datetime,
        *,
        seed: int = 0,
        choices: Choices | None = None,
        clock: WorldClock | None = None,
        people: People | None = None,
        effects_kept: int | None = None,
        requests_kept: int | None = 0,
        retention: float | None = None,
    ) -> None:
        """Begin an empty world at `now`; without a `clock`, on a `VirtualClock` of its own.

        Of effects and requests so many newest are kept, None for all; finished tasks are forgotten
        after `retention` seconds, None for never.
        """
        self.clock: WorldClock = VirtualClock(now) if clock is None else clock
        self.choices = choices or Choices()
        self.rng = Random(seed)  # noqa: S311 - chance of a simulation, repeatable by its seed
        self.people: People = people or People()
        self.now = now.timestamp()
        self.board = Board()
        self.tasks: dict[str, Task] = {}
        self.accounts: dict[str, SavedAccount] = {}
        self.videos: dict[str, Video] = {}
        self.bundles: dict[str, Bundle] = {}
        self.credits = 100_000
        self.checker: Checker = "well"
        self.effects: deque[Effect] = deque(maxlen=effects_kept)
        self.requests: deque[RequestLine] = deque(maxlen=requests_kept)
        self.retention = retention
        self._events: list[Event] = []
        self._count = 0
        if isinstance(self.clock, VirtualClock):
            self.clock.listen(self.run_until)

    @property
    def time(self) -> datetime:
        """What time it is in this world."""
        return datetime.fromtimestamp(self.now, UTC)

    def at(self, moment: float, action: Callable[..., object], *about: Any) -> None:
        """Let `action(*about)` happen at `moment`, at once if that is past."""
        self._count += 1
        heappush(self._events, (moment, self._count, action, about))

    def after(self, seconds: float, action: Callable[..., object], *about: Any) -> None:
        """Let `action(*about)` happen so many seconds from now."""
        self.at(self.now + seconds, action, *about)

    def run_until(self, moment: float) -> None:
        """Let everything happen that is due by `moment`."""
        events = self._events
        while events and events[0][0] <= moment:
            due, _, action, about = heappop(events)
            if due > self.now:
                self.now = due
            action(*about)
        if moment > self.now:
            self.now = moment

    def catch_up(self) -> None:
        """Let everything happen that is due by the clock's time."""
        self.run_until(self.clock.time)

    def advance_to(self, moment: datetime | float) -> None:
        """Let virtual time pass until `moment`, for everyone on this clock."""
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("only a VirtualClock can be advanced; real time passes by itself")
        self.clock.advance_to(moment)

    def advance(self, seconds: float) -> None:
        """Let so many virtual seconds pass, for everyone on this clock."""
        self.advance_to(self.now + seconds)

    def number(self) -> int:
        """The next number in order of asking."""
        self._count += 1
        return self._count

    def new_id(self) -> str:
        """A fresh UUID, decided by the seed."""
        digits = f"{self.rng.getrandbits(120):030x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-{digits[18:]}"

    def stamp(self) -> float:
        """The moment as the API can write it."""
        if self.choices.milliseconds:
            return int(self.now * 1000) / 1000
        return float(int(self.now))

    def iso(self, moment: float | None) -> str | None:
        """Write a moment the way this API does; None where there is none."""
        return None if moment is None else iso(moment, self.choices.milliseconds)

    def epoch(self, task: Task) -> str | None:
        """The round a task is in, as its `manually_confirmed_at` is written."""
        return self.iso(task.confirmed_at)

    def log(
        self,
        thing: Task | Bundle,
        epoch: str | None,
        action: str,
        actor: Actor,
        reason: str | None = None,
    ) -> None:
        """Write down that a write changed something."""
        self.effects.append(
            Effect(
                at=self.now,
                review="comments" if isinstance(thing, Task) else "accounts",
                task_id=thing.id,
                epoch=epoch,
                action=action,
                by=actor.by,
                request_id=actor.request_id,
                idempotency_key=actor.idempotency_key,
                reason=reason,
            )
        )

    def truth(self, task_id: str) -> Truth:
        """What really happened with a task."""
        task = self.tasks[task_id]
        comment = task.comment
        score = similarity(task.text, comment.text) if comment else 0.0
        manager = task.account.manager
        return Truth(
            task_id=task.id,
            habit=manager.habit.name if manager else None,
            posted=comment is not None,
            right_account=comment is not None
            and comment.handle.lower() == task.account.username.lower(),
            right_text=score >= SAME_HANDLE,
            removed=comment is not None and comment.removed,
            similarity=score,
            rounds=task.rounds,
            ended_by=task.ended_by,
        )

    def waiting(self) -> list[Task]:
        """Tasks that wait for the client's decision, newest first."""
        return self.board.tasks("manually_confirmed")

    def statuses(self) -> dict[str, int]:
        """How many tasks are in each status, hidden ones included."""
        counted: dict[str, int] = {}
        for task in self.tasks.values():
            counted[task.status] = counted.get(task.status, 0) + 1
        return counted
