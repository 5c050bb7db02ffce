"""How the schema grew; alembic is imported only when a ledger is older than this version."""
