"""Brings an older ledger to the newest schema, in one transaction: all of it or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from reviewbot.ledger.connection import Connection


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run every migration that the ledger does not have yet."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    scripts = ScriptDirectory.from_config(config)

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs(to, revision)

    with connection.writing() as driver:
        driver.execute(connection.backend.before_schema)
        engine = create_engine(
            f"{connection.backend.dialect.name}+{connection.backend.dialect.driver}://",
            creator=lambda: driver,
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
        )
        with (
            EnvironmentContext(config, scripts, fn=steps) as environment,
            engine.connect() as open_,
        ):
            environment.configure(connection=open_, transactional_ddl=False)
            environment.run_migrations()
