"""Kills, full disks, damage: the log stays whole, and says when it cannot be used."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewbot.domain.decision import State
from reviewbot.domain.errors import (
    LedgerBroken,
    LedgerBusy,
    LedgerCorrupt,
    LedgerError,
    LedgerUnwritable,
)
from reviewbot.domain.fault_point import POINTS, on_fault_point
from reviewbot.ledger.open import open_ledger
from tests.builders import CONFIRMED
from tests.forks import end_of, fork
from tests.ledger.things import a_decision, after

OURS = tuple(point for point in POINTS if point.split(".")[0] in ("intent", "outcome", "record"))


def _act(ledger: Any) -> None:
    """One of each kind of write."""
    ledger.record(a_decision(task_id="held"), State.HELD)
    ledger.intend(a_decision())
    ledger.mark(a_decision().id, State.PERFORMED, after(hours=1))


def _killed_at(url: str, point: str) -> None:
    def work() -> None:
        on_fault_point(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == point else None)
        _act(open_ledger(url, lock=True))

    assert end_of(fork(work)) == -signal.SIGKILL


@pytest.mark.parametrize("point", OURS)
def test_a_kill_leaves_what_was_committed(
    database_url: str, opened: Callable[..., Any], point: str
) -> None:
    """Everything before the point is there, nothing after it, and the log is whole."""
    _killed_at(database_url, point)

    ledger = opened(database_url, lock=True)
    states = [logged.state for logged in ledger.decisions()]
    assert (
        states
        == {
            "record.committed": [State.HELD],
            "intent.before": [State.HELD],
            "intent.committed": [State.HELD, State.INTENT],
            "outcome.before": [State.HELD, State.INTENT],
            "outcome.committed": [State.HELD, State.PERFORMED],
        }[point]
    )
    assert ledger.verify().whole


@pytest.mark.parametrize("statement", range(0, 30, 3))
def test_a_kill_inside_a_transaction_leaves_nothing_of_it(tmp_path: Path, statement: int) -> None:
    """Also while the schema is being made: the next start finds all of it or none."""
    url = f"sqlite:///{tmp_path}/ledger.db"

    def work() -> None:
        _die_at_statement(statement)
        open_ledger(url).intend(a_decision())

    assert end_of(fork(work)) in (0, -signal.SIGKILL)
    ledger = open_ledger(url)
    assert len(ledger.open_intents()) in (0, 1)
    assert ledger.verify().whole
    ledger.close()


def _die_at_statement(number: int) -> None:
    """Kill this process when SQLite is about to run its so-manieth statement."""
    seen = 0
    connect = sqlite3.connect

    def counted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)

        def traced(_statement: str) -> None:
            nonlocal seen
            seen += 1
            if seen > number:
                os.kill(os.getpid(), signal.SIGKILL)

        connection.set_trace_callback(traced)
        return connection

    sqlite3.connect = counted  # type: ignore[assignment]


def test_a_full_disk_stops_writing_and_passes(tmp_path: Path, opened: Callable[..., Any]) -> None:
    """Nothing half-written stays; with room again the same ledger goes on."""
    ledger = opened(f"sqlite:///{tmp_path}/ledger.db")
    driver = ledger._engine.driver()
    (pages,) = driver.execute("PRAGMA page_count").fetchone()
    driver.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerUnwritable, match="full"):
        for n in range(500):
            ledger.intend(a_decision(task_id=f"t{n}"))
    written = len(ledger.decisions())

    driver.execute("PRAGMA max_page_count = 100000")
    ledger.intend(a_decision(task_id="more"))
    assert len(ledger.decisions()) == written + 1
    assert ledger.verify().whole


def test_a_locked_database_is_unwritable_for_now(
    tmp_path: Path, opened: Callable[..., Any]
) -> None:
    """Another process that holds the write lock too long is waited for, then told."""
    ledger = opened(f"sqlite:///{tmp_path}/ledger.db")
    ledger._engine.driver().execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(LedgerUnwritable, match="locked"):
        ledger.intend(a_decision())
    other.execute("ROLLBACK")
    other.close()

    ledger.intend(a_decision())
    assert len(ledger.open_intents()) == 1


def test_a_failed_sync_needs_a_new_start(tmp_path: Path, opened: Callable[..., Any]) -> None:
    """The open ledger does nothing more, not even reading; a new one goes on."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = opened(url)
    ledger.record(a_decision(task_id="before"), State.HELD)
    ledger._engine._driver = _FailingCommit(ledger._engine.driver(), sqlite3.SQLITE_IOERR_FSYNC)

    with pytest.raises(LedgerBroken, match="disk I/O error"):
        ledger.intend(a_decision())
    with pytest.raises(LedgerBroken, match="opened again"):
        ledger.decisions()

    ledger.close()
    assert len(opened(url).decisions()) == 1


def test_a_failed_write_is_tried_on_a_new_connection(
    tmp_path: Path, opened: Callable[..., Any]
) -> None:
    """A quota or a file limit passes; the next write opens the file anew, and the lock stays held."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = opened(url, lock=True)
    ledger._engine._driver = _FailingCommit(ledger._engine.driver(), sqlite3.SQLITE_IOERR_WRITE)

    with pytest.raises(LedgerUnwritable, match="disk I/O error"):
        ledger.intend(a_decision())
    ledger.intend(a_decision())

    assert len(ledger.open_intents()) == 1
    with pytest.raises(LedgerBusy):
        open_ledger(url, lock=True)


class _FailingCommit:
    """A connection whose disk fails at the commit."""

    def __init__(self, driver: Any, code: int) -> None:
        self._driver, self._code = driver, code
        self.in_transaction = True

    def execute(self, statement: str, *parameters: Any) -> Any:
        if statement != "COMMIT":
            return self._driver.execute(statement, *parameters)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = self._code
        raise error

    def close(self) -> None:
        self._driver.close()


@pytest.mark.parametrize(
    "garbage", [b"not a database" * 400, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_damaged_file_is_corrupt(tmp_path: Path, garbage: bytes) -> None:
    """With its path, and the exit code of a log that does not verify."""
    path = tmp_path / "ledger.db"
    path.write_bytes(garbage)

    with pytest.raises(LedgerCorrupt) as damaged:
        open_ledger(f"sqlite:///{path}")
    assert damaged.value.exit_code == 5
    assert str(path) in str(damaged.value)


def test_a_server_that_went_away_is_used_again(postgres: Any, opened: Callable[..., Any]) -> None:
    """A lost connection is an error once; the next use makes a new one."""
    ledger = opened(postgres.new_database())
    killer = opened(postgres.new_database())
    (pid,) = ledger._engine.driver().execute("SELECT pg_backend_pid()").fetchone()
    killer._engine.driver().execute(f"SELECT pg_terminate_backend({pid})")

    with pytest.raises(LedgerUnwritable):
        ledger.intend(a_decision())
    ledger.intend(a_decision())
    assert len(ledger.open_intents()) == 1


def test_a_server_that_is_not_there_is_unwritable(tmp_path: Path) -> None:
    """And the message names no password."""
    url = f"postgresql+psycopg://me:hidden@/x?host={tmp_path}"
    with pytest.raises(LedgerUnwritable) as refused:
        open_ledger(url)
    assert "hidden" not in str(refused.value)


def test_a_backup_is_a_whole_log_of_its_moment(tmp_path: Path, opened: Callable[..., Any]) -> None:
    """Made while in use; restored later, it shows against the newer checkpoint."""
    ledger = opened(f"sqlite:///{tmp_path}/ledger.db", lock=True)
    ledger.intend(a_decision())
    ledger.backup(tmp_path / "copy.db")
    ledger.mark(a_decision().id, State.PERFORMED, after(hours=1))
    checkpoint = ledger.checkpoint(CONFIRMED)

    copy = opened(f"sqlite:///{tmp_path}/copy.db")
    assert [logged.state for logged in copy.decisions()] == [State.INTENT]
    assert copy.verify().whole
    assert not copy.verify(checkpoint).whole


@pytest.mark.parametrize("url", ["memory:", "postgresql"])
def test_what_cannot_be_backed_up_says_so(
    request: pytest.FixtureRequest, opened: Callable[..., Any], tmp_path: Path, url: str
) -> None:
    """With the way that works, where there is one."""
    if url == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    with pytest.raises(LedgerError, match=r"pg_dump|memory"):
        opened(url).backup(tmp_path / "copy.db")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """Rather than half understood."""
    path = tmp_path / "ledger.db"
    open_ledger(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(LedgerError, match="newer reviewbot"):
        open_ledger(f"sqlite:///{path}")
