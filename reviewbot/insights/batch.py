"""Recorded reviews judged, line by line: answered, or counted.

A line that cannot be judged becomes a problem with its number and costs no other line anything.
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
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from io import BytesIO
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

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

# ------------------------------------------------------------------------------------------------
# Several processes that share one job, piece by piece, with the results in the order of the pieces.
#
# Theory of operation. Each worker has a pipe of its own and one piece at a time; whoever is done gets
# the next. Nothing is shared, locked or signalled: a worker ends when its pipe does, and a worker
# that ends early is seen by the end of its pipe. So neither a killed worker nor a killed parent leaves
# anybody waiting.


P = TypeVar("P")


R = TypeVar("R")


AHEAD = 8
"""Pieces for each worker that may be done before their turn, or still be in work."""


class WorkerLost(ReviewbotError):
    """A worker ended before its piece was done."""


class _PoolWorker(NamedTuple):
    pipe: Connection
    process: BaseProcess


def in_order(
    setup: Callable[[], Callable[[P], R]], pieces: Iterable[P], workers: int
) -> Generator[R]:
    """Do every piece in one of several processes, each set up once.

    What a worker raises is raised here. Raises WorkerLost for one that ended.
    """
    crew: list[_PoolWorker] = []
    try:
        for _ in range(workers):
            crew.append(_hire(setup, crew))
        yield from _results(crew, pieces)
    finally:
        for worker in crew:
            worker.pipe.close()
        for worker in crew:
            worker.process.join()


def _results(crew: list[_PoolWorker], pieces: Iterable[P]) -> Generator[Any]:
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


def _hire(setup: Callable[[], Callable[[P], R]], crew: list[_PoolWorker]) -> _PoolWorker:
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
    return _PoolWorker(ours, process)


def _context() -> tuple[BaseContext, bool]:
    # A fork copies whatever locks other threads hold at that moment; alone it is safe and quick.
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if alone else "spawn"), alone


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


# ------------------------------------------------------------------------------------------------
# A file of lines in pieces: parts of a plain file that a worker reads itself, or lines handed over.
#
# A plain file is cut into ranges; each line belongs to the range in which it begins. What cannot be
# cut, a pipe or a packed file (.gz), is read here and handed over line by line, in order.


SIZE = 1 << 20
"""Bytes in a piece."""


_AT_ONCE = 1 << 16
"""Bytes that are read at once: few enough that the processor still holds them when they are judged."""


_PACKED = b"\x1f\x8b"


class Piece(NamedTuple):
    """Some lines of a file: the lines themselves, or where they begin. `read` counts for progress."""

    lines: bytes | int
    read: int


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
            yield Source(_ranges(size), size)
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


def _ranges(size: int) -> Iterator[Piece]:
    for start in range(0, size, SIZE):
        yield Piece(start, min(SIZE, size - start))


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


Decode = Callable[[bytes], Recorded]
"""One line → one record. Raises ValueError for a line that is none."""


DecoderFor = Callable[[Sequence[Policy]], Decode]
"""Makes the decoder that these policies can do with."""


WORTH_WORKERS = 8 * SIZE
"""From this size on several processes are faster than one."""


class Problem(NamedTuple):
    """A line that could not be judged, and why."""

    line: int
    message: str


class Batch(NamedTuple):
    """Answers as JSON lines in the order of the file, how many, and the problems among its lines.

    A line that could not be judged is answered as well, with why (`policy.records.NoAnswer`).
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
    judge: Judge, path: Path, *, at: datetime, decoder_for: DecoderFor, workers: int | None = None
) -> Iterator[Batch]:
    """Judge every line of a file, in order. `at` serves records that carry no moment.

    `workers` None chooses by the size of the file and the cores at hand. Raises OSError when the
    file cannot be read.
    """
    first = 1
    for done in _worked(
        path, partial(_decider, path.resolve(), judge.policy, decoder_for, at), workers
    ):
        answers, judged = done.result
        yield Batch(answers, judged, _placed(done, first))
        first += done.lines


def count_records(
    judges: tuple[Judge, Judge],
    path: Path,
    *,
    at: datetime,
    decoder_for: DecoderFor,
    workers: int | None = None,
) -> Iterator[Counted]:
    """Judge every line by an old and a new policy, and count; a back-test gives the same twice.

    The counts come part by part, for progress; they are to be added up. Raises OSError.
    """
    old, new = (judge.policy for judge in judges)
    first = 1
    for done in _worked(
        path, partial(_counter, path.resolve(), old, new, decoder_for, at), workers
    ):
        yield Counted(done.result, done.read, _placed(done, first))
        first += done.lines


def _placed(done: _Done, first: int) -> tuple[Problem, ...]:
    return tuple(Problem(first + number, why) for number, why in done.problems)


class _Done(NamedTuple):
    """What a piece came to; problems by the line's place in it."""

    result: Any
    problems: list[tuple[int, str]]
    lines: int
    read: int


Work = Callable[[Piece], _Done]


def _decider(path: Path, policy: Policy, decoder_for: DecoderFor, at: datetime) -> Work:
    """Answer each line, in the form of `policy decide`."""
    decode, lines_of = decoder_for((policy,)), lines_reader(path)
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


def _counter(path: Path, old: Policy, new: Policy, decoder_for: DecoderFor, at: datetime) -> Work:
    """Count what both policies say of each line."""
    decode, lines_of = decoder_for((old, new)), lines_reader(path)
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
) -> tuple[list[tuple[int, str]], int]:
    """Use the record of every line; give the lines that could not be used, and how many there were.

    `give_up` hears in their turn why a line could not be used.
    """
    problems: list[tuple[int, str]] = []
    number = -1
    for number, line in enumerate(lines):
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
        problems.append((number, why))
        give_up(why)
    return problems, number + 1


def _worked(path: Path, setup: Callable[[], Work], workers: int | None) -> Iterator[_Done]:
    """Work through a file in order, alone or with several processes."""
    with opened(path) as source:
        if workers is None:
            large = source.size is not None and source.size >= WORTH_WORKERS
            workers = _cores() if large else 1
        if workers < 2:
            yield from map(setup(), source.pieces)
            return
        with closing(in_order(setup, source.pieces, workers)) as done:
            yield from done


def _cores() -> int:
    """The cores that this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
