"""Pieces of work shared by processes: every one once, in order, whoever is killed over it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from reviewbot.history.crew import AHEAD, TRIES, WorkerLost, in_order


def _doubling() -> Callable[[int], int]:
    """Doubles a number; 13 cannot be doubled, 99 is the worker's end."""

    def work(number: int) -> int:
        if number == 13:
            raise ValueError("no luck")
        if number == 99:
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number

    return work


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a command of one thread, whatever runs the tests."""
    monkeypatch.setattr("reviewbot.history.crew.threading.active_count", lambda: 1)


@pytest.mark.usefixtures("forked")
def test_results_come_in_the_order_of_the_pieces() -> None:
    """Whoever did them, and however many there are."""
    assert list(in_order(_doubling, range(13), 3)) == [2 * n for n in range(13)]
    assert list(in_order(_doubling, [], 2)) == []


def _waiting_for(first: Path) -> Callable[[int], int]:
    """Does every piece at once, but the first only when the last that may run ahead was begun."""

    def work(number: int) -> int:
        if number == 2 * AHEAD - 1:
            first.touch()
        while number == 0 and not first.exists():
            os.sched_yield()
        return number

    return work


@pytest.mark.usefixtures("forked")
def test_others_run_ahead_of_a_slow_piece_only_so_far(tmp_path: Path) -> None:
    """What is done before its turn is bounded, and afterwards all goes on."""
    handed: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(5 * AHEAD):
            handed.append(number)
            yield number

    results = in_order(partial(_waiting_for, tmp_path / "go"), pieces(), 2)
    assert next(results) == 0
    assert len(handed) <= 2 * AHEAD + 2
    assert [0, *results] == list(range(5 * AHEAD))


@pytest.mark.usefixtures("forked")
def test_what_a_worker_raises_is_raised_here() -> None:
    """With its own type; the pieces before it are given."""
    results = in_order(_doubling, range(20), 2)
    assert [next(results) for _ in range(13)] == [2 * n for n in range(13)]
    with pytest.raises(ValueError, match="no luck"):
        next(results)


@pytest.mark.usefixtures("forked")
def test_a_piece_that_ends_every_worker_is_an_error_and_no_waiting() -> None:
    """It says how they ended; the other workers end as well."""
    told: list[str] = []
    with pytest.raises(WorkerLost, match=r"ended 10 processes .* killed by SIGKILL"):
        list(in_order(_doubling, [1, 2, 99, *range(100, 200)], 2, lost=told.append))
    assert len(told) == TRIES - 1


def _dying(folder: Path) -> Callable[[int], int]:
    """Doubles, but whoever first takes up one of the first six pieces is killed over it."""

    def work(number: int) -> int:
        mark = folder / str(number)
        if number < 6 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number

    return work


@pytest.mark.usefixtures("forked")
def test_killed_workers_change_no_result(tmp_path: Path) -> None:
    """Each loss is told, its piece is done again, and the order stays."""
    told: list[str] = []
    results = list(in_order(partial(_dying, tmp_path), range(20), 3, lost=told.append))
    assert results == [2 * n for n in range(20)]
    assert len(told) == 6
    assert set(told) == {
        "a process that was judging was killed by SIGKILL; its part is judged again by another"
    }


@pytest.mark.usefixtures("forked")
def test_whoever_wants_no_more_is_not_kept() -> None:
    """Closing early ends the workers without a signal, also where SIGTERM does nothing."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        results = in_order(_doubling, range(100, 10_000), 2)
        assert next(results) == 200
        results.close()
    finally:
        signal.signal(signal.SIGTERM, before)


PARENT = """
import os, sys, time
from reviewbot.history.crew import in_order
def setup():
    os.write(1, b"%d\\n" % os.getpid())
    return lambda number: number
results = in_order(setup, range(10**9), 3)
next(results)
time.sleep(60)
"""


def test_the_workers_of_a_killed_parent_end(tmp_path: Path) -> None:
    """Nobody keeps waiting for pieces that will never come."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(3)]
        parent.kill()
        # They hold the other end of this pipe, so it ends when the last of them has.
        assert parent.stdout.read() == b""
    assert len(set(workers)) == 3


def test_beside_other_threads_workers_start_afresh() -> None:
    """A fork would copy locks that another thread may hold."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert list(in_order(partial(_scaled, 3), range(4), 2)) == [0, 3, 6, 9]
    finally:
        stop.set()
        thread.join()


def _scaled(by: int) -> Callable[[int], int]:
    return by.__mul__
