"""Decisions in the database: written with the chain, read by index."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import asdict, astuple
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.decision import CLAIMED, DONE, Action, Decision, Entry, State
from reviewbot.domain.errors import LedgerWentBack
from reviewbot.domain.review import ReviewKind
from reviewbot.ledger import mapping, statements
from reviewbot.ledger.chain import ChainEnd
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.fitting import is_name
from reviewbot.ledger.limits import SpentRoom, check_room, concerns, window_start
from reviewbot.ledger.mapping import (
    DecisionRow,
    entry_of,
    from_micros,
    logged,
    step_from_body,
    to_micros,
    with_bulk,
)
from reviewbot.ledger.tables import COUNTED, ChainLine
from reviewbot.policy.facts import AccountHistory, History
from reviewbot.ports.ledger import Limit, Logged, Memory

_WIDTH = len(DecisionRow.__struct_fields__)


def write(
    connection: LedgerEngine, decision: Decision, state: State, limits: Sequence[Limit] = ()
) -> DecisionRow:
    """Write a decision down in full, an intent only where every cap has room; give where it stands."""
    tail = ChainEnd(connection)
    if state is State.INTENT and connection.lost is not None:
        raise LedgerWentBack(f"the log went back: {connection.lost}; nothing is sent")
    before = _row(connection, tail, decision.id)
    line, row = mapping.recorded(decision, state, tail.next, before)
    for limit, spent in _with_spent(connection, limits, decision):
        check_room(limit, decision, spent)
    tail.add(line)
    try:
        _put(connection, row, before)
    except connection.backend.conflict as error:
        raise mapping.already_intended(decision) from error
    connection.newest = (tail.hash, row)
    return row


def mark(
    connection: LedgerEngine,
    decision_id: str,
    state: State,
    at: datetime,
    note: str | None,
    request_id: str | None,
    was: State | None,
) -> DecisionRow:
    """Add what became of an intent; give where the decision stands now."""
    tail = ChainEnd(connection)
    before = _row(connection, tail, decision_id)
    line, row = mapping.marked(decision_id, before, state, at, tail.next, note, request_id, was)
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


def _row(connection: LedgerEngine, tail: ChainEnd, decision_id: str) -> DecisionRow | None:
    """Where a decision stands: as we left it, while our line about it is still the last of all."""
    left_at, left = connection.newest
    if left_at == tail.hash and left.id == decision_id:
        known: DecisionRow = left
        return known
    return _read_row(connection, decision_id)


def _read_row(connection: LedgerEngine, decision_id: str) -> DecisionRow | None:
    row = connection.run(statements.DECISION_ROW, {"id": decision_id}).fetchone()
    return None if row is None else DecisionRow(*row)


def _put(connection: LedgerEngine, row: DecisionRow, before: DecisionRow | None) -> None:
    if before is None:
        connection.run(statements.ADD_DECISION, astuple(row))
        return
    changes = {f"new_{name}": value for name, value in asdict(row).items()}
    connection.run(statements.CHANGE_DECISION, changes | {"which": row.seq})


def _with_spent(
    connection: LedgerEngine, limits: Sequence[Limit], decision: Decision
) -> Iterator[tuple[Limit, list[SpentRoom]]]:
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
                SpentRoom(intended_at, amount, action)
                for intended_at, amount, action, account_id in windows[window]
                if action in limit.actions and limit.account_id in (None, account_id)
            ],
        )


def found(
    connection: LedgerEngine, statement: ClauseElement, parameters: dict[str, Any] | None = None
) -> list[Logged]:
    """The decisions that a statement finds, in full."""
    with connection.reading():
        rows = connection.run(statement, parameters).fetchall()
    return [_logged(row) for row in rows]


def unsettled(connection: LedgerEngine) -> list[Logged]:
    """Intents and ambiguous writes that are not settled, oldest first."""

    def read() -> list[Logged]:
        return sorted(found(connection, statements.DECISIONS_OPEN), key=lambda one: one.seq)

    return list(connection.kept("decisions", "open", read))


def walk(connection: LedgerEngine) -> Iterator[Logged]:
    """Every decision by `seq`; writers may go on between the pages."""
    after = 0
    while page := found(connection, statements.DECISIONS_AFTER, {"after": after}):
        yield from page
        after = page[-1].seq


def newest(connection: LedgerEngine, count: int) -> list[Logged]:
    """The newest so many decisions, oldest first."""
    return found(connection, statements.DECISIONS_NEWEST, {"newest": max(0, count)})[::-1]


def of_task(connection: LedgerEngine, task_id: str) -> list[Logged]:
    """All decisions on one thing."""
    return found(connection, statements.DECISIONS_OF_TASK, {"task_id": task_id})


def changed_since(connection: LedgerEngine, since: datetime) -> list[Logged]:
    """Decisions whose state was last changed at `since` or later, by `seq`."""
    changed = found(connection, statements.DECISIONS_SINCE, {"since": to_micros(since)})
    return sorted(changed, key=lambda one: one.seq)


def of_policy(connection: LedgerEngine, policy: str, since: datetime) -> list[Logged]:
    """What a policy decided whose state was last changed at `since` or later, without its bulk."""
    with connection.reading():
        rows = connection.run(
            statements.DECISIONS_OF_POLICY, {"policy": policy, "since": to_micros(since)}
        ).fetchall()
    return [_logged((*row, None)) for row in rows]


def by_beginning(connection: LedgerEngine, beginning: str) -> Logged | None:
    """The one decision whose id begins so."""
    matches = found(
        connection,
        statements.DECISIONS_LIKE,
        {"low": beginning, "high": beginning + "\U0010ffff"},
    )
    return matches[0] if len(matches) == 1 else None


def story(connection: LedgerEngine, decision_id: str) -> list[Entry]:
    """All lines about one decision, oldest first."""
    with connection.reading():
        row = _read_row(connection, decision_id)
        return [entry_of(line) for line in back_from(connection, row.last if row else 0)]


def back_from(connection: LedgerEngine, seq: int) -> list[ChainLine]:
    """A line and all before it about the same subject, oldest first."""
    lines: list[ChainLine] = []
    while seq:
        lines.append(ChainLine(*connection.run(statements.LINE, {"seq": seq}).fetchone()))
        seq = lines[-1].prior
    return lines[::-1]


def _logged(columns: Sequence[Any]) -> Logged:
    body, detail = columns[_WIDTH:]
    decision = step_from_body(body).decision
    assert decision is not None
    return logged(DecisionRow(*columns[:_WIDTH]), with_bulk(decision, detail))


# ------------------------------------------------------------------------------------------------
# What rows tell when they are asked as a history: of one thing, of one account.


ACCOUNT_MEMORY = timedelta(days=30)
"""How far back the figures of an account reach."""


_DONE = frozenset(state.value for state in DONE)


_SENT = frozenset(COUNTED)


_CLAIMED = frozenset(state.value for state in CLAIMED)


_SENDS_BACK = frozenset(action.value for action in Action if action.sends_back)


def memory_of(decisions: Iterable[tuple[DecisionRow, Decision]]) -> Memory:
    """What is remembered of one thing, from all its decisions.

    A dispute counts once it is known to be done; a text counts as used as soon as it may have
    been sent, so that an unclear write never leads to the same words twice.
    """
    judged: dict[str, datetime] = {}
    disputes = 0
    last_dispute: int | None = None
    texts: list[tuple[int, str]] = []
    claims: dict[str, tuple[DecisionRow, Decision]] = {}
    newest: tuple[DecisionRow, Decision] | None = None
    for row, decision in decisions:
        if newest is None or row.recorded > newest[0].recorded:
            newest = (row, decision)
        judged[row.epoch] = max(judged.get(row.epoch, decision.decided_at), decision.decided_at)
        if row.state in _CLAIMED:
            claims[row.epoch] = (row, decision)
        if row.action not in _SENDS_BACK:
            continue
        if row.state in _DONE and (done_at := _done_at(row)) is not None:
            disputes += 1
            last_dispute = max(last_dispute or done_at, done_at)
        if row.state in _SENT and decision.reason is not None:
            texts.append((row.seq, decision.reason))
    if newest is not None:
        # What was held while somebody else acted on the round is not what became of it.
        newest = claims.get(newest[0].epoch, newest)
    return Memory(
        history=History(
            disputes=disputes,
            last_dispute_at=None if last_dispute is None else from_micros(last_dispute),
            texts=tuple(text for _, text in sorted(texts)),
        ),
        latest=logged(*newest) if newest else None,
        judged_at=judged,
        claimed=frozenset(claims),
    )


def _done_at(row: DecisionRow) -> int | None:
    """When it happened over there, as far as can be known.

    One that was only found done by reading happened right after its intent: what the verifier saw
    between the two belongs to the new round.
    """
    return row.intended_at if row.state == State.SETTLED else row.settled_at


def account_history(
    approvals: int, disputes: int, paid_micros: int, overruled: int
) -> AccountHistory:
    """The figures of one account; a share of nothing is unknown.

    They count what was intended in the last 30 days and is done, open or unclear. `overruled` are
    those by a person in a round for which the policy had decided something else; to answer a
    question or to end a wait overrules nobody.
    """
    decisions = approvals + disputes
    return AccountHistory(
        decisions_30d=decisions,
        disputes_30d=disputes,
        approvals_30d=approvals,
        dispute_share_30d=disputes / decisions if decisions else None,
        paid_30d=paid_micros / 1_000_000,
        overruled_30d=overruled,
    )


# ------------------------------------------------------------------------------------------------
# What the database remembers of things and of accounts, many at a time.


LEAST_KEPT = 128


class _Known(NamedTuple):
    """A thing's memory, None where it has none; the lines it rests on, and when that was so."""

    version: Hashable
    lines: tuple[int, ...]
    memory: Memory | None


class Memories:
    """What is remembered of things; what a thing's decisions say is read again only once it changed.

    Each poll asks for everything that waits, and most of it has not changed. What we write ourselves
    we know (`forget`). Once somebody else wrote, the numbers of the newest lines of a thing's
    decisions tell whether its memory still holds. Twice as many are kept as were ever asked for at once.
    """

    def __init__(self, connection: LedgerEngine) -> None:
        self._connection = connection
        self._keep = LEAST_KEPT
        self._known: dict[tuple[str, str], _Known] = {}

    def of(self, review: ReviewKind, ids: Sequence[str]) -> dict[str, Memory]:
        """What is remembered of these things; one that is not in the log is absent."""
        self._keep = max(self._keep, 2 * len(ids))
        with self._connection.reading() as driver:
            version = self._connection.others(driver)
            known = {i: one for i in ids if (one := self._known.pop((review, i), None)) is not None}
            old = [i for i, one in known.items() if one.version != version]
            lines = self._newest_lines(review, old)
            for task_id in old:
                one = known.pop(task_id)
                if one.lines == lines.get(task_id, ()):
                    known[task_id] = one._replace(version=version)
            known |= self._read(version, review, [i for i in ids if i not in known])
            self._known |= {(review, i): one for i, one in known.items()}
            while len(self._known) > self._keep:
                del self._known[next(iter(self._known))]
        return {i: one.memory for i, one in known.items() if one.memory is not None}

    def forget(self, review: str, task_id: str) -> None:
        """Read this thing again; call it in the transaction that writes about it."""
        self._known.pop((review, task_id), None)

    def _newest_lines(self, review: ReviewKind, ids: Sequence[str]) -> dict[str, tuple[int, ...]]:
        lines: dict[str, tuple[int, ...]] = {}
        for size, names in in_chunks(ids):
            rows = self._connection.run(
                statements.newest_lines(size), {"review": review, **names}
            ).fetchall()
            for task_id, last in rows:
                lines[task_id] = (*lines.get(task_id, ()), last)
        return lines

    def _read(self, version: Hashable, review: ReviewKind, ids: Sequence[str]) -> dict[str, _Known]:
        decisions: dict[str, list[tuple[DecisionRow, Decision]]] = {i: [] for i in ids}
        for size, names in in_chunks(ids):
            rows = self._connection.run(statements.memories(size), {"review": review, **names})
            for *columns, body in rows.fetchall():
                row = DecisionRow(*columns)
                decision = step_from_body(body).decision
                assert decision is not None
                decisions[row.task_id].append((row, decision))
        return {
            task_id: _Known(
                version,
                tuple(sorted(row.last for row, _ in found)),
                memory_of(found) if found else None,
            )
            for task_id, found in decisions.items()
        }


def accounts(
    connection: LedgerEngine, review: ReviewKind, account_ids: Sequence[str], now: datetime
) -> dict[str, AccountHistory]:
    """The last 30 days of these accounts; one without decisions has counts of 0."""
    figures: dict[str, tuple[int, int, int]] = {}
    overruled: dict[str, int] = {}
    about = {"review": review, "since": to_micros(now.astimezone(UTC) - ACCOUNT_MEMORY)}
    with connection.reading():
        for size, names in in_chunks(account_ids):
            known = about | names
            for account_id, *counts in connection.run(statements.account_figures(size), known):
                approvals, disputes, paid = map(int, counts)
                figures[account_id] = (approvals, disputes, paid)
            overruled.update(connection.run(statements.account_overruled(size), known).fetchall())
    return {
        account_id: account_history(
            *figures.get(account_id, (0, 0, 0)), overruled.get(account_id, 0)
        )
        for account_id in account_ids
    }


def in_chunks(names: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Parameters for statements that ask for many names: few sizes, so that few are compiled.

    What can be no name stands nowhere, and a database would refuse the question for all of them.
    """
    names = [name for name in names if is_name(name)]
    largest = statements.CHUNK_SIZES[-1]
    for start in range(0, len(names), largest):
        chunk = names[start : start + largest]
        size = next(size for size in statements.CHUNK_SIZES if size >= len(chunk))
        filled = [*chunk, *(chunk[-1],) * (size - len(chunk))]
        yield size, {f"name{n}": name for n, name in enumerate(filled)}
