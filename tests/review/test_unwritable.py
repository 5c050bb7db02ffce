"""A log that cannot be written: nothing is sent, the bot goes on, and acts again by itself."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reviewbot.domain.errors import LedgerMoved, LedgerUnwritable
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.runtime.liveness import Pulse
from tests.builders import an_item
from tests.fakes import APPROVE, World, always, an_app

Trouble = Callable[[SqlLedger, Path], Any]


@contextmanager
def full(ledger: SqlLedger, path: Path) -> Iterator[None]:
    """No page more fits."""
    driver: Any = ledger._engine.driver()
    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (pages,) = driver.execute("PRAGMA page_count").fetchone()
    driver.execute(f"PRAGMA max_page_count = {pages}")
    yield
    driver.execute("PRAGMA max_page_count = 1000000")


@contextmanager
def locked(ledger: SqlLedger, path: Path) -> Iterator[None]:
    """Another process holds the write lock and does not let go."""
    ledger._engine.driver().execute("PRAGMA busy_timeout = 30")
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None and other.stdout.readline() == b"held\n"
    yield
    other.communicate()


@contextmanager
def read_only(ledger: SqlLedger, path: Path) -> Iterator[None]:
    """The disk was mounted anew, for reading only; SQLite is told so, as root can write any file."""
    driver: Any = ledger._engine.driver()
    driver.execute("PRAGMA query_only = 1")
    yield
    driver.execute("PRAGMA query_only = 0")


@contextmanager
def failing(ledger: SqlLedger, path: Path) -> Iterator[None]:
    """Every commit ends in a failed write: a quota, a limit on the file's size."""
    engine = ledger._engine
    connect = engine.backend.connect
    broken = [True]

    class Failing:
        def __init__(self, driver: Any) -> None:
            self._driver, self.in_transaction = driver, True

        def execute(self, statement: str, *parameters: Any) -> Any:
            if statement == "COMMIT" and broken[0]:
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
                raise error
            return self._driver.execute(statement, *parameters)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._driver, name)

    engine.backend.connect = lambda *, lock: Failing(connect(lock=lock))  # type: ignore[method-assign,assignment,return-value]
    engine._driver = Failing(engine.driver())  # type: ignore[assignment]
    yield
    broken[0] = False


@pytest.mark.parametrize("trouble", [full, locked, read_only, failing])
def test_nothing_is_sent_and_it_recovers_by_itself(tmp_path: Path, trouble: Trouble) -> None:
    """No write leaves without an intent; unready and told meanwhile; the next pass acts."""
    path = tmp_path / "log.db"
    ledger = open_ledger(f"sqlite:///{path}", lock=True)
    assert isinstance(ledger, SqlLedger)
    world = World()
    app = an_app(world, always(APPROVE), ledger=ledger)
    pulse = Pulse(app, 60.0)
    pulse.passed(poll_once(app))
    world.add(*(an_item(id=f"t{n}") for n in range(30)))

    with trouble(ledger, path):
        for _ in range(2):
            with pytest.raises(LedgerUnwritable) as told:
                poll_once(app)
            pulse.failed(told.value)
        open_claims = 30 - len(world.sent)
        assert pulse.unready() is not None
        alarms = app.events.named("alarm")  # type: ignore[attr-defined]
        assert any(about["kind"] == "ledger" for about in alarms)

    pulse.passed(poll_once(app))

    assert open_claims > 0
    assert len(world.sent) == len({decision.task_id for decision in world.sent}) == 30
    assert pulse.unready() is None
    assert ledger.verify().whole
    ledger.close()


def test_no_pass_begins_on_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    """The disk is found full before anything is asked of the API."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/log.db")
    assert isinstance(ledger, SqlLedger)
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE), ledger=ledger)

    with read_only(ledger, tmp_path / "log.db"), pytest.raises(LedgerUnwritable):
        poll_once(app)

    assert world.calls == []
    ledger.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write a file that is marked read-only")
def test_a_file_marked_read_only_is_unwritable(tmp_path: Path) -> None:
    """Opening it says so."""
    path = tmp_path / "log.db"
    open_ledger(f"sqlite:///{path}").close()
    path.chmod(0o400)
    with pytest.raises(LedgerUnwritable):
        open_ledger(f"sqlite:///{path}").probe()


@pytest.mark.parametrize("end", ["", "-wal", ".lock"])
def test_nothing_is_sent_once_the_log_was_taken_away(tmp_path: Path, end: str) -> None:
    """Not by the pass under way either; people are told, and it stays so until a new start."""
    path = tmp_path / "log.db"
    ledger = open_ledger(f"sqlite:///{path}", lock=True)
    world = World()
    world.add(*(an_item(id=f"t{n}") for n in range(5)))
    world.after_write = lambda decision: path.with_name(path.name + end).unlink(missing_ok=True)
    app = an_app(world, always(APPROVE), ledger=ledger)
    pulse = Pulse(app, 60.0)

    for _ in range(3):
        with pytest.raises(LedgerMoved) as told:
            poll_once(app)
        pulse.failed(told.value)

    assert len(world.sent) == 1
    assert "was removed while the log was in use" in str(pulse.unready())
    alarms = app.events.named("alarm")  # type: ignore[attr-defined]
    assert any(about["kind"] == "ledger" for about in alarms)
    ledger.close()
