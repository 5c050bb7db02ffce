"""Erasure: what people wrote and are called is taken out of the log, and the chain stays whole.

Theory of operation. A text stands in the chain by its salted digest alone. Erased, text, detail and
salt are gone, the digest is left in their place, and a line says which lines lost theirs, for what and
why: without that line verification takes a missing text for damage. What was decided, when, by which
rule and for how much stays; no erasure can change it.

A word that later words build on (the newest on an order, say) is said anew without the text, and the
lines before it are erased.

Afterwards nothing of it may be left in the database's files, in free pages or in what is not written
back yet. So a mark is kept beside the chain from the erasing transaction on, and goes once the files
were written anew: whoever is killed in between leaves the mark, and the next to erase finishes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.decision import OPEN
from reviewbot.domain.errors import UsageError
from reviewbot.ledger import events, segments, statements, tables
from reviewbot.ledger.chain import ChainEnd, LogPart, erased, within
from reviewbot.ledger.clauses import names_of
from reviewbot.ledger.mapping import (
    NOTE,
    noted_from_line,
    plain_from_line,
    round_subject,
)
from reviewbot.ledger.segments import alone, read_segment, seal_of, write_segment
from reviewbot.ledger.tables import ChainLine, DecisionRow, KeptRow, NoteRow, RoundRow
from reviewbot.ports.ledger import Erased, ErasureOrder

TOPIC = "erased"
UNFINISHED = "erasing"
"""What is kept beside the chain until the files hold nothing any more."""
RETAINED = "retained"
"""Up to when texts were erased for their age."""
AT_ONCE = 200
"""Tasks erased in one transaction: others write in between."""
GONE = "(erased)"
LIVING_TOPICS = ("order", "cancel")
"""Whose newest word is kept without its texts at any age: it keeps an order from being placed again."""
_PERSONAL = re.compile(r"handle|name|text|url|comment|bio|caption|reason|why|who|source", re.I)
"""The keys of a word whose values are people's."""
_OPEN = frozenset(state.value for state in OPEN)
_Thing = tuple[str, str]


class _Rows(NamedTuple):
    """What the log has of one thing."""

    decisions: list[DecisionRow]
    rounds: list[RoundRow]

    @property
    def archived(self) -> list[int]:
        """The lines that name the segments with which any of it left."""
        words = [row.archived for row in self.decisions] + [row.archived for row in self.rounds]
        return sorted({word for word in words if word is not None})

    @property
    def subjects(self) -> list[str]:
        """The subjects of its lines."""
        rounds = (round_subject(row.review, row.task_id, row.epoch) for row in self.rounds)
        return [*(row.id for row in self.decisions), *rounds]

    def is_closed(self, before: int | None) -> bool:
        """Whether nothing is open, and all of it ended before a moment."""
        ends = [row.ended_at for row in self.rounds] + [row.state_at for row in self.decisions]
        return not any(row.state in _OPEN for row in self.decisions) and all(
            end is not None and (before is None or end < before) for end in ends
        )


class ErasureLog(LogPart):
    """Takes texts out of the log of a key."""

    def erase(self, order: ErasureOrder, at: datetime, *, who: str, because: str) -> Erased:
        """Take out the texts that an order means; `finish_erasures` then takes them out of the files.

        What is still open is left, and named: the bot goes by it. Each transaction is whole.
        """
        before = None if order.before is None else events.to_micros(order.before)
        things, subjects = self._meant(order, before)
        still_open: list[str] = []
        count = tasks = 0
        groups = [things[n : n + AT_ONCE] for n in range(0, len(things), AT_ONCE)] or [[]]
        for number, group in enumerate(groups):
            with self._chain.adding() as end:
                lines: list[int] = []
                files: set[int] = set()
                for thing in group:
                    rows = self._rows_of(thing)
                    if rows.is_closed(before):
                        lines += self._erase_thing(rows, files)
                        self._forget(*thing)
                        tasks += 1
                    else:
                        still_open.append(thing[1])
                if number == 0:
                    lines += self._erase_words(subjects, order, at, end)
                if lines:
                    self._say_so(order, lines, files, at, who, because, end)
            count += len(lines)
        return Erased(lines=count, tasks=tasks, still_open=tuple(still_open))

    def finish_erasures(self) -> bool:
        """Write the files anew where an erasure was not finished; whether there was one.

        Raises UsageError where a segment is not at hand, LedgerBusy where others are at work there.
        """
        with self._engine.reading():
            marks = [KeptRow(*row) for row in self._run(statements.KEPT, {"kind": UNFINISHED})]
            gone = within(self._erased_ranges())
        if not marks:
            return False
        for word in sorted({word for mark in marks for word in msgspec.json.decode(mark.value)}):
            self._erase_in_segment(word, gone)
        self._engine.scrub()
        with self._engine.writing():
            for mark in marks:
                name = mark.name
                self._run(statements.UNKEEP, {"kind": UNFINISHED, "name": name})
        return True

    def _erased_ranges(self) -> Iterator[tuple[int, int]]:
        """From which line to which texts were erased, by all words of it."""
        for row in self._run(statements.NOTES, {"names": names_of([TOPIC])}):
            yield from plain_from_line(ChainLine(*row).body)["lines"]

    def _erase_in_segment(self, word: int, gone: Callable[[int], bool]) -> None:
        """Write a segment anew without the texts of lines that were erased."""
        with self._engine.reading():
            path = self._at_hand(word)
        with alone(path.parent):
            seal = seal_of(path)
            lines = (
                (erased(line) if left and line.salt is not None and gone(line.seq) else line, left)
                for line, left in read_segment(path)
            )
            write_segment(path, seal, lines)
        self._archive.forget()

    def _at_hand(self, word: int) -> Path:
        """The file of a segment. Raises UsageError where it is not there."""
        path = self._archive.path(word)
        if path is None:
            (seal,) = (segment.seal for segment in self._archive.segments() if segment.word == word)
            raise UsageError(
                f"what is to be erased may lie in {seal.file}, which is not at hand: put it back"
                f" into {seal.folder}, and erase again"
            )
        return path

    # Which ------------------------------------------------------------------------------------

    def _meant(
        self, order: ErasureOrder, before: int | None
    ) -> tuple[list[_Thing], dict[str, list[int]]]:
        """The things an order means, and the lines of words by their subject."""
        wanted = mention_of(order)
        subjects: dict[str, list[int]] = {}
        with self._engine.reading():
            things = [
                thing for thing in sorted(self._things(order, before)) if any(self._rows_of(thing))
            ]
            for word in {word for thing in things for word in self._rows_of(thing).archived}:
                self._at_hand(word)
            names = set() if before else {
                row.id for thing in things for row in self._rows_of(thing).decisions
            }  # fmt: skip
            for line in self._lines(statements.WORDS_AFTER):
                if _is_meant(line, wanted, names, before):
                    subjects.setdefault(line.subject, []).append(line.seq)
        return things, subjects

    def _things(self, order: ErasureOrder, before: int | None) -> Iterable[_Thing]:
        asked: dict[str, Any]
        if order.task is not None:
            return {(kind, order.task) for kind in ("comments", "accounts")}
        if order.account is not None:
            asked = {"account_id": order.account}
            return set(map(tuple, self._run(statements.THINGS_OF_ACCOUNT, asked)))
        if before is not None:
            asked = {"since": self._retained(), "before": before}
            return set(map(tuple, self._run(statements.THINGS_ENDED, asked)))
        wanted = mention_of(order)
        assert wanted is not None
        archived = (
            line
            for segment in self._archive.segments()
            for line, left in read_segment(self._at_hand(segment.word))
            if left and line.salt is not None
        )
        return {
            thing
            for line in chain(self._lines(statements.LINES_AFTER), archived)
            if line.kind != NOTE and wanted.search(words_of(line))
            for thing in self._thing_of(line)
        }

    def _retained(self) -> int:
        row = self._run(statements.KEPT_ROW, {"kind": RETAINED, "name": "until"}).fetchone()
        return int(row[2]) if row else -(2**62)

    def keep_retained(self, until: datetime) -> None:
        """Remember up to when texts were erased for their age: the next time begins there."""
        asked = {"kind": RETAINED, "name": "until"}
        with self._engine.writing():
            before = self._first(KeptRow, statements.KEPT_ROW, asked)
            new = KeptRow(RETAINED, "until", events.to_micros(until), b"")
            self._put(tables.kept, new, before)

    def _lines(self, statement: ClauseElement) -> Iterator[ChainLine]:
        """The lines of a walk that have a text."""
        after = 0
        while page := self._run(statement, {"after": after}).fetchall():
            for row in page:
                line = ChainLine(*row)
                if line.salt is not None:
                    yield line
            after = page[-1][0]

    def _thing_of(self, line: ChainLine) -> Iterator[_Thing]:
        """What a line of a decision or a round is about."""
        row = self._first(DecisionRow, statements.DECISION_ROW, {"id": line.subject})
        if row is not None:
            yield row.review, row.task_id
        elif line.subject.count("\x1f") == 2:
            review, task_id, _ = line.subject.split("\x1f")
            yield review, task_id

    def _rows_of(self, thing: _Thing) -> _Rows:
        asked = {"review": thing[0], "names": names_of([thing[1]])}
        return _Rows(
            [DecisionRow(*row) for row in self._run(statements.ROWS_OF_TASKS, asked)],
            [RoundRow(*row) for row in self._run(statements.ROUNDS, asked)],
        )

    # The acts, each inside the transaction of `erase` ------------------------------------------

    def _erase_thing(self, rows: _Rows, files: set[int]) -> list[int]:
        """Erase all texts of a thing's decisions and rounds; give the lines that had one.

        Those that are archived are erased later: the segments that hold them are added to `files`.
        """
        lines: list[int] = []
        named = within(self._erased_ranges()) if rows.archived else None
        for word in rows.archived:
            held = [
                line.seq
                for subject in rows.subjects
                for line in self._archive.story(word, subject) or ()
                if line.salt is not None and not (named and named(line.seq))
            ]
            lines += held
            files |= {word} if held else set()
        for row in rows.decisions:
            lines += self._erase_story(row.last)
            if row.note is not None:
                self._put(tables.decision, replace(row, note=None), row)
        for ended in rows.rounds:
            lines += self._erase_story(ended.last)
            if ended.end_note is not None:
                self._put(tables.round_, replace(ended, end_note=None), ended)
        return lines

    def _forget(self, review: str, task_id: str) -> None:
        """Let go of what is remembered in memory of a thing."""

    def _erase_story(self, seq: int) -> list[int]:
        """Erase a line and all before it about the same subject."""
        return [line.seq for line in self._chain.back_from(seq) if self._erase_line(line)]

    def _erase_line(self, line: ChainLine) -> bool:
        """Erase the text of a line; whether it had one."""
        if line.salt is None:
            return False
        self._put(tables.entry, erased(line), line)
        return True

    def _erase_words(
        self, subjects: dict[str, list[int]], order: ErasureOrder, at: datetime, end: ChainEnd
    ) -> list[int]:
        """Erase words; the newest of a subject is said anew without what is people's."""
        lines: list[int] = []
        for seqs in subjects.values():
            newest = self._chain.line(seqs[-1])
            if newest is not None and not self._say_anew(newest, order, at, end):
                seqs = seqs[:-1]
            known = filter(None, map(self._chain.line, seqs))
            lines += [line.seq for line in known if self._erase_line(line)]
        return lines

    def _say_anew(self, line: ChainLine, order: ErasureOrder, at: datetime, end: ChainEnd) -> bool:
        """Say a word again without texts where it is the newest of its subject; whether it can go."""
        note = noted_from_line(line)
        asked = {"topic": note.topic, "subject": note.subject}
        row = NoteRow(*self._run(statements.NOTE_ROW, asked).fetchone())
        if row.last != line.seq:
            return True
        plain = plain_from_line(line.body)
        said = {name: value for name, value in note.value.items() if name not in plain}
        value = without_texts(said, mention_of(order))
        lives_on = order.before is not None and note.topic not in LIVING_TOPICS
        if lives_on or value == said:
            return False
        new = events.noted(note.topic, note.subject, value, at, end.next, row.last, plain or None)
        end.add(new)
        self._put(tables.note, replace(row, last=new.seq), row)
        return True

    def _say_so(
        self,
        order: ErasureOrder,
        lines: Sequence[int],
        files: set[int],
        at: datetime,
        who: str,
        because: str,
        end: ChainEnd,
    ) -> None:
        """Add the line that says what was erased, and the mark that the files are still to be written anew."""
        seq = end.next
        plain: dict[str, Any] = {"what": order.what, "lines": list(ranges(lines))}
        if order.handle is None and order.name is not None:
            plain["id"] = order.name
        value = {"who": who, "because": because}
        line = events.noted(TOPIC, str(seq), value, at, seq, 0, plain)
        end.add(line)
        self._put(tables.note, NoteRow(TOPIC, str(seq), seq), None)
        mark = msgspec.json.encode(sorted(files))
        self._put(tables.kept, KeptRow(UNFINISHED, str(seq), events.to_micros(at), mark), None)
        wanted = mention_of(order)
        if wanted is not None:
            self._drop_kept(wanted)

    def _drop_kept(self, wanted: re.Pattern[str]) -> None:
        """Let go of answers on their way, and of the bot's word on itself, where they say it."""
        for kind, name, _, value in self._run(statements.KEPT, {"kind": "answer"}).fetchall():
            if wanted.search(bytes(value).decode("utf-8", "replace")):
                self._run(statements.UNKEEP, {"kind": kind, "name": name})
        self._run(statements.UNBEAT)


def mention_of(order: ErasureOrder) -> re.Pattern[str] | None:
    """Finds what an order means in a text: its id or handle as a whole word; None for an age."""
    if order.name is None:
        return None
    return re.compile(rf"(?<![\w.-]){re.escape(order.name.lstrip('@'))}(?![\w-]|\.\w)", re.I)


def words_of(line: ChainLine) -> str:
    """Everything that a line says of people, as one text."""
    detail = b"" if line.detail is None else zlib.decompress(line.detail)
    return ((line.text or b"") + b"\n" + detail).decode("utf-8", "replace")


def _is_meant(
    line: ChainLine, wanted: re.Pattern[str] | None, names: set[str], before: int | None
) -> bool:
    """Whether a word says what is meant, is about one of the decisions with these names, or is old.

    What says of others that they were erased is never meant.
    """
    _, topic, subject = line.subject.split("\x1f", 2)
    if topic in (TOPIC, segments.TOPIC):
        return False
    if wanted is not None:
        said = wanted.search(subject) or wanted.search(words_of(line))
        return bool(said) or subject in names
    return before is not None and line.at < before


def without_texts(value: Any, wanted: re.Pattern[str] | None) -> Any:
    """A word without what is people's in it: what says the thing meant, is prose, or an address."""
    match value:
        case dict():
            return {key: _under(key, inner, wanted) for key, inner in value.items()}
        case list() if any(_says(part, wanted) for part in value):
            rest = (None if isinstance(part, str) else part for part in value)
            return [without_texts(part, wanted) for part in rest]
        case list():
            return [without_texts(part, wanted) for part in value]
        case str() if "://" in value or "@" in value or _says(value, wanted):
            return GONE
        case _:
            return value


def _under(key: str, value: Any, wanted: re.Pattern[str] | None) -> Any:
    if isinstance(value, str) and _PERSONAL.search(key):
        return GONE
    return without_texts(value, wanted)


def _says(value: Any, wanted: re.Pattern[str] | None) -> bool:
    return isinstance(value, str) and wanted is not None and wanted.search(value) is not None


def ranges(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Numbers as first and last of each run, in order."""
    ordered = sorted(set(numbers))
    for _, run in groupby(enumerate(ordered), lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        yield [found[0], found[-1]]
