"""Archiving: the lines of what ended long ago leave the log for sealed segments, while it is in use.

Theory of operation. What limits, counts and claims go by stays: a row per decision and round. Their
lines, nearly all of the bytes, go. Things leave in groups, in the order of their last lines, and each
group is a segment of its own: its file is on disk, whole, before one transaction names it in the chain,
takes the lines away and marks the rows. Killed before that transaction, the file means nothing: it was
noted beside the chain before it was begun, and the next run removes it. Killed behind it, nothing is
missing. A name is never used twice, so that no copy of a log can write over the segments of another. A thing on which somebody wrote meanwhile
stays, and the group is gathered again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from reviewbot.domain.errors import LedgerUnwritable, UsageError
from reviewbot.ledger import events, segments, statements, tables
from reviewbot.ledger.chain import ChainEnd, LogPart, erased
from reviewbot.ledger.clauses import names_of
from reviewbot.ledger.mapping import round_subject
from reviewbot.ledger.segments import SegmentSeal, alone, need_arrow, sealed, write_segment
from reviewbot.ledger.tables import ChainLine, DecisionRow, KeptRow, NoteRow, RoundRow

BEGUN = "archiving"
"""What is kept beside the chain of a segment that is being written: its file."""
GROUP = 5_000
"""Things that leave with one segment: its transaction is short, and it fits into memory."""
_Thing = tuple[str, str]
_Subjects = dict[str, int]
"""The subjects whose lines leave, each with its newest line."""


class ArchiveLog(LogPart):
    """Moves lines of a key to segments."""

    def archive(
        self,
        folder: Path | None,
        before: datetime,
        at: datetime,
        *,
        who: str,
        signing: bytes | None = None,
        told: Callable[[SegmentSeal], None] = lambda _: None,
    ) -> Sequence[SegmentSeal]:
        """Let leave what ended before a moment; give the segments that were written.

        `folder` is where they go; None: where the last ones went. Raises UsageError where that is
        nowhere, LedgerBusy where another run is at it, LedgerUnwritable.
        """
        need_arrow()
        with self._engine.reading():
            known = self._archive.segments()
        if folder is None and not known:
            raise UsageError("say where archived segments go: --to FOLDER; it is remembered")
        place = Path(known[-1].seal.folder if folder is None else folder).absolute()
        made: list[SegmentSeal] = []
        with alone(place):
            self._sweep()
            things = self._ended(events.to_micros(before))
            for start in range(0, len(things), GROUP):
                seal = self._let_go(things[start : start + GROUP], place, at, who, signing)
                if seal is not None:
                    made.append(seal)
                    told(seal)
        return made

    def absent_segments(self) -> Sequence[str]:
        """The names of segments that are not at hand, so that what left with them cannot be read."""
        return self._archive.absent()

    def archive_folder(self) -> str | None:
        """Where segments went last; None where there are none."""
        with self._engine.reading():
            known = self._archive.segments()
        return known[-1].seal.folder if known else None

    def _sweep(self) -> None:
        """Remove what a run that was killed left behind: files that were begun, and that no line names."""
        with self._engine.reading():
            begun = [row[1] for row in self._run(statements.KEPT, {"kind": BEGUN})]
        for name in begun:
            Path(name).unlink(missing_ok=True)
            Path(f"{name}.unfinished").unlink(missing_ok=True)
            with self._engine.writing():
                self._run(statements.UNKEEP, {"kind": BEGUN, "name": name})

    def _ended(self, before: int) -> list[_Thing]:
        """What is closed and ended before, in the order of its last lines."""
        newest: dict[_Thing, int] = {}
        not_yet: set[_Thing] = set()
        with self._engine.reading():
            for *thing, last, end, is_open in self._run(statements.ENDS):
                found = (str(thing[0]), str(thing[1]))
                newest[found] = max(newest.get(found, 0), last)
                if is_open or end >= before:
                    not_yet.add(found)
        return sorted(newest.keys() - not_yet, key=newest.__getitem__)

    def _let_go(
        self, group: Sequence[_Thing], place: Path, at: datetime, who: str, signing: bytes | None
    ) -> SegmentSeal | None:
        """Write a group to a segment and take it out; None where nothing of it could leave."""
        with self._engine.reading():
            decisions, rounds = self._rows_in(group)
            known = self._archive.segments()
            after = known[-1].seal.last if known else 0
            subjects = _subjects(decisions, rounds)
            if not subjects:
                return None
            last = max(after, *subjects.values())
            number = known[-1].seal.number + 1 if known else 1
            seal = SegmentSeal(
                number=number,
                first=after + 1,
                last=last,
                before=known[-1].seal.after if known else self._chain.genesis.hex(),
                after=self._hash(last, known[-1].seal if known else None),
                lines=0,
                decisions=len(decisions),
                file=f"segment-{quote(self._key, safe='')}-{number:06}-"
                f"{self._engine.salt()[:4].hex()}.parquet",
                folder=str(place),
            )
        path, gone = place / seal.file, list[int]()
        with self._engine.writing():
            self._put(tables.kept, KeptRow(BEGUN, str(path), events.to_micros(at), b""), None)
        if path.exists():
            raise LedgerUnwritable(f"{path}: is there already, so nothing was archived")
        write_segment(path, sealed(self._key, seal, signing), self._stretch(seal, subjects, gone))
        seal = replace(seal, lines=len(gone))
        with self._chain.adding() as end:
            self._run(statements.UNKEEP, {"kind": BEGUN, "name": str(path)})
            fresh = self._rows_in(group)
            if _subjects(*fresh) != subjects or self._archive.last() != after:
                path.unlink()
                return None  # somebody wrote on it meanwhile: it stays until the next run
            self._take_out(group, gone, seal, at, who, end)
        return seal

    def _rows_in(self, group: Sequence[_Thing]) -> tuple[list[DecisionRow], list[RoundRow]]:
        """The rows of a group's decisions and rounds that have not left yet."""
        decisions: list[DecisionRow] = []
        rounds: list[RoundRow] = []
        for review in ("accounts", "comments"):
            names = names_of(name for kind, name in group if kind == review)
            asked = {"review": review, "names": names}
            decisions += [DecisionRow(*row) for row in self._run(statements.ROWS_OF_TASKS, asked)]
            rounds += [RoundRow(*row) for row in self._run(statements.ROUNDS, asked)]
        return (
            [row for row in decisions if row.archived is None],
            [row for row in rounds if row.archived is None],
        )

    def _hash(self, seq: int, newest: SegmentSeal | None) -> str:
        """The hash of a line that is in the log, or of the last one that left it."""
        if newest is not None and seq == newest.last:
            return newest.after
        line = self._chain.line(seq)
        assert line is not None, f"line {seq} is missing"
        return line.hash.hex()

    def _stretch(
        self, seal: SegmentSeal, subjects: _Subjects, gone: list[int]
    ) -> Iterator[tuple[ChainLine, bool]]:
        """The lines of a segment: what leaves from before its stretch, then the stretch."""
        after = 0
        while True:
            with self._engine.reading():
                page = self._run(statements.LINES_AFTER, {"after": after}).fetchall()
            for row in page:
                line = ChainLine(*row)
                if line.seq > seal.last:
                    return
                if line.subject in subjects:
                    gone.append(line.seq)
                    yield line, True
                elif line.seq >= seal.first:
                    yield (line if line.salt is None else erased(line)), False
            if not page:
                return
            after = page[-1][0]

    def _take_out(
        self,
        group: Sequence[_Thing],
        gone: Sequence[int],
        seal: SegmentSeal,
        at: datetime,
        who: str,
        end: ChainEnd,
    ) -> None:
        """Name the segment in the chain, mark the rows, and take the lines away."""
        asked = {"topic": segments.TOPIC, "subject": segments.SUBJECT}
        row = self._run(statements.NOTE_ROW, asked).fetchone()
        before = NoteRow(*row) if row else None
        line = events.noted(
            segments.TOPIC, segments.SUBJECT, {"who": who}, at, end.next,
            before.last if before else 0, msgspec.to_builtins(seal),
        )  # fmt: skip
        end.add(line)
        word = NoteRow(segments.TOPIC, segments.SUBJECT, line.seq)
        self._put(tables.note, word, before)
        for review in ("accounts", "comments"):
            names = names_of(name for kind, name in group if kind == review)
            marked = {"review": review, "names": names, "word": line.seq}
            self._run(statements.ARCHIVE_DECISIONS, marked)
            self._run(statements.ARCHIVE_ROUNDS, marked)
        self._run(statements.TAKE_OUT, {"numbers": msgspec.json.encode(list(gone)).decode()})


def _subjects(decisions: Sequence[DecisionRow], rounds: Sequence[RoundRow]) -> _Subjects:
    found = {row.id: row.last for row in decisions}
    found |= {round_subject(row.review, row.task_id, row.epoch): row.last for row in rounds}
    return found
