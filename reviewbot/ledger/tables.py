"""The schema: the chain, and the projections that are asked by index."""

from __future__ import annotations

from collections.abc import Iterable

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

from reviewbot.domain.decision import CLAIMED, DONE, OPEN, Action, State


class ChainLine(msgspec.Struct, frozen=True):
    """One line of the log, in the order of its columns.

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


COUNTED = tuple(sorted(state.value for state in DONE | OPEN))
"""What an account's figures and the caps count: done by us, or perhaps done."""


UNDECIDED = (Action.ESCALATE.value, Action.WAIT.value)
"""What a person who answers does not overrule."""


PAYS = tuple(action.value for action in Action if action.pays)


SCHEMA_VERSION = "0001"
"""The newest migration; `migrations/` brings older ledgers here."""


metadata = MetaData()


class Blob(LargeBinary):
    """Bytes, which both drivers take and give as they are: nothing is converted, whatever stands there."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Give them as they are."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Take them as they are."""


_Big = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits on both; SQLite wants the word INTEGER for its own row number."""


schema_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", Text, nullable=False),
)


entry = Table(
    "entry",
    metadata,
    Column("seq", _Big, primary_key=True, autoincrement=False),
    Column("at", _Big, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("prior", _Big, nullable=False),
    Column("body", Blob, nullable=False),
    Column("detail", Blob),
    Column("hash", Blob, nullable=False),
)
"""The log itself: append-only, chained by hash."""


decision = Table(
    "decision",
    metadata,
    Column("seq", _Big, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("recorded", _Big, nullable=False),
    Column("last", _Big, nullable=False),
    Column("review", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("account_id", Text),
    Column("amount_micros", _Big),
    Column("by_person", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_at", _Big, nullable=False),
    Column("tries", _Big, nullable=False),
    Column("intended_at", _Big),
    Column("settled_at", _Big),
    Column("note", Text),
    Column("request_id", Text),
)


round_ = Table(
    "round",
    metadata,
    Column("review", Text, primary_key=True),
    Column("task_id", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("last", _Big, nullable=False),
    Column("first_seen_at", _Big),
    Column("deadline_at", _Big),
    Column("amount_micros", _Big),
    Column("ended_at", _Big),
    Column("ended_by", Text),
    Column("end_status", Text),
    Column("end_amount_micros", _Big),
    Column("end_note", Text),
    sqlite_with_rowid=False,
)


policy = Table(
    "policy",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("seq", _Big, nullable=False),
)


note = Table(
    "note",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("last", _Big, nullable=False),
)


heartbeat = Table(
    "heartbeat",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", _Big, nullable=False),
    Column("beat", Blob, nullable=False),
)
"""How the bot on this log was when it last said so; no part of the log, and overwritten in place."""


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
