"""Several processes that share one job, piece by piece, with the results in the order of the pieces.

Theory of operation. Each worker has a pipe of its own and one piece at a time; whoever is done gets
the next. Nothing is shared, locked or signalled: a worker ends when its pipe does, and a worker
that ends early is seen by the end of its pipe. So neither a killed worker nor a killed parent leaves
anybody waiting.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeVar, cast

from reviewbot.domain.errors import ReviewbotError

P = TypeVar("P")
R = TypeVar("R")

AHEAD = 8
"""Pieces for each worker that may be done before their turn, or still be in work."""


class WorkerLost(ReviewbotError):
    """A worker ended before its piece was done."""


class _Worker(NamedTuple):
    pipe: Connection
    process: BaseProcess


def in_order(
    setup: Callable[[], Callable[[P], R]], pieces: Iterable[P], workers: int
) -> Generator[R]:
    """Do every piece in one of several processes, each set up once.

    What a worker raises is raised here. Raises WorkerLost for one that ended.
    """
    crew: list[_Worker] = []
    try:
        for _ in range(workers):
            crew.append(_hire(setup, crew))
        yield from _results(crew, pieces)
    finally:
        for worker in crew:
            worker.pipe.close()
        for worker in crew:
            worker.process.join()


def _results(crew: list[_Worker], pieces: Iterable[P]) -> Generator[Any]:
    waiting = iter(enumerate(pieces))
    idle = [worker.pipe for worker in crew]
    at_work: dict[Connection, int] = {}
    done: dict[int, Any] = {}
    turn = 0

    def hand_out() -> None:
        while idle and len(at_work) + len(done) < AHEAD * len(crew):
            for number, piece in waiting:
                pipe = idle.pop()
                _send(pipe, piece)
                at_work[pipe] = number
                break
            else:
                return

    hand_out()
    while at_work:
        for pipe in cast("list[Connection]", wait(at_work)):
            done[at_work.pop(pipe)] = _received(pipe)
            idle.append(pipe)
        # Before the results are used, so that nobody idles meanwhile; then again, for there is room.
        hand_out()
        while turn in done:
            result = done.pop(turn)
            if isinstance(result, Exception):
                raise result
            yield result
            turn += 1
        hand_out()


def _send(pipe: Connection, piece: object) -> None:
    try:
        pipe.send(piece)
    except OSError as error:
        raise _lost() from error


def _received(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError) as error:
        raise _lost() from error


def _lost() -> WorkerLost:
    return WorkerLost(
        "a process that was judging ended before it was done: it was killed, or memory ran out;"
        " nothing is lost, start again"
    )


def _hire(setup: Callable[[], Callable[[P], R]], crew: list[_Worker]) -> _Worker:
    """Start one more worker."""
    context, forked = _context()
    ours, theirs = context.Pipe()
    # What a fork inherits of the others' pipes would keep those open after us.
    inherited = [*(worker.pipe for worker in crew), ours] if forked else []
    process = context.Process(  # type: ignore[attr-defined]  # every context has one
        target=_serve, args=(setup, theirs, inherited), daemon=True
    )
    process.start()
    theirs.close()
    return _Worker(ours, process)


def _context() -> tuple[BaseContext, bool]:
    # A fork copies whatever locks other threads hold at that moment; alone it is safe and quick.
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if alone else "spawn"), alone


# Inside a worker -----------------------------------------------------------------------------


def _serve(
    setup: Callable[[], Callable[[P], R]], pipe: Connection, inherited: list[Connection]
) -> None:
    """Do pieces until there are no more; keep nothing alive between them, so garbage is rare."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:
        other.close()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    work = setup()
    try:
        while True:
            pipe.send(_done(work, pipe.recv()))
    except (EOFError, OSError):
        return


def _done(work: Callable[[P], R], piece: P) -> R | Exception:
    try:
        return work(piece)
    except Exception as error:  # noqa: BLE001 - it is raised again where the result is awaited
        return error
