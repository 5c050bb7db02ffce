"""The rows of the log, one struct each, and the schema made of them: the chain, and what is asked by index.

Every row but the schema's version belongs to a key (an account at the API), which its struct leaves
out: a ledger is opened for one key, and sees and writes its rows alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_type_hints

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import TypeEngine

from reviewbot.domain.decision import CLAIMED, DONE, OPEN, Action, State

COUNTED = tuple(sorted(state.value for state in DONE | OPEN))
"""What an account's figures and the caps count: done by us, or perhaps done."""
UNDECIDED = (Action.ESCALATE.value, Action.WAIT.value)
"""What a person who answers does not overrule."""
PAYS = tuple(action.value for action in Action if action.pays)
SCHEMA_VERSION = "0004"
"""The newest migration; `migrations/` brings older ledgers here."""


class ChainLine(msgspec.Struct, frozen=True):
    """One line of the log: append-only, chained by hash.

    `kind` says what happened (a decision's state, or `seen`, `ended`, `policy`, `note`), `subject`
    to what, and `prior` is the line before this one about the same subject (0: there is none).
    `detail` is the bulky part, compressed.

    What people wrote and are called stands in `text` and in the detail of decisions, and in the chain
    by their salted digest alone: so both can be erased, and `digest` then stands in their place.
    """

    seq: int
    at: int
    kind: str
    subject: str
    prior: int
    body: bytes
    detail: bytes | None
    hash: bytes = b""
    text: bytes | None = None
    salt: bytes | None = None
    digest: bytes | None = None


class DecisionRow(msgspec.Struct, frozen=True):
    """Where one decision stands: `recorded` is the line that last wrote it down in full, `last` its newest."""

    seq: int
    id: str
    recorded: int
    last: int
    review: str
    task_id: str
    epoch: str
    action: str
    rule: str
    policy: str
    account_id: str | None
    amount_micros: int | None
    by_person: int
    state: str
    state_at: int
    tries: int
    intended_at: int | None
    settled_at: int | None
    note: str | None
    request_id: str | None
    archived: int | None = None
    """The line that says in which segment its lines are, once they have left the table."""


class RoundRow(msgspec.Struct, frozen=True):
    """The projection of one round: when it was first seen and how it ended."""

    review: str
    task_id: str
    epoch: str
    last: int
    first_seen_at: int | None
    deadline_at: int | None
    amount_micros: int | None
    ended_at: int | None
    ended_by: str | None
    end_status: str | None
    end_amount_micros: int | None
    end_note: str | None
    archived: int | None = None


class PolicyRow(msgspec.Struct, frozen=True):
    """Which line keeps a revision."""

    revision: str
    seq: int


class NoteRow(msgspec.Struct, frozen=True):
    """Which line is the newest word on a subject."""

    topic: str
    subject: str
    last: int


class BeatRow(msgspec.Struct, frozen=True):
    """How a replica was when it last said so; no part of the log, and overwritten in place."""

    name: str
    at: int
    beat: bytes


class KeptRow(msgspec.Struct, frozen=True):
    """A value by its kind and name, no part of the log: who may sign in, sessions, answers on their way."""

    kind: str
    name: str
    at: int
    value: bytes


class LeaseRow(msgspec.Struct, frozen=True):
    """Who may act for a key, and until when by the database's clock; never removed, so that tokens only grow."""

    holder: str
    token: int
    until: int
    since: int


class ReplicaRow(msgspec.Struct, frozen=True):
    """A process that takes part in holding keys, and until when it counts as alive.

    `process` is no other's, whatever it is called; `takes` is 0 where it can hold no key at all.
    """

    name: str
    process: str
    until: int
    takes: int
    about: bytes


class VersionRow(msgspec.Struct, frozen=True):
    """The schema that the database has."""

    version_num: str


class Blob(LargeBinary):
    """Bytes, which both drivers take and give as they are: nothing is converted, whatever stands there."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Give them as they are."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Take them as they are."""


metadata = MetaData()
_TYPES: dict[type, TypeEngine[Any]] = {
    int: BigInteger().with_variant(Integer(), "sqlite"),  # its word for 64 bits as a row number
    str: Text(),
    bytes: Blob(),
}

LATER = ("text", "salt", "digest", "archived")
"""Columns that were added to tables; they stand behind the key, as an added one does."""


def _columns(row: type[msgspec.Struct]) -> Iterator[Column[Any]]:
    """A column for each field of a row, in its order."""
    for name, hint in get_type_hints(row).items():
        kind, *rest = get_args(hint) or (hint,)
        yield Column(
            name,
            SmallInteger() if name == "by_person" else _TYPES[kind],
            nullable=bool(rest),
            autoincrement=False,
        )


def _table(name: str, row: type[msgspec.Struct], *unique: str, rowid: bool = True) -> Table:
    """Rows of a key, each found by the key and by what is `unique` within it."""
    columns = {column.name: column for column in _columns(row)}
    later = [columns.pop(name) for name in LATER if name in columns]
    return Table(
        name,
        metadata,
        *columns.values(),
        Column("key", Text(), nullable=False),
        *later,
        PrimaryKeyConstraint("key", *unique),
        sqlite_with_rowid=rowid,
    )


def columns_of(table: Table) -> tuple[Column[Any], ...]:
    """What the struct of a row is made of: all columns but the key."""
    return tuple(column for column in table.c if column.name != "key")


schema_version = Table("alembic_version", metadata, *_columns(VersionRow))
entry = _table("entry", ChainLine, "seq")
decision = _table("decision", DecisionRow, "seq", rowid=False)
round_ = _table("round", RoundRow, "review", "task_id", "epoch", rowid=False)
policy = _table("policy", PolicyRow, "revision")
note = _table("note", NoteRow, "topic", "subject")
heartbeat = _table("heartbeat", BeatRow, "name")
kept = _table("kept", KeptRow, "kind", "name")
lease = _table("lease", LeaseRow)
turn = Table("turn", metadata, Column("key", Text(), nullable=False), PrimaryKeyConstraint("key"))
"""Whoever adds lines to a key's chain on a server locks its row, so that they stand in line there."""
replica = Table("replica", metadata, *_columns(ReplicaRow), PrimaryKeyConstraint("name"))


def state_in(states: Iterable[State]) -> TextClause:
    """The condition that a decision is in one of `states`, written out so that indexes can serve it."""
    names = ", ".join(f"'{state.value}'" for state in sorted(states))
    return text(f"state IN ({names})")


_was_intended = decision.c.intended_at.is_not(None)
Index("decision_id", decision.c.key, decision.c.id, unique=True)
Index("decision_state", decision.c.state, decision.c.key, decision.c.state_at)
Index("decision_task", decision.c.review, decision.c.task_id, decision.c.key)
Index(
    "decision_claim",
    decision.c.key,
    decision.c.review,
    decision.c.task_id,
    decision.c.epoch,
    unique=True,
    sqlite_where=state_in(CLAIMED),
    postgresql_where=state_in(CLAIMED),
)
Index(
    "decision_account",
    decision.c.key,
    decision.c.review,
    decision.c.account_id,
    decision.c.intended_at,
    sqlite_where=_was_intended,
    postgresql_where=_was_intended,
)
Index(
    "decision_spent",
    decision.c.policy,
    decision.c.key,
    decision.c.intended_at,
    sqlite_where=_was_intended,
    postgresql_where=_was_intended,
)
Index(
    "round_ended",
    round_.c.key,
    round_.c.ended_at,
    round_.c.review,
    round_.c.first_seen_at,
    round_.c.last,
)
