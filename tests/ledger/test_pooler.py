"""The ledger behind a pooler that lends sessions for one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from reviewbot.domain.decision import State
from reviewbot.domain.errors import LedgerError, LedgerWentBack
from tests.builders import CONFIRMED, an_item
from tests.faults.pooler import Pooler
from tests.ledger.server import Server
from tests.ledger.things import a_decision, after


def test_more_writers_than_sessions_write_whole_chains(
    pooler: Pooler, opened: Callable[..., Any]
) -> None:
    """Nothing of a session is relied on: each transaction may meet another, and others use it meanwhile."""
    url = pooler.new_database()
    ledgers = [opened(url, key=f"key{n}", lock=True) for n in range(3)]
    ledgers += [opened(url, key=f"key{n}") for n in range(3)]  # the same keys, from elsewhere
    failed: list[BaseException] = []

    def write(number: int, ledger: Any) -> None:
        try:
            for n in range(8):
                decision = a_decision(task_id=f"t{number}n{n}")
                ledger.sight([an_item(id=decision.task_id)], CONFIRMED)
                ledger.intend(decision)
                ledger.mark(decision.id, State.PERFORMED, after(hours=2))
                assert decision.task_id in ledger.memories("comments", [decision.task_id])
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=write, args=(number, ledger))
        for number, ledger in enumerate(ledgers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    for ledger in ledgers:
        assert len(ledger.decisions()) == 16
        assert ledger.verify().whole


def test_limits_of_time_leave_with_the_transaction(
    pooler: Pooler, opened: Callable[..., Any]
) -> None:
    """The next who is lent the session has what the server's owner set."""
    url = pooler.new_database()
    ledger = opened(url)
    ledger.record(a_decision(), State.HELD)
    ledger.decisions()
    with closing(psycopg.connect(url.replace("+psycopg", ""), autocommit=True)) as other:
        for name in ("statement_timeout", "lock_timeout", "transaction_read_only"):
            assert other.execute(f"SHOW {name}").fetchone() in (("0",), ("off",))


def test_a_server_that_begins_anew_behind_the_pooler_is_counted_again(
    pooler: Pooler, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection to the pooler outlives it, so the server's own start tells."""
    ledger = opened(pooler.new_database(), lock=True)
    ledger.record(a_decision(task_id="before"), State.HELD)
    ledger.intend(a_decision())
    ledger.record(a_decision(task_id="after"), State.HELD)
    with ledger._engine.writing() as driver:
        driver.execute("DELETE FROM entry WHERE kind = 'intent'")
        driver.execute("DELETE FROM decision WHERE state = 'intent'")
    ledger.record(a_decision(task_id="unseen as yet"), State.HELD)

    other = "SELECT pg_catalog.pg_postmaster_start_time() + interval '1 second'"
    monkeypatch.setattr("reviewbot.ledger.postgresql._START", other)
    with pytest.raises(LedgerWentBack, match="between line 0 and line 4"):
        ledger.intend(a_decision())


def test_a_session_that_is_ended_is_another_one_next_time(
    pooler: Pooler, postgres: Server, opened: Callable[..., Any]
) -> None:
    """What was under way is undone or unclear, and says so; the next use is well."""
    ledger = opened(pooler.new_database(), lock=True)
    ledger.record(a_decision(), State.HELD)
    with pytest.raises(LedgerError), ledger._engine.writing("default") as driver:
        (pid,) = driver.execute("SELECT pg_backend_pid()").fetchone()
        with psycopg.connect(
            f"postgresql://postgres@/postgres?host={postgres.home}", autocommit=True
        ) as killer:
            killer.execute(f"SELECT pg_terminate_backend({pid})")
        driver.execute("SELECT 1")

    ledger.record(a_decision(task_id="next"), State.HELD)
    assert ledger.verify().whole
