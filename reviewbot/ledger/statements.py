"""The statements of the log, each built once from the tables and serving both back ends."""

from __future__ import annotations

from functools import cache

from sqlalchemy import (
    Select,
    and_,
    bindparam,
    case,
    distinct,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from reviewbot.domain.decision import OPEN, State
from reviewbot.ledger.tables import (
    COUNTED,
    PAYS,
    UNDECIDED,
    decision,
    entry,
    heartbeat,
    note,
    policy,
    round_,
    schema_version,
    state_in,
)

CHUNK_SIZES = (1, 8, 64, 512)
"""How many names one statement asks for; fewer are filled up, more are asked in turns."""


PAGE = 500
"""How many rows a walk over the whole log takes at a time."""


_recorded = entry.alias("recorded")


def one_of(column: ColumnElement[str], size: int) -> ColumnElement[bool]:
    """The column equals one of `size` names: the parameters `name0`, `name1`, …"""
    return column.in_([bindparam(f"name{n}", type_=column.type) for n in range(size)])


# The chain -----------------------------------------------------------------------------------

LAST_LINE = select(entry.c.seq, entry.c.hash).order_by(entry.c.seq.desc()).limit(1)
"""Where the chain ends."""


LINES_SINCE = select(func.count()).select_from(entry).where(entry.c.seq > bindparam("seq"))
"""How many lines came after one."""


TOUCH = update(schema_version).values(version_num=schema_version.c.version_num)
"""Write something as it is."""


ADD_LINE = insert(entry)
"""Add one line."""


LINE = select(entry).where(entry.c.seq == bindparam("seq"))
"""One line."""


LINES_AFTER = (
    select(entry).where(entry.c.seq > bindparam("after")).order_by(entry.c.seq).limit(PAGE)
)
"""The next lines of a walk."""


def _decisions_in_full(*, with_bulk: bool = True) -> Select[tuple[object, ...]]:
    columns = [*decision.c, _recorded.c.body]
    if with_bulk:
        columns.append(_recorded.c.detail)
    return select(*columns).join_from(decision, _recorded, _recorded.c.seq == decision.c.recorded)


DECISION_ROW = select(decision).where(decision.c.id == bindparam("id"))
"""Where one decision stands."""


ADD_DECISION = insert(decision)
"""The row of a new decision; refused by `decision_claim` where the round is claimed."""


CHANGE_DECISION = (
    update(decision)
    .where(decision.c.seq == bindparam("which"))
    .values(
        {
            column: bindparam(f"new_{column.name}")
            for column in decision.c
            if column.name not in ("seq", "id")
        }
    )
)
"""The row of a known decision; refused by `decision_claim` where the round is claimed."""


MARK_DECISION = (
    update(decision)
    .where(decision.c.seq == bindparam("which"))
    .values(
        {
            column: bindparam(f"new_{column.name}")
            for column in (
                decision.c.last,
                decision.c.state,
                decision.c.state_at,
                decision.c.settled_at,
                decision.c.note,
                decision.c.request_id,
            )
        }
    )
)
"""What a mark changes, and no more: indexes over other columns are left in peace."""


DECISIONS_AFTER = (
    _decisions_in_full()
    .where(decision.c.seq > bindparam("after"))
    .order_by(decision.c.seq)
    .limit(PAGE)
)
"""The next decisions of a walk, in full."""


DECISIONS_NEWEST = _decisions_in_full().order_by(decision.c.seq.desc()).limit(bindparam("newest"))
"""The newest decisions, newest first."""


_changed_since = and_(state_in(State), decision.c.state_at >= bindparam("since"))
"""Every state there is, each with its own order of time in the index."""


DECISIONS_SINCE = _decisions_in_full().where(_changed_since)
"""Decisions whose state was last changed since a moment; asked for in order, SQLite reads them all."""


DECISIONS_OF_TASK = (
    _decisions_in_full()
    .where(
        or_(decision.c.review == "comments", decision.c.review == "accounts"),
        decision.c.task_id == bindparam("task_id"),
    )
    .order_by(decision.c.seq)
)
"""All decisions on one thing."""


DECISIONS_OF_POLICY = (
    _decisions_in_full(with_bulk=False)
    .where(decision.c.policy == bindparam("policy"), _changed_since)
    .order_by(decision.c.state_at, decision.c.seq)
)
"""What a policy decided whose state was last changed since a moment, without trace and facts."""


DECISIONS_OPEN = _decisions_in_full().where(state_in(OPEN))
"""Intents and unclear writes that are not settled; few, so that sorting is not left to the database."""


DECISIONS_LIKE = (
    _decisions_in_full()
    .where(decision.c.id >= bindparam("low"), decision.c.id < bindparam("high"))
    .limit(2)
)
"""Decisions whose id lies between two texts: two are enough to know that a beginning is ambiguous."""


ROWS_AFTER = (
    select(
        *decision.c,
        _recorded.c.subject.label("recorded_subject"),
        _recorded.c.body.label("recorded_body"),
        entry.c.subject.label("last_subject"),
        entry.c.kind.label("last_kind"),
        entry.c.at.label("last_at"),
        entry.c.body.label("last_body"),
    )
    .select_from(decision)
    .outerjoin(_recorded, _recorded.c.seq == decision.c.recorded)
    .outerjoin(entry, entry.c.seq == decision.c.last)
    .where(decision.c.seq > bindparam("after"))
    .order_by(decision.c.seq)
    .limit(PAGE)
)
"""The next rows of a verification, each beside the two lines that it must agree with."""


@cache
def newest_lines(size: int) -> Select[tuple[object, ...]]:
    """The newest line of every decision on up to `size` things."""
    return (
        select(decision.c.task_id, decision.c.last)
        .where(decision.c.review == bindparam("review"), one_of(decision.c.task_id, size))
        .order_by(decision.c.task_id, decision.c.last)
    )


@cache
def memories(size: int) -> Select[tuple[object, ...]]:
    """All decisions on up to `size` things, without trace and facts."""
    return _decisions_in_full(with_bulk=False).where(
        decision.c.review == bindparam("review"), one_of(decision.c.task_id, size)
    )


# Accounts and caps ---------------------------------------------------------------------------

_counts = or_(*(decision.c.state == state for state in COUNTED))


_pays = or_(*(decision.c.action == action for action in PAYS))


@cache
def account_figures(size: int) -> Select[tuple[object, ...]]:
    """Approvals, disputes and money of up to `size` accounts since a moment."""
    return (
        select(
            decision.c.account_id,
            func.sum(case((_pays, 1), else_=0)),
            func.sum(case((_pays, 0), else_=1)),
            func.sum(case((_pays, func.coalesce(decision.c.amount_micros, 0)), else_=0)),
        )
        .where(*_of_accounts(size))
        .group_by(decision.c.account_id)
    )


@cache
def account_overruled(size: int) -> Select[tuple[object, ...]]:
    """How often a person decided otherwise than the policy had, for up to `size` accounts."""
    by_policy = decision.alias("by_policy")
    otherwise = exists().where(
        by_policy.c.review == decision.c.review,
        by_policy.c.task_id == decision.c.task_id,
        by_policy.c.epoch == decision.c.epoch,
        by_policy.c.by_person == 0,
        by_policy.c.action != decision.c.action,
        *(by_policy.c.action != action for action in UNDECIDED),
    )
    return (
        select(decision.c.account_id, func.count(distinct(decision.c.seq)))
        .where(*_of_accounts(size), decision.c.by_person == 1, otherwise)
        .group_by(decision.c.account_id)
    )


def _of_accounts(size: int) -> tuple[ColumnElement[bool], ...]:
    return (
        one_of(decision.c.account_id, size),
        decision.c.intended_at > bindparam("since"),
        decision.c.review == bindparam("review"),
        _counts,
    )


SPENT = (
    select(
        decision.c.intended_at,
        decision.c.amount_micros,
        decision.c.action,
        decision.c.account_id,
    )
    .where(
        decision.c.policy == bindparam("policy"),
        decision.c.intended_at > bindparam("since"),
        _counts,
    )
    .order_by(decision.c.intended_at)
)
"""What a policy did, or may have done, since a moment."""


@cache
def rounds(size: int) -> Select[tuple[object, ...]]:
    """All rounds of up to `size` things."""
    return select(round_).where(
        round_.c.review == bindparam("review"), one_of(round_.c.task_id, size)
    )


ADD_ROUND = insert(round_)
"""A round that was not known."""


CHANGE_ROUND = (
    update(round_)
    .where(
        and_(
            round_.c.review == bindparam("which_review"),
            round_.c.task_id == bindparam("which_task"),
            round_.c.epoch == bindparam("which_epoch"),
        )
    )
    .values(
        {
            column: bindparam(f"new_{column.name}")
            for column in (
                round_.c.last,
                round_.c.first_seen_at,
                round_.c.deadline_at,
                round_.c.amount_micros,
                round_.c.ended_at,
                round_.c.ended_by,
                round_.c.end_status,
                round_.c.end_amount_micros,
                round_.c.end_note,
            )
        }
    )
)
"""What becomes of a known round."""


ROUNDS_OPEN = (
    select(round_)
    .where(round_.c.ended_at.is_(None), round_.c.review == bindparam("review"))
    .order_by(round_.c.first_seen_at, round_.c.last)
)
"""Rounds seen waiting that have no ending."""


ROUNDS_ENDED = (
    select(round_)
    .where(round_.c.ended_at.is_not(None), round_.c.ended_at >= bindparam("since"))
    .order_by(round_.c.ended_at, round_.c.last)
)
"""Rounds that ended since a moment."""


# Policies and notes --------------------------------------------------------------------------

POLICY_SEQ = select(policy.c.seq).where(policy.c.revision == bindparam("revision"))
"""Whether a revision is kept."""


ADD_POLICY = insert(policy)
"""Keep a revision."""


POLICIES = (
    select(policy.c.revision, entry.c.body, entry.c.detail, entry.c.at)
    .join_from(policy, entry, entry.c.seq == policy.c.seq)
    .order_by(policy.c.seq)
)
"""Every revision, oldest first."""


NOTE_LAST = select(note.c.last).where(
    note.c.topic == bindparam("topic"), note.c.subject == bindparam("subject")
)
"""The newest word on a subject."""


ADD_NOTE = insert(note)
"""The first word on a subject."""


MOVE_NOTE = (
    update(note)
    .where(note.c.topic == bindparam("which_topic"), note.c.subject == bindparam("which_subject"))
    .values(last=bindparam("new_last"))
)
"""A newer word on a subject."""


@cache
def notes(size: int) -> Select[tuple[object, ...]]:
    """The newest word on each subject of so many topics."""
    return (
        select(entry)
        .join_from(note, entry, entry.c.seq == note.c.last)
        .where(one_of(note.c.topic, size))
        .order_by(note.c.topic, note.c.subject)
    )


# The heartbeat -------------------------------------------------------------------------------

BEAT = select(heartbeat.c.at, heartbeat.c.beat).where(heartbeat.c.name == bindparam("name"))
"""What the bot last said of itself, and when."""


ADD_BEAT = insert(heartbeat)
"""The first word."""


CHANGE_BEAT = (
    update(heartbeat)
    .where(heartbeat.c.name == bindparam("name_of_it"))
    .values(at=bindparam("new_at"), beat=bindparam("new_beat"))
)
"""A newer one in its place."""


# Verification of the other projections -------------------------------------------------------

_first = entry.alias("first")


ROUNDS_AFTER = (
    select(
        *round_.c,
        entry.c.subject,
        entry.c.kind,
        entry.c.at,
        entry.c.body,
        _first.c.seq.label("first_seq"),
        _first.c.at.label("first_at"),
        _first.c.body.label("first_body"),
    )
    .select_from(round_)
    .outerjoin(entry, entry.c.seq == round_.c.last)
    .outerjoin(_first, _first.c.seq == entry.c.prior)
    .where(
        tuple_(*round_.primary_key)
        > tuple_(*(bindparam(f"after_{key.name}") for key in round_.primary_key))
    )
    .order_by(*round_.primary_key)
    .limit(PAGE)
)
"""The next rounds of a verification, each beside its newest line and, where it ended, its first."""


ALL_POLICIES = select(policy.c.revision, policy.c.seq)
"""Which line keeps which revision."""


ALL_NOTES = select(note.c.topic, note.c.subject, note.c.last)
"""Which line is the newest word on which subject."""
