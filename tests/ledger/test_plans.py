"""No statement reads a whole table to answer for a part of it, so that a pass costs the same on a long log."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Select, Update

from reviewbot.ledger import statements
from reviewbot.ledger.open import in_memory
from reviewbot.ledger.tables import metadata

FEW = {
    "POLICIES": "policy",
    "ALL_POLICIES": "policy",
    "ALL_NOTES": "note",
    "TOUCH": "alembic_version",
    "VERSION": "alembic_version",
    "NEWEST_BEAT": "heartbeat",
    "REPLICAS": "replica USING INDEX sqlite_autoindex_replica_1",
}
"""What reads a whole table on purpose: of revisions there are few, and a verification reads all words."""
CLAIM = "decision_claim"
"""Refuses a second intent; nothing is looked up in it."""


@pytest.fixture(scope="module")
def plans() -> dict[str, list[str]]:
    """How SQLite goes about each statement; it keeps no statistics here, so it is the same on a long log."""
    engine = in_memory()
    found = {}
    with engine.reading() as driver:
        for name, statement in vars(statements).items():
            if isinstance(statement, Select | Update):
                text, order, _ = engine._compile(statement)
                plan = driver.execute(f"EXPLAIN QUERY PLAN {text}", [None] * len(order)).fetchall()
                found[name] = [step[-1] for step in plan if "json_each" not in step[-1]]
    return found


def test_no_statement_scans_a_table_that_grows(plans: dict[str, list[str]]) -> None:
    """Neither table nor index, nor all of a key's part of one, but from the end for what is newest."""
    scans = {
        (name, step)
        for name, steps in plans.items()
        for step in steps
        if (step.startswith("SCAN") or step.endswith("(key=?)")) and step != f"SCAN {FEW.get(name)}"
    }

    assert scans == {
        # An erasure asks once.
        ("THINGS_OF_ACCOUNT", "SCAN decision USING INDEX decision_task"),
        ("DECISIONS_NEWEST", "SEARCH decision USING PRIMARY KEY (key=?)"),
        ("LAST_LINE", "SEARCH entry USING INDEX sqlite_autoindex_entry_1 (key=?)"),
        ("LEASE", "SEARCH lease USING INDEX sqlite_autoindex_lease_1 (key=?)"),
    }


def test_no_walk_sorts_what_it_reads_by_pages(plans: dict[str, list[str]]) -> None:
    """Else each page would cost as much as the whole, and a verification the square of it."""
    paged = [name for name in plans if name.endswith(("_AFTER", "_NEWEST"))]

    assert len(paged) == 6
    assert not [name for name in paged if "TEMP B-TREE" in " ".join(plans[name])]


def test_every_index_serves_a_statement(plans: dict[str, list[str]]) -> None:
    """One that serves none would cost a write for nothing."""
    used = set(re.findall(r"INDEX (\w+)", str(plans)))
    kept = {str(index.name) for table in metadata.tables.values() for index in table.indexes}

    assert kept - used == {CLAIM}
