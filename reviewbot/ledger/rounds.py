"""Rounds in the database: when each was first seen, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec.structs import asdict, astuple
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.errors import NotRecordable
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.ledger import events, statements
from reviewbot.ledger.connection import Connection
from reviewbot.ledger.histories import in_chunks
from reviewbot.ledger.rows import RoundRow, first_seen, seen_round, sighting
from reviewbot.ledger.tail import Tail
from reviewbot.ports import Ending, SeenRound, Sighting

Key = tuple[str, str, str]


def sight(
    connection: Connection, items: Iterable[ReviewItem], at: datetime
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
    connection: Connection, items: Mapping[Key, ReviewItem], at: datetime
) -> dict[Key, datetime]:
    noted: dict[Key, datetime] = {}
    with connection.writing("rounds"):
        tail = Tail(connection)
        rows = _rows(connection, items)
        for key, item in items.items():
            before = row = rows.get(key)
            if row is None or row.ended_at is not None:
                try:
                    line, row = events.seen(item, at, tail.next, before)
                except NotRecordable:
                    continue  # its own review says so; the others of the list are seen
                tail.add(line)
                _put(connection, row, before)
            noted[key] = first_seen(row)
    return noted


def end(connection: Connection, endings: Iterable[Ending]) -> None:
    """Note how rounds ended; a second ending of one changes nothing."""
    wanted: dict[Key, Ending] = {}
    for ending in endings:
        wanted.setdefault((ending.review, ending.task_id, ending.epoch), ending)
    with connection.writing("rounds"):
        tail = Tail(connection)
        rows = _rows(connection, wanted)
        for key, ending in wanted.items():
            before = rows.get(key)
            if before is None or before.ended_at is None:
                _end(connection, tail, ending, before)


def _end(connection: Connection, tail: Tail, ending: Ending, before: RoundRow | None) -> None:
    line, row = events.ended(ending, tail.next, before)
    tail.add(line)
    _put(connection, row, before)


def _put(connection: Connection, row: RoundRow, before: RoundRow | None) -> None:
    if before is None:
        connection.run(statements.ADD_ROUND, astuple(row))
        return
    changes = {f"new_{name}": value for name, value in asdict(row).items()}
    key = {"which_review": row.review, "which_task": row.task_id, "which_epoch": row.epoch}
    connection.run(statements.CHANGE_ROUND, changes | key)


def of_things(
    connection: Connection, review: ReviewKind, ids: Iterable[str]
) -> dict[str, list[SeenRound]]:
    """Every round of these things that was seen."""
    with connection.reading():
        rows = _rows(connection, [(review, task_id, "") for task_id in ids])
    found: dict[str, list[SeenRound]] = {}
    for row in rows.values():
        found.setdefault(row.task_id, []).append(seen_round(row))
    return found


def unended(connection: Connection, review: ReviewKind) -> list[Sighting]:
    """Rounds seen waiting that have no ending, in the order they were seen."""

    def read() -> list[Sighting]:
        rows = found(connection, statements.ROUNDS_OPEN, {"review": review})
        return [sighting(row) for row in rows]

    return list(connection.kept("rounds", review, read))


def found(
    connection: Connection, statement: ClauseElement, parameters: dict[str, object]
) -> list[RoundRow]:
    """The rounds that a statement finds."""
    with connection.reading():
        return [_row_of(row) for row in connection.run(statement, parameters).fetchall()]


def _rows(connection: Connection, keys: Iterable[Key]) -> dict[Key, RoundRow]:
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
