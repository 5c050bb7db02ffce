"""Verification: the chain against itself and a checkpoint, and every projection against the chain.

Theory of operation. One walk over the lines recomputes each hash and notes the newest line of each
subject. Then each row is computed again from the lines it names, and must be equal and name the
newest one; subjects that no row names are missing rows. All in one snapshot, page by page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.ledger import statements
from reviewbot.ledger.chain import Chain, ChainReader, Seal
from reviewbot.ledger.engine import UNREADABLE, LedgerEngine
from reviewbot.ledger.events import decision_row
from reviewbot.ledger.mapping import (
    POLICY,
    note_subject,
    plain_from_line,
    round_subject,
    step_from_body,
    step_from_line,
)
from reviewbot.ledger.tables import ChainLine, DecisionRow, RoundRow
from reviewbot.ledger.verify_archive import ArchiveCheck, LiveLines, Run, round_from, take
from reviewbot.ports.ledger import Checkpoint, Verification

_DECISION_WIDTH = len(DecisionRow.__struct_fields__)


_ROUND_WIDTH = len(RoundRow.__struct_fields__)


_AT_ONCE = 64
"""Rows that are made at once: few enough that the processor still holds them when they are checked."""


_BEFORE_ROUNDS = {"after_review": "", "after_task_id": "", "after_epoch": ""}


def verify(
    engine: LedgerEngine,
    run: Run,
    chain: Chain,
    checkpoints: Iterable[Checkpoint] = (),
    signing: bytes | None = None,
) -> Verification:
    """Recompute everything of a key, and say what does not fit; `signing` is what segments are signed with."""
    with engine.snapshot():
        reader = ChainReader(checkpoints, chain.genesis, _seal(run))
        archive = ArchiveCheck(reader, run, chain.key, signing)
        live = LiveLines(_pages(run, statements.LINES_AFTER, {"after": -1}))
        archive.walk(chain.archive.segments(), live)
        reader.read(live.rest())
        for columns in _pages(run, statements.ROWS_AFTER, {"after": -1}):
            _check_decision(reader, archive, columns)
        for columns in _pages(run, statements.ROUNDS_AFTER, _BEFORE_ROUNDS):
            _check_round(reader, archive, columns)
        for revision, seq in run(statements.ALL_POLICIES, {}):
            take(reader, f"{POLICY}\x1f{revision}", seq)
        for topic, subject, last in run(statements.ALL_NOTES, {}):
            take(reader, note_subject(topic, subject), last)
        archive.finish()
    for seq in reader.newest.values():
        reader.blame(f"line {seq} stands in the chain, but the row that should name it does not")
    return replace(reader.verification(), remarks=tuple(archive.remarks))


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
    while True:
        found, last = run(statement, after), None
        while some := found.fetchmany(_AT_ONCE):
            yield from some
            last = some[-1]
        if last is None:
            return
        after = dict(zip(after, last, strict=False))


def _check_decision(reader: ChainReader, archive: ArchiveCheck, columns: Any) -> None:
    _, name, recorded_at, last_at, *_ = row = columns[:_DECISION_WIDTH]
    recorded_subject, recorded_body, subject, kind, at, body, text = columns[_DECISION_WIDTH:]
    if row[-1] is not None:
        archive.row(row[-1], name, last_at)
        return
    take(reader, name, last_at)
    if recorded_subject != name or subject != name:
        reader.blame(f"line {last_at}: the row of decision {name} names lines not its own")
        return
    try:
        last = step_from_line(body, text)
        recorded = last if recorded_at == last_at else step_from_body(recorded_body)
        fits = row == msgspec.structs.astuple(decision_row(recorded, last_at, at, kind, last))
    except UNREADABLE:
        fits = False
    if not fits:
        reader.blame(f"line {last_at}: the row of decision {name} differs from the chain")


def _check_round(reader: ChainReader, archive: ArchiveCheck, columns: Any) -> None:
    review, task_id, epoch, last, *_ = row = columns[:_ROUND_WIDTH]
    subject, *lines = columns[_ROUND_WIDTH:]
    name = round_subject(review, task_id, epoch)
    if row[-1] is not None:
        archive.row(row[-1], name, last)
        return
    take(reader, name, last)
    try:
        fits = subject == name and row == msgspec.structs.astuple(round_from(last, *lines))
    except UNREADABLE:
        fits = False
    if not fits:
        reader.blame(f"line {last}: the row of round {epoch} of {task_id} differs from the chain")
