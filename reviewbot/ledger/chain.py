"""The hash chain: every line of the log names, by its hash, everything that stands before it.

Theory of operation. A line's hash is SHA-256 over the hash before it and over all of its own
content, with its length, so that no two contents read the same; what people wrote stands in it by
its salted digest, so that it can be forgotten without a hole in the chain. Whoever edits, removes, inserts or
moves a line must rewrite every hash after it; a chain rewritten to the end, or a tail cut off, shows
against a `Checkpoint` that was kept elsewhere.

A log can lose its end while it is in use: a server fails over to a copy that lacks the last
transactions, a file is overwritten by an older one. What was forgotten may have been sent, and would
be sent again. So each transaction first makes sure that the newest line this process has committed
still stands where it stood. Mostly it is the last one, which is read anyway. Behind a connection that
was opened again, and after another start of the server, the lines since this process began are counted too: none may lack. So they are once
the bot finds that a write which it sent is not in the log.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict, astuple, replace
from sqlalchemy import Table

from reviewbot.domain.errors import LedgerWentBack
from reviewbot.domain.text import iso
from reviewbot.ledger import statements
from reviewbot.ledger.engine import UNREADABLE, KeyRows, LedgerEngine
from reviewbot.ledger.mapping import NOTE, POLICY, note_subject, plain_from_line
from reviewbot.ledger.segments import ArchiveReader
from reviewbot.ledger.tables import ChainLine, entry
from reviewbot.ports.ledger import DEFAULT_KEY, Checkpoint, Verification

GENESIS = bytes(32)
"""The hash before the first line of the key `default`."""


def genesis(key: str) -> bytes:
    """The hash before the first line of a key: so that no chain can be passed off as another key's."""
    return GENESIS if key == DEFAULT_KEY else sha256(f"reviewbot key {key}".encode()).digest()


SEALED = note_subject("sealed", "chain")
"""The line that ends a chain of before, whose hashes are over the texts themselves."""
_ERASED = note_subject("erased", "")
"""How the subjects of lines begin that say which lines lost their text."""

MOST_PROBLEMS = 20
"""How many problems a verification names; more would not help anybody."""

Columns = tuple[
    int, int, str, str, int, bytes, bytes | None, bytes, bytes | None, bytes | None, bytes | None
]
"""A line as a database gives it: the fields of a `ChainLine`."""


def digest(before: bytes, line: ChainLine) -> bytes:
    """The hash of `line` after a line with the hash `before`."""
    mark = line.digest if line.salt is None else text_digest(line.salt, line.text, line.detail)
    seq, at, kind, subject, prior, body, detail, *_ = astuple(line)
    return digest_of(before, seq, at, kind, subject, prior, body, detail, mark)


def text_digest(salt: bytes, text: bytes | None, detail: bytes | None) -> bytes:
    """What stands for a text in the chain; without the salt nobody can try out what it was."""
    head = f"{-1 if text is None else len(text)} {-1 if detail is None else len(detail)}\n"
    return sha256(salt + head.encode() + (text or b"") + (detail or b"")).digest()


def digest_of(
    before: bytes,
    seq: int,
    at: int,
    kind: str,
    subject: str,
    prior: int,
    body: bytes,
    detail: bytes | None,
    mark: bytes | None = None,
) -> bytes:
    """The hash of a line by its columns: a verification makes a million, and no `Line` for them.

    `mark` is the salted digest of its texts, and stands in place of the detail where there is one.
    """
    if mark is not None:
        head = f"{seq} {at} {prior} {kind} {len(body)} text {subject}\n"
        return sha256(before + head.encode() + body + mark).digest()
    bulk = -1 if detail is None else len(detail)
    head = f"{seq} {at} {prior} {kind} {len(body)} {bulk} {subject}\n"
    text = before + head.encode() + body
    return sha256(text + detail if detail else text).digest()


def salted(line: ChainLine, salt: bytes) -> ChainLine:
    """The line with a salt where it holds what people wrote; a policy's text is nobody's in particular."""
    if line.kind == POLICY or (line.text is None and line.detail is None):
        return line
    return replace(line, salt=salt)


def erased(line: ChainLine) -> ChainLine:
    """The line without its texts: their digest stays, and so does its own hash."""
    assert line.salt is not None
    mark = text_digest(line.salt, line.text, line.detail)
    return replace(line, text=None, detail=None, salt=None, digest=mark)


class Seal(NamedTuple):
    """Of a chain from before: how many lines it had, and the hash of the last with its texts as digests."""

    lines: int = 0
    head: bytes = b""


class ChainReader:
    """Walks the chain from its first line and gathers what does not fit.

    `newest` is the last line of every subject: what the projections are held against.

    Theory of operation. The hash of a line of today is over the salted digest of its texts, so that it
    fits with them and without. Up to the `seal` it is over the texts themselves. Beside it, a second
    chain over the same lines with digests ends in the head that the seal names, so that those lines are
    bound once their texts are gone. Only a word of erasure may have taken a text away.
    """

    def __init__(
        self,
        checkpoints: Iterable[Checkpoint] = (),
        start: bytes = GENESIS,
        seal: Seal | None = None,
    ) -> None:
        """`start` is the hash before the first line."""
        self.count = 0
        self.head = start
        self.newest: dict[str, int] = {}
        self.erased: set[int] = set()
        """Lines without their texts."""
        self._said: list[tuple[int, int]] = []
        """From which line to which words of erasure say that texts were taken out."""
        self._skipped = 0
        """The last line of what is archived and not at hand."""
        self._seal = seal or Seal()
        self._resealed = start
        self._reseals = True
        """Whether all lines up to the seal are at hand."""
        self._problems: list[str] = []
        self._checkpoints = tuple(checkpoints)
        self._heads = {checkpoint.count: b"" for checkpoint in self._checkpoints}
        """The hash of each line that a checkpoint names; empty until it is read."""
        self._heads[0] = start

    def read(self, lines: Iterable[Columns]) -> None:
        """Check the next lines, each as the columns of a `Line`."""
        count, head, newest, heads = self.count, self.head, self.newest, self._heads
        for line in lines:
            seq, at, kind, subject, prior, body, detail, found, text, salt, known = line
            if seq != count + 1:
                self.blame(f"line {count + 1} is missing: line {seq} follows line {count}")
            mark = known if salt is None else text_digest(salt, text, detail)
            if known is not None or (salt is None and text is not None):
                self._note_erased(seq, text is detail is salt is None)
            if seq <= self._seal.lines:
                fits = self._fits_of_before(head, line, mark)
            else:
                fits = digest_of(head, seq, at, kind, subject, prior, body, detail, mark) == found
            if not fits:
                self.blame(f"line {seq} or the one before it was changed: its hash does not fit")
            if newest.get(subject, 0) != prior and (subject in newest or prior > self._skipped):
                self.blame(f"line {seq} does not follow the line before it about the same thing")
            count, head = seq, found
            newest[subject] = count
            if count in heads:
                heads[count] = head
            if kind == NOTE and subject.startswith(_ERASED):
                self._take_erasure(body, seq)
        self.count, self.head = count, head

    def skip(self, first: int, last: int, head: bytes) -> None:
        """Go on behind lines that are not at hand, of which the last has this hash."""
        self.count, self.head, self._skipped = last, head, last
        self._checkpoints = tuple(
            checkpoint for checkpoint in self._checkpoints if not first <= checkpoint.count < last
        )
        if last in self._heads:
            self._heads[last] = head
        if first <= self._seal.lines:
            self._reseals = False

    def _fits_of_before(self, head: bytes, line: Columns, mark: bytes | None) -> bool:
        """Whether a line from before the seal fits what stands before it, in both chains."""
        seq, at, kind, subject, prior, body, detail, found, text, salt, known = line
        self._resealed = digest_of(
            self._resealed, seq, at, kind, subject, prior, body, detail, mark
        )
        if self._reseals and seq == self._seal.lines and self._resealed != self._seal.head:
            self.blame(f"line {seq} or one before it was changed: the seal knows another hash")
        if salt is None and known is not None:
            return True
        whole = body if salt is None else text or b""
        return digest_of(head, seq, at, kind, subject, prior, whole, detail) == found

    def _note_erased(self, seq: int, is_gone: bool) -> None:
        if is_gone:
            self.erased.add(seq)
        else:
            self.blame(f"line {seq} has a text that nothing binds")

    def _take_erasure(self, body: bytes, seq: int) -> None:
        """Take up which lines before it a word of erasure names."""
        try:
            for first, last in plain_from_line(body)["lines"]:
                self._said.append((int(first), min(int(last), seq)))
        except UNREADABLE:
            self.blame("a word of erasure cannot be read")

    def blame(self, problem: str) -> None:
        """Take up a problem, unless there are too many already."""
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(problem)

    def said(self) -> Callable[[int], bool]:
        """Tells of a line whether a word of erasure names it."""
        return within(self._said)

    def verification(self) -> Verification:
        """What was found, once every line was read."""
        said = self.said()
        for seq in sorted(self.erased):
            if not said(seq):
                self.blame(f"line {seq} lost its text, and no word of erasure says so")
        for checkpoint in self._checkpoints:
            found = departure(checkpoint, self.count, self._heads[checkpoint.count])
            if found is not None:
                self.blame(found)
        return Verification(lines=self.count, head=self.head.hex(), problems=tuple(self._problems))


def within(ranges: Iterable[tuple[int, int]]) -> Callable[[int], bool]:
    """Tells whether a number lies within one of some ranges."""
    joined: list[list[int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    starts = [first for first, _ in joined]

    def lies_within(number: int) -> bool:
        place = bisect_right(starts, number)
        return place > 0 and number <= joined[place - 1][1]

    return lies_within


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
        self.key = key
        self.genesis = genesis(key)
        self.archive = ArchiveReader(engine, key)
        """What of it has left the log."""
        self.own_lines = 0
        """How many lines this process has added."""
        self._written: tuple[int, bytes] | None = None
        """The newest line that this process has committed; the log must go on from there."""
        self._began = 0
        """The line after which this process began to write."""
        self._counted: Hashable = None
        """The life of the database in which the lines since then were last counted; None: they are to be."""
        self._lost: str | None = None
        """What is missing, once it has been seen not to; until a person takes the log as it is."""

    def end(self) -> tuple[int, bytes]:
        """The number and the hash of the last line; 0 and the hash before the first where there is none."""
        row = self._run(statements.LAST_LINE).fetchone()
        return (row[0], row[1]) if row else (0, self.genesis)

    def line(self, seq: int) -> ChainLine | None:
        """The line of this number."""
        return self._first(ChainLine, statements.LINE, {"seq": seq})

    def back_from(self, seq: int) -> list[ChainLine]:
        """A line and all before it about the same subject, oldest first, as far as they have not left."""
        lines: list[ChainLine] = []
        while seq:
            line = self.line(seq)
            if line is None and seq <= self.archive.last():
                break
            assert line is not None, f"line {seq} is missing"
            lines.append(line)
            seq = line.prior
        return lines[::-1]

    @contextmanager
    def adding(self, *, sends: bool = False) -> Iterator[ChainEnd]:
        """One transaction that adds lines; what is lost may have been sent, so nothing that `sends` is added.

        Raises LedgerWentBack.
        """
        with self._engine.writing(self._key):
            count, head = self._notice_loss()
            if sends and self._lost is not None:
                raise LedgerWentBack(f"the log went back: {self._lost}; nothing is sent")
            end = ChainEnd(self._run, self._engine.salt, head, count + 1)
            yield end
        self.own_lines += end.next - 1 - count
        if end.next - 1 > count and self._lost is None:
            self._written = end.next - 1, end.head

    def lost(self) -> str | None:
        """What this process wrote and the log no longer holds."""
        with self._engine.reading():
            if self._lost is None:
                self._notice_loss()
            return self._lost

    def recount(self) -> None:
        """Count the lines since this process began when the log is next looked at."""
        self._counted = None

    def take_as_it_is(self) -> None:
        """Go on from where the log ends now."""
        with self._engine.reading():
            self._written = self._lost = None

    def _notice_loss(self) -> tuple[int, bytes]:
        """See whether the log still holds what we wrote, and give its end; what is lost stays lost."""
        count, head = self.end()
        life = self._engine.life()
        if self._written is None:
            self._began, self._counted = count, life
        elif self._lost is None:
            self._look_for(self._written, count, head, life)
        return count, head

    def _look_for(
        self, written: tuple[int, bytes], count: int, head: bytes, life: Hashable
    ) -> None:
        """See whether a log that ends so still holds the newest line of ours, and all since we began."""
        if self._counted != life:
            self._count_lines(count)
            self._counted = life
        if written == (count, head):
            return
        seq, hash_ = written
        line = self.line(seq) if seq <= count else None
        if line is None and seq <= count and seq <= self.archive.last():
            return  # it has left the log, whose newest line says so
        if line is None or line.hash != hash_:
            self._lost = (
                f"line {seq}, which this process wrote, is not there any more"
                f" (the log ends at line {count})"
            )

    def _count_lines(self, count: int) -> None:
        """See whether all lines since this process began to write are there, the newest one aside."""
        began = max(self._began, self.archive.last())
        there = self._run(statements.LINES_SINCE, {"seq": began}).fetchone()[0]
        if there < count - began:
            self._lost = f"lines between line {began} and line {count} are not there any more"


@dataclass(slots=True)
class ChainEnd:
    """Where the chain ends, as one transaction adds to it; nobody else can meanwhile."""

    run: Callable[..., Any]
    """Runs a statement about the rows of its key."""
    salt: Callable[[], bytes]
    head: bytes
    next: int
    """The number of the next line."""

    def add(self, line: ChainLine) -> None:
        """Append a line that was made for `next`."""
        line = salted(line, self.salt())
        self.head, self.next = digest(self.head, line), line.seq + 1
        self.run(statements.add(entry), asdict(replace(line, hash=self.head)))


class LogPart(KeyRows):
    """What the parts of a ledger share: its engine, its key, its chain, and how they keep a row."""

    def __init__(self, engine: LedgerEngine, key: str = DEFAULT_KEY) -> None:
        super().__init__(engine, key)
        self._chain = Chain(engine, key)
        self._archive = self._chain.archive

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
