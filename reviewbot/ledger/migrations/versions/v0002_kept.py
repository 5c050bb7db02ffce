"""What the console keeps beside the chain: people, sessions, answers on their way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"

down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "kept",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
