"""Upgrades of the log killed at every statement, from every schema that was ever released."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from reviewbot.ledger.engine import Backend, LedgerEngine, PostgreSQL, SQLite
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import _parse, prepare, version_of
from reviewbot.ledger.tables import SCHEMA_VERSION
from reviewbot.ledger.upgrade import upgrade, written
from tests.forks import end_of, fork
from tests.ledger.conftest import Server, postgres
from tests.ledger.things import a_decision
from tests.proof import proven
from tests.tier import FULL

__all__ = ["postgres"]

VERSIONS = Path(upgrade.__code__.co_filename).parent / "migrations/versions"
RELEASED = sorted(path.name[1:5] for path in VERSIONS.glob("v*.py"))
STARTS = [None, *RELEASED[:-1]]
"""Nothing at all, and each schema that an older release may have left."""


class Deadly:
    """A driver that kills the process before its so-manieth statement."""

    def __init__(self, driver: Any, left: int) -> None:
        self._driver, self._left = driver, left

    def execute(self, *arguments: Any) -> Any:
        """Run it, or die."""
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return self._driver.execute(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_an_upgrade_killed_at_any_statement_is_done_by_the_next_start(
    kind: str, start: str | None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """All of it or nothing is there, and what is missing is made up for."""
    statements = len(written(kind, start)) + 2  # begin, commit
    tried = range(statements) if FULL else (statements - 1,)
    for at in tried:
        backend = _backend(kind, tmp_path / f"{at}.db", request)
        _make(backend, start)
        assert _killed(backend, start, at)

        connection = LedgerEngine(backend)
        assert version_of(connection) == start
        prepare(connection)
        assert version_of(connection) == SCHEMA_VERSION == RELEASED[-1]
        ledger = SqlLedger(connection)
        ledger.intend(a_decision())
        assert ledger.verify().whole
        ledger.close()
    proven("faults", "P22", f"kills of an upgrade from {start or 'nothing'}, {kind}", len(tried))


def _backend(kind: str, path: Path, request: pytest.FixtureRequest) -> Backend:
    if kind == "sqlite":
        return SQLite(path, create=True, read_only=False)
    server: Server = request.getfixturevalue("postgres")
    return PostgreSQL(_parse(server.new_database()), read_only=False)


def _make(backend: Backend, version: str | None) -> None:
    """Bring an empty database to an older schema."""
    if version is None:
        return
    connection = LedgerEngine(backend)
    newer = set(written(backend.dialect.name, version))
    with connection.writing() as driver:
        for statement in written(backend.dialect.name, None):
            if statement not in newer:
                driver.execute(statement)
    connection.close()


def _killed(backend: Backend, start: str | None, at: int) -> bool:
    def work() -> None:
        connection = LedgerEngine(backend)
        connection._driver = Deadly(connection.driver(), at)
        upgrade(connection, start)

    return end_of(fork(work)) == -signal.SIGKILL
