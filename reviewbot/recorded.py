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
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from reviewbot.policy.compile import compile_policy
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.model import Policy
from reviewbot.policy.records import Answer, Recorded, answer_record

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


def decide_records(
    judge: Judge, path: Path, *, at: datetime, decode: Decode, workers: int | None = None
) -> Iterator[Batch]:
    """Judge every line of a file, in order. `at` serves records that carry no moment.

    `workers` None chooses by the size of the file and the cores at hand. Raises OSError when the
    file cannot be read.
    """
    with path.open("rb") as file:
        if workers is None:
            large = os.fstat(file.fileno()).st_size >= WORTH_WORKERS
            workers = len(os.sched_getaffinity(0)) if large else 1
        results = (
            _alone(judge, file, at, decode)
            if workers < 2
            else _together(judge.policy, file, at, decode, workers)
        )
        first = 1
        with closing(results):
            for answers, problems, lines in results:
                yield Batch(answers, tuple(Problem(first + n, why) for n, why in problems))
                first += lines


_Judged = tuple[bytes, list[tuple[int, str]], int]
"""(answers, problems by the line's place in the chunk, number of lines)."""


def _alone(judge: Judge, file: BinaryIO, at: datetime, decode: Decode) -> Generator[_Judged]:
    for chunk in _chunks(file):
        yield _judge_chunk(judge, decode, at, chunk)


def _together(
    policy: Policy, file: BinaryIO, at: datetime, decode: Decode, workers: int
) -> Generator[_Judged]:
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else None)
    chunks = _chunks(file)
    with context.Pool(workers, _start, (policy, decode, at)) as pool:
        waiting = deque(pool.apply_async(_work, (chunk,)) for chunk in islice(chunks, 3 * workers))
        while waiting:
            judged: _Judged = waiting.popleft().get()
            waiting.extend(pool.apply_async(_work, (chunk,)) for chunk in islice(chunks, 1))
            yield judged


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Pieces of about `CHUNK` bytes that end where a line ends."""
    while chunk := file.read(CHUNK):
        yield chunk + file.readline()


def _judge_chunk(judge: Judge, decode: Decode, at: datetime, chunk: bytes) -> _Judged:
    answers: list[Answer] = []
    problems: list[tuple[int, str]] = []
    lines = chunk.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            answers.append(answer_record(judge, decode(line), at))
        except ValueError as problem:
            problems.append((number, str(problem)))
        except Exception as problem:  # noqa: BLE001 - one record must not cost the others
            problems.append((number, f"it could not be judged: {problem!r}"))
    return _ENCODER.encode_lines(answers), problems, len(lines)


_ENCODER = msgspec.json.Encoder()


# Inside a worker -----------------------------------------------------------------------------

_judging: tuple[Judge, Decode, datetime] | None = None


def _start(policy: Policy, decode: Decode, at: datetime) -> None:
    """Set a worker up; it keeps nothing alive between chunks, so garbage is rare."""
    global _judging
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    _judging = (compile_policy(policy), decode, at)


def _work(chunk: bytes) -> _Judged:
    assert _judging is not None
    judge, decode, at = _judging
    return _judge_chunk(judge, decode, at, chunk)
