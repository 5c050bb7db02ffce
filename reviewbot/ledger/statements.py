"""The statements of the log, each built once from the tables and serving both databases.

Each but those of the whole database is about the rows of the parameter `key`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
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
    union_all,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from reviewbot.domain.decision import OPEN, State
from reviewbot.ledger.clauses import Among, OfOneKey
from reviewbot.ledger.tables import (
    COUNTED,
    PAYS,
    UNDECIDED,
    columns_of,
    decision,
    entry,
    heartbeat,
    kept,
    lease,
    note,
    policy,
    replica,
    round_,
    schema_version,
    state_in,
)

PAGE = 500
"""How many rows a walk over the whole log takes at a time."""


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


def _rows(table: Table, *which: ColumnElement[bool]) -> Select[Any]:
    """Whole rows of the key."""
    return select(*columns_of(table)).where(OfOneKey(table), *which)


# The chain -----------------------------------------------------------------------------------

LAST_LINE = (
    select(entry.c.seq, entry.c.hash).where(OfOneKey(entry)).order_by(entry.c.seq.desc()).limit(1)
)
"""Where the chain ends."""

LINES_SINCE = (
    select(func.count()).select_from(entry).where(OfOneKey(entry), entry.c.seq > bindparam("seq"))
)
"""How many lines came after one."""

LINE = _rows(entry, entry.c.seq == bindparam("seq"))
"""One line."""

LINES_AFTER = _rows(entry, entry.c.seq > bindparam("after")).order_by(entry.c.seq).limit(PAGE)
"""The next lines of a walk."""

WORDS_AFTER = (
    _rows(entry, entry.c.seq > bindparam("after"), entry.c.kind == "note")
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
    """Rows of decisions, each with the line that last wrote it down in full, unless that has left."""
    columns = (*columns_of(decision), _recorded.c.body, _recorded.c.text, *more)
    line = and_(_recorded.c.key == decision.c.key, _recorded.c.seq == decision.c.recorded)
    return (
        select(*columns)
        .join_from(decision, _recorded, line, isouter=True)
        .where(OfOneKey(decision))
    )


def _in_full() -> Select[Any]:
    return _decisions(_recorded.c.detail)


_changed_since = and_(state_in(State), decision.c.state_at >= bindparam("since"))
"""Every state there is, each with its own order of time in the index."""

DECISION_ROW = _rows(decision, decision.c.id == bindparam("id"))
"""Where one decision stands."""

DECISIONS_AFTER = (
    _in_full().where(decision.c.seq > bindparam("after")).order_by(decision.c.seq).limit(PAGE)
)
"""The next decisions of a walk, in full."""

DECISIONS_BEFORE = (
    _in_full()
    .where(decision.c.seq < bindparam("before"))
    .order_by(decision.c.seq.desc())
    .limit(PAGE)
)
"""The decisions before one, newest first, in full."""

DECISIONS_NEWEST = _in_full().order_by(decision.c.seq.desc()).limit(bindparam("newest"))
"""The newest decisions, newest first."""

DECISIONS_SINCE = _in_full().where(_changed_since)
"""Decisions whose state was last changed since a moment; asked for in order, SQLite reads them all."""

DECISIONS_OF_TASK = (
    _in_full()
    .where(
        or_(decision.c.review == "comments", decision.c.review == "accounts"),
        decision.c.task_id == bindparam("task_id"),
    )
    .order_by(decision.c.seq)
)
"""All decisions on one thing."""

DECISIONS_OPEN = _in_full().where(state_in(OPEN))
"""Intents and unclear writes that are not settled; few, so that sorting is not left to the database."""

DECISIONS_LIKE = (
    _in_full().where(decision.c.id >= bindparam("low"), decision.c.id < bindparam("high")).limit(2)
)
"""Decisions whose id lies between two texts: two are enough to know that a beginning is ambiguous."""

DECISIONS_NAMED = _in_full().where(Among(decision.c.id))
"""Decisions by their ids, in full."""

DECISIONS_OF_POLICY = (
    _decisions()
    .where(decision.c.policy == bindparam("policy"), _changed_since)
    .order_by(decision.c.state_at, decision.c.seq)
)
"""What a policy decided whose state was last changed since a moment, without trace and facts."""

DECISIONS_SENT = (
    _decisions()
    .where(
        decision.c.policy == bindparam("policy"),
        state_in(map(State, COUNTED)),
        decision.c.state_at >= bindparam("since"),
    )
    .order_by(decision.c.state_at, decision.c.seq)
)
"""Those of them that were sent, or may have been."""

FIRST_SINCE = select(func.min(decision.c.seq)).where(OfOneKey(decision), _changed_since)
"""The first decision whose state was last changed since a moment."""

DECISIONS_LATELY = _decisions().where(_changed_since).order_by(decision.c.state_at, decision.c.seq)
"""The same of every policy."""

ROWS_OF_TASKS = _rows(decision, decision.c.review == bindparam("review"), Among(decision.c.task_id))
"""Where all decisions on some things stand."""

DECISIONS_OF_TASKS = _decisions().where(
    decision.c.review == bindparam("review"), Among(decision.c.task_id)
)
"""All decisions on some things, without trace and facts."""


# Archiving -----------------------------------------------------------------------------------

ENDS = union_all(
    select(
        decision.c.review,
        decision.c.task_id,
        decision.c.last,
        decision.c.state_at,
        case((state_in(OPEN), 1), else_=0),
    ).where(OfOneKey(decision), decision.c.archived.is_(None)),
    select(
        round_.c.review,
        round_.c.task_id,
        round_.c.last,
        func.coalesce(round_.c.ended_at, 0),
        case((round_.c.ended_at.is_(None), 1), else_=0),
    ).where(OfOneKey(round_), round_.c.archived.is_(None)),
)
"""Of all that has not left: its newest line, when it came to stand so, and whether it is open."""


def _leaving(table: Table) -> Update:
    return (
        update(table)
        .where(
            OfOneKey(table),
            table.c.review == bindparam("review"),
            Among(table.c.task_id),
            table.c.archived.is_(None),
        )
        .values({"archived": bindparam("word")})
    )


ARCHIVE_DECISIONS = _leaving(decision)
"""Say with which segment the lines of decisions left."""

ARCHIVE_ROUNDS = _leaving(round_)
"""Say with which segment the lines of rounds left."""

TAKE_OUT = delete(entry).where(OfOneKey(entry), Among(entry.c.seq, numbers=True))
"""Take lines out of the log."""

# Erasure -------------------------------------------------------------------------------------

THINGS_OF_ACCOUNT = (
    select(decision.c.review, decision.c.task_id)
    .where(OfOneKey(decision), decision.c.account_id == bindparam("account_id"))
    .distinct()
)
"""What was ever decided about for an account."""

THINGS_ENDED = union(
    select(round_.c.review, round_.c.task_id).where(
        OfOneKey(round_),
        round_.c.ended_at >= bindparam("since"),
        round_.c.ended_at < bindparam("before"),
    ),
    select(decision.c.review, decision.c.task_id).where(
        OfOneKey(decision),
        state_in(State),
        decision.c.state_at >= bindparam("since"),
        decision.c.state_at < bindparam("before"),
    ),
)
"""What ended, or came to stand where it does, within a span of time."""

UNBEAT = delete(heartbeat).where(OfOneKey(heartbeat))
"""Let go of what the bots said of themselves; each says it again at its next pass."""


# Accounts and limits -------------------------------------------------------------------------

_counts = or_(*(decision.c.state.concat("") == state for state in COUNTED))
"""As an expression it is no column: SQLite would take the index of states, which holds almost every row."""
_pays = or_(*(decision.c.action == action for action in PAYS))
_of_accounts = (
    OfOneKey(decision),
    Among(decision.c.account_id),
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
            OfOneKey(_by_policy),
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
        OfOneKey(decision),
        decision.c.policy == bindparam("policy"),
        decision.c.intended_at > bindparam("since"),
        _counts,
    )
    .order_by(decision.c.intended_at)
)
"""What a policy did, or may have done, since a moment."""


# Rounds --------------------------------------------------------------------------------------

ROUNDS = _rows(round_, round_.c.review == bindparam("review"), Among(round_.c.task_id))
"""All rounds of some things."""

ROUNDS_OPEN = _rows(
    round_, round_.c.ended_at.is_(None), round_.c.review == bindparam("review")
).order_by(round_.c.first_seen_at, round_.c.last)
"""Rounds seen waiting that have no ending."""

ROUNDS_ENDED = _rows(
    round_, round_.c.ended_at.is_not(None), round_.c.ended_at >= bindparam("since")
).order_by(round_.c.ended_at, round_.c.last)
"""Rounds that ended since a moment."""


# Policies, notes and the heartbeat -----------------------------------------------------------

POLICY_SEQ = select(policy.c.seq).where(
    OfOneKey(policy), policy.c.revision == bindparam("revision")
)
"""Whether a revision is kept."""

POLICIES = (
    select(policy.c.revision, entry.c.body, entry.c.detail, entry.c.at)
    .join_from(policy, entry, and_(entry.c.key == policy.c.key, entry.c.seq == policy.c.seq))
    .where(OfOneKey(policy))
    .order_by(policy.c.seq)
)
"""Every revision, oldest first."""

NOTE_ROW = _rows(note, note.c.topic == bindparam("topic"), note.c.subject == bindparam("subject"))
"""The newest word on a subject."""

NOTES = (
    select(*columns_of(entry))
    .join_from(note, entry, and_(entry.c.key == note.c.key, entry.c.seq == note.c.last))
    .where(OfOneKey(note), Among(note.c.topic))
    .order_by(note.c.topic, note.c.subject)
)
"""The newest word on each subject of some topics."""

BEAT = _rows(heartbeat, heartbeat.c.name == bindparam("name"))
"""What the bot last said of itself, and when."""

NEWEST_BEAT = _rows(heartbeat).order_by(heartbeat.c.at.desc()).limit(1)
"""What any replica last said of itself; there are few."""

LEASE = select(lease.c.holder, lease.c.token, lease.c.until, lease.c.since).where(OfOneKey(lease))
"""Who holds a key."""

REPLICAS = select(*replica.c).order_by(replica.c.name)
"""Every process that ever shared the keys; there are few."""


# Verification of the rows --------------------------------------------------------------------

_first = entry.alias("first")
_round = (round_.c.review, round_.c.task_id, round_.c.epoch)

ROWS_AFTER = (
    select(
        *columns_of(decision),
        _recorded.c.subject.label("recorded_subject"),
        _recorded.c.body.label("recorded_body"),
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
    .where(OfOneKey(decision), decision.c.seq > bindparam("after"))
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
        OfOneKey(round_),
        tuple_(*_round) > tuple_(*(bindparam(f"after_{column.name}") for column in _round)),
    )
    .order_by(*_round)
    .limit(PAGE)
)
"""The next rounds, each beside its newest line and, where it ended, its first."""

ALL_POLICIES = select(policy.c.revision, policy.c.seq).where(OfOneKey(policy))
"""Which line keeps which revision."""

ALL_NOTES = select(note.c.topic, note.c.subject, note.c.last).where(OfOneKey(note))
"""Which line is the newest word on which subject."""


# What is kept beside the chain ---------------------------------------------------------------

KEPT = _rows(kept, kept.c.kind == bindparam("kind")).order_by(kept.c.at, kept.c.name)
"""Every value of a kind, oldest first."""

KEPT_ROW = _rows(kept, kept.c.kind == bindparam("kind"), kept.c.name == bindparam("name"))
"""One value."""

UNKEEP = delete(kept).where(
    OfOneKey(kept), kept.c.kind == bindparam("kind"), kept.c.name == bindparam("name")
)
"""Let go of one value."""
