"""The hash chain: every line of the log names, by its hash, everything that stands before it.

Theory of operation. A line's hash is SHA-256 over the hash before it and over all of its own
content, with its length, so that no two contents read the same. Whoever edits, removes, inserts or
moves a line must rewrite every hash after it; a chain rewritten to the end, or a tail cut off, shows
against a `Checkpoint` that was kept elsewhere.

A log can lose its end while it is in use: a server fails over to a copy that lacks the last
transactions, a file is overwritten by an older one. What was forgotten may have been sent, and would
be sent again. So each transaction first makes sure that the newest line this process has committed
still stands where it stood. Mostly it is the last one, which is read anyway. Behind a connection that
was opened again the lines since this process began are counted too: none may lack. So they are once
the bot finds that a write which it sent is not in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import asdict, astuple, replace
from sqlalchemy import Table

from reviewbot.domain.errors import LedgerWentBack
from reviewbot.domain.text import iso
from reviewbot.ledger import statements
from reviewbot.ledger.engine import KeyRows, LedgerEngine
from reviewbot.ledger.tables import ChainLine, entry
from reviewbot.ports.ledger import DEFAULT_KEY, Checkpoint, Verification

GENESIS = bytes(32)
"""The hash before the first line of the key `default`."""


def genesis(key: str) -> bytes:
    """The hash before the first line of a key: so that no chain can be passed off as another key's."""
    return GENESIS if key == DEFAULT_KEY else sha256(f"reviewbot key {key}".encode()).digest()


MOST_PROBLEMS = 20
"""How many problems a verification names; more would not help anybody."""


Columns = tuple[int, int, str, str, int, bytes, bytes | None, bytes]


def digest(before: bytes, line: ChainLine) -> bytes:
    """The hash of `line` after a line with the hash `before`."""
    return digest_of(before, *astuple(line)[:-1])


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

    def __init__(self, checkpoints: Iterable[Checkpoint] = (), start: bytes = GENESIS) -> None:
        """`start` is the hash before the first line."""
        self.count = 0
        self.head = start
        self.newest: dict[str, int] = {}
        self._problems: list[str] = []
        self._checkpoints = tuple(checkpoints)
        self._heads = {checkpoint.count: b"" for checkpoint in self._checkpoints}
        """The hash of each line that a checkpoint names; empty until it is read."""
        self._heads[0] = start

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


class Chain(KeyRows):
    """The chain of a key: where it ends, and whether it still holds what this process wrote."""

    def __init__(self, engine: LedgerEngine, key: str) -> None:
        super().__init__(engine, key)
        self.genesis = genesis(key)
        self.own_lines = 0
        """How many lines this process has added."""
        self._written: tuple[int, bytes] | None = None
        """The newest line that this process has committed; the log must go on from there."""
        self._began = 0
        """The line after which this process began to write."""
        self._counted = 0
        """The opening, by number, at which the lines since then were last counted; 0: they are to be."""
        self._lost: str | None = None
        """What is missing, once it has been seen not to; until a person takes the log as it is."""

    def end(self) -> tuple[int, bytes]:
        """The number and the hash of the last line; 0 and the hash before the first where there is none."""
        row = self._run(statements.LAST_LINE).fetchone()
        return (row[0], row[1]) if row else (0, self.genesis)

    def line(self, seq: int) -> ChainLine | None:
        """The line of this number."""
        row = self._run(statements.LINE, {"seq": seq}).fetchone()
        return ChainLine(*row) if row else None

    def back_from(self, seq: int) -> list[ChainLine]:
        """A line and all before it about the same subject, oldest first."""
        lines: list[ChainLine] = []
        while seq:
            line = self.line(seq)
            assert line is not None, f"line {seq} is missing"
            lines.append(line)
            seq = line.prior
        return lines[::-1]

    @contextmanager
    def adding(self) -> Iterator[ChainEnd]:
        """One transaction that adds lines."""
        with self._engine.writing():
            count, head = self.end()
            self._notice_loss(count, head)
            end = ChainEnd(self._engine, self._key, count, head)
            yield end
        self.own_lines += end.count - count
        if end.count > count and self._lost is None:
            self._written = end.count, end.head

    def refuse_if_lost(self) -> None:
        """Raise LedgerWentBack where something is missing: what is lost may have been sent."""
        if self._lost is not None:
            raise LedgerWentBack(f"the log went back: {self._lost}; nothing is sent")

    def lost(self) -> str | None:
        """What this process wrote and the log no longer holds."""
        with self._engine.reading():
            if self._lost is None:
                self._notice_loss(*self.end())
            return self._lost

    def recount(self) -> None:
        """Count the lines since this process began when the log is next looked at."""
        self._counted = 0

    def take_as_it_is(self) -> None:
        """Go on from where the log ends now."""
        with self._engine.reading():
            self._written = self._lost = None

    def _notice_loss(self, count: int, head: bytes) -> None:
        """See whether the log, which ends so, still holds what we wrote; what is lost stays lost."""
        opened = self._engine.opened
        if self._written is None:
            self._began, self._counted = count, opened
        if self._lost is not None or self._written is None:
            return
        if self._counted != opened:
            self._count_lines(count)
            self._counted = opened
        if self._written == (count, head):
            return
        seq, hash_ = self._written
        line = self.line(seq) if seq <= count else None
        if line is None or line.hash != hash_:
            self._lost = (
                f"line {seq}, which this process wrote, is not there any more"
                f" (the log ends at line {count})"
            )

    def _count_lines(self, count: int) -> None:
        """See whether all lines since this process began to write are there, the newest one aside."""
        there = self._run(statements.LINES_SINCE, {"seq": self._began}).fetchone()[0]
        if there < count - self._began:
            self._lost = f"lines between line {self._began} and line {count} are not there any more"


class ChainEnd(KeyRows):
    """Where the chain ends, as one transaction adds to it; nobody else can meanwhile."""

    def __init__(self, engine: LedgerEngine, key: str, count: int, head: bytes) -> None:
        super().__init__(engine, key)
        self.count, self.head = count, head

    @property
    def next(self) -> int:
        """The number of the next line."""
        return self.count + 1

    def add(self, line: ChainLine) -> None:
        """Append a line that was made for `next`."""
        self.count, self.head = line.seq, digest(self.head, line)
        self._run(statements.add(entry), asdict(replace(line, hash=self.head)))


class LogPart(KeyRows):
    """What the parts of a ledger share: its engine, its key, its chain, and how they keep a row."""

    def __init__(self, engine: LedgerEngine, key: str = DEFAULT_KEY) -> None:
        super().__init__(engine, key)
        self._chain = Chain(engine, key)

    def _put(self, table: Table, row: Struct, before: Struct | None) -> None:
        """Keep a new row, or what has changed of a known one: other columns' indexes are left in peace."""
        values = asdict(row)
        if before is None:
            self._run(statements.add(table), values)
            return
        known = asdict(before)
        changed = [name for name, value in values.items() if value != known[name]]
        new = {f"new_{name}": values[name] for name in changed}
        old = {f"old_{name}": value for name, value in known.items()} | {"old_key": self._key}
        self._run(statements.change(table, tuple(changed)), new | old)
