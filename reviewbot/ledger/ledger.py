"""The log in a database: SQLite by default, PostgreSQL by URL; each method is one transaction."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import wraps
from inspect import isgeneratorfunction
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from reviewbot.domain.decision import Decision, Entry, State, idempotency_key
from reviewbot.domain.errors import LedgerCorrupt
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.ledger import decisions, rounds, statements
from reviewbot.ledger.chain import GENESIS, departure, end_of_chain, notice_loss
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.mapping import DecisionRow, to_micros
from reviewbot.ledger.mapping import ending as ending_of
from reviewbot.ledger.verify import verify
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

# ------------------------------------------------------------------------------------------------
# Damage: what stands in the log and cannot be read is an error of ours, never a crash.
#
# Theory of operation. A database finds a page that is broken, not a value that has changed. Whatever
# then fails while rows become values (a text that does not unpack, a state that is none, a number
# where a text should be) means the same, so it is said once, around the whole ledger. What fails while a value is
# written is none of it: `fitting.py` and `Connection.run` have made that an error of its own before.


UNREADABLE = (
    zlib.error,
    msgspec.DecodeError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
)


L = TypeVar("L")


def noticing_damage(ledger: type[L]) -> type[L]:
    """Make every public method raise LedgerCorrupt for what cannot be read."""
    for name, method in list(vars(ledger).items()):
        if callable(method) and not name.startswith("_"):
            setattr(ledger, name, _noticing(method))
    return ledger


def _noticing(method: Callable[..., Any]) -> Callable[..., Any]:
    if isgeneratorfunction(method):

        @wraps(method)
        def walk(*arguments: Any, **options: Any) -> Iterator[Any]:
            try:
                yield from method(*arguments, **options)
            except UNREADABLE as error:
                raise _damaged(error) from error

        return walk

    @wraps(method)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return method(*arguments, **options)
        except UNREADABLE as error:
            raise _damaged(error) from error

    return call


def _damaged(error: Exception) -> LedgerCorrupt:
    return LedgerCorrupt(
        f"the ledger holds what cannot be read ({type(error).__name__}: {error});"
        " see  reviewbot log verify"
    )


@noticing_damage
class SqlLedger:
    """The decision log over one connection, which it closes."""

    def __init__(self, connection: LedgerEngine) -> None:
        self._connection = connection
        self._memories = decisions.Memories(connection)

    # Policies --------------------------------------------------------------------------------

    def remember_policy(self, policy: Policy, at: datetime) -> None:
        """Keep the text of a revision (once)."""
        rounds.remember_policy(self._connection, policy, at)

    def policy(self, revision: str) -> StoredPolicy | None:
        """Give back a revision's text by it or an unambiguous beginning of it."""
        matches = rounds.policies(self._connection, revision)
        return matches[0] if len(matches) == 1 else None

    def policies(self) -> Sequence[StoredPolicy]:
        """Every revision that ever ran, oldest first."""
        return rounds.policies(self._connection)

    # Rounds ----------------------------------------------------------------------------------

    def sight(
        self, items: Iterable[ReviewItem], at: datetime
    ) -> Mapping[tuple[str, str], datetime]:
        """Note rounds seen for the first time; give when each was first seen."""
        return rounds.sight(self._connection, items, at)

    def rounds(self, review: ReviewKind, ids: Sequence[str]) -> Mapping[str, Sequence[SeenRound]]:
        """Every round of these things that was seen."""
        return rounds.of_things(self._connection, review, ids)

    def unended(self, review: ReviewKind) -> Sequence[OpenRound]:
        """Rounds seen waiting that have no ending, in the order they were seen."""
        return rounds.unended(self._connection, review)

    def end(self, *endings: Ending) -> None:
        """Note how rounds ended, once, in one transaction."""
        rounds.end(self._connection, endings)

    def endings(self, since: datetime | None = None) -> Sequence[Ending]:
        """How rounds ended, oldest first."""
        start = 0 if since is None else to_micros(since)
        found = rounds.found(self._connection, statements.ROUNDS_ENDED, {"since": start})
        return [ending_of(row) for row in found]

    # Histories -------------------------------------------------------------------------------

    def memories(self, review: ReviewKind, ids: Sequence[str]) -> Mapping[str, Memory]:
        """What is remembered of these things."""
        return self._memories.of(review, ids)

    def accounts(
        self, review: ReviewKind, account_ids: Sequence[str], now: datetime
    ) -> Mapping[str, AccountHistory]:
        """The last 30 days of these accounts."""
        return decisions.accounts(self._connection, review, account_ids, now)

    # Decisions -------------------------------------------------------------------------------

    def record(self, decision: Decision, state: State) -> None:
        """Write down a decision that sends nothing."""
        self._write(decision, state)
        fault_point("record.committed")

    def intend(self, decision: Decision, limits: Sequence[Limit] = ()) -> str:
        """Claim the round and write down the intent; give the key of this try."""
        fault_point("intent.before")
        row = self._write(decision, State.INTENT, limits)
        fault_point("intent.committed")
        return idempotency_key(decision.id, row.tries)

    def _write(self, decision: Decision, state: State, limits: Sequence[Limit] = ()) -> DecisionRow:
        with self._connection.writing("decisions"):
            row = decisions.write(self._connection, decision, state, limits)
            self._memories.forget(decision.review, decision.task_id)
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
    ) -> None:
        """Add what became of an intent."""
        fault_point("outcome.before")
        with self._connection.writing("decisions"):
            row = decisions.mark(self._connection, decision_id, state, at, note, request_id, was)
            self._memories.forget(row.review, row.task_id)
        fault_point("outcome.committed")

    def open_intents(self) -> Sequence[Logged]:
        """Intents and ambiguous writes that are not settled, oldest first."""
        return decisions.unsettled(self._connection)

    def decisions(
        self,
        *,
        newest: int | None = None,
        since: datetime | None = None,
        task_id: str | None = None,
    ) -> Sequence[Logged]:
        """Decisions by `seq`, oldest first: all, of one task, changed since, the newest so many."""
        if task_id is not None:
            found = decisions.of_task(self._connection, task_id)
        elif since is not None:
            found = decisions.changed_since(self._connection, since)
        elif newest is not None:
            return decisions.newest(self._connection, newest)
        else:
            return list(self.iter_decisions())
        if since is not None:
            found = [one for one in found if one.state_at >= since]
        return found if newest is None else found[max(0, len(found) - newest) :]

    def decided(self, policy: str, since: datetime) -> Sequence[Logged]:
        """What a policy decided that came to stand where it stands since, without its bulk."""
        return decisions.of_policy(self._connection, policy, since)

    def iter_decisions(self) -> Iterator[Logged]:
        """Every decision by `seq`, a page at a time."""
        yield from decisions.walk(self._connection)

    def decision(self, decision_id: str) -> Logged | None:
        """One decision by its id or an unambiguous beginning of it."""
        return decisions.by_beginning(self._connection, decision_id)

    def entries(self, decision_id: str) -> Sequence[Entry]:
        """The whole story of one decision, oldest first."""
        return decisions.story(self._connection, decision_id)

    # Notes -----------------------------------------------------------------------------------

    def note(self, topic: str, subject: str, value: Mapping[str, Any], at: datetime) -> None:
        """Add a word on something that is neither a decision nor a round."""
        rounds.add_note(self._connection, topic, subject, value, at)

    def note_all(
        self,
        topic: str,
        words: Mapping[str, Mapping[str, Any]],
        at: datetime,
        *,
        last: Mapping[str, int] | None = None,
    ) -> None:
        """Add a word on each of several subjects, all of them or none."""
        rounds.add_notes(self._connection, topic, words, at, last or {})

    def notes(self, *topics: str) -> Sequence[LogNote]:
        """The newest word on each subject of some topics."""
        return rounds.notes(self._connection, topics)

    def story(self, topic: str, subject: str) -> Sequence[LogNote]:
        """Every word on one subject, oldest first."""
        return rounds.story(self._connection, topic, subject)

    # The bot ---------------------------------------------------------------------------------

    def beat(self, text: bytes) -> None:
        """Leave the bot's word on itself in the place of the one before."""
        rounds.keep_beat(self._connection, text)

    def last_beat(self) -> tuple[bytes, float] | None:
        """The bot's newest word on itself, and how many seconds ago it was left."""
        return rounds.last_beat(self._connection)

    # The whole -------------------------------------------------------------------------------

    def checkpoint(self, at: datetime) -> Checkpoint:
        """State how far the log has come."""
        with self._connection.reading():
            count, head = end_of_chain(self._connection)
        return Checkpoint(count=count, head=head.hex(), at=at)

    def departure(self, checkpoint: Checkpoint) -> str | None:
        """How the log departs from an earlier checkpoint, by the one line that it names."""
        # What is read first stands when the next is read: lines are only ever added.
        with self._connection.reading():
            lines, _ = end_of_chain(self._connection)
            seq = min(checkpoint.count, lines)  # a later one is missing, whatever its number
            row = self._connection.run(statements.LINE, {"seq": seq}).fetchone()
        return departure(checkpoint, lines, bytes(row[-1]) if row else GENESIS)

    def lost(self) -> str | None:
        """What this process wrote and the log no longer holds."""
        with self._connection.reading():
            if self._connection.lost is None:
                notice_loss(self._connection, *end_of_chain(self._connection))
            return self._connection.lost

    def recount(self) -> None:
        """Count the lines since this process began when the log is next looked at."""
        self._connection.counted = 0

    def take_as_it_is(self) -> None:
        """Go on from where the log ends now."""
        with self._connection.reading():
            self._connection.written = self._connection.lost = None

    def verify(self, *checkpoints: Checkpoint) -> Verification:
        """Recompute the whole chain and every projection, and hold it against checkpoints."""
        return verify(self._connection, checkpoints)

    def probe(self) -> None:
        """Rewrite the version of the schema as it is, to the disk."""
        with self._connection.reading():
            self._connection.check_place()
            self._connection.run(statements.TOUCH)

    def backup(self, path: Path) -> None:
        """Copy the whole log to a new file, while it is in use."""
        self._connection.backup(path)

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()
