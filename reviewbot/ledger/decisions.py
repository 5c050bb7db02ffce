"""Decisions in the database: written with the chain, read by index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import asdict, astuple
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import LedgerWentBack
from reviewbot.domain.lifecycle import Entry, State
from reviewbot.ledger import events, statements
from reviewbot.ledger.chain import Line
from reviewbot.ledger.connection import Connection
from reviewbot.ledger.limits import Spent, check_room, concerns, window_start
from reviewbot.ledger.rows import (
    DecisionRow,
    entry_of,
    logged,
    step_from_body,
    to_micros,
    with_bulk,
)
from reviewbot.ledger.tail import Tail
from reviewbot.ports import Limit, Logged

_WIDTH = len(DecisionRow.__struct_fields__)


def write(
    connection: Connection, decision: Decision, state: State, limits: Sequence[Limit] = ()
) -> DecisionRow:
    """Write a decision down in full, an intent only where every cap has room; give where it stands."""
    tail = Tail(connection)
    if state is State.INTENT and connection.lost is not None:
        raise LedgerWentBack(f"the log went back: {connection.lost}; nothing is sent")
    before = _row(connection, tail, decision.id)
    line, row = events.recorded(decision, state, tail.next, before)
    for limit, spent in _with_spent(connection, limits, decision):
        check_room(limit, decision, spent)
    tail.add(line)
    try:
        _put(connection, row, before)
    except connection.backend.conflict as error:
        raise events.already_intended(decision) from error
    connection.newest = (tail.hash, row)
    return row


def mark(
    connection: Connection,
    decision_id: str,
    state: State,
    at: datetime,
    note: str | None,
    request_id: str | None,
    was: State | None,
) -> DecisionRow:
    """Add what became of an intent; give where the decision stands now."""
    tail = Tail(connection)
    before = _row(connection, tail, decision_id)
    line, row = events.marked(decision_id, before, state, at, tail.next, note, request_id, was)
    tail.add(line)
    connection.run(
        statements.MARK_DECISION,
        {
            "which": row.seq,
            "new_last": row.last,
            "new_state": row.state,
            "new_state_at": row.state_at,
            "new_settled_at": row.settled_at,
            "new_note": row.note,
            "new_request_id": row.request_id,
        },
    )
    connection.newest = (tail.hash, row)
    return row


def _row(connection: Connection, tail: Tail, decision_id: str) -> DecisionRow | None:
    """Where a decision stands: as we left it, while our line about it is still the last of all."""
    left_at, left = connection.newest
    if left_at == tail.hash and left.id == decision_id:
        known: DecisionRow = left
        return known
    return _read_row(connection, decision_id)


def _read_row(connection: Connection, decision_id: str) -> DecisionRow | None:
    row = connection.run(statements.DECISION_ROW, {"id": decision_id}).fetchone()
    return None if row is None else DecisionRow(*row)


def _put(connection: Connection, row: DecisionRow, before: DecisionRow | None) -> None:
    if before is None:
        connection.run(statements.ADD_DECISION, astuple(row))
        return
    changes = {f"new_{name}": value for name, value in asdict(row).items()}
    connection.run(statements.CHANGE_DECISION, changes | {"which": row.seq})


def _with_spent(
    connection: Connection, limits: Sequence[Limit], decision: Decision
) -> Iterator[tuple[Limit, list[Spent]]]:
    """The caps that a decision meets, each with what it has used up; most have one window in common."""
    windows: dict[tuple[str, int], Sequence[Any]] = {}
    for limit in limits:
        if not concerns(limit, decision):
            continue
        window = limit.policy, window_start(limit, decision)
        if window not in windows:
            about = {"policy": window[0], "since": window[1]}
            windows[window] = connection.run(statements.SPENT, about).fetchall()
        yield (
            limit,
            [
                Spent(intended_at, amount, action)
                for intended_at, amount, action, account_id in windows[window]
                if action in limit.actions and limit.account_id in (None, account_id)
            ],
        )


# Reading -------------------------------------------------------------------------------------


def found(
    connection: Connection, statement: ClauseElement, parameters: dict[str, Any] | None = None
) -> list[Logged]:
    """The decisions that a statement finds, in full."""
    with connection.reading():
        rows = connection.run(statement, parameters).fetchall()
    return [_logged(row) for row in rows]


def unsettled(connection: Connection) -> list[Logged]:
    """Intents and ambiguous writes that are not settled, oldest first."""

    def read() -> list[Logged]:
        return sorted(found(connection, statements.DECISIONS_OPEN), key=lambda one: one.seq)

    return list(connection.kept("decisions", "open", read))


def walk(connection: Connection) -> Iterator[Logged]:
    """Every decision by `seq`; writers may go on between the pages."""
    after = 0
    while page := found(connection, statements.DECISIONS_AFTER, {"after": after}):
        yield from page
        after = page[-1].seq


def newest(connection: Connection, count: int) -> list[Logged]:
    """The newest so many decisions, oldest first."""
    return found(connection, statements.DECISIONS_NEWEST, {"newest": max(0, count)})[::-1]


def of_task(connection: Connection, task_id: str) -> list[Logged]:
    """All decisions on one thing."""
    return found(connection, statements.DECISIONS_OF_TASK, {"task_id": task_id})


def changed_since(connection: Connection, since: datetime) -> list[Logged]:
    """Decisions whose state was last changed at `since` or later, by `seq`."""
    changed = found(connection, statements.DECISIONS_SINCE, {"since": to_micros(since)})
    return sorted(changed, key=lambda one: one.seq)


def of_policy(connection: Connection, policy: str, since: datetime) -> list[Logged]:
    """What a policy decided whose state was last changed at `since` or later, without its bulk."""
    with connection.reading():
        rows = connection.run(
            statements.DECISIONS_OF_POLICY, {"policy": policy, "since": to_micros(since)}
        ).fetchall()
    return [_logged((*row, None)) for row in rows]


def by_beginning(connection: Connection, beginning: str) -> Logged | None:
    """The one decision whose id begins so."""
    matches = found(
        connection,
        statements.DECISIONS_LIKE,
        {"low": beginning, "high": beginning + "\U0010ffff"},
    )
    return matches[0] if len(matches) == 1 else None


def story(connection: Connection, decision_id: str) -> list[Entry]:
    """All lines about one decision, oldest first."""
    with connection.reading():
        row = _read_row(connection, decision_id)
        return [entry_of(line) for line in back_from(connection, row.last if row else 0)]


def back_from(connection: Connection, seq: int) -> list[Line]:
    """A line and all before it about the same subject, oldest first."""
    lines: list[Line] = []
    while seq:
        lines.append(Line(*connection.run(statements.LINE, {"seq": seq}).fetchone()))
        seq = lines[-1].prior
    return lines[::-1]


def _logged(columns: Sequence[Any]) -> Logged:
    body, detail = columns[_WIDTH:]
    decision = step_from_body(body).decision
    assert decision is not None
    return logged(DecisionRow(*columns[:_WIDTH]), with_bulk(decision, detail))
