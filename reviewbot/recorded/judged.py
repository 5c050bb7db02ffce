"""Recorded reviews judged, line by line: answered, or counted.

A line that cannot be judged becomes a problem with its number and costs no other line anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from reviewbot.policy.compile import compile_policy
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.impact import Impact, counter
from reviewbot.policy.model import Policy
from reviewbot.policy.records import Answer, NoAnswer, Recorded, answerer
from reviewbot.recorded.crew import in_order
from reviewbot.recorded.pieces import SIZE, Piece, lines_reader, opened

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


# What is done with a piece -------------------------------------------------------------------


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
        answers: list[Answer | NoAnswer] = []
        problems, lines = _each_record(
            lines_of(piece),
            decode,
            lambda record: answers.append(answer(record)),
            lambda why: answers.append(NoAnswer(error=why)),
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


# Who does it ---------------------------------------------------------------------------------


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
