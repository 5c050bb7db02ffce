"""The first schema: the chain, and the projections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"

down_revision = None

CLAIMED = sa.text("state IN ('intent', 'overtaken', 'performed', 'settled', 'unknown')")

INTENDED = sa.text("intended_at IS NOT NULL")


def upgrade() -> None:
    """Make every table and index."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "entry",
        sa.Column("seq", big, primary_key=True, autoincrement=False),
        sa.Column("at", big, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("prior", big, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("detail", sa.LargeBinary),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "decision",
        sa.Column("seq", big, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("recorded", big, nullable=False),
        sa.Column("last", big, nullable=False),
        sa.Column("review", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text),
        sa.Column("amount_micros", big),
        sa.Column("by_person", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("state_at", big, nullable=False),
        sa.Column("tries", big, nullable=False),
        sa.Column("intended_at", big),
        sa.Column("settled_at", big),
        sa.Column("note", sa.Text),
        sa.Column("request_id", sa.Text),
    )
    op.create_table(
        "round",
        sa.Column("review", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Text, primary_key=True),
        sa.Column("last", big, nullable=False),
        sa.Column("first_seen_at", big),
        sa.Column("deadline_at", big),
        sa.Column("amount_micros", big),
        sa.Column("ended_at", big),
        sa.Column("ended_by", sa.Text),
        sa.Column("end_status", sa.Text),
        sa.Column("end_amount_micros", big),
        sa.Column("end_note", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "policy",
        sa.Column("revision", sa.Text, primary_key=True),
        sa.Column("seq", big, nullable=False),
    )
    op.create_table(
        "note",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("last", big, nullable=False),
    )
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("at", big, nullable=False),
        sa.Column("beat", sa.LargeBinary, nullable=False),
    )
    _index("decision_id", "decision", ["id"], unique=True)
    _index("decision_state", "decision", ["state", "state_at"])
    _index("decision_task", "decision", ["review", "task_id"])
    _index("decision_claim", "decision", ["review", "task_id", "epoch"], unique=True, where=CLAIMED)
    _index("decision_account", "decision", ["review", "account_id", "intended_at"], where=INTENDED)
    _index("decision_spent", "decision", ["policy", "intended_at"], where=INTENDED)
    _index("round_ended", "round", ["ended_at", "review", "first_seen_at", "last"])


def _index(
    name: str,
    table: str,
    columns: list[str],
    *,
    unique: bool = False,
    where: sa.TextClause | None = None,
) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
