"""The log in memory: for dry runs, tests, and as the empty history of a ledger that does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from reviewbot.domain.decision import CLAIMED, OPEN, Decision, Entry, State, idempotency_key
from reviewbot.domain.errors import LedgerError, LedgerUnwritable, NotRecordable, OutOfDate
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.ledger import mapping
from reviewbot.ledger.chain import GENESIS, ChainReader, departure, digest
from reviewbot.ledger.decisions import ACCOUNT_MEMORY, account_history, memory_of
from reviewbot.ledger.limits import SpentRoom, check_room, concerns, window_start
from reviewbot.ledger.mapping import (
    DecisionRow,
    RoundRow,
    ending,
    entry_of,
    first_seen,
    logged,
    noted_from_line,
    seen_round,
    sighting,
    step_from_body,
    stored_policy,
    to_micros,
    with_bulk,
)
from reviewbot.ledger.tables import COUNTED, PAYS, UNDECIDED, ChainLine
from reviewbot.policy.facts import AccountHistory
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import (
    Checkpoint,
    Ending,
    Limit,
    Logged,
    LogNote,
    Memory,
    OpenRound,
    SeenRound,
    StoredPolicy,
    Verification,
)

_CLAIMED = frozenset(state.value for state in CLAIMED)


_OPEN = frozenset(state.value for state in OPEN)


class MemoryLedger:
    """A log that ends with the process. Read-only, it is the history of somebody who has none."""

    def __init__(self, *, read_only: bool = False) -> None:
        self._read_only = read_only
        self._lines: list[ChainLine] = []
        self._rows: dict[str, DecisionRow] = {}
        self._tasks: dict[tuple[str, str], dict[str, None]] = {}
        self._rounds: dict[tuple[str, str, str], RoundRow] = {}
        self._policies: dict[str, ChainLine] = {}
        self._notes: dict[tuple[str, str], ChainLine] = {}

    # Policies --------------------------------------------------------------------------------

    def remember_policy(self, policy: Policy, at: datetime) -> None:
        """Keep the text of a revision (once)."""
        if policy.revision in self._policies:
            return
        line = mapping.remembered(policy, at, self._next())
        self._policies[policy.revision] = self._append(line)

    def policy(self, revision: str) -> StoredPolicy | None:
        """Give back a revision's text by it or an unambiguous beginning of it."""
        found = [line for key, line in self._policies.items() if key.startswith(revision)]
        return _stored(found[0]) if len(found) == 1 else None

    def policies(self) -> Sequence[StoredPolicy]:
        """Every revision that ever ran, oldest first."""
        return [_stored(line) for line in self._policies.values()]

    # Rounds ----------------------------------------------------------------------------------

    def sight(
        self, items: Iterable[ReviewItem], at: datetime
    ) -> Mapping[tuple[str, str], datetime]:
        """Note rounds seen for the first time; give when each was first seen."""
        seen: dict[tuple[str, str], datetime] = {}
        for item in items:
            if item.epoch is None:
                continue
            key = (item.review, item.id, item.epoch)
            before = row = self._rounds.get(key)
            if (row is None or row.ended_at is not None) and not self._read_only:
                try:
                    line, row = mapping.seen(item, at, self._next(), before)
                except NotRecordable:
                    continue
                self._append(line)
                self._rounds[key] = row
            seen[item.id, item.epoch] = first_seen(row) if row else at
        return seen

    def rounds(self, review: ReviewKind, ids: Sequence[str]) -> Mapping[str, Sequence[SeenRound]]:
        """Every round of these things that was seen."""
        wanted = set(ids)
        found: dict[str, list[SeenRound]] = {}
        for row in self._rounds.values():
            if row.review == review and row.task_id in wanted:
                found.setdefault(row.task_id, []).append(seen_round(row))
        return found

    def unended(self, review: ReviewKind) -> Sequence[OpenRound]:
        """Rounds seen waiting that have no ending, in the order they were seen."""
        rows = [r for r in self._rounds.values() if r.review == review and r.ended_at is None]
        return [sighting(row) for row in sorted(rows, key=lambda r: (r.first_seen_at, r.last))]

    def end(self, *endings: Ending) -> None:
        """Note how rounds ended, once."""
        for one in endings:
            self._end(one)

    def _end(self, ending: Ending) -> None:
        key = (ending.review, ending.task_id, ending.epoch)
        before = self._rounds.get(key)
        if before is not None and before.ended_at is not None:
            return
        line, row = mapping.ended(ending, self._next(), before)
        self._append(line)
        self._rounds[key] = row

    def endings(self, since: datetime | None = None) -> Sequence[Ending]:
        """How rounds ended, oldest first."""
        start = None if since is None else to_micros(since)
        rows = [row for row in self._rounds.values() if row.ended_at is not None]
        rows.sort(key=lambda row: (row.ended_at, row.last))
        return [ending(row) for row in rows if start is None or (row.ended_at or 0) >= start]

    # Histories -------------------------------------------------------------------------------

    def memories(self, review: ReviewKind, ids: Sequence[str]) -> Mapping[str, Memory]:
        """What is remembered of these things."""
        return {
            task_id: memory_of((row, self._text(row)) for row in self._of_task(review, task_id))
            for task_id in ids
            if (review, task_id) in self._tasks
        }

    def accounts(
        self, review: ReviewKind, account_ids: Sequence[str], now: datetime
    ) -> Mapping[str, AccountHistory]:
        """The last 30 days of these accounts."""
        since = to_micros(now.astimezone(UTC) - ACCOUNT_MEMORY)
        return {
            account_id: self._account(
                [
                    row
                    for row in self._rows.values()
                    if row.review == review
                    and row.account_id == account_id
                    and row.state in COUNTED
                    and (row.intended_at or 0) > since
                ]
            )
            for account_id in account_ids
        }

    def _account(self, rows: list[DecisionRow]) -> AccountHistory:
        paid = [row for row in rows if row.action in PAYS]
        return account_history(
            approvals=len(paid),
            disputes=len(rows) - len(paid),
            paid_micros=sum(row.amount_micros or 0 for row in paid),
            overruled=sum(self._overrules(row) for row in rows if row.by_person),
        )

    def _overrules(self, row: DecisionRow) -> bool:
        return any(
            other.epoch == row.epoch
            and not other.by_person
            and other.action not in (row.action, *UNDECIDED)
            for other in self._of_task(row.review, row.task_id)
        )

    # Decisions -------------------------------------------------------------------------------

    def record(self, decision: Decision, state: State) -> None:
        """Write down a decision that sends nothing."""
        self._record(decision, state)
        fault_point("record.committed")

    def intend(self, decision: Decision, limits: Sequence[Limit] = ()) -> str:
        """Claim the round and write down the intent; give the key of this try."""
        fault_point("intent.before")
        for limit in limits:
            if concerns(limit, decision):
                check_room(limit, decision, self._spent(limit, decision))
        row = self._record(decision, State.INTENT)
        fault_point("intent.committed")
        return idempotency_key(decision.id, row.tries)

    def mark(
        self,
        decision_id: str,
        state: State,
        at: datetime,
        *,
        note: str | None = None,
        request_id: str | None = None,
        was: State | None = None,
    ) -> None:
        """Add what became of an intent."""
        fault_point("outcome.before")
        before = self._rows.get(decision_id)
        line, row = mapping.marked(
            decision_id, before, state, at, self._next(), note, request_id, was
        )
        self._append(line)
        self._rows[decision_id] = row
        fault_point("outcome.committed")

    def open_intents(self) -> Sequence[Logged]:
        """Intents and ambiguous writes that are not settled, oldest first."""
        return [self._logged(row) for row in self._by_seq() if row.state in _OPEN]

    def decisions(
        self,
        *,
        newest: int | None = None,
        since: datetime | None = None,
        task_id: str | None = None,
    ) -> Sequence[Logged]:
        """Decisions by `seq`, oldest first."""
        rows = self._by_seq()
        if task_id is not None:
            rows = [row for row in rows if row.task_id == task_id]
        found = [self._logged(row) for row in rows]
        if since is not None:
            found = [one for one in found if one.state_at >= since]
        return found if newest is None else found[max(0, len(found) - newest) :]

    def decided(self, policy: str, since: datetime) -> Sequence[Logged]:
        """What a policy decided that came to stand where it stands since, without its bulk."""
        start = to_micros(since)
        rows = [r for r in self._rows.values() if r.policy == policy and r.state_at >= start]
        return [
            logged(row, self._text(row)) for row in sorted(rows, key=lambda r: (r.state_at, r.seq))
        ]

    def iter_decisions(self) -> Iterator[Logged]:
        """Every decision by `seq`."""
        return map(self._logged, self._by_seq())

    def decision(self, decision_id: str) -> Logged | None:
        """One decision by its id or an unambiguous beginning of it."""
        found = [row for key, row in self._rows.items() if key.startswith(decision_id)]
        return self._logged(found[0]) if len(found) == 1 else None

    def entries(self, decision_id: str) -> Sequence[Entry]:
        """The whole story of one decision, oldest first."""
        row = self._rows.get(decision_id)
        return [entry_of(line) for line in self._back_from(row.last)] if row else []

    # Notes -----------------------------------------------------------------------------------

    def note(self, topic: str, subject: str, value: Mapping[str, Any], at: datetime) -> None:
        """Add a word on something that is neither a decision nor a round."""
        before = self._notes.get((topic, subject))
        line = mapping.noted(topic, subject, value, at, self._next(), before.seq if before else 0)
        self._notes[topic, subject] = self._append(line)

    def note_all(
        self,
        topic: str,
        words: Mapping[str, Mapping[str, Any]],
        at: datetime,
        *,
        last: Mapping[str, int] | None = None,
    ) -> None:
        """Add a word on each of several subjects, all of them or none."""
        for subject in words:
            before = self._notes.get((topic, subject))
            seq = before.seq if before else 0
            if (last or {}).get(subject, seq) != seq:
                raise OutOfDate(f"somebody else wrote on {topic} {subject[:12]} meanwhile")
        for subject, value in words.items():
            self.note(topic, subject, value, at)

    def notes(self, *topics: str) -> Sequence[LogNote]:
        """The newest word on each subject of some topics."""
        return [
            noted_from_line(line) for key, line in sorted(self._notes.items()) if key[0] in topics
        ]

    def story(self, topic: str, subject: str) -> Sequence[LogNote]:
        """Every word on one subject, oldest first."""
        line = self._notes.get((topic, subject))
        return [noted_from_line(one) for one in self._back_from(line.seq)] if line else []

    # The bot ---------------------------------------------------------------------------------

    def beat(self, text: bytes) -> None:
        """Nobody else can read this log, so nothing is left in it."""

    def last_beat(self) -> tuple[bytes, float] | None:
        """Nothing was left."""
        return None

    # The whole -------------------------------------------------------------------------------

    def checkpoint(self, at: datetime) -> Checkpoint:
        """State how far the log has come."""
        return Checkpoint(count=len(self._lines), head=self._head().hex(), at=at)

    def departure(self, checkpoint: Checkpoint) -> str | None:
        """How the log departs from an earlier checkpoint, by the one line that it names."""
        lines, count = len(self._lines), checkpoint.count
        head = self._lines[count - 1].hash if 0 < count <= lines else GENESIS
        return departure(checkpoint, lines, head)

    def lost(self) -> str | None:
        """Nothing ever is."""
        return None

    def recount(self) -> None:
        """There is nothing to miss."""

    def take_as_it_is(self) -> None:
        """It is never anything else."""

    def probe(self) -> None:
        """There is room until the process ends; refused where the log is only read."""
        self._next()

    def verify(self, *checkpoints: Checkpoint) -> Verification:
        """Recompute the whole chain."""
        reader = ChainReader(checkpoints)
        reader.read(map(msgspec.structs.astuple, self._lines))
        return reader.verification()

    def backup(self, path: Path) -> None:
        """A log in memory has no file to copy."""
        raise LedgerError(f"{path}: a log in memory cannot be backed up")

    def close(self) -> None:
        """Nothing is held."""

    # Below -----------------------------------------------------------------------------------

    def _record(self, decision: Decision, state: State) -> DecisionRow:
        before = self._rows.get(decision.id)
        line, row = mapping.recorded(decision, state, self._next(), before)
        if state is State.INTENT and self._is_claimed(row):
            raise mapping.already_intended(decision)
        self._append(line)
        self._rows[decision.id] = row
        self._tasks.setdefault((row.review, row.task_id), {})[row.id] = None
        return row

    def _is_claimed(self, row: DecisionRow) -> bool:
        return any(
            other.epoch == row.epoch and other.state in _CLAIMED
            for other in self._of_task(row.review, row.task_id)
        )

    def _spent(self, limit: Limit, decision: Decision) -> list[SpentRoom]:
        start = window_start(limit, decision)
        return sorted(
            SpentRoom(row.intended_at, row.amount_micros or 0, row.action)
            for row in self._rows.values()
            if row.intended_at is not None
            and row.intended_at > start
            and row.policy == limit.policy
            and row.state in COUNTED
            and row.action in limit.actions
            and limit.account_id in (None, row.account_id)
        )

    def _next(self) -> int:
        if self._read_only:
            raise LedgerUnwritable("this log was opened for reading only")
        return len(self._lines) + 1

    def _head(self) -> bytes:
        return self._lines[-1].hash if self._lines else GENESIS

    def _append(self, line: ChainLine) -> ChainLine:
        whole = msgspec.structs.replace(line, hash=digest(self._head(), line))
        self._lines.append(whole)
        return whole

    def _by_seq(self) -> list[DecisionRow]:
        return sorted(self._rows.values(), key=lambda row: row.seq)

    def _of_task(self, review: str, task_id: str) -> list[DecisionRow]:
        return [self._rows[key] for key in self._tasks.get((review, task_id), ())]

    def _text(self, row: DecisionRow) -> Decision:
        decision = step_from_body(self._lines[row.recorded - 1].body).decision
        assert decision is not None
        return decision

    def _logged(self, row: DecisionRow) -> Logged:
        return logged(row, with_bulk(self._text(row), self._lines[row.recorded - 1].detail))

    def _back_from(self, seq: int) -> list[ChainLine]:
        lines = []
        while seq:
            lines.append(self._lines[seq - 1])
            seq = lines[-1].prior
        return lines[::-1]


def _stored(line: ChainLine) -> StoredPolicy:
    return stored_policy(line.body, line.detail or b"", line.at)
