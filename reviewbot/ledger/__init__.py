"""The decision log: one contract, kept in memory, in SQLite or in PostgreSQL."""
