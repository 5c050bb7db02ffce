"""The statements of the log, each built once from the tables and serving both databases.

Each but those of the whole database is about the rows of the parameter `key`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    FromClause,
    Insert,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    distinct,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    tuple_,
    union,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement

from reviewbot.domain.decision import OPEN, State
from reviewbot.ledger.events import is_name
from reviewbot.ledger.tables import (
    COUNTED,
    PAYS,
    UNDECIDED,
    columns_of,
    decision,
    entry,
    heartbeat,
    kept,
    note,
    policy,
    round_,
    schema_version,
    state_in,
)

PAGE = 500
"""How many rows a walk over the whole log takes at a time."""


def names_of(names: Iterable[str]) -> str:
    """Names as the parameter `names` of a statement: any number of them in one, so that it stays the same.

    What can be no name stands nowhere, and a database would refuse the question for all of them.
    """
    return msgspec.json.encode([name for name in names if is_name(name)]).decode()


class _Ours(ColumnElement[bool]):
    """The row is one of the key that is asked about.

    SQLite keeps no statistics here, and would take the key alone for as good as all of an index: on a
    database with one key it tells nothing apart.
    """

    inherit_cache = False

    def __init__(self, table: FromClause) -> None:
        self.is_ours = table.c.key == bindparam("key")


@compiles(_Ours, "sqlite")
def _ours_in_sqlite(ours: _Ours, compiler: SQLCompiler, **options: Any) -> str:
    return f"likelihood({compiler.process(ours.is_ours, **options)}, 0.9)"


@compiles(_Ours, "postgresql")
def _ours_in_postgresql(ours: _Ours, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(ours.is_ours, **options)


class _Named(ColumnElement[bool]):
    """The column equals one of the parameter `names`."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column
        self.names: ColumnElement[Any] = bindparam("names")


@compiles(_Named, "sqlite")
def _in_sqlite(named: _Named, compiler: SQLCompiler, **options: Any) -> str:
    column, names = (compiler.process(part, **options) for part in (named.column, named.names))
    return f"{column} IN (SELECT value FROM json_each({names}))"  # noqa: S608  both are made by the compiler


@compiles(_Named, "postgresql")
def _in_postgresql(named: _Named, compiler: SQLCompiler, **options: Any) -> str:
    column, names = (compiler.process(part, **options) for part in (named.column, named.names))
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text({names}::json)))"


@cache
def add(table: Table) -> Insert:
    """A new row."""
    return insert(table)


@cache
def change(table: Table, columns: tuple[str, ...]) -> Update:
    """Some columns of a known row, given as `new_COLUMN`; what it is found by is given as `old_COLUMN`."""
    found_by = (
        column == bindparam(f"old_{column.name}", type_=column.type) for column in table.primary_key
    )
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in columns}
    return update(table).where(*found_by).values(new)


# The chain -----------------------------------------------------------------------------------

LAST_LINE = (
    select(entry.c.seq, entry.c.hash).where(_Ours(entry)).order_by(entry.c.seq.desc()).limit(1)
)
"""Where the chain ends."""

LINES_SINCE = (
    select(func.count()).select_from(entry).where(_Ours(entry), entry.c.seq > bindparam("seq"))
)
"""How many lines came after one."""

LINE = select(*columns_of(entry)).where(_Ours(entry), entry.c.seq == bindparam("seq"))
"""One line."""

LINES_AFTER = (
    select(*columns_of(entry))
    .where(_Ours(entry), entry.c.seq > bindparam("after"))
    .order_by(entry.c.seq)
    .limit(PAGE)
)
"""The next lines of a walk."""

WORDS_AFTER = (
    select(*columns_of(entry))
    .where(_Ours(entry), entry.c.seq > bindparam("after"), entry.c.kind == "note")
    .order_by(entry.c.seq)
    .limit(PAGE)
)
"""The next lines of a walk that are neither decisions nor rounds nor policies."""

NEXT_KEY = select(func.min(entry.c.key)).where(entry.c.key > bindparam("after"))
"""The key after another of those that have lines."""

VERSION = select(schema_version.c.version_num)
"""The schema that the database has."""

TOUCH = text(
    "INSERT INTO turn (key) VALUES (:key) ON CONFLICT (key) DO UPDATE SET key = excluded.key"
)
"""Write something as it is, in the key's own row: keys do not wait for each other."""


# Decisions -----------------------------------------------------------------------------------

_recorded = entry.alias("recorded")


def _decisions(*more: ColumnElement[Any]) -> Select[Any]:
    """Rows of decisions, each with the line that last wrote it down in full."""
    columns = (*columns_of(decision), _recorded.c.body, _recorded.c.text, *more)
    line = and_(_recorded.c.key == decision.c.key, _recorded.c.seq == decision.c.recorded)
    return select(*columns).join_from(decision, _recorded, line).where(_Ours(decision))


_changed_since = and_(state_in(State), decision.c.state_at >= bindparam("since"))
"""Every state there is, each with its own order of time in the index."""

DECISION_ROW = select(*columns_of(decision)).where(
    _Ours(decision), decision.c.id == bindparam("id")
)
"""Where one decision stands."""

DECISIONS_AFTER = (
    _decisions(_recorded.c.detail)
    .where(decision.c.seq > bindparam("after"))
    .order_by(decision.c.seq)
    .limit(PAGE)
)
"""The next decisions of a walk, in full."""

DECISIONS_BEFORE = (
    _decisions(_recorded.c.detail)
    .where(decision.c.seq < bindparam("before"))
    .order_by(decision.c.seq.desc())
    .limit(PAGE)
)
"""The decisions before one, newest first, in full."""

DECISIONS_NEWEST = (
    _decisions(_recorded.c.detail).order_by(decision.c.seq.desc()).limit(bindparam("newest"))
)
"""The newest decisions, newest first."""

DECISIONS_SINCE = _decisions(_recorded.c.detail).where(_changed_since)
"""Decisions whose state was last changed since a moment; asked for in order, SQLite reads them all."""

DECISIONS_OF_TASK = (
    _decisions(_recorded.c.detail)
    .where(
        or_(decision.c.review == "comments", decision.c.review == "accounts"),
        decision.c.task_id == bindparam("task_id"),
    )
    .order_by(decision.c.seq)
)
"""All decisions on one thing."""

DECISIONS_OPEN = _decisions(_recorded.c.detail).where(state_in(OPEN))
"""Intents and unclear writes that are not settled; few, so that sorting is not left to the database."""

DECISIONS_LIKE = (
    _decisions(_recorded.c.detail)
    .where(decision.c.id >= bindparam("low"), decision.c.id < bindparam("high"))
    .limit(2)
)
"""Decisions whose id lies between two texts: two are enough to know that a beginning is ambiguous."""

DECISIONS_OF_POLICY = (
    _decisions()
    .where(decision.c.policy == bindparam("policy"), _changed_since)
    .order_by(decision.c.state_at, decision.c.seq)
)
"""What a policy decided whose state was last changed since a moment, without trace and facts."""

ROWS_OF_TASKS = select(*columns_of(decision)).where(
    _Ours(decision), decision.c.review == bindparam("review"), _Named(decision.c.task_id)
)
"""Where all decisions on some things stand."""

DECISIONS_OF_TASKS = _decisions().where(
    decision.c.review == bindparam("review"), _Named(decision.c.task_id)
)
"""All decisions on some things, without trace and facts."""


# Erasure -------------------------------------------------------------------------------------

THINGS_OF_ACCOUNT = (
    select(decision.c.review, decision.c.task_id)
    .where(_Ours(decision), decision.c.account_id == bindparam("account_id"))
    .distinct()
)
"""What was ever decided about for an account."""

THINGS_ENDED = union(
    select(round_.c.review, round_.c.task_id).where(
        _Ours(round_),
        round_.c.ended_at >= bindparam("since"),
        round_.c.ended_at < bindparam("before"),
    ),
    select(decision.c.review, decision.c.task_id).where(
        _Ours(decision),
        state_in(State),
        decision.c.state_at >= bindparam("since"),
        decision.c.state_at < bindparam("before"),
    ),
)
"""What ended, or came to stand where it does, within a span of time."""

UNBEAT = delete(heartbeat).where(_Ours(heartbeat))
"""Let go of what the bots said of themselves; each says it again at its next pass."""


# Accounts and limits -------------------------------------------------------------------------

_counts = or_(*(decision.c.state.concat("") == state for state in COUNTED))
"""As an expression it is no column: SQLite would take the index of states, which holds almost every row."""
_pays = or_(*(decision.c.action == action for action in PAYS))
_of_accounts = (
    _Ours(decision),
    _Named(decision.c.account_id),
    decision.c.intended_at > bindparam("since"),
    decision.c.review == bindparam("review"),
    _counts,
)
_by_policy = decision.alias("by_policy")

ACCOUNT_FIGURES = (
    select(
        decision.c.account_id,
        func.sum(case((_pays, 1), else_=0)),
        func.sum(case((_pays, 0), else_=1)),
        func.sum(case((_pays, func.coalesce(decision.c.amount_micros, 0)), else_=0)),
    )
    .where(*_of_accounts)
    .group_by(decision.c.account_id)
)
"""Approvals, disputes and money of some accounts since a moment."""

ACCOUNT_OVERRULED = (
    select(decision.c.account_id, func.count(distinct(decision.c.seq)))
    .where(
        *_of_accounts,
        decision.c.by_person == 1,
        exists().where(
            _Ours(_by_policy),
            _by_policy.c.review == decision.c.review,
            _by_policy.c.task_id == decision.c.task_id,
            _by_policy.c.epoch == decision.c.epoch,
            _by_policy.c.by_person == 0,
            _by_policy.c.action != decision.c.action,
            *(_by_policy.c.action != action for action in UNDECIDED),
        ),
    )
    .group_by(decision.c.account_id)
)
"""How often a person decided otherwise than the policy had, for some accounts."""

SPENT = (
    select(
        decision.c.intended_at,
        decision.c.amount_micros,
        decision.c.action,
        decision.c.account_id,
        decision.c.rule,
        decision.c.by_person,
    )
    .where(
        _Ours(decision),
        decision.c.policy == bindparam("policy"),
        decision.c.intended_at > bindparam("since"),
        _counts,
    )
    .order_by(decision.c.intended_at)
)
"""What a policy did, or may have done, since a moment."""


# Rounds --------------------------------------------------------------------------------------

ROUNDS = select(*columns_of(round_)).where(
    _Ours(round_), round_.c.review == bindparam("review"), _Named(round_.c.task_id)
)
"""All rounds of some things."""

ROUNDS_OPEN = (
    select(*columns_of(round_))
    .where(_Ours(round_), round_.c.ended_at.is_(None), round_.c.review == bindparam("review"))
    .order_by(round_.c.first_seen_at, round_.c.last)
)
"""Rounds seen waiting that have no ending."""

ROUNDS_ENDED = (
    select(*columns_of(round_))
    .where(_Ours(round_), round_.c.ended_at.is_not(None), round_.c.ended_at >= bindparam("since"))
    .order_by(round_.c.ended_at, round_.c.last)
)
"""Rounds that ended since a moment."""


# Policies, notes and the heartbeat -----------------------------------------------------------

POLICY_SEQ = select(policy.c.seq).where(_Ours(policy), policy.c.revision == bindparam("revision"))
"""Whether a revision is kept."""

POLICIES = (
    select(policy.c.revision, entry.c.body, entry.c.detail, entry.c.at)
    .join_from(policy, entry, and_(entry.c.key == policy.c.key, entry.c.seq == policy.c.seq))
    .where(_Ours(policy))
    .order_by(policy.c.seq)
)
"""Every revision, oldest first."""

NOTE_ROW = select(*columns_of(note)).where(
    _Ours(note), note.c.topic == bindparam("topic"), note.c.subject == bindparam("subject")
)
"""The newest word on a subject."""

NOTES = (
    select(*columns_of(entry))
    .join_from(note, entry, and_(entry.c.key == note.c.key, entry.c.seq == note.c.last))
    .where(_Ours(note), _Named(note.c.topic))
    .order_by(note.c.topic, note.c.subject)
)
"""The newest word on each subject of some topics."""

BEAT = select(*columns_of(heartbeat)).where(_Ours(heartbeat), heartbeat.c.name == bindparam("name"))
"""What the bot last said of itself, and when."""


# Verification of the rows --------------------------------------------------------------------

_first = entry.alias("first")
_round = (round_.c.review, round_.c.task_id, round_.c.epoch)

ROWS_AFTER = (
    select(
        *columns_of(decision),
        _recorded.c.subject.label("recorded_subject"),
        _recorded.c.body.label("recorded_body"),
        _recorded.c.text.label("recorded_text"),
        entry.c.subject.label("last_subject"),
        entry.c.kind.label("last_kind"),
        entry.c.at.label("last_at"),
        entry.c.body.label("last_body"),
        entry.c.text.label("last_text"),
    )
    .select_from(decision)
    .outerjoin(
        _recorded, and_(_recorded.c.key == decision.c.key, _recorded.c.seq == decision.c.recorded)
    )
    .outerjoin(entry, and_(entry.c.key == decision.c.key, entry.c.seq == decision.c.last))
    .where(_Ours(decision), decision.c.seq > bindparam("after"))
    .order_by(decision.c.seq)
    .limit(PAGE)
)
"""The next decisions, each beside the two lines that it must agree with."""

ROUNDS_AFTER = (
    select(
        *columns_of(round_),
        entry.c.subject,
        entry.c.kind,
        entry.c.at,
        entry.c.body,
        entry.c.text,
        _first.c.seq.label("first_seq"),
        _first.c.at.label("first_at"),
        _first.c.body.label("first_body"),
    )
    .select_from(round_)
    .outerjoin(entry, and_(entry.c.key == round_.c.key, entry.c.seq == round_.c.last))
    .outerjoin(_first, and_(_first.c.key == round_.c.key, _first.c.seq == entry.c.prior))
    .where(
        _Ours(round_),
        tuple_(*_round) > tuple_(*(bindparam(f"after_{column.name}") for column in _round)),
    )
    .order_by(*_round)
    .limit(PAGE)
)
"""The next rounds, each beside its newest line and, where it ended, its first."""

ALL_POLICIES = select(policy.c.revision, policy.c.seq).where(_Ours(policy))
"""Which line keeps which revision."""

ALL_NOTES = select(note.c.topic, note.c.subject, note.c.last).where(_Ours(note))
"""Which line is the newest word on which subject."""


# What is kept beside the chain ---------------------------------------------------------------

KEPT = (
    select(*columns_of(kept))
    .where(_Ours(kept), kept.c.kind == bindparam("kind"))
    .order_by(kept.c.at, kept.c.name)
)
"""Every value of a kind, oldest first."""

KEPT_ROW = select(*columns_of(kept)).where(
    _Ours(kept), kept.c.kind == bindparam("kind"), kept.c.name == bindparam("name")
)
"""One value."""

UNKEEP = delete(kept).where(
    _Ours(kept), kept.c.kind == bindparam("kind"), kept.c.name == bindparam("name")
)
"""Let go of one value."""
