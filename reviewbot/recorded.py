"""Files of recorded tasks, judged line by line, by several processes where the file is large.

Theory of operation. The file is cut at line ends into chunks; workers judge chunks and give back
finished lines, and the answers come out in the order of the file. A line that cannot be judged
becomes a problem with its number and costs no other line anything.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from reviewbot.policy.compile import compile_policy
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.impact import Impact
from reviewbot.policy.model import Policy
from reviewbot.policy.records import Answer, Recorded, answer_record, judge_record

Decode = Callable[[bytes], Recorded]
"""One line → one record. Raises ValueError for a line that is none."""

CHUNK = 1 << 20
"""Bytes judged at a time."""

WORTH_WORKERS = 8 * CHUNK
"""From this size on several processes are faster than one."""


class Problem(NamedTuple):
    """A line that could not be judged, and why."""

    line: int
    message: str


class Batch(NamedTuple):
    """Answers as JSON lines, and the problems among the same lines of the file."""

    answers: bytes
    problems: tuple[Problem, ...]


class Counted(NamedTuple):
    """What some lines of the file came to, how many bytes they were, and the problems in them."""

    impact: Impact
    size: int
    problems: tuple[Problem, ...]


def decide_records(
    judge: Judge, path: Path, *, at: datetime, decode: Decode, workers: int | None = None
) -> Iterator[Batch]:
    """Judge every line of a file, in order. `at` serves records that carry no moment.

    `workers` None chooses by the size of the file and the cores at hand. Raises OSError when the
    file cannot be read.
    """
    first = 1
    for done in _worked(path, partial(_decider, judge.policy, decode, at), workers):
        yield Batch(done.result, _placed(done, first))
        first += done.lines


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
    old, new = judges
    first = 1
    for done in _worked(path, partial(_counter, old.policy, new.policy, decode, at), workers):
        yield Counted(done.result, done.size, _placed(done, first))
        first += done.lines


def _placed(done: _Done, first: int) -> tuple[Problem, ...]:
    return tuple(Problem(first + number, why) for number, why in done.problems)


# What is done with a chunk -------------------------------------------------------------------


class _Done(NamedTuple):
    """What a chunk came to; problems by the line's place in it."""

    result: Any
    problems: list[tuple[int, str]]
    lines: int
    size: int


Work = Callable[[bytes], _Done]


def _decider(policy: Policy, decode: Decode, at: datetime) -> Work:
    """Answer each line, in the form of `policy decide`."""
    judge = compile_policy(policy)
    encode = msgspec.json.Encoder().encode_lines

    def work(chunk: bytes) -> _Done:
        answers: list[Answer] = []

        def answer(record: Recorded) -> None:
            answers.append(answer_record(judge, record, at))

        problems, lines = _each_line(chunk, decode, answer)
        return _Done(encode(answers), problems, lines, len(chunk))

    return work


def _counter(old: Policy, new: Policy, decode: Decode, at: datetime) -> Work:
    """Count what both policies say of each line."""
    judge, other = compile_policy(new), None if old is new else compile_policy(old)

    def work(chunk: bytes) -> _Done:
        impact = Impact()

        def count(record: Recorded) -> None:
            made = judge_record(judge, record, at)
            before = made if other is None else judge_record(other, record, at)
            for rule in made.cannot_tell:
                impact.could_not_tell[rule] = impact.could_not_tell.get(rule, 0) + 1
            impact.add(
                (before.action, before.rule),
                (made.action, made.rule),
                record.subject.id,
                record.subject.saved_account_id,
                record.amount_micros,
            )

        problems, lines = _each_line(chunk, decode, count)
        return _Done(impact, problems, lines, len(chunk))

    return work


def _each_line(
    chunk: bytes, decode: Decode, use: Callable[[Recorded], None]
) -> tuple[list[tuple[int, str]], int]:
    """Use every record of a chunk; give the lines that could not be used, and how many there were."""
    problems: list[tuple[int, str]] = []
    lines = chunk.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            use(decode(line))
        except ValueError as problem:
            problems.append((number, str(problem)))
        except Exception as problem:  # noqa: BLE001 - one record must not cost the others
            problems.append((number, f"it could not be judged: {problem!r}"))
    return problems, len(lines)


# Who does it ---------------------------------------------------------------------------------


def _worked(path: Path, setup: Callable[[], Work], workers: int | None) -> Iterator[_Done]:
    """Work through a file in order, alone or with several processes."""
    with path.open("rb") as file:
        if workers is None:
            large = os.fstat(file.fileno()).st_size >= WORTH_WORKERS
            workers = len(os.sched_getaffinity(0)) if large else 1
        done = _alone(setup, file) if workers < 2 else _together(setup, file, workers)
        with closing(done):
            yield from done


def _alone(setup: Callable[[], Work], file: BinaryIO) -> Generator[_Done]:
    work = setup()
    for chunk in _chunks(file):
        yield work(chunk)


def _together(setup: Callable[[], Work], file: BinaryIO, workers: int) -> Generator[_Done]:
    # A fork copies whatever locks other threads hold at that moment; alone it is safe and quick.
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if alone else "spawn")
    chunks = _chunks(file)
    with context.Pool(workers, _start, (setup,)) as pool:
        waiting = deque(pool.apply_async(_work, (chunk,)) for chunk in islice(chunks, 3 * workers))
        while waiting:
            done: _Done = waiting.popleft().get()
            waiting.extend(pool.apply_async(_work, (chunk,)) for chunk in islice(chunks, 1))
            yield done
        # Let them end by themselves: one that has only just been forked may not hear a signal yet.
        pool.close()
        pool.join()


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Pieces of about `CHUNK` bytes that end where a line ends."""
    while chunk := file.read(CHUNK):
        yield chunk + file.readline()


# Inside a worker -----------------------------------------------------------------------------

_working: Work | None = None


def _start(setup: Callable[[], Work]) -> None:
    """Set a worker up; it keeps nothing alive between chunks, so garbage is rare."""
    global _working
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    _working = setup()


def _work(chunk: bytes) -> _Done:
    assert _working is not None
    return _working(chunk)
