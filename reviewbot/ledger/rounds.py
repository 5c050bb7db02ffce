"""Rounds in the database: when each was first seen, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.review import ReviewItem
from reviewbot.ledger import events, statements
from reviewbot.ledger.connection import Connection
from reviewbot.ledger.histories import in_chunks
from reviewbot.ledger.rows import RoundRow, first_seen
from reviewbot.ledger.tail import Tail, appending
from reviewbot.ports import Ending

Key = tuple[str, str, str]


class Sightings:
    """First sights, which never change: what the last poll saw need not be asked for again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[Key, datetime] = {}

    def sight(
        self, items: Iterable[ReviewItem], at: datetime
    ) -> Mapping[tuple[str, str], datetime]:
        """Note rounds seen for the first time; give when each was first seen.

        An item without an epoch is no round, and is left out. Read-only, nothing is noted.
        """
        wanted = {(item.review, item.id, item.epoch): item for item in items if item.epoch}
        unknown = {key: item for key, item in wanted.items() if key not in self._known}
        if unknown:
            known = self._stored(unknown)
            new = [item for key, item in unknown.items() if key not in known]
            if new and not self._connection.read_only:
                known |= self._note(new, at)
            self._known |= known
        seen = {key: self._known.get(key, at) for key in wanted}
        reviews = {review for review, _, _ in wanted}
        self._known = {
            key: moment
            for key, moment in self._known.items()
            if key in seen or key[0] not in reviews
        }
        return {(task_id, epoch): moment for (_, task_id, epoch), moment in seen.items()}

    def _stored(self, keys: Iterable[Key]) -> dict[Key, datetime]:
        by_review: dict[str, list[str]] = {}
        for review, task_id, _ in keys:
            by_review.setdefault(review, []).append(task_id)
        known: dict[Key, datetime] = {}
        with self._connection.reading():
            for review, ids in by_review.items():
                for size, names in in_chunks(ids):
                    rows = self._connection.run(
                        statements.rounds(size), {"review": review, **names}
                    )
                    for row in map(_row_of, rows.fetchall()):
                        known[row.review, row.task_id, row.epoch] = first_seen(row)
        return known

    def _note(self, items: Iterable[ReviewItem], at: datetime) -> dict[Key, datetime]:
        noted: dict[Key, datetime] = {}
        with appending(self._connection) as tail:
            for item in items:
                key = (item.review, item.id, item.epoch or "")
                noted[key] = self._note_one(tail, key, item, at)
        return noted

    def _note_one(self, tail: Tail, key: Key, item: ReviewItem, at: datetime) -> datetime:
        """Another instance may have noted it since we looked."""
        before = _find(self._connection, key)
        if before is not None:
            return first_seen(before)
        line, row = events.seen(item, at, tail.next)
        tail.add(line)
        self._connection.run(statements.ADD_ROUND, msgspec.structs.asdict(row))
        return first_seen(row)


def end(connection: Connection, ending: Ending) -> None:
    """Note how a round ended; a second ending changes nothing."""
    key = (ending.review, ending.task_id, ending.epoch)
    with appending(connection) as tail:
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
