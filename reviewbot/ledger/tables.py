"""The rows of the log, one struct each, and the schema made of them: the chain, and what is asked by index."""

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
SCHEMA_VERSION = "0002"
"""The newest migration; `migrations/` brings older ledgers here."""


class ChainLine(msgspec.Struct, frozen=True):
    """One line of the log: append-only, chained by hash.

    `kind` says what happened (a decision's state, or `seen`, `ended`, `policy`, `note`), `subject`
    to what, and `prior` is the line before this one about the same subject (0: there is none).
    `detail` is the bulky part, compressed.
    """

    seq: int
    at: int
    kind: str
    subject: str
    prior: int
    body: bytes
    detail: bytes | None
    hash: bytes = b""


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
    """How the bot on this log was when it last said so; no part of the log, and overwritten in place."""

    name: str
    at: int
    beat: bytes


class KeptRow(msgspec.Struct, frozen=True):
    """A value by its kind and name, no part of the log: who may sign in, sessions, answers on their way."""

    kind: str
    name: str
    at: int
    value: bytes


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


def _columns(row: type[msgspec.Struct], *key: str, small: str = "") -> Iterator[Column[Any]]:
    """A column for each field of a row, in its order."""
    for name, hint in get_type_hints(row).items():
        kind, *rest = get_args(hint) or (hint,)
        yield Column(
            name,
            SmallInteger() if name == small else _TYPES[kind],
            primary_key=name in key,
            nullable=bool(rest),
            autoincrement=False,
        )


schema_version = Table("alembic_version", metadata, *_columns(VersionRow))
entry = Table("entry", metadata, *_columns(ChainLine, "seq"))
decision = Table("decision", metadata, *_columns(DecisionRow, "seq", small="by_person"))
round_ = Table(
    "round",
    metadata,
    *_columns(RoundRow, "review", "task_id", "epoch"),
    sqlite_with_rowid=False,
)
policy = Table("policy", metadata, *_columns(PolicyRow, "revision"))
note = Table("note", metadata, *_columns(NoteRow, "topic", "subject"))
heartbeat = Table("heartbeat", metadata, *_columns(BeatRow, "name"))
kept = Table("kept", metadata, *_columns(KeptRow, "kind", "name"))


def state_in(states: Iterable[State]) -> TextClause:
    """The condition that a decision is in one of `states`, written out so that indexes can serve it."""
    names = ", ".join(f"'{state.value}'" for state in sorted(states))
    return text(f"state IN ({names})")


_was_intended = decision.c.intended_at.is_not(None)
Index("decision_id", decision.c.id, unique=True)
Index("decision_state", decision.c.state, decision.c.state_at)
Index("decision_task", decision.c.review, decision.c.task_id)
Index(
    "decision_claim",
    decision.c.review,
    decision.c.task_id,
    decision.c.epoch,
    unique=True,
    sqlite_where=state_in(CLAIMED),
    postgresql_where=state_in(CLAIMED),
)
Index(
    "decision_account",
    decision.c.review,
    decision.c.account_id,
    decision.c.intended_at,
    sqlite_where=_was_intended,
    postgresql_where=_was_intended,
)
Index(
    "decision_spent",
    decision.c.policy,
    decision.c.intended_at,
    sqlite_where=_was_intended,
    postgresql_where=_was_intended,
)
Index("round_ended", round_.c.ended_at, round_.c.review, round_.c.first_seen_at, round_.c.last)
