"""No statement reads a whole table to answer for a part of it, so that a pass costs the same on a long log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Select, Update
from sqlalchemy.sql.elements import ClauseElement

from reviewbot.ledger import statements
from reviewbot.ledger.engine import LedgerEngine, SQLite
from reviewbot.ledger.open import prepare
from reviewbot.ledger.tables import metadata

SIZED = ("newest_lines", "memories", "account_figures", "account_overruled", "rounds", "notes")
FEW = {
    "POLICIES": "policy",
    "ALL_POLICIES": "policy",
    "ALL_NOTES": "note",
    "TOUCH": "alembic_version",
}
"""What reads a whole table on purpose: of revisions there are few, and a verification reads all words."""
CLAIM = "decision_claim"
"""Refuses a second intent; nothing is looked up in it."""


def named() -> Iterator[tuple[str, ClauseElement]]:
    """Every statement that looks for rows."""
    for name, found in vars(statements).items():
        if isinstance(found, Select | Update):
            yield name, found
    for name in SIZED:
        for size in (statements.CHUNK_SIZES[0], statements.CHUNK_SIZES[-1]):
            yield f"{name} of {size}", getattr(statements, name)(size)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """How SQLite goes about each statement; it keeps no statistics here, so it is the same on a long log."""
    path = tmp_path_factory.mktemp("plans") / "ledger.db"
    connection = LedgerEngine(SQLite(path, create=True, read_only=False))
    prepare(connection)
    found = {}
    with connection.reading() as driver:
        for name, statement in named():
            compiled: Any = statement.compile(dialect=connection.backend.dialect)
            parameters = [compiled.params[name] for name in compiled.positiontup]
            plan = driver.execute(f"EXPLAIN QUERY PLAN {compiled}", parameters).fetchall()
            found[name] = [step[-1] for step in plan]
    connection.close()
    return found


def test_no_statement_scans_a_table_that_grows(plans: dict[str, list[str]]) -> None:
    """Neither table nor index, but from the end for what is newest."""
    scans = {
        (name, step)
        for name, steps in plans.items()
        for step in steps
        if step.startswith("SCAN") and step != f"SCAN {FEW.get(name)}"
    }

    assert scans == {
        ("DECISIONS_NEWEST", "SCAN decision"),
        ("LAST_LINE", "SCAN entry"),
    }


def test_no_walk_sorts_what_it_reads_by_pages(plans: dict[str, list[str]]) -> None:
    """Else each page would cost as much as the whole, and a verification the square of it."""
    paged = [name for name in plans if name.endswith(("_AFTER", "_NEWEST"))]

    assert len(paged) == 5
    assert not [name for name in paged if "TEMP B-TREE" in " ".join(plans[name])]


def test_every_index_serves_a_statement(plans: dict[str, list[str]]) -> None:
    """One that serves none would cost a write for nothing."""
    used = set(re.findall(r"INDEX (\w+)", str(plans)))
    kept = {str(index.name) for table in metadata.tables.values() for index in table.indexes}

    assert kept - used == {CLAIM}
