"""Several processes that share pieces of work: in order, in bounded memory, and through the loss of any.

Theory of operation. Each worker has a pipe of its own and holds one piece at a time, so whoever
dies takes nothing with it but that piece: another process takes its place and the piece is done again.
Only a piece that ends every worker (its memory runs out, say) ends the work, and says so.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from reviewbot.domain.errors import ReviewbotError

AHEAD = 8
"""Pieces for each worker that may be done before their turn, or still be in work."""
TRIES = 10
"""A piece that has ended so many workers is not tried again."""

P = TypeVar("P")
R = TypeVar("R")
Setup = Callable[[], Callable[[P], R]]


class WorkerLost(ReviewbotError):
    """A piece ended every worker that took it."""


def cores() -> int:
    """The cores that this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    setup: Setup[P, R],
    pieces: Iterable[P],
    workers: int,
    *,
    lost: Callable[[str], object] = lambda _: None,
    fork: bool = True,
) -> Generator[R]:
    """Do every piece, here or in several processes, each set up once; results in order.

    What a worker raises is raised here; `lost` hears of a worker that ended, whose piece is done again.
    `fork` False is for pieces whose reading survives no fork. Raises WorkerLost.
    """
    if workers < 2:
        yield from map(setup(), pieces)
        return
    # A fork copies whatever locks other threads hold at that moment; alone it is safe and quick.
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    crew = _Crew(setup, workers, "fork" if fork and alone else "spawn", lost)
    try:
        yield from crew.results(iter(pieces))
    finally:
        crew.end()


class _Worker(Generic[P, R]):
    """One process, and the piece it has: its number and what it is."""

    def __init__(self, context: Any, setup: Setup[P, R]) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        self.process.start()
        theirs.close()
        self.has: tuple[int, P] | None = None

    def end(self) -> None:
        """Without waiting for what it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Crew(Generic[P, R]):
    def __init__(
        self, setup: Setup[P, R], workers: int, method: str, lost: Callable[[str], object]
    ) -> None:
        self._setup, self._lost = setup, lost
        self._context = multiprocessing.get_context(method)
        self._workers = [_Worker(self._context, setup) for _ in range(workers)]
        self._again: deque[tuple[int, P]] = deque()
        self._tries: dict[int, int] = {}
        self._done: dict[int, tuple[R, Exception | None]] = {}
        self._given = self._taken = 0

    def results(self, pieces: Iterator[P]) -> Iterator[R]:
        """Every result in its turn."""
        while self._hand_out(pieces):
            busy = {worker.pipe: worker for worker in self._workers if worker.has is not None}
            for pipe in wait(list(busy)):
                self._take_from(busy[pipe])
            while self._given in self._done:
                answer, error = self._done.pop(self._given)
                if error is not None:
                    raise error
                self._given += 1
                yield answer

    def end(self) -> None:
        """Nobody is needed any more."""
        for worker in self._workers:
            worker.end()

    def _hand_out(self, pieces: Iterator[P]) -> bool:
        """Give every idle worker a piece; whether any has one."""
        for place, worker in enumerate(self._workers):
            while worker.has is None and (piece := self._next(pieces)) is not None:
                worker.has = piece
                try:
                    worker.pipe.send(piece[1])
                except OSError:
                    worker = self._replace(place)
        return any(worker.has is not None for worker in self._workers)

    def _next(self, pieces: Iterator[P]) -> tuple[int, P] | None:
        if self._again:
            return self._again.popleft()
        if self._taken - self._given >= AHEAD * len(self._workers):
            return None
        for piece in pieces:
            self._taken += 1
            return self._taken - 1, piece
        return None

    def _take_from(self, worker: _Worker[P, R]) -> None:
        assert worker.has is not None
        number, _ = worker.has
        try:
            done = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(self._workers.index(worker))
            return
        worker.has = None
        self._tries.pop(number, None)
        self._done[number] = done

    def _replace(self, place: int) -> _Worker[P, R]:
        """Put another in the place of a worker that ended, and its piece back."""
        worker = self._workers[place]
        assert worker.has is not None
        number, _ = worker.has
        self._again.append(worker.has)
        worker.end()
        tries = self._tries[number] = self._tries.get(number, 0) + 1
        how = _ending(worker.process.exitcode)
        if tries == TRIES:
            raise WorkerLost(
                f"part {number + 1} ended {tries} processes that worked on it, the last one {how}; if"
                " memory ran out, use fewer --workers"
            )
        self._lost(f"a process that was judging was {how}; its part is judged again by another")
        self._workers[place] = _Worker(self._context, self._setup)
        return self._workers[place]


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with {code}"


# In a worker ------------------------------------------------------------------------------------


def _serve(pipe: Connection[Any, Any], setup: Setup[Any, Any]) -> None:
    """Do pieces as they come. Nothing is kept alive between them, so garbage is rare."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    work = None
    while True:
        try:
            piece = pipe.recv()
        except EOFError:
            return
        answer, problem = None, None
        try:
            work = work or setup()
            answer = work(piece)
        except Exception as error:  # noqa: BLE001 - it is raised where the results are
            problem = _portable(error)
        pipe.send((answer, problem))


def _portable(error: Exception) -> Exception:
    """The error, if it survives the way; else its words."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever it holds
        return RuntimeError(repr(error))
    return error


def _end_with_the_parent() -> None:
    """A killed parent leaves no worker behind that waits for pieces for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
