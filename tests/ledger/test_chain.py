"""The chain to the letter: what a hash covers, and how a checkpoint is departed from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256

import pytest
from msgspec.structs import astuple, replace

from reviewbot.ledger.chain import GENESIS, MOST_PROBLEMS, ChainReader, Columns, departure, digest
from reviewbot.ledger.tables import ChainLine
from reviewbot.ports.ledger import Checkpoint, Verification
from tests.builders import CONFIRMED

LINE = ChainLine(7, 1_000, "note", "note\x1fé", 3, b'{"a":1}', b"bulk")


def a_chain(count: int) -> list[ChainLine]:
    """So many lines about one thing, each with its hash."""
    lines: list[ChainLine] = []
    head = GENESIS
    for seq in range(1, count + 1):
        line = ChainLine(seq, seq, "note", "a", seq - 1, b"{}", None)
        head = digest(head, line)
        lines.append(replace(line, hash=head))
    return lines


def columns(lines: Iterable[ChainLine]) -> Iterable[Columns]:
    """As a database gives them."""
    return (astuple(line) for line in lines)


def a_point(count: int, head: bytes) -> Checkpoint:
    """A checkpoint of a log of so many lines."""
    return Checkpoint(count=count, head=head.hex(), at=CONFIRMED + timedelta(hours=1))


def read(lines: Iterable[ChainLine], *points: Checkpoint) -> Verification:
    """What a reader says of these."""
    reader = ChainReader(points)
    reader.read(columns(lines))
    return reader.verification()


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (LINE, "7 1000 3 note 7 4 note\x1fé\n"),
        (replace(LINE, detail=None), "7 1000 3 note 7 -1 note\x1fé\n"),
        (replace(LINE, detail=b""), "7 1000 3 note 7 0 note\x1fé\n"),
    ],
)
def test_a_hash_is_that_of_all_columns_after_the_hash_before(line: ChainLine, head: str) -> None:
    """So that anybody can compute it again."""
    text = b"\x01" * 32 + head.encode() + line.body + (line.detail or b"")
    assert digest(b"\x01" * 32, line) == sha256(text).digest()


def test_a_whole_chain_is_read_to_its_end() -> None:
    """In one go or in several; the last line of each thing is remembered."""
    lines = a_chain(4)
    reader = ChainReader()
    reader.read(columns(lines[:2]))
    reader.read(columns(lines[2:]))
    assert (reader.count, reader.head, reader.newest) == (4, lines[3].hash, {"a": 4})
    assert reader.verification() == Verification(lines=4, head=lines[3].hash.hex())
    assert ChainReader().verification() == Verification(lines=0, head="00" * 32)


def test_what_does_not_fit_is_said_and_read_on() -> None:
    """A missing line, a changed one, and one that names another before it."""
    lines = a_chain(5)
    lines[3] = replace(lines[3], prior=1)
    found = read([lines[0], *lines[2:]])
    assert found.problems == (
        "line 2 is missing: line 3 follows line 1",
        "line 3 or the one before it was changed: its hash does not fit",
        "line 3 does not follow the line before it about the same thing",
        "line 4 or the one before it was changed: its hash does not fit",
        "line 4 does not follow the line before it about the same thing",
    )
    assert (found.lines, found.head, found.whole) == (5, lines[4].hash.hex(), False)


def test_no_more_than_twenty_problems_are_named() -> None:
    """More would help nobody."""
    reader = ChainReader()
    for n in range(MOST_PROBLEMS + 5):
        reader.blame(str(n))
    assert reader.verification().problems == tuple(map(str, range(20)))


def test_checkpoints_that_fit_are_no_problem() -> None:
    """Of the end, of the middle, and of the empty log."""
    lines = a_chain(4)
    points = (a_point(4, lines[3].hash), a_point(2, lines[1].hash), a_point(0, GENESIS))
    assert read(lines, *points).problems == ()


def test_a_checkpoint_that_does_not_fit_is_said_with_its_moment() -> None:
    """The log is shorter, or another one."""
    lines = a_chain(4)
    short = "line 5 is missing: the checkpoint of 2026-06-02T13:00:00Z counted 5 lines, the log ends at line 4"
    other = "line 2 or one before it was rewritten: the checkpoint of 2026-06-02T13:00:00Z knows another hash for it"
    empty = "line 0 or one before it was rewritten: the checkpoint of 2026-06-02T13:00:00Z knows another hash for it"
    points = (a_point(5, GENESIS), a_point(2, GENESIS), a_point(0, b"\x01" * 32))
    assert read(lines, *points).problems == (short, other, empty)
    assert departure(points[0], 4, b"") == short
    assert departure(points[1], 2, lines[1].hash) == other
    assert departure(a_point(2, lines[1].hash), 2, lines[1].hash) is None
