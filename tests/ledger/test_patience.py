"""A server that stands still is given up, and used again once it goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.ledger.postgresql import PATIENCE, PatientConnection
from tests.ledger.things import a_decision

SHORT = 0.5


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second instead of half a minute."""
    monkeypatch.setattr(PatientConnection, "patience", SHORT)


def _backend_of(ledger: Any) -> int:
    (pid,) = ledger._engine.driver().execute("SELECT pg_backend_pid()").fetchone()
    return int(pid)


@contextmanager
def _frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_frozen_session_is_given_up_and_another_one_goes_on(
    postgres: Any, opened: Callable[..., Any], impatient: None
) -> None:
    """No call lasts longer than the patience; another connection does not wait for it."""
    ledger = opened(postgres.new_database(), lock=True)
    ledger.intend(a_decision())
    with _frozen(_backend_of(ledger)):
        began = time.monotonic()
        with pytest.raises(LedgerUnwritable, match=r"has not answered for 0\.5 s"):
            ledger.intend(a_decision(task_id="meanwhile"))
        assert SHORT <= time.monotonic() - began < SHORT + 5
        opened(ledger._engine.backend._url.render_as_string(), key="other").probe()

    _soon(ledger.probe)
    ledger.intend(a_decision(task_id="later"))
    assert {logged.decision.task_id for logged in ledger.open_intents()} >= {"t1", "later"}
    assert ledger.verify().whole


def _soon(work: Callable[[], None]) -> None:
    """Until it works: a session ends in its own time."""
    until = time.monotonic() + 10
    while True:
        try:
            return work()
        except LedgerUnwritable:
            assert time.monotonic() < until
            time.sleep(0.05)  # noqa: TID251  another process's time, not ours


def test_a_reader_gives_up_as_well(
    postgres: Any, opened: Callable[..., Any], impatient: None
) -> None:
    """Status and the watcher ask a server that stands still, too."""
    url = postgres.new_database()
    opened(url).intend(a_decision())
    reader = opened(url, read_only=True)
    with _frozen(_backend_of(reader)), pytest.raises(LedgerUnwritable, match="given up"):
        reader.decisions()
    assert len(reader.decisions()) == 1


def test_the_server_gives_up_too(postgres: Any, opened: Callable[..., Any]) -> None:
    """Before we do: a statement, a lock, a client that stands still within a transaction or is gone.

    Each for one transaction; a session is what it was, for behind a pooler it is soon another's.
    """
    ledger = opened(postgres.new_database())

    def limits(execute: Callable[[str], Any]) -> dict[str, int]:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        asked = "SELECT setting FROM pg_settings WHERE name = '{}'"
        return {name: int(execute(asked.format(name)).fetchone()[0]) for name in names}

    driver = ledger._engine.driver()
    before = limits(driver.execute)
    reads = limits(lambda text: driver.read(text, []))
    with ledger._engine.writing("default") as writes:
        written = limits(writes.execute)

    assert reads["statement_timeout"] == written["statement_timeout"] == 20_000
    assert reads["lock_timeout"] == written["lock_timeout"] == 5_000
    assert written["idle_in_transaction_session_timeout"] == 5_000
    assert limits(driver.execute) == before == dict.fromkeys(before, 0)
    assert 20 < PATIENCE < 30


def test_a_reading_statement_writes_nothing(postgres: Any, opened: Callable[..., Any]) -> None:
    """Whatever it is: the server refuses it."""
    driver = opened(postgres.new_database())._engine.driver()
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        driver.read("DELETE FROM alembic_version", [])


def test_answers_errors_and_interruptions_pass(postgres: Any, impatient: None) -> None:
    """A wait is what it was but for its end."""
    place = f"postgresql://postgres@/postgres?host={postgres.home}"
    with PatientConnection.connect(place, autocommit=True) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1/0")
        assert connection.execute("SELECT 2").fetchone() == (2,)
        with pytest.raises(psycopg.OperationalError, match="given up"):
            connection.execute("SELECT pg_sleep(5)")
        assert connection.closed


def test_a_server_that_let_us_wait_is_not_tried_again_at_once(
    postgres: Any, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass uses the log in many places: the first waits, the others know; what fails fast is tried."""
    ledger = opened(postgres.new_database())
    times, tried = [0.0], []

    def connect(*_: Any, **__: Any) -> None:
        tried.append(times[0])
        times[0] += 10.0 if len(tried) < 3 else 0.1
        raise psycopg.OperationalError("timeout expired")

    monkeypatch.setattr("reviewbot.ledger.postgresql.monotonic", lambda: times[0])
    real = PatientConnection.connect
    monkeypatch.setattr(PatientConnection, "connect", connect)
    ledger._engine._drop()
    for _ in range(3):
        with pytest.raises(LedgerUnwritable, match="timeout expired"):
            ledger.probe()
    assert tried == [0.0]
    times[0] = 26.0
    for _ in range(2):
        with pytest.raises(LedgerUnwritable, match="timeout expired"):
            ledger.probe()
    assert tried == [0.0, 26.0]
    times[0] = 60.0
    for _ in range(2):
        with pytest.raises(LedgerUnwritable, match="timeout expired"):
            ledger.probe()
    assert tried == [0.0, 26.0, 60.0, 60.1]
    monkeypatch.setattr(PatientConnection, "connect", real)
    ledger.probe()
