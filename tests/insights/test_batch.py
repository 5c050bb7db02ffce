"""A file judged by workers comes to what a plain reader counts: every line once, in order, nobody lost."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.insights import batch
from reviewbot.insights.batch import (
    AHEAD,
    WorkerLost,
    count_records,
    every_line,
    in_order,
    lines_reader,
    opened,
)
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.compare import SAMPLES, Impact
from reviewbot.tokportal.records import decode_record
from tests.builders import CONFIRMED
from tests.policy.chance import a_random_policy, a_random_task, random_attempts
from tests.policy.interpreter import Interpreter
from tests.tier import times


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
    monkeypatch.setattr("reviewbot.insights.batch.threading.active_count", lambda: 1)


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
def test_a_killed_worker_is_an_error_and_no_waiting() -> None:
    """The other workers end as well."""
    with pytest.raises(WorkerLost, match="was killed"):
        list(in_order(_doubling, [1, 2, 99, *range(100, 200)], 2))


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
from reviewbot.insights.batch import in_order
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


LINES = st.lists(st.text("ab\r ", max_size=9).map(str.encode), max_size=12)


def text_of(path: Path) -> tuple[bytes, int]:
    """The whole file, piece by piece, and what they say was read."""
    with opened(path) as source:
        read = lines_reader(path)
        found = [([*read(piece)], piece.read) for piece in source.pieces]
    lines = [line for lines, _ in found for line in lines]
    assert all(line.find(b"\n") == len(line) - 1 for line in lines[:-1])
    return b"".join(lines), sum(share for _, share in found)


@settings(max_examples=40, deadline=None)
@given(LINES, st.integers(1, 8), st.booleans())
def test_every_line_once(lines: list[bytes], size: int, ended: bool) -> None:
    """Cut at any size, plain and packed; the pieces say truly how much of the file they are."""
    text = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "SIZE", size)
        plain, packed = Path(folder, "plain"), Path(folder, "packed.gz")
        plain.write_bytes(text)
        packed.write_bytes(gzip.compress(text))
        assert text_of(plain) == (text, len(text))
        assert text_of(packed)[0] == text
        for path in (plain, packed):
            assert b"".join(every_line(path)) == text


def test_a_packed_file_that_breaks_off_cannot_be_read(tmp_path: Path) -> None:
    """It is not taken for a shorter one."""
    path = tmp_path / "half.gz"
    path.write_bytes(gzip.compress(b"line\n" * 1000)[:-9])
    with pytest.raises(OSError, match="no whole packed file"):
        text_of(path)


def random_lines(chance: Random, count: int) -> list[bytes]:
    """Recorded tasks; one in eight is none, one in eight has a field of the wrong kind."""
    found = []
    for _ in range(count):
        record: dict[str, Any] = {
            "task": msgspec.to_builtins(a_random_task(chance)),
            "attempts": random_attempts(chance),
            "history": {"disputes": chance.choice((0, 0, 1, None))},
            "at": chance.choice(("2026-06-02T13:00:00Z", "2026-06-05T10:30:00Z", None)),
        }
        if chance.random() < 0.125:
            record["task"][chance.choice([*record["task"]])] = [5]
        if chance.random() < 0.125:
            del record["task"]
        found.append(msgspec.json.encode(record) + b"\n")
    return found


def plainly(old: Policy, new: Policy, lines: list[bytes]) -> tuple[Impact, int]:
    """Count each line as the plain interpreter judges it in full."""
    impact, tells, unread = Impact(), Counter[str](), 0
    for line in lines:
        try:
            record = decode_record(line)
        except ValueError:
            unread += 1
            continue
        facts, subject = record.facts(CONFIRMED), record.subject
        before, after = (Interpreter(policy, facts).guarded() for policy in (old, new))
        tells.update(after["cannot_tell"])
        impact.add(
            (before["action"], before["rule"]),
            (after["action"], after["rule"]),
            subject.id,
            subject.saved_account_id,
            record.amount_micros,
        )
    impact.could_not_tell = dict(tells)
    return impact, unread


def unlimited(policy: Policy) -> Policy:
    """Without limits, which are held against all reviews together."""
    rules = tuple(msgspec.structs.replace(rule, limit=()) for rule in policy.rules)
    return msgspec.structs.replace(policy, rules=rules)


def test_the_quick_way_counts_what_the_plain_one_does(tmp_path: Path) -> None:
    """Random policies and records, good and bad, alone (a back-test) and old beside new."""
    chance = Random(7)
    path = tmp_path / "records.jsonl"
    for _ in range(times(4, 500)):
        old, new = unlimited(a_random_policy(chance)), unlimited(a_random_policy(chance))
        lines = random_lines(chance, 40)
        path.write_bytes(b"".join(lines))
        for before in (old, new):
            judges = compile_policy(before), compile_policy(new)
            impact, unread = Impact(), 0
            for part in count_records(
                judges if before is old else (judges[1], judges[1]),
                path,
                at=CONFIRMED,
                decode=decode_record,
            ):
                impact.take(part.impact)
                unread += len(part.problems)
            assert (impact, unread) == plainly(before, new, lines)
    assert max(len(cell.samples) for cell in impact.moves.values()) <= SAMPLES
