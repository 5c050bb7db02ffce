"""Every row belongs to a key, those of before to `default`; leases, replicas and turns for several processes.

SQLite cannot change what a table is found by, so each is made anew and filled from the old one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"

down_revision = "0002"

CLAIMED = sa.text("state IN ('intent', 'overtaken', 'performed', 'settled', 'unknown')")

INTENDED = sa.text("intended_at IS NOT NULL")

FOUND_BY = {
    "entry": ("seq",),
    "decision": ("seq",),
    "round": ("review", "task_id", "epoch"),
    "policy": ("revision",),
    "note": ("topic", "subject"),
    "heartbeat": ("name",),
    "kept": ("kind", "name"),
}
"""What is unique within a key, for each table."""

INDEXES = {
    "decision_id": ("decision", ("key", "id"), None),
    "decision_state": ("decision", ("state", "key", "state_at"), None),
    "decision_task": ("decision", ("review", "task_id", "key"), None),
    "decision_claim": ("decision", ("key", "review", "task_id", "epoch"), CLAIMED),
    "decision_account": ("decision", ("key", "review", "account_id", "intended_at"), INTENDED),
    "decision_spent": ("decision", ("policy", "key", "intended_at"), INTENDED),
    "round_ended": ("round", ("key", "ended_at", "review", "first_seen_at", "last"), None),
}

UNIQUE = ("decision_id", "decision_claim")

NO_ROWID = ("decision", "round")


def upgrade() -> None:
    """Give every row its key, and every index."""
    for name, (table, _, _) in INDEXES.items():
        op.drop_index(name, table)
    move = _in_sqlite if op.get_bind().dialect.name == "sqlite" else _on_a_server
    for table, found_by in FOUND_BY.items():
        move(table, ("key", *found_by))
    for name, (table, columns, where) in INDEXES.items():
        op.create_index(
            name,
            table,
            list(columns),
            unique=name in UNIQUE,
            sqlite_where=where,
            postgresql_where=where,
        )
    _new_tables()


def _on_a_server(table: str, found_by: tuple[str, ...]) -> None:
    op.add_column(
        table, sa.Column("key", sa.Text, nullable=False, server_default=sa.text("'default'"))
    )
    op.alter_column(table, "key", server_default=None)
    op.drop_constraint(f"{table}_pkey", table)
    op.create_primary_key(f"{table}_pkey", table, list(found_by))


def _in_sqlite(table: str, found_by: tuple[str, ...]) -> None:
    old = f"{table}_of_before"
    op.rename_table(table, old)
    known = sa.inspect(op.get_bind()).get_columns(old)
    op.create_table(
        table,
        *(
            sa.Column(column["name"], column["type"], nullable=column["nullable"])
            for column in known
        ),
        sa.Column("key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(*found_by),
        sqlite_with_rowid=table not in NO_ROWID,
    )
    names = ", ".join(column["name"] for column in known)
    op.execute(f"INSERT INTO {table} ({names}, key) SELECT {names}, 'default' FROM {old}")  # noqa: S608  names of ours
    op.drop_table(old)


def _new_tables() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "lease",
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("token", number, nullable=False),
        sa.Column("until", number, nullable=False),
        sa.Column("since", number, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "turn", sa.Column("key", sa.Text, nullable=False), sa.PrimaryKeyConstraint("key")
    )
    op.create_table(
        "replica",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("until", number, nullable=False),
        sa.Column("takes", number, nullable=False),
        sa.Column("about", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
