"""Decisions in the log: written with the chain, read by index, and what they tell as a history."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy.sql.elements import ClauseElement

from reviewbot.domain.decision import (
    CLAIMED,
    DONE,
    Action,
    Decision,
    Entry,
    Mode,
    State,
    idempotency_key,
)
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewKind
from reviewbot.ledger import events, statements, tables
from reviewbot.ledger.chain import LogPart
from reviewbot.ledger.clauses import names_of
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.limits import SpentRoom, check_room, concerns, window_start
from reviewbot.ledger.mapping import (
    ERASED,
    entry_of,
    from_micros,
    logged,
    step_from_line,
    with_bulk,
)
from reviewbot.ledger.tables import COUNTED, DecisionRow
from reviewbot.policy.facts import AccountHistory, History
from reviewbot.ports.ledger import DEFAULT_KEY, Limit, Logged, Memory

ACCOUNT_MEMORY = timedelta(days=30)
"""How far back the figures of an account reach."""
_BEFORE_ALL = -(2**62)
LEAST_REMEMBERED = 128
_WIDTH = len(DecisionRow.__struct_fields__)
_DONE = frozenset(state.value for state in DONE)
_CLAIMED = frozenset(state.value for state in CLAIMED)
_SENDS_BACK = frozenset(action.value for action in Action if action.sends_back)


class DecisionLog(LogPart):
    """The decisions of a log.

    Each poll asks for the memory of everything that waits, and most of it has not changed: it is read
    again once we wrote about it, or anybody else wrote anything. Twice as many memories are kept as
    were ever asked for at once.
    """

    def __init__(self, engine: LedgerEngine, key: str = DEFAULT_KEY) -> None:
        super().__init__(engine, key)
        self._remembered: dict[tuple[str, str], tuple[Hashable, Memory | None]] = {}
        self._most_remembered = LEAST_REMEMBERED
        self.fence: Callable[[], None] = lambda: None
        """Raises LeaseLost, in the transaction of an intent, where this process may not act any more."""

    def record(self, decision: Decision, state: State, limits: Sequence[Limit] = ()) -> None:
        """Write down a decision that sends nothing."""
        self._write(decision, state, limits)
        fault_point("record.committed")

    def intend(self, decision: Decision, limits: Sequence[Limit] = ()) -> str:
        """Claim the round and write down the intent; give the key of this try."""
        fault_point("intent.before")
        row = self._write(decision, State.INTENT, limits)
        fault_point("intent.committed")
        return idempotency_key(decision.id, row.tries)

    def _write(self, decision: Decision, state: State, limits: Sequence[Limit] = ()) -> DecisionRow:
        """Write a decision down in full, only where every one of `limits` has room."""
        sends = state is State.INTENT
        with self._chain.adding(sends=sends) as end:
            if sends:
                self.fence()
            before = self._first(DecisionRow, statements.DECISION_ROW, {"id": decision.id})
            line, row = events.recorded(decision, state, end.next, before)
            spent: dict[int, list[SpentRoom]] = {}
            for limit in (limit for limit in limits if concerns(limit, decision)):
                since = window_start(limit, decision)
                if since not in spent:  # most limits have one window in common
                    asked = {"policy": limit.policy, "since": since}
                    spent[since] = [SpentRoom(*room) for room in self._run(statements.SPENT, asked)]
                counted = [room for room in spent[since] if room.counts_for(limit)]
                check_room(limit, decision, counted)
            end.add(line)
            try:
                self._put(tables.decision, row, before)
            except self._engine.backend.conflict as error:
                raise events.already_intended(decision) from error
            self._remembered.pop((row.review, row.task_id), None)
        return row

    def mark(
        self,
        decision_id: str,
        state: State,
        at: datetime,
        *,
        note: str | None = None,
        request_id: str | None = None,
        was: State | None = None,
        key: str | None = None,
    ) -> None:
        """Add what became of an intent."""
        fault_point("outcome.before")
        with self._chain.adding() as end:
            before = self._first(DecisionRow, statements.DECISION_ROW, {"id": decision_id})
            line, row = events.marked(
                decision_id, before, state, at, end.next, note, request_id, was, key
            )
            end.add(line)
            self._put(tables.decision, row, before)
            self._remembered.pop((row.review, row.task_id), None)
        fault_point("outcome.committed")

    def _forget(self, review: str, task_id: str) -> None:
        """Read the memory of a thing again when it is next asked for."""
        self._remembered.pop((review, task_id), None)

    def open_intents(self) -> Sequence[Logged]:
        """Intents and ambiguous writes that are not settled, oldest first."""
        return self._sorted(statements.DECISIONS_OPEN)

    def decisions(
        self,
        *,
        newest: int | None = None,
        since: datetime | None = None,
        task_id: str | None = None,
    ) -> Sequence[Logged]:
        """Decisions by `seq`, oldest first: all, of one task, changed since, or the newest so many."""
        if task_id is not None:
            return self._found(statements.DECISIONS_OF_TASK, task_id=task_id)
        if since is not None:
            return self._sorted(statements.DECISIONS_SINCE, since=events.to_micros(since))
        if newest is not None:
            return self._found(statements.DECISIONS_NEWEST, newest=max(0, newest))[::-1]
        return list(self.iter_decisions())

    def iter_decisions(self, since: datetime | None = None) -> Iterator[Logged]:
        """Every decision by `seq`, a page at a time; writers may go on between the pages.

        `since` passes over those before the first that was made or changed since then.
        """
        first = 1
        if since is not None:
            with self._engine.reading():
                asked = {"since": events.to_micros(since)}
                first = self._run(statements.FIRST_SINCE, asked).fetchone()[0] or events.MOST
        yield from self._walk(statements.DECISIONS_AFTER, after=first - 1)

    def newest_first(self, before: int | None = None) -> Iterator[Logged]:
        """Every decision from the newest on, or from before a `seq` on, a page at a time."""
        seq = events.MOST if before is None else before
        yield from self._walk(statements.DECISIONS_BEFORE, before=seq)

    def decided(self, policy: str | None, since: datetime) -> Sequence[Logged]:
        """What a policy, or any, decided that came to stand where it stands since, without its bulk."""
        if policy is None:
            return self._found(statements.DECISIONS_LATELY, since=events.to_micros(since))
        return self._found(
            statements.DECISIONS_OF_POLICY, policy=policy, since=events.to_micros(since)
        )

    def sent(self, policy: str, since: datetime) -> Sequence[Logged]:
        """Those of what a policy decided that were sent, or may have been."""
        return self._found(statements.DECISIONS_SENT, policy=policy, since=events.to_micros(since))

    def decision(self, decision_id: str) -> Logged | None:
        """One decision by its id or an unambiguous beginning of it."""
        high = decision_id + "\U0010ffff"
        matches = self._found(statements.DECISIONS_LIKE, low=decision_id, high=high)
        return matches[0] if len(matches) == 1 else None

    def decisions_named(self, ids: Iterable[str]) -> Mapping[str, Logged]:
        """These decisions in full, by their ids."""
        found = self._found(statements.DECISIONS_NAMED, names=names_of(ids))
        return {logged.decision.id: logged for logged in found}

    def entries(self, decision_id: str) -> Sequence[Entry]:
        """The whole story of one decision, oldest first."""
        with self._engine.reading():
            row = self._first(DecisionRow, statements.DECISION_ROW, {"id": decision_id})
            if row is None:
                return []
            left = self._archive.story(row.archived, row.id) if row.archived else None
            return [entry_of(line) for line in (*(left or ()), *self._chain.back_from(row.last))]

    def _sorted(self, statement: ClauseElement, **parameters: Any) -> list[Logged]:
        return sorted(self._found(statement, **parameters), key=lambda decision: decision.seq)

    def _found(self, statement: ClauseElement, **parameters: Any) -> list[Logged]:
        """The decisions that a statement finds."""
        with self._engine.reading():
            rows = self._run(statement, parameters).fetchall()
            return [found for row in rows if (found := self._logged(row)) is not None]

    def _walk(self, statement: ClauseElement, **start: int) -> Iterator[Logged]:
        """All decisions of a walk, each page after the last row of the one before."""
        (name,) = start
        while True:
            with self._engine.reading():
                rows = self._run(statement, start).fetchall()
                page = [found for row in rows if (found := self._logged(row)) is not None]
            yield from page
            if not rows:
                return
            start = {name: rows[-1][0]}

    def _logged(self, columns: Sequence[Any]) -> Logged | None:
        """A decision, from the log or from the segment with which it left; None: that is not at hand."""
        row = DecisionRow(*columns[:_WIDTH])
        body, text, *detail = columns[_WIDTH:]
        if body is None:
            if row.archived is None:
                raise LookupError(f"line {row.recorded} is missing")
            lines = self._archive.lines(row.archived)
            if lines is None:
                return None
            line = lines[row.recorded]
            body, text, detail = line.body, line.text, [line.detail] if detail else []
        decision = step_from_line(body, text).decision
        assert decision is not None
        return logged(row, with_bulk(decision, *detail), text is None, key=self._key)

    def memories(self, review: ReviewKind, ids: Sequence[str]) -> Mapping[str, Memory]:
        """What is remembered of these things; one that is not in the log is absent."""
        self._most_remembered = max(self._most_remembered, 2 * len(ids))
        with self._engine.reading():
            version = self._engine.others(self._key, self._chain.own_lines)
            known = {name: self._remembered.pop((review, name), (None, None)) for name in ids}
            old = [name for name, (seen, _) in known.items() if seen != version]
            known |= {name: (version, memory) for name, memory in self._read(review, old).items()}
            self._remembered |= {(review, name): pair for name, pair in known.items()}
            while len(self._remembered) > self._most_remembered:
                del self._remembered[next(iter(self._remembered))]
        return {name: memory for name, (_, memory) in known.items() if memory is not None}

    def _read(self, review: ReviewKind, ids: Sequence[str]) -> dict[str, Memory | None]:
        decisions: dict[str, list[tuple[DecisionRow, Decision]]] = {name: [] for name in ids}
        if ids:
            asked = {"review": review, "names": names_of(ids)}
            for columns in self._run(statements.DECISIONS_OF_TASKS, asked):
                row = DecisionRow(*columns[:_WIDTH])
                decisions[row.task_id].append((row, _remembered(row, *columns[_WIDTH:])))
        return {name: memory_of(pairs) if pairs else None for name, pairs in decisions.items()}

    def accounts(
        self, review: ReviewKind, account_ids: Sequence[str], now: datetime
    ) -> Mapping[str, AccountHistory]:
        """The last 30 days of these accounts, and all days; one without decisions has counts of 0."""
        since = events.to_micros(now.astimezone(UTC) - ACCOUNT_MEMORY)
        with self._engine.reading():
            names = names_of(account_ids)
            recent, ever = (
                self._figures({"review": review, "since": start, "names": names})
                for start in (since, _BEFORE_ALL)
            )
        return {
            account_id: account_history(
                recent.get(account_id, NO_FIGURES), ever.get(account_id, NO_FIGURES)
            )
            for account_id in account_ids
        }

    def _figures(self, asked: Mapping[str, Any]) -> dict[str, AccountFigures]:
        overruled = dict(self._run(statements.ACCOUNT_OVERRULED, asked).fetchall())
        found = {}
        for account_id, *counts in self._run(statements.ACCOUNT_FIGURES, asked):
            approvals, disputes, paid = map(int, counts)
            more = overruled.get(account_id, 0)
            found[account_id] = AccountFigures(approvals, disputes, paid, more)
        return found


class AccountFigures(NamedTuple):
    """What was intended for an account in a span of time, and is done, open or unclear.

    `overruled` are those by a person in a round for which the policy had decided something else; to
    answer a question or to end a wait overrules nobody.
    """

    approvals: int = 0
    disputes: int = 0
    paid_micros: int = 0
    overruled: int = 0

    @property
    def decisions(self) -> int:
        """All of them."""
        return self.approvals + self.disputes

    @property
    def dispute_share(self) -> float | None:
        """A share of nothing is unknown."""
        return self.disputes / self.decisions if self.decisions else None


NO_FIGURES = AccountFigures()


def _remembered(row: DecisionRow, body: bytes | None, text: bytes | None) -> Decision:
    """A decision without its bulk; of one that has left the log, what its row says of it."""
    if body is not None:
        decision = step_from_line(body, text).decision
        assert decision is not None
        return decision
    if row.archived is None:
        raise LookupError(f"line {row.recorded} is missing")
    return Decision(
        id=row.id,
        review=cast(ReviewKind, row.review),
        task_id=row.task_id,
        round=1,
        epoch=row.epoch or None,
        action=Action(row.action),
        rule=row.rule,
        policy=row.policy,
        revision="",
        mode=Mode.DRY_RUN if row.state == State.DRY_RUN else Mode.LIVE,
        decided_at=from_micros(row.intended_at or row.state_at),
        account_id=row.account_id,
        amount_micros=row.amount_micros,
        decided_by=ERASED if row.by_person else None,
    )


def memory_of(decisions: Sequence[tuple[DecisionRow, Decision]]) -> Memory:
    """What is remembered of one thing, from all its decisions.

    A dispute counts once it is known to be done; a text counts as used as soon as it may have
    been sent, so that an unclear write never leads to the same words twice.
    """
    judged: dict[str, datetime] = {}
    done_at: list[int] = []
    texts: list[tuple[int, str]] = []
    claims: dict[str, tuple[DecisionRow, Decision]] = {}
    for row, decision in decisions:
        judged[row.epoch] = max(judged.get(row.epoch, decision.decided_at), decision.decided_at)
        if row.state in _CLAIMED:
            claims[row.epoch] = (row, decision)
        if row.action not in _SENDS_BACK:
            continue
        if row.state in _DONE and (done := _done_at(row)) is not None:
            done_at.append(done)
        if row.state in COUNTED and decision.reason is not None:
            texts.append((row.seq, decision.reason))
    newest = max(decisions, key=lambda known: known[0].recorded)
    # What was held while somebody else acted on the round is not what became of it.
    newest = claims.get(newest[0].epoch, newest)
    return Memory(
        history=History(
            disputes=len(done_at),
            last_dispute_at=from_micros(max(done_at)) if done_at else None,
            texts=tuple(text for _, text in sorted(texts)),
        ),
        latest=logged(*newest),
        judged_at=judged,
        claimed=frozenset(claims),
    )


def _done_at(row: DecisionRow) -> int | None:
    """When it happened over there, as far as can be known.

    One that was only found done by reading happened right after its intent: what the verifier saw
    between the two belongs to the new round.
    """
    return row.intended_at if row.state == State.SETTLED else row.settled_at


def account_history(recent: AccountFigures, ever: AccountFigures) -> AccountHistory:
    """The figures of one account, of the last 30 days and of all."""
    return AccountHistory(
        decisions_30d=recent.decisions,
        disputes_30d=recent.disputes,
        approvals_30d=recent.approvals,
        dispute_share_30d=recent.dispute_share,
        paid_30d=recent.paid_micros / 1_000_000,
        overruled_30d=recent.overruled,
        decisions_ever=ever.decisions,
        disputes_ever=ever.disputes,
        approvals_ever=ever.approvals,
        dispute_share_ever=ever.dispute_share,
        paid_ever=ever.paid_micros / 1_000_000,
        overruled_ever=ever.overruled,
    )
