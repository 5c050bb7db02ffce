"""Verification of what left the log: segments against the chain, and rows against the lines that left.

Theory of operation. The walk over the chain goes through the segments at hand and takes each line where
it is in full: from the log, else from the segment. A line that a segment binds and does not hold must
be in the log, or have left with a later segment. Of a segment that is not at hand the chain says how it
begins and ends; the walk goes on behind it, and it is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec.structs import astuple, replace
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.errors import ConfigError, LedgerCorrupt
from reviewbot.ledger import statements
from reviewbot.ledger.chain import ChainReader, Columns, text_digest
from reviewbot.ledger.clauses import names_of
from reviewbot.ledger.engine import UNREADABLE
from reviewbot.ledger.events import decision_row, ended_row, seen_row
from reviewbot.ledger.mapping import (
    NOTE,
    SEEN,
    ending_from_line,
    seen_from_body,
    step_from_body,
    step_from_line,
)
from reviewbot.ledger.segments import (
    ArchivedSegment,
    SegmentSeal,
    need_arrow,
    path_of,
    read_segment,
    seal_problem,
)
from reviewbot.ledger.tables import ChainLine, DecisionRow, RoundRow

Run = Callable[[ClauseElement, Mapping[str, Any]], Any]
"""Runs a statement about the rows of one key."""


class LiveLines:
    """The lines that are in the log, of which the next can be looked at."""

    def __init__(self, lines: Iterable[Columns]) -> None:
        self._lines = iter(lines)
        self._next = next(self._lines, None)

    def take(self, seq: int) -> Columns | None:
        """The next line, where it has this number."""
        found = self._next
        if found is None or found[0] != seq:
            return None
        self._next = next(self._lines, None)
        return found

    def up_to(self, last: int) -> Iterator[Columns]:
        """All next lines up to this number."""
        while self._next is not None and self._next[0] <= last:
            yield self._next
            self._next = next(self._lines, None)

    def rest(self) -> Iterator[Columns]:
        """All that come."""
        if self._next is not None:
            yield self._next
            yield from self._lines


class ArchiveCheck:
    """Walks through segments, and counts which rows say that they left with which."""

    def __init__(self, reader: ChainReader, run: Run, key: str, signing: bytes | None) -> None:
        self._reader, self._run, self._key, self._signing = reader, run, key, signing
        self.remarks: list[str] = []
        self._owed: dict[int, bytes] = {}
        """Lines that a segment binds, and that were not found in full yet, by number."""
        self._left: Counter[int] = Counter()
        """How many rows left with each segment, by the line that names it."""
        self._rows: Counter[int] = Counter()
        """How many rows say so."""
        self._forgotten: list[tuple[int, str]] = []
        """Lines whose note the row forgot, though the segment still has it; each with whose row it is."""
        self._absent: set[int] = set()
        self._names: dict[int, str] = {}

    def walk(self, segments: list[ArchivedSegment], live: LiveLines) -> None:
        """Go through all segments."""
        try:
            need_arrow()
            why = ""
        except ConfigError as error:
            why = f" ({error})"
        for word, seal in segments:
            self._names[word] = seal.file
            path = None if why else path_of(seal, segments[-1].seal.folder)
            if path is None:
                self._pass_over(word, seal, live, why)
            else:
                self._go_through(word, seal, path, live)

    def _pass_over(self, word: int, seal: SegmentSeal, live: LiveLines, why: str) -> None:
        self._absent.add(word)
        self.remarks.append(
            f"lines {seal.first} to {seal.last} are archived in {seal.file}, which is not at hand"
            f"{why}: what left with it was not looked at"
        )
        for columns in live.up_to(seal.last):
            self._reader.newest[columns[3]] = columns[0]
            if columns[-1] is not None:
                self._reader.erased.add(columns[0])
        self._reader.skip(seal.first, seal.last, bytes.fromhex(seal.after))

    def _go_through(self, word: int, seal: SegmentSeal, path: Path, live: LiveLines) -> None:
        if (problem := seal_problem(path, self._key, seal, self._signing)) is not None:
            self._reader.blame(problem)
        left: dict[int, ChainLine] = {}
        try:
            self._reader.read(self._lines(seal, path, live, left))
        except LedgerCorrupt as error:
            self._reader.blame(str(error))
        if (self._reader.count, self._reader.head.hex()) != (seal.last, seal.after):
            self._reader.blame(f"{seal.file} does not end where the log says: at line {seal.last}")
        if len(left) != seal.lines:
            self._reader.blame(f"{seal.file} holds {len(left)} lines that left, not {seal.lines}")
        for subject in sorted({line.subject for line in left.values()}):
            self._left[word] += 1
            if not self._fits(word, subject, left):
                self._reader.blame(f"{seal.file}: the row of {subject!r} differs from what left")

    def _lines(
        self, seal: SegmentSeal, path: Path, live: LiveLines, left: dict[int, ChainLine]
    ) -> Iterator[Columns]:
        """The lines of the stretch, each from where it is in full; what left is gathered."""
        for line, is_left in read_segment(path):
            if is_left:
                left[line.seq] = line
            if line.seq < seal.first:
                self._settle(line)
                continue
            there = live.take(line.seq)
            if there is not None:
                if is_left:
                    self._reader.blame(f"line {line.seq} left with {seal.file} and is still there")
                yield there
                continue
            if not is_left:
                self._owed[line.seq] = _print_of(line)
            yield astuple(line)
            if not is_left:
                self._reader.erased.discard(line.seq)

    def _settle(self, line: ChainLine) -> None:
        """A line that was bound by an earlier segment: it must be the same."""
        owed = self._owed.pop(line.seq, None)
        if line.salt is None and line.digest is not None:
            self._reader.erased.add(line.seq)
        if owed is None and not self._absent:
            self._reader.blame(f"line {line.seq} left twice")
        if owed is not None and owed != _print_of(line):
            self._reader.blame(f"line {line.seq} was changed since it left the log")

    def _fits(self, word: int, subject: str, left: Mapping[int, ChainLine]) -> bool:
        """Whether the row of what left is as its lines say."""
        parts = subject.split("\x1f")
        try:
            if len(parts) == 1:
                return self._decision_fits(word, subject, left)
            return self._round_fits(word, parts, left)
        except UNREADABLE:
            return False

    def _decision_fits(self, word: int, name: str, left: Mapping[int, ChainLine]) -> bool:
        found = self._run(statements.DECISION_ROW, {"id": name}).fetchone()
        row = DecisionRow(*found)
        last, recorded = self._line(row.last, left), self._line(row.recorded, left)
        if row.archived != word or (last.subject, recorded.subject) != (name, name):
            return False
        step = step_from_line(last.body, last.text)
        made = decision_row(step_from_body(recorded.body), last.seq, last.at, last.kind, step)
        if row.note is None and made.note is not None:
            self._forgotten.append((last.seq, name))
            row = replace(row, note=made.note)
        return replace(row, archived=None) == made

    def _round_fits(self, word: int, parts: list[str], left: Mapping[int, ChainLine]) -> bool:
        review, task_id, epoch = parts
        asked = {"review": review, "names": names_of([task_id])}
        rows = [RoundRow(*row) for row in self._run(statements.ROUNDS, asked)]
        (row,) = (row for row in rows if row.epoch == epoch)
        last = self._line(row.last, left)
        first = self._line(last.prior, left) if last.prior else None
        if row.archived != word or last.subject != "\x1f".join(parts):
            return False
        made = round_from(
            last.seq, last.kind, last.at, last.body, last.text,
            first.seq if first else None, first.at if first else 0, first.body if first else b"",
        )  # fmt: skip
        if row.end_note is None and made.end_note is not None:
            self._forgotten.append((last.seq, f"{epoch} of {task_id}"))
            row = replace(row, end_note=made.end_note)
        return replace(row, archived=None) == made

    def _line(self, seq: int, left: Mapping[int, ChainLine]) -> ChainLine:
        """A line that left, or one that somebody wrote on it since."""
        return left.get(seq) or ChainLine(*self._run(statements.LINE, {"seq": seq}).fetchone())

    def row(self, word: int, subject: str, last: int) -> None:
        """A row that says that it left: it was looked at with its segment, where that is at hand."""
        if word in self._absent:
            self._reader.newest.pop(subject, None)
            return
        self._rows[word] += 1
        take(self._reader, subject, last)

    def finish(self) -> None:
        """Say what is missing, once all rows were met."""
        said = self._reader.said()
        for seq, name in self._forgotten:
            if said(seq):
                self.remarks.append(f"line {seq} was erased, and its segment not yet written anew")
            else:
                self._reader.blame(f"line {seq}: the row of {name} differs from what left")
        for seq in sorted(self._owed) if not self._absent else ():
            self._reader.blame(f"line {seq} is neither in the log nor in a segment")
        for word in sorted(self._left.keys() | self._rows.keys()):
            if self._left[word] != self._rows[word]:
                self._reader.blame(
                    f"{self._rows[word]} rows say that they left with"
                    f" {self._names.get(word, f'line {word}')}, in which there are {self._left[word]}"
                )


def _print_of(line: ChainLine) -> bytes:
    """What a line must still be once it has left, with its text or without."""
    mark = line.digest if line.salt is None else text_digest(line.salt, line.text, line.detail)
    whole = (line.at, line.kind, line.subject, line.prior, line.body, mark, line.hash)
    return sha256(repr(whole).encode()).digest()


def take(reader: ChainReader, subject: str, last: int) -> None:
    """Note that a row names the newest line of its subject; what is left at the end has no row."""
    newest = reader.newest.pop(subject, None)
    if newest is None:
        reader.blame(f"line {last}: {_named(subject)} has a row, but no line in the chain")
    elif newest != last:
        reader.blame(
            f"line {newest}: the row of {_named(subject)} stands at line {last}, not there"
        )


def _named(subject: str) -> str:
    """What a subject of lines is, in words."""
    match subject.split("\x1f"):
        case [decision]:
            return f"decision {decision}"
        case [review, task_id, epoch] if review != NOTE:
            return f"round {epoch} of {review} {task_id}"
        case [kind, *names]:
            return f"{kind} {' '.join(names)}"
    return subject


def round_from(
    last: int,
    kind: str,
    at: int,
    body: bytes,
    text: bytes | None,
    first: int | None,
    first_at: int,
    seen: bytes,
) -> RoundRow:
    """The row that the newest line of a round, and the one before it, amount to."""
    if kind == SEEN:
        return seen_row(seen_from_body(body), last, at)
    before = None if first is None else seen_row(seen_from_body(seen), first, first_at)
    return ended_row(ending_from_line(body, text), last, before)
