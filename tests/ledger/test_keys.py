"""Several keys on one database: each has its own chain, and sees and touches nothing of another's."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reviewbot.domain.decision import State
from reviewbot.domain.errors import ConfigError, LedgerBusy
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import (
    in_memory,
    open_checkpoints,
    open_ledger,
)
from reviewbot.ports.ledger import Ending, Limit
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import EPOCH, a_decision, a_policy, after

TABLES = ("entry", "decision", "round", "policy", "note", "heartbeat", "kept")


@pytest.fixture(params=["in memory", "opened each", "one instance"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The ledgers of two keys: on one engine in memory, as two readers would, and as the daemon does."""
    if request.param == "in memory":
        engine = in_memory()
        yield SqlLedger(engine, "acme"), SqlLedger(engine, "orbit")
        return
    url, lock = f"sqlite:///{tmp_path}/ledger.db", request.param == "one instance"
    ledgers = [open_ledger(url, key=key, lock=lock) for key in ("acme", "orbit")]
    yield ledgers
    for ledger in ledgers:
        ledger.close()


def _live(ledger: Any) -> None:
    """Write something of every kind."""
    ledger.remember_policy(a_policy(), CONFIRMED)
    ledger.sight([an_item(id="t1")], CONFIRMED)
    ledger.intend(a_decision())
    ledger.mark(a_decision().id, State.PERFORMED, after(hours=2))
    ending = Ending(
        review="comments", task_id="t1", epoch=EPOCH, by="ours", status="completed", at=CONFIRMED
    )
    ledger.end(ending)
    ledger.note("pause", "all", {"why": "test"}, CONFIRMED)
    ledger.keep("person", "ana", b"{}", CONFIRMED)
    ledger.beat(b"{}")


def _seen(ledger: Any) -> list[Any]:
    """All that it tells."""
    beat = ledger.last_beat()
    return [
        ledger.decisions(),
        ledger.memories("comments", ["t1"]),
        ledger.accounts("comments", ["a1"], after(hours=3))["a1"].approvals_ever,
        ledger.endings(),
        ledger.rounds("comments", ["t1"]),
        ledger.unended("comments"),
        ledger.policies(),
        ledger.notes("pause"),
        ledger.kept("person"),
        beat and beat[0],
        ledger.checkpoint(CONFIRMED).count,
    ]


def test_nothing_of_one_key_is_seen_from_another(two: Any) -> None:
    """Whatever is asked; and each counts its own lines."""
    acme, orbit = two
    empty = _seen(orbit)
    _live(acme)

    assert _seen(orbit) == empty
    _live(orbit)
    (ours,), (theirs,) = acme.decisions(), orbit.decisions()
    assert ours.decision == theirs.decision, "the same task at two accounts is decided twice"
    assert (ours.key, theirs.key) == ("acme", "orbit")
    assert acme.checkpoint(CONFIRMED).count == orbit.checkpoint(CONFIRMED).count == 6
    assert acme.verify().whole
    assert orbit.verify().whole
    assert orbit.keys() == ["acme", "orbit"]


def test_limits_and_values_are_a_keys_own(two: Any) -> None:
    """What one used up another may still do; what one lets go of another keeps."""
    acme, orbit = two
    limit = Limit(
        name="a day",
        policy="comments",
        actions=frozenset({a_decision().action}),
        measure="count",
        at_most=1,
        seconds=86_400,
    )
    for ledger in two:
        ledger.intend(a_decision(), [limit])
        ledger.keep("person", "ana", b"{}", CONFIRMED)

    assert acme.let_go("person", "ana")
    assert orbit.kept_one("person", "ana") is not None


def test_no_chain_passes_for_another_keys(tmp_path: Path, opened: Callable[..., Any]) -> None:
    """All lines and rows given to another key: the first hash does not fit there."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    _live(opened(url, key="acme"))
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as connection:
        for table in TABLES:
            connection.execute(f"UPDATE {table} SET key = 'orbit'")

    assert opened(url, key="acme").verify().lines == 0
    (problem,) = opened(url, key="orbit").verify().problems
    assert "line 1 or the one before it was changed" in problem


def test_a_process_is_one_instance_for_all_its_keys(
    tmp_path: Path, opened: Callable[..., Any]
) -> None:
    """One engine and one lock, held until the last of them is closed; the same key twice is too much."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    acme, orbit = (opened(url, key=key, lock=True) for key in ("acme", "orbit"))
    assert acme._engine is orbit._engine
    with pytest.raises(LedgerBusy):
        open_ledger(url, key="acme", lock=True)

    acme.close()
    acme.close()
    orbit.record(a_decision(), State.HELD)
    again = opened(url, key="acme", lock=True)
    orbit.close()
    again.record(a_decision(), State.HELD)
    again.close()
    opened(url, key="other", lock=True)


def test_keys_write_at_the_same_time(database_url: str, opened: Callable[..., Any]) -> None:
    """Each in a thread of its own, as the daemon's loops do; every chain is whole."""
    keys = [f"key{n}" for n in range(4)]
    ledgers = [opened(database_url, key=key, lock=True) for key in keys]
    failed: list[BaseException] = []

    def write(ledger: Any) -> None:
        try:
            for n in range(10):
                ledger.intend(a_decision(task_id=f"t{n}"))
                ledger.mark(a_decision(task_id=f"t{n}").id, State.PERFORMED, after(hours=2))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert ledgers[0].keys() == keys
    for ledger in ledgers:
        assert len(ledger.decisions()) == 10
        assert ledger.verify().whole


@pytest.mark.parametrize("key", ["", "a\0b", "x" * 1000])
def test_a_name_that_is_none_is_refused(key: str) -> None:
    """What no index holds could never be found again."""
    with pytest.raises(ConfigError, match="cannot be called"):
        open_ledger("memory:", key=key)


def test_checkpoints_of_each_key_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    """That of `default` where it always was; a name that is no file's is written so that it is one."""
    url = f"sqlite:///{tmp_path}/ledger.db"

    def place(key: str, file: str | None = None) -> str:
        book = open_checkpoints(url, file=file, key_file=None, folder=tmp_path, key=key)
        assert book is not None
        return Path(book.place).name

    assert place("default") == "ledger.db.checkpoints.jsonl"
    assert place("acme") == "ledger.db.checkpoints-acme.jsonl"
    assert place("../acme") == "ledger.db.checkpoints-..%2Facme.jsonl"
    assert place("acme", "/far/away/points.jsonl") == "points-acme.jsonl"
