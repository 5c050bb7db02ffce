"""Upgrades of the log killed at every statement, from every schema that was ever released."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from reviewbot.ledger.engine import Backend, LedgerEngine
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import MIGRATIONS, _parse, prepare, upgrade, version_of
from reviewbot.ledger.postgresql import PostgreSQL
from reviewbot.ledger.sqlite import SQLiteFile
from reviewbot.ledger.tables import SCHEMA_VERSION
from tests.forks import end_of, fork
from tests.ledger.server import Server
from tests.ledger.things import a_decision
from tests.proof import proven
from tests.tier import FULL

RELEASED = sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("v*.py"))
STARTS = [None, *RELEASED[:-1]]
"""Nothing at all, and each schema that an older release may have left."""


class Deadly:
    """A driver that runs so many statements, SQLAlchemy's among them, and dies before the next."""

    def __init__(self, engine: LedgerEngine, left: int) -> None:
        self._driver, self.left = engine.driver(), left
        engine._driver = self
        event.listen(engine.connection, "before_cursor_execute", self._count)

    def _count(self, *_: Any) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def execute(self, *arguments: Any) -> Any:
        """Run it, or die."""
        self._count()
        return self._driver.execute(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_an_upgrade_killed_at_any_statement_is_done_by_the_next_start(
    kind: str, start: str | None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """All of it or nothing is there, and what is missing is made up for."""
    statements = _statements(_backend(kind, tmp_path / "whole.db", request), start)
    tried = range(statements) if FULL else (statements - 1,)
    for at in tried:
        backend = _backend(kind, tmp_path / f"{at}.db", request)
        _make(backend, start)
        assert _killed(backend, start, at)

        engine = LedgerEngine(backend)
        assert version_of(engine) == start
        prepare(engine)
        assert version_of(engine) == SCHEMA_VERSION == RELEASED[-1]
        ledger = SqlLedger(engine)
        ledger.intend(a_decision())
        assert ledger.verify().whole
        ledger.close()
    proven("faults", "P22", f"kills of an upgrade from {start or 'nothing'}, {kind}", len(tried))


def _backend(kind: str, path: Path, request: pytest.FixtureRequest) -> Backend:
    if kind == "sqlite":
        return SQLiteFile(path, create=True, read_only=False)
    server: Server = request.getfixturevalue("postgres")
    return PostgreSQL(_parse(server.new_database()))


def _make(backend: Backend, version: str | None) -> None:
    """Bring an empty database to an older schema."""
    if version is None:
        return
    engine = LedgerEngine(backend)
    upgrade(engine, None, to=version)
    engine.close()


def _statements(backend: Backend, start: str | None) -> int:
    """How many statements an upgrade runs; its begin and its commit are two of them."""
    _make(backend, start)
    engine = LedgerEngine(backend)
    deadly = Deadly(engine, 1000)
    upgrade(engine, start)
    engine.close()
    return 1000 - deadly.left


def _killed(backend: Backend, start: str | None, at: int) -> bool:
    def work() -> None:
        engine = LedgerEngine(backend)
        Deadly(engine, at)
        upgrade(engine, start)

    return end_of(fork(work)) == -signal.SIGKILL
