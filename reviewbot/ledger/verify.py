"""Verification: the chain against itself and a checkpoint, and every projection against the chain.

Theory of operation. One walk over the lines recomputes each hash and notes the newest line of each
subject. Then each row is computed again from the lines it names, and must be equal and name the
newest one; subjects that no row names are missing rows. All in one snapshot, page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.ledger import statements
from reviewbot.ledger.chain import ChainReader, Seal
from reviewbot.ledger.engine import UNREADABLE, LedgerEngine
from reviewbot.ledger.mapping import (
    NOTE,
    POLICY,
    SEEN,
    decision_row,
    ended_row,
    ending_from_line,
    plain_from_line,
    round_subject,
    seen_from_body,
    seen_row,
    step_from_line,
)
from reviewbot.ledger.tables import ChainLine, DecisionRow, RoundRow
from reviewbot.ports.ledger import Checkpoint, Verification

_DECISION_WIDTH = len(DecisionRow.__struct_fields__)


_ROUND_WIDTH = len(RoundRow.__struct_fields__)


_BEFORE_ROUNDS = {"after_review": "", "after_task_id": "", "after_epoch": ""}


Run = Callable[[ClauseElement, Mapping[str, Any]], Any]
"""Runs a statement about the rows of one key."""


def verify(
    engine: LedgerEngine, run: Run, start: bytes, checkpoints: Iterable[Checkpoint] = ()
) -> Verification:
    """Recompute everything of a key, whose chain begins with the hash `start`, and say what does not fit."""
    with engine.snapshot():
        reader = ChainReader(checkpoints, start, _seal(run))
        reader.read(_pages(run, statements.LINES_AFTER, {"after": -1}))
        for columns in _pages(run, statements.ROWS_AFTER, {"after": -1}):
            _check_decision(reader, columns)
        for columns in _pages(run, statements.ROUNDS_AFTER, _BEFORE_ROUNDS):
            _check_round(reader, columns)
        for revision, seq in run(statements.ALL_POLICIES, {}):
            _take(reader, f"{POLICY}\x1f{revision}", seq, "policy", revision)
        for topic, subject, last in run(statements.ALL_NOTES, {}):
            name = "\x1f".join((NOTE, topic, subject))
            _take(reader, name, last, "note", f"{topic} {subject}")
    for seq in reader.newest.values():
        reader.blame(f"line {seq} stands in the chain, but the row that should name it does not")
    return reader.verification()


def _seal(run: Run) -> Seal | None:
    """What the chain of before came to, where there is one; that its line is whole is checked with the rest."""
    row = run(statements.NOTE_ROW, {"topic": "sealed", "subject": "chain"}).fetchone()
    line = row and run(statements.LINE, {"seq": row[-1]}).fetchone()
    if not line:
        return None
    try:
        plain = plain_from_line(ChainLine(*line).body)
        return Seal(int(plain["lines"]), bytes.fromhex(plain["head"]))
    except UNREADABLE:
        return None


def _pages(run: Run, statement: ClauseElement, after: Mapping[str, Any]) -> Iterator[Any]:
    """All rows of a walk; each page starts after the first columns of the last row."""
    while page := run(statement, after).fetchall():
        yield from page
        after = dict(zip(after, page[-1], strict=False))


def _check_decision(reader: ChainReader, columns: Any) -> None:
    _, name, recorded_at, last_at, *_ = row = columns[:_DECISION_WIDTH]
    recorded_subject, *recorded_line, subject, kind, at, body, text = columns[_DECISION_WIDTH:]
    _take(reader, name, last_at, "decision", name)
    if recorded_subject != name or subject != name:
        reader.blame(f"line {last_at}: the row of decision {name} names lines not its own")
        return
    try:
        last = step_from_line(body, text)
        recorded = last if recorded_at == last_at else step_from_line(*recorded_line)
        fits = recorded.decision is not None and row == msgspec.structs.astuple(
            decision_row(recorded.decision, last_at, at, kind, last)
        )
    except UNREADABLE:
        fits = False
    if not fits:
        reader.blame(f"line {last_at}: the row of decision {name} differs from the chain")


def _check_round(reader: ChainReader, columns: Any) -> None:
    review, task_id, epoch, last, *_ = row = columns[:_ROUND_WIDTH]
    subject, *lines = columns[_ROUND_WIDTH:]
    name = round_subject(review, task_id, epoch)
    _take(reader, name, last, "round", f"{epoch} of {review} {task_id}")
    try:
        fits = subject == name and row == msgspec.structs.astuple(_round_from(last, *lines))
    except UNREADABLE:
        fits = False
    if not fits:
        reader.blame(f"line {last}: the row of round {epoch} of {task_id} differs from the chain")


def _round_from(
    last: int,
    kind: str,
    at: int,
    body: bytes,
    text: bytes | None,
    first: int | None,
    first_at: int,
    seen: bytes,
) -> RoundRow:
    if kind == SEEN:
        return seen_row(seen_from_body(body), last, at)
    before = None if first is None else seen_row(seen_from_body(seen), first, first_at)
    return ended_row(ending_from_line(body, text), last, before)


def _take(reader: ChainReader, subject: str, last: int, kind: str, name: str) -> None:
    """Note that a row names the newest line of its subject; what is left at the end has no row."""
    newest = reader.newest.pop(subject, None)
    if newest is None:
        reader.blame(f"line {last}: {kind} {name} has a row, but no line in the chain")
    elif newest != last:
        reader.blame(f"line {newest}: the row of {kind} {name} stands at line {last}, not there")
