"""Rounds in the database: when each was first seen, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.ledger import events, statements
from reviewbot.ledger.connection import Connection
from reviewbot.ledger.rows import RoundRow, first_seen, sighting
from reviewbot.ledger.tail import Tail, appending
from reviewbot.ports import Ending, Sighting

Key = tuple[str, str, str]


def sight(
    connection: Connection, items: Iterable[ReviewItem], at: datetime
) -> Mapping[tuple[str, str], datetime]:
    """Note rounds seen for the first time; give when each was first seen.

    An item without an epoch is no round, and is left out. Read-only, nothing is noted.
    """
    wanted: dict[Key, ReviewItem] = {
        (item.review, item.id, item.epoch): item for item in items if item.epoch
    }
    if connection.read_only:
        with connection.reading():
            rows = {key: _find(connection, key) for key in wanted}
        return {key[1:]: at if row is None else first_seen(row) for key, row in rows.items()}
    return {key[1:]: seen for key, seen in _note(connection, wanted, at).items()}


def _note(
    connection: Connection, items: Mapping[Key, ReviewItem], at: datetime
) -> dict[Key, datetime]:
    noted: dict[Key, datetime] = {}
    with appending(connection, "rounds") as tail:
        for key, item in items.items():
            row = _find(connection, key)
            if row is None:
                line, row = events.seen(item, at, tail.next)
                tail.add(line)
                connection.run(statements.ADD_ROUND, msgspec.structs.asdict(row))
            noted[key] = first_seen(row)
    return noted


def end(connection: Connection, endings: Iterable[Ending]) -> None:
    """Note how rounds ended; a second ending of one changes nothing."""
    with appending(connection, "rounds") as tail:
        for ending in endings:
            _end(connection, tail, ending)


def _end(connection: Connection, tail: Tail, ending: Ending) -> None:
    key = (ending.review, ending.task_id, ending.epoch)
    before = _find(connection, key)
    if before is not None and before.ended_at is not None:
        return
    line, row = events.ended(ending, tail.next, before)
    tail.add(line)
    values = msgspec.structs.asdict(row)
    if before is None:
        connection.run(statements.ADD_ROUND, values)
        return
    changes = {f"new_{name}": value for name, value in values.items() if name not in _KEY}
    which = dict(zip(("which_review", "which_task", "which_epoch"), key, strict=True))
    connection.run(statements.END_ROUND, changes | which)


_KEY = ("review", "task_id", "epoch")


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


def _find(connection: Connection, key: Key) -> RoundRow | None:
    row = connection.run(statements.ROUND, dict(zip(_KEY, key, strict=True))).fetchone()
    return None if row is None else _row_of(row)


def _row_of(columns: tuple[object, ...]) -> RoundRow:
    return RoundRow(*columns)  # type: ignore[arg-type]  # the columns of `round`, in order
