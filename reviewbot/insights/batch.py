"""Recorded reviews judged, line by line: answered, or counted.

A line that cannot be judged becomes a problem with its number and costs no other line anything. A
large file is shared by several processes: a plain one in ranges that a worker reads itself, each
line belonging to the range in which it begins; a pipe or a packed file (.gz) is read here and handed
over in whole lines.
"""

from __future__ import annotations

import gc
import gzip
import multiprocessing
import os
import signal
import stat
import threading
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import msgspec

from reviewbot.domain.errors import ReviewbotError
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.compare import (
    Impact,
    Recorded,
    RecordedAnswer,
    UnansweredRecord,
    answerer,
    counter,
)

Decode = Callable[[bytes], Recorded]
"""One line → one record. Raises ValueError for a line that is none."""
SIZE = 1 << 20
"""Bytes in a piece."""
WORTH_WORKERS = 8 * SIZE
"""From this size on several processes are faster than one."""
AHEAD = 8
"""Pieces for each worker that may be done before their turn, or still be in work."""
_AT_ONCE = 1 << 16
"""Bytes that are read at once: few enough that the processor still holds them when they are judged."""
_PACKED = b"\x1f\x8b"


class Problem(NamedTuple):
    """A line that could not be judged, and why."""

    line: int
    message: str


class Batch(NamedTuple):
    """Answers as JSON lines in the order of the file, how many, and the problems among its lines.

    A line that could not be judged is answered as well, with why (`UnansweredRecord`).
    """

    answers: bytes
    judged: int
    problems: tuple[Problem, ...]


class Counted(NamedTuple):
    """What some lines of the file came to, how many bytes of it they were, and the problems in them."""

    impact: Impact
    read: int
    problems: tuple[Problem, ...]


def decide_records(
    judge: Judge, path: Path, *, at: datetime, decode: Decode, workers: int | None = None
) -> Iterator[Batch]:
    """Judge every line of a file, in order. `at` serves records that carry no moment.

    `workers` None chooses by the size of the file and the cores at hand. Raises OSError when the
    file cannot be read.
    """
    setup = partial(_decider, path.resolve(), judge.policy, decode, at)
    for done in _worked(path, setup, workers):
        answers, judged = done.result
        yield Batch(answers, judged, done.problems)


def count_records(
    judges: tuple[Judge, Judge],
    path: Path,
    *,
    at: datetime,
    decode: Decode,
    workers: int | None = None,
) -> Iterator[Counted]:
    """Judge every line by an old and a new policy, and count; a back-test gives the same twice.

    The counts come part by part, for progress; they are to be added up. Raises OSError.
    """
    old, new = (judge.policy for judge in judges)
    setup = partial(_counter, path.resolve(), old, new, decode, at)
    for done in _worked(path, setup, workers):
        yield Counted(done.result, done.read, done.problems)


class _Done(NamedTuple):
    """What a piece came to, how many lines it had, and how many bytes of the file they were."""

    result: Any
    problems: tuple[Problem, ...]
    lines: int
    read: int


def _worked(path: Path, setup: Callable[[], Work], workers: int | None) -> Iterator[_Done]:
    """Work through a file in order, alone or with several processes; problems by line of the file."""
    with opened(path) as source:
        if workers is None:
            large = source.size is not None and source.size >= WORTH_WORKERS
            workers = _cores() if large else 1
        before = 0
        with closing(in_order(setup, source.pieces, workers)) as results:
            for done in results:
                placed = (Problem(before + line, why) for line, why in done.problems)
                yield done._replace(problems=tuple(placed))
                before += done.lines


def _cores() -> int:
    """The cores that this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# The work on one piece --------------------------------------------------------------------------


def _decider(path: Path, policy: Policy, decode: Decode, at: datetime) -> Work:
    """Answer each line, in the form of `policy decide`."""
    lines_of = lines_reader(path)
    answer = answerer(compile_policy(policy), at)
    encode = msgspec.json.Encoder().encode_lines

    def work(piece: Piece) -> _Done:
        answers: list[RecordedAnswer | UnansweredRecord] = []
        problems, lines = _each_record(
            lines_of(piece),
            decode,
            lambda record: answers.append(answer(record)),
            lambda why: answers.append(UnansweredRecord(error=why)),
        )
        return _Done((encode(answers), len(answers) - len(problems)), problems, lines, piece.read)

    return work


def _counter(path: Path, old: Policy, new: Policy, decode: Decode, at: datetime) -> Work:
    """Count what both policies say of each line."""
    lines_of = lines_reader(path)
    after = compile_policy(new)
    before = after if old is new else compile_policy(old)

    def work(piece: Piece) -> _Done:
        impact = Impact()
        count = counter(impact, before, after, at, limits=True)
        problems, lines = _each_record(lines_of(piece), decode, count, lambda _: None)
        return _Done(impact, problems, lines, piece.read)

    return work


def _each_record(
    lines: Iterable[bytes],
    decode: Decode,
    use: Callable[[Recorded], object],
    give_up: Callable[[str], object],
) -> tuple[tuple[Problem, ...], int]:
    """Use the record of every line; give the problems, counted from line 1, and how many lines.

    `give_up` hears in their turn why a line could not be used.
    """
    problems: list[Problem] = []
    number = 0
    for number, line in enumerate(lines, 1):
        try:
            use(decode(line))
        except ValueError as problem:
            if line.isspace():
                continue
            why = str(problem)
        except Exception as problem:  # noqa: BLE001 - one record must not cost the others
            why = f"it could not be judged: {problem!r}"
        else:
            continue
        problems.append(Problem(number, why))
        give_up(why)
    return tuple(problems), number


# Several processes ------------------------------------------------------------------------------

P = TypeVar("P")
R = TypeVar("R")


class WorkerLost(ReviewbotError):
    """A worker ended before its piece was done."""


def in_order(
    setup: Callable[[], Callable[[P], R]], pieces: Iterable[P], workers: int
) -> Generator[R]:
    """Do every piece, here or in several processes, each set up once; results in order.

    What a worker raises is raised here. Raises WorkerLost for one that ended.
    """
    if workers < 2:
        yield from map(setup(), pieces)
        return
    # A fork copies whatever locks other threads hold at that moment; alone it is safe and quick.
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if alone else "spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(setup,))
    under_way: deque[Future[R]] = deque()
    try:
        for piece in pieces:
            under_way.append(pool.submit(_do, piece))
            if len(under_way) >= AHEAD * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        raise WorkerLost(
            "a process that was judging ended before it was done: it was killed, or memory ran out;"
            " nothing is lost, start again"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(setup: Callable[[], Callable[[Any], Any]]) -> None:
    """Make a worker of this process. It keeps nothing alive between pieces, so garbage is rare."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    _work = setup()


_work: Callable[[Any], Any]


def _do(piece: Any) -> Any:
    return _work(piece)


def _end_with_the_parent() -> None:
    """A killed parent leaves no worker behind that waits for pieces for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


# Files in pieces --------------------------------------------------------------------------------


class Piece(NamedTuple):
    """Some lines of a file: the lines themselves, or where they begin. `read` counts for progress."""

    lines: bytes | int
    read: int


Work = Callable[[Piece], _Done]


class Source(NamedTuple):
    """A file in pieces. `size` is what `read` of all pieces comes to; None where nobody knows."""

    pieces: Iterator[Piece]
    size: int | None


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a file of lines, plain or packed. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        size = found.st_size if stat.S_ISREG(found.st_mode) else None
        if file.peek(2)[:2] == _PACKED:
            yield Source(_unpacked(file, measured=size is not None), size)
        elif size is not None and _can_be_opened_again(path, file):
            ranges = range(0, size, SIZE)
            yield Source((Piece(start, min(SIZE, size - start)) for start in ranges), size)
        else:
            yield Source((Piece(lines, len(lines)) for lines in _chunks(file)), size)


def _can_be_opened_again(path: Path, file: BinaryIO) -> bool:
    """Whether a worker finds the same file; it has no standard input, for one."""
    try:
        return os.path.samestat(path.resolve().stat(), os.fstat(file.fileno()))
    except OSError:
        return False


def lines_reader(path: Path) -> Callable[[Piece], Iterator[bytes]]:
    """Make the function that gives a piece's lines, ends and all; it opens the file when it first
    needs it.
    """
    real, file = path.resolve(), None  # type: Path, BinaryIO | None

    def lines(piece: Piece) -> Iterator[bytes]:
        nonlocal file
        if isinstance(piece.lines, bytes):
            return BytesIO(piece.lines)
        if file is None:
            file = real.open("rb", buffering=_AT_ONCE)
        return _lines_from(file, piece.lines)

    return lines


def every_line(path: Path) -> Iterator[bytes]:
    """Give the lines of a file one by one, plain or packed, and blank ones between. Raises OSError."""
    with opened(path) as source:
        lines = lines_reader(path)
        for piece in source.pieces:
            yield from lines(piece)


def _lines_from(file: BinaryIO, start: int) -> Iterator[bytes]:
    """The lines that begin in the range from `start` on."""
    at, end = start, start + SIZE
    file.seek(max(start - 1, 0))
    if start:
        at += len(file.readline()) - 1
    while at < end and (line := file.readline()):
        yield line
        at += len(line)


def _unpacked(file: BinaryIO, *, measured: bool) -> Iterator[Piece]:
    before = 0
    try:
        with gzip.open(file) as plain:
            for lines in _chunks(plain):
                now = file.tell() if measured else 0
                yield Piece(lines, now - before)
                before = now
    except (EOFError, zlib.error) as error:
        raise OSError(f"it is no whole packed file: {error}") from error


def _chunks(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    """Lines of about `SIZE` bytes at a time."""
    while lines := file.read(SIZE):
        yield lines if lines.endswith(b"\n") else lines + file.readline()
