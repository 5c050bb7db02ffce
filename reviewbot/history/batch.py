"""Recorded reviews judged, part by part: the functions that every engine calls.

`count_batches` gives partial sums of Arrow record batches, which `partial.Sums` adds up, and
`decide_batches` answers; a cluster maps them over its partitions. Here the same is done with the
pieces of files, by one process or several (`crew.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import msgspec

from reviewbot.domain.text import quiet_bytes
from reviewbot.history.crew import cores, in_order
from reviewbot.history.files import Piece, RecordFile, RowRange, pieces
from reviewbot.history.partial import UNREADABLE, Counting, JudgingJob, Partial
from reviewbot.history.records import PieceReader, Source, reader_for, source_of
from reviewbot.policy.testing.compare import (
    Recorded,
    RecordedAnswer,
    UnansweredRecord,
    answerer,
)
from reviewbot.tokportal.records import NO_RECORD

WORTH_WORKERS = 8 << 20
"""From this size on several processes are faster than one."""


class Problem(NamedTuple):
    """A record that could not be judged: where it stands, counted from 1, and why."""

    number: int
    message: str


class Part(NamedTuple):
    """What a piece of a file came to: the rows of its sums, or its answers as JSON lines."""

    path: str
    size: int
    """How many lines or rows it had."""
    problems: tuple[Problem, ...]
    """The first few."""
    unread: int
    read: int
    """Its share of the bytes of the file."""
    answered: int = 0
    answers: bytes = b""
    sums: Sequence[Partial] = ()
    found: Mapping[str, Recorded] = {}
    decisions: Sequence[tuple[str, str, int, str]] = ()
    """(review, thing, seq, the decision as JSON)."""
    is_table: bool = False

    def place(self, problem: Problem) -> str:
        """Where a record stands, in the words of its kind of file."""
        return f"{self.path}{', row ' if self.is_table else ':'}{problem.number}"


def each_record(
    source: Source,
    use: Callable[[Any], object],
    give_up: Callable[[bytes, str], object],
    pass_over: Callable[[], object] = lambda: None,
) -> tuple[list[Problem], int, int]:
    """Use every record; give the first problems, numbered from 1, how many there were, and how many
    payloads.

    `give_up` hears in their turn what could not be used, and why, `pass_over` of what is no record to
    be used: a blank line, a decision that is not the first of its round.
    """
    problems: list[Problem] = []
    number = unread = 0
    quickly, slowly = source.reader
    for number, payload in enumerate(source.payloads, 1):
        try:
            try:
                record = quickly(payload)
            except NO_RECORD:
                read = slowly(payload)
                if read is None:
                    pass_over()
                    continue
                record = read
            use(record)
        except Exception as problem:  # noqa: BLE001 - one record must not cost the others
            text = _text_of(payload)
            if text.isspace():
                pass_over()
                continue
            is_known = isinstance(problem, ValueError)
            why = str(problem) if is_known else f"it could not be judged: {problem!r}"
            unread += 1
            if unread <= UNREADABLE:
                problems.append(Problem(number, why))
            give_up(text, why)
    return problems, unread, number


def _text_of(payload: Any) -> bytes:
    if isinstance(payload, tuple):
        payload = payload[-1]
    return b"null" if payload is None else bytes(payload)


# For any engine ---------------------------------------------------------------------------------


def count_batches(
    job: JudgingJob, column: str | None, batches: Iterable[Any]
) -> Iterator[list[Partial]]:
    """The partial sums of Arrow record batches, a few rows at a time."""
    counting = Counting(job)
    for batch in batches:
        each_record(source_of(batch, column, counting.reader), counting.count, counting.give_up)
        if counting.is_full:
            yield counting.rows()
    yield counting.rows()


def decide_batches(
    job: JudgingJob, column: str | None, batches: Iterable[Any]
) -> Iterator[tuple[Any, list[RecordedAnswer | UnansweredRecord | None]]]:
    """Arrow record batches, each with an answer for each row; None for what is passed over."""
    judge = job.judges()[1]
    answer, reader = answerer(judge, job.at), reader_for([judge.policy])
    for batch in batches:
        answers: list[RecordedAnswer | UnansweredRecord | None] = []
        add = answers.append
        each_record(
            source_of(batch, column, reader),
            lambda record, add=add: add(answer(record)),  # type: ignore[misc]
            lambda _, why, add=add: add(UnansweredRecord(error=why)),  # type: ignore[misc]
            partial(add, None),
        )
        yield batch, answers


# Here -------------------------------------------------------------------------------------------


def count_files(
    job: JudgingJob,
    files: list[RecordFile],
    *,
    column: str | None = None,
    workers: int | None = None,
    lost: Callable[[str], object] = lambda _: None,
) -> Iterator[Part]:
    """The partial sums of files (`Partial`), part by part. Raises OSError, UsageError, WorkerLost.

    `workers` None chooses by the size of the files and the cores at hand; `lost` hears of a
    process that ended.
    """
    return worked(partial(_counter, job, column), files, workers, lost)


def decide_files(
    job: JudgingJob,
    files: list[RecordFile],
    *,
    column: str | None = None,
    workers: int | None = None,
    lost: Callable[[str], object] = lambda _: None,
) -> Iterator[Part]:
    """An answer for every record, as JSON lines, in order; otherwise as `count_files`."""
    return worked(partial(_decider, job, column), files, workers, lost)


def find_in_files(
    names: Sequence[str],
    files: list[RecordFile],
    *,
    column: str | None = None,
    workers: int | None = None,
    lost: Callable[[str], object] = lambda _: None,
) -> Iterator[Part]:
    """The reviews of these ids; otherwise as `count_files`."""
    return worked(partial(_finder, tuple(names), column), files, workers, lost)


def worked(
    setup: Callable[[], Callable[[Piece], Part]],
    files: list[RecordFile],
    workers: int | None,
    lost: Callable[[str], object],
) -> Iterator[Part]:
    """Do what `setup` makes with every piece of the files, as `count_files` does."""
    if workers is None:
        size = sum(file.size or 0 for file in files)
        workers = cores() if size >= WORTH_WORKERS else 1
    fork = not any(file.is_remote for file in files)
    path, before = "", 0
    for part in in_order(setup, pieces(files), workers, lost=lost, fork=fork):
        if part.path != path:
            path, before = part.path, 0
        placed = tuple(Problem(before + number, why) for number, why in part.problems)
        yield part._replace(problems=placed)
        before += part.size


def _counter(job: JudgingJob, column: str | None) -> Callable[[Piece], Part]:
    counting = Counting(job)
    reader = PieceReader(column, counting.reader)

    def work(piece: Piece) -> Part:
        part = part_of(reader, piece, counting.count, counting.give_up)
        return part._replace(sums=counting.rows())

    return work


def _decider(job: JudgingJob, column: str | None) -> Callable[[Piece], Part]:
    judge = job.judges()[1]
    reader = PieceReader(column, reader_for([judge.policy]))
    answer = answerer(judge, job.at)
    encode = msgspec.json.Encoder().encode_lines

    def work(piece: Piece) -> Part:
        answers: list[RecordedAnswer | UnansweredRecord] = []
        part = part_of(
            reader,
            piece,
            lambda record: answers.append(answer(record)),
            lambda _, why: answers.append(UnansweredRecord(error=why)),
        )
        answered = len(answers) - part.unread
        return part._replace(answered=answered, answers=quiet_bytes(encode(answers)))

    return work


def _finder(names: tuple[str, ...], column: str | None) -> Callable[[Piece], Part]:
    reader, wanted = PieceReader(column), [name.encode() for name in names]

    def work(piece: Piece) -> Part:
        found: dict[str, Recorded] = {}
        for source in reader.sources(piece):
            for payload in source.payloads:
                text = _text_of(payload)
                if any(name in text for name in wanted):
                    with suppress(ValueError):
                        record = source.reader.slowly(payload)
                        if record is not None and record.subject.id in names:
                            found.setdefault(record.subject.id, record)
        return Part(piece.path, 0, (), 0, piece.read, found=found)

    return work


def part_of(
    reader: PieceReader,
    piece: Piece,
    use: Callable[[Any], object],
    give_up: Callable[[bytes, str], object],
) -> Part:
    """Read a piece, record by record; the part has no result yet."""
    problems: list[Problem] = []
    size = unread = 0
    for source in reader.sources(piece):
        found, bad, count = each_record(source, use, give_up)
        problems += (Problem(size + number, why) for number, why in found)
        size, unread = size + count, unread + bad
    some = tuple(problems[:UNREADABLE])
    return Part(piece.path, size, some, unread, piece.read, is_table=isinstance(piece, RowRange))
