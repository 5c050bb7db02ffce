"""Brings a database to the schema of this version: made at once when new, migrated when older."""

from __future__ import annotations

from sqlalchemy import insert, select
from sqlalchemy.schema import CreateIndex, CreateTable

from reviewbot.domain.errors import LedgerError
from reviewbot.ledger.connection import Connection
from reviewbot.ledger.tables import SCHEMA_VERSION, metadata, schema_version

_VERSION = select(schema_version)
_ADD_VERSION = insert(schema_version)


def version_of(connection: Connection) -> str | None:
    """The schema that the database has; None where it has none."""
    with connection.reading() as driver:
        if driver.execute(connection.backend.find_version).fetchone() is None:
            return None
        row = connection.run(_VERSION).fetchone()
    return None if row is None else str(row[0])


def prepare(connection: Connection) -> None:
    """Make the schema, or bring it up to date; nothing is done when it is."""
    version = version_of(connection)
    if version == SCHEMA_VERSION:
        return
    if version is None:
        _create(connection)
    elif version > SCHEMA_VERSION:
        raise LedgerError(
            f"this ledger has the schema {version}, made by a newer reviewbot; this one knows"
            f" {SCHEMA_VERSION}: update it, or use another ledger"
        )
    elif connection.read_only:
        raise LedgerError(
            f"this ledger has the older schema {version}; `reviewbot run --once` brings it up to date"
        )
    else:
        from reviewbot.ledger.migrations.upgrade import upgrade

        upgrade(connection, version)


def _create(connection: Connection) -> None:
    """Everything in one transaction, so that a kill leaves all of it or nothing."""
    dialect = connection.backend.dialect
    with connection.writing() as driver:
        if driver.execute(connection.backend.find_version).fetchone() is not None:
            return
        for table in metadata.sorted_tables:
            driver.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                driver.execute(str(CreateIndex(index).compile(dialect=dialect)))
        connection.run(_ADD_VERSION, {"version_num": SCHEMA_VERSION})
