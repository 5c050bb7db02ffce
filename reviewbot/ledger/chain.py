"""The hash chain: every line of the log names, by its hash, everything that stands before it.

Theory of operation. A line's hash is SHA-256 over the hash before it and over all of its own
content, with its length, so that no two contents read the same. Whoever edits, removes, inserts or
moves a line must rewrite every hash after it; a chain rewritten to the end, or a tail cut off, shows
against a `Checkpoint` that was kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from msgspec.structs import astuple

from reviewbot.domain.text import iso
from reviewbot.ledger import statements
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.tables import ChainLine
from reviewbot.ports.ledger import Checkpoint, Verification

GENESIS = bytes(32)
"""The hash before the first line."""


MOST_PROBLEMS = 20
"""How many problems a verification names; more would not help anybody."""


Columns = tuple[int, int, str, str, int, bytes, bytes | None, bytes]


def digest(before: bytes, line: ChainLine) -> bytes:
    """The hash of `line` after a line with the hash `before`."""
    return digest_of(
        before, line.seq, line.at, line.kind, line.subject, line.prior, line.body, line.detail
    )


def digest_of(
    before: bytes,
    seq: int,
    at: int,
    kind: str,
    subject: str,
    prior: int,
    body: bytes,
    detail: bytes | None,
) -> bytes:
    """The hash of a line by its columns: a verification makes a million, and no `Line` for them."""
    bulk = -1 if detail is None else len(detail)
    head = f"{seq} {at} {prior} {kind} {len(body)} {bulk} {subject}\n"
    text = before + head.encode() + body
    return sha256(text + detail if detail else text).digest()


class ChainReader:
    """Walks the chain from its first line and gathers what does not fit.

    `newest` is the last line of every subject: what the projections are held against.
    """

    def __init__(self, checkpoints: Iterable[Checkpoint] = ()) -> None:
        self.count = 0
        self.head = GENESIS
        self.newest: dict[str, int] = {}
        self._problems: list[str] = []
        self._checkpoints = tuple(checkpoints)
        self._heads = {checkpoint.count: b"" for checkpoint in self._checkpoints}
        """The hash of each line that a checkpoint names; empty until it is read."""
        self._heads[0] = GENESIS

    def read(self, lines: Iterable[Columns]) -> None:
        """Check the next lines, each as the columns of a `Line`."""
        count, head, newest, heads = self.count, self.head, self.newest, self._heads
        for seq, at, kind, subject, prior, body, detail, found in lines:
            if seq != count + 1:
                self.blame(f"line {count + 1} is missing: line {seq} follows line {count}")
            if digest_of(head, seq, at, kind, subject, prior, body, detail) != found:
                self.blame(f"line {seq} or the one before it was changed: its hash does not fit")
            if newest.get(subject, 0) != prior:
                self.blame(f"line {seq} does not follow the line before it about the same thing")
            count, head = seq, found
            newest[subject] = count
            if count in heads:
                heads[count] = head
        self.count, self.head = count, head

    def blame(self, problem: str) -> None:
        """Take up a problem, unless there are too many already."""
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(problem)

    def verification(self) -> Verification:
        """What was found, once every line was read."""
        for checkpoint in self._checkpoints:
            found = departure(checkpoint, self.count, self._heads[checkpoint.count])
            if found is not None:
                self.blame(found)
        return Verification(lines=self.count, head=self.head.hex(), problems=tuple(self._problems))


def departure(checkpoint: Checkpoint, lines: int, head: bytes) -> str | None:
    """How a log of so many lines, whose line `checkpoint.count` has the hash `head`, departs."""
    if checkpoint.count > lines:
        return (
            f"line {checkpoint.count} is missing: the checkpoint of {iso(checkpoint.at)} counted"
            f" {checkpoint.count} lines, the log ends at line {lines}"
        )
    if head.hex() != checkpoint.head:
        return (
            f"line {checkpoint.count} or one before it was rewritten: the checkpoint of"
            f" {iso(checkpoint.at)} knows another hash for it"
        )
    return None


# ------------------------------------------------------------------------------------------------
# The end of the chain, as one transaction adds to it.
#
# Theory of operation. A log can lose its end while it is in use: a server fails over to a copy that
# lacks the last transactions, a file is overwritten by an older one. What was forgotten may have been
# sent, and would be sent again. So each transaction first makes sure that the newest line this process
# has committed still stands where it stood. Mostly it is the last one, which is read anyway. Behind a
# connection that was opened again the lines since this process began are counted too: none may lack. So
# they are once the bot finds that a write which it sent is not in the log.


def end_of_chain(connection: LedgerEngine) -> tuple[int, bytes]:
    """The number and the hash of the last line; 0 and the hash before the first where there is none."""
    row = connection.run(statements.LAST_LINE).fetchone()
    return (row[0], bytes(row[1])) if row else (0, GENESIS)


def notice_loss(connection: LedgerEngine, count: int, head: bytes) -> None:
    """See whether the log, which ends so, still holds what we wrote; what is lost stays lost."""
    written = connection.written
    if written is None:
        connection.began, connection.counted = count, connection.opened
    if connection.lost is not None or written is None:
        return
    if connection.counted != connection.opened:
        _count_lines(connection, count)
    if written == (count, head):
        return
    seq, hash_ = written
    row = connection.run(statements.LINE, {"seq": seq}).fetchone() if seq <= count else None
    if row is None or bytes(row[-1]) != hash_:
        connection.lost = (
            f"line {seq}, which this process wrote, is not there any more"
            f" (the log ends at line {count})"
        )


def _count_lines(connection: LedgerEngine, count: int) -> None:
    """See whether all lines since this process began to write are there, the newest one aside."""
    began = connection.began
    there = connection.run(statements.LINES_SINCE, {"seq": began}).fetchone()[0]
    if there < count - began:
        connection.lost = f"lines between line {began} and line {count} are not there any more"
    connection.counted = connection.opened


class ChainEnd:
    """Where the chain ends. Made inside `Connection.writing`, so the next number is ours."""

    def __init__(self, connection: LedgerEngine) -> None:
        self._connection = connection
        self._count, self.hash = end_of_chain(connection)
        notice_loss(connection, self._count, self.hash)

    @property
    def next(self) -> int:
        """The number of the next line."""
        return self._count + 1

    def add(self, line: ChainLine) -> None:
        """Append a line that was made for `next`."""
        self.hash = digest(self.hash, line)
        self._count = line.seq
        *content, _ = astuple(line)
        self._connection.run(statements.ADD_LINE, (*content, self.hash))
        self._connection.adding = (self._count, self.hash)
