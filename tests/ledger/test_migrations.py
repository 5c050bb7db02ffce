"""The schema that grew and the schema that is made at once are the same."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from reviewbot.domain.errors import LedgerCorrupt, LedgerUnwritable
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import _parse, open_ledger, prepare, upgrade, version_of
from reviewbot.ledger.postgresql import PostgreSQL
from reviewbot.ledger.sqlite import SQLiteFile
from reviewbot.ledger.tables import SCHEMA_VERSION
from tests.ledger.things import a_decision

SHAPE = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name",
    "postgresql": (
        "SELECT table_name || '.' || column_name, data_type || is_nullable"
        " FROM information_schema.columns WHERE table_schema = current_schema()"
        " UNION ALL SELECT indexname, replace(indexdef, schemaname, '')"
        " FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"
    ),
}


@pytest.fixture(params=SHAPE)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Two connections of one kind to two empty databases."""
    if request.param == "sqlite":
        backends: list[Any] = [
            SQLiteFile(tmp_path / name, create=True, read_only=False) for name in ("a.db", "b.db")
        ]
    else:
        server = request.getfixturevalue("postgres")
        backends = [PostgreSQL(_parse(server.new_database())) for _ in range(2)]
    engines = [LedgerEngine(backend) for backend in backends]
    yield engines
    for engine in engines:
        engine.close()


def shape(engine: LedgerEngine) -> list[tuple[str, str]]:
    """Tables, columns and indexes, as the database tells them."""
    with engine.reading() as driver:
        rows = driver.execute(SHAPE[engine.connection.dialect.name]).fetchall()
    return [
        (name, re.sub(r"[\s\"]+|VARCHAR\(32\)|TEXT", "", text))
        for name, text in rows
        if "alembic" not in name
    ]


def test_migrations_lead_to_the_schema_of_the_tables(two: Any) -> None:
    """From nothing by every step, and at once."""
    grown, made = two
    upgrade(grown, None)
    prepare(made)

    assert shape(grown) == shape(made)
    assert version_of(grown) == version_of(made) == SCHEMA_VERSION
    ledger = SqlLedger(grown)
    ledger.intend(a_decision())
    assert ledger.verify().whole


@pytest.mark.parametrize("stop", range(0, 17, 4))
def test_a_migration_that_is_cut_short_leaves_nothing(two: Any, stop: int) -> None:
    """It is one transaction, so the next start begins where the last one did."""
    engine, _ = two
    left = stop

    def cut_short(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise LedgerUnwritable("no room")

    engine.driver()
    event.listen(engine.connection, "before_cursor_execute", cut_short)
    with pytest.raises(LedgerUnwritable, match="no room"):
        upgrade(engine, None)
    left = 1000
    assert version_of(engine) is None

    upgrade(engine, None)
    assert version_of(engine) == SCHEMA_VERSION


@pytest.mark.parametrize("version", ["000", "0000", "000\x011"])
def test_a_schema_that_never_was_is_damage(tmp_path: Path, version: str) -> None:
    """A flipped bit in the number of the schema: a word and a way out, and nothing is changed."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    open_ledger(url).close()
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))

    with pytest.raises(LedgerCorrupt, match="put back a copy"):
        open_ledger(url)

    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [(version,)]


def test_alembic_is_not_imported_for_a_ledger_that_is_up_to_date(tmp_path: Path) -> None:
    """Nor for a new one: a start is quick."""
    code = (
        "import sys; from reviewbot.ledger.open import open_ledger;"
        f"open_ledger('sqlite:///{tmp_path}/l.db').close();"
        f"open_ledger('sqlite:///{tmp_path}/l.db').close();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
