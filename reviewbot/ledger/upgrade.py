"""Brings an older ledger to the newest schema, in one transaction: all of it or nothing.

Alembic chooses the migrations and writes them as SQL; they run on the ledger's own connection, under
its own lock. So a migration is made of statements only, and never reads what it changes.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from reviewbot.domain.errors import LedgerCorrupt
from reviewbot.ledger.engine import LedgerEngine

HERE = Path(__file__).parent / "migrations"


def upgrade(connection: LedgerEngine, version: str | None) -> None:
    """Run every migration after `version` (None: from nothing).

    Raises LedgerCorrupt for a version that there never was.
    """
    if version not in (None, *(one.revision for one in _scripts().walk_revisions())):
        raise LedgerCorrupt(
            f"the ledger is damaged: no reviewbot ever made the schema {version!r} that it names;"
            " put back a copy of it"
        )
    statements = written(connection.backend.dialect.name, version)
    with connection.writing() as driver:
        for statement in statements:
            driver.execute(statement)


def written(dialect: str, version: str | None) -> list[str]:
    """The statements that lead from `version` to the newest schema."""
    scripts = _scripts()
    output = _Statements()

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", revision)

    with EnvironmentContext(
        Config(), scripts, fn=steps, as_sql=True, starting_rev=version, destination_rev="head"
    ) as environment:
        environment.configure(
            dialect_name=dialect,
            output_buffer=output,
            transactional_ddl=False,
            version_table_pk=False,
        )
        environment.run_migrations()
    return output.found


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(HERE), version_locations=[str(HERE / "versions")])


class _Statements(io.StringIO):
    """Gathers what alembic writes, a statement at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def write(self, text: str, /) -> int:
        statement = text.strip()
        if statement and not statement.startswith("--"):
            self.found.append(statement)
        return len(text)
