"""Rounds in the database: when each was first seen, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import asdict, astuple
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.errors import NotRecordable, OutOfDate
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.ledger import mapping, statements
from reviewbot.ledger.chain import ChainEnd
from reviewbot.ledger.decisions import back_from, in_chunks
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.mapping import (
    RoundRow,
    first_seen,
    noted_from_line,
    seen_round,
    sighting,
    stored_policy,
)
from reviewbot.ledger.tables import ChainLine
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import Ending, LogNote, OpenRound, SeenRound, StoredPolicy

Key = tuple[str, str, str]


def sight(
    connection: LedgerEngine, items: Iterable[ReviewItem], at: datetime
) -> Mapping[tuple[str, str], datetime]:
    """Note rounds seen for the first time; give when each was first seen.

    One that was taken for ended, and is seen again, has not ended. An item without an epoch is no round, and one that cannot be written down is none that the log
    could know: both are left out. Read-only, nothing is noted.
    """
    wanted: dict[Key, ReviewItem] = {
        (item.review, item.id, item.epoch): item for item in items if item.epoch
    }
    if connection.read_only:
        with connection.reading():
            rows = _rows(connection, wanted)
        return {key[1:]: first_seen(rows[key]) if key in rows else at for key in wanted}
    return {key[1:]: seen for key, seen in _note(connection, wanted, at).items()}


def _note(
    connection: LedgerEngine, items: Mapping[Key, ReviewItem], at: datetime
) -> dict[Key, datetime]:
    noted: dict[Key, datetime] = {}
    with connection.writing("rounds"):
        tail = ChainEnd(connection)
        rows = _rows(connection, items)
        for key, item in items.items():
            before = row = rows.get(key)
            if row is None or row.ended_at is not None:
                try:
                    line, row = mapping.seen(item, at, tail.next, before)
                except NotRecordable:
                    continue  # its own review says so; the others of the list are seen
                tail.add(line)
                _put(connection, row, before)
            noted[key] = first_seen(row)
    return noted


def end(connection: LedgerEngine, endings: Iterable[Ending]) -> None:
    """Note how rounds ended; a second ending of one changes nothing."""
    wanted: dict[Key, Ending] = {}
    for ending in endings:
        wanted.setdefault((ending.review, ending.task_id, ending.epoch), ending)
    with connection.writing("rounds"):
        tail = ChainEnd(connection)
        rows = _rows(connection, wanted)
        for key, ending in wanted.items():
            before = rows.get(key)
            if before is None or before.ended_at is None:
                _end(connection, tail, ending, before)


def _end(connection: LedgerEngine, tail: ChainEnd, ending: Ending, before: RoundRow | None) -> None:
    line, row = mapping.ended(ending, tail.next, before)
    tail.add(line)
    _put(connection, row, before)


def _put(connection: LedgerEngine, row: RoundRow, before: RoundRow | None) -> None:
    if before is None:
        connection.run(statements.ADD_ROUND, astuple(row))
        return
    changes = {f"new_{name}": value for name, value in asdict(row).items()}
    key = {"which_review": row.review, "which_task": row.task_id, "which_epoch": row.epoch}
    connection.run(statements.CHANGE_ROUND, changes | key)


def of_things(
    connection: LedgerEngine, review: ReviewKind, ids: Iterable[str]
) -> dict[str, list[SeenRound]]:
    """Every round of these things that was seen."""
    with connection.reading():
        rows = _rows(connection, [(review, task_id, "") for task_id in ids])
    found: dict[str, list[SeenRound]] = {}
    for row in rows.values():
        found.setdefault(row.task_id, []).append(seen_round(row))
    return found


def unended(connection: LedgerEngine, review: ReviewKind) -> list[OpenRound]:
    """Rounds seen waiting that have no ending, in the order they were seen."""

    def read() -> list[OpenRound]:
        rows = found(connection, statements.ROUNDS_OPEN, {"review": review})
        return [sighting(row) for row in rows]

    return list(connection.kept("rounds", review, read))


def found(
    connection: LedgerEngine, statement: ClauseElement, parameters: dict[str, object]
) -> list[RoundRow]:
    """The rounds that a statement finds."""
    with connection.reading():
        return [_row_of(row) for row in connection.run(statement, parameters).fetchall()]


def _rows(connection: LedgerEngine, keys: Iterable[Key]) -> dict[Key, RoundRow]:
    """The rows of these rounds, and perhaps of others of the same things."""
    of_kind: dict[str, list[str]] = {}
    for review, task_id, _ in keys:
        of_kind.setdefault(review, []).append(task_id)
    rows: dict[Key, RoundRow] = {}
    for review, ids in of_kind.items():
        for size, names in in_chunks(ids):
            for columns in connection.run(statements.rounds(size), {"review": review, **names}):
                row = _row_of(columns)
                rows[row.review, row.task_id, row.epoch] = row
    return rows


def _row_of(columns: tuple[object, ...]) -> RoundRow:
    return RoundRow(*columns)  # type: ignore[arg-type]  # the columns of `round`, in order


# ------------------------------------------------------------------------------------------------
# Policy texts and notes in the database: lines that are looked up by name.


BOT = "bot"
"""The name of the one instance that works on a log."""


def remember_policy(connection: LedgerEngine, policy: Policy, at: datetime) -> None:
    """Keep the text of a revision, once."""
    known = {"revision": policy.revision}
    with connection.reading():
        if connection.run(statements.POLICY_SEQ, known).fetchone():
            return
    with connection.writing("policies"):
        tail = ChainEnd(connection)
        if connection.run(statements.POLICY_SEQ, known).fetchone():
            return
        line = mapping.remembered(policy, at, tail.next)
        tail.add(line)
        connection.run(statements.ADD_POLICY, known | {"seq": line.seq})


def policies(connection: LedgerEngine, beginning: str = "") -> list[StoredPolicy]:
    """Every revision that begins so, oldest first."""
    with connection.reading():
        rows = connection.run(statements.POLICIES).fetchall()
    return [
        stored_policy(body, detail, at)
        for revision, body, detail, at in rows
        if revision.startswith(beginning)
    ]


def add_note(
    connection: LedgerEngine, topic: str, subject: str, value: Mapping[str, Any], at: datetime
) -> None:
    """Add a word on a subject."""
    add_notes(connection, topic, {subject: value}, at, {})


def add_notes(
    connection: LedgerEngine,
    topic: str,
    words: Mapping[str, Mapping[str, Any]],
    at: datetime,
    last: Mapping[str, int],
) -> None:
    """Add a word on each subject, all or none; OutOfDate where one has a newer word than `last`."""
    with connection.writing("notes"):
        tail = ChainEnd(connection)
        for subject, value in words.items():
            before = _last_note(connection, topic, subject)
            if last.get(subject, before) != before:
                raise OutOfDate(f"somebody else wrote on {topic} {subject[:12]} meanwhile")
            line = mapping.noted(topic, subject, value, at, tail.next, before)
            tail.add(line)
            if before:
                connection.run(
                    statements.MOVE_NOTE,
                    {"which_topic": topic, "which_subject": subject, "new_last": line.seq},
                )
            else:
                connection.run(
                    statements.ADD_NOTE, {"topic": topic, "subject": subject, "last": line.seq}
                )


def notes(connection: LedgerEngine, topics: Sequence[str]) -> list[LogNote]:
    """The newest word on each subject of some topics."""

    def read() -> list[LogNote]:
        names = {f"name{n}": topic for n, topic in enumerate(topics)}
        rows = connection.run(statements.notes(len(topics)), names).fetchall()
        return [noted_from_line(ChainLine(*row)) for row in rows]

    return list(connection.kept("notes", tuple(topics), read))


def story(connection: LedgerEngine, topic: str, subject: str) -> list[LogNote]:
    """Every word on one subject, oldest first."""
    with connection.reading():
        lines = back_from(connection, _last_note(connection, topic, subject))
    return [noted_from_line(line) for line in lines]


def keep_beat(connection: LedgerEngine, text: bytes) -> None:
    """Put the bot's word on itself in the place of the one before; no line of the log."""
    with connection.writing() as driver:
        (now,) = driver.execute(connection.backend.clock).fetchone()
        if not connection.run(
            statements.CHANGE_BEAT, {"name_of_it": BOT, "new_at": now, "new_beat": text}
        ).rowcount:
            connection.run(statements.ADD_BEAT, (BOT, now, text))


def last_beat(connection: LedgerEngine) -> tuple[bytes, float] | None:
    """The bot's newest word on itself, and how many seconds ago it was left, by the database's clock."""
    with connection.reading() as driver:
        row = connection.run(statements.BEAT, {"name": BOT}).fetchone()
        (now,) = driver.execute(connection.backend.clock).fetchone()
    return None if row is None else (bytes(row[1]), (now - row[0]) / 1_000_000)


def _last_note(connection: LedgerEngine, topic: str, subject: str) -> int:
    row = connection.run(statements.NOTE_LAST, {"topic": topic, "subject": subject}).fetchone()
    return row[0] if row else 0
