"""How the schema grew; alembic is imported only when a ledger is older than this version."""

from __future__ import annotations
