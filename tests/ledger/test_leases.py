"""Leases in a real PostgreSQL: who holds a key, by the server's clock."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from reviewbot.domain.errors import LeaseLost
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.leases import GRACE, LeaseFence, LeaseTable
from reviewbot.ledger.open import _parse, open_ledger
from reviewbot.ledger.postgresql import PostgreSQL
from reviewbot.ledger.tables import SCHEMA_VERSION
from reviewbot.ports.leases import LeaseAnswer, LeaseRequest
from tests.ledger.server import Server
from tests.ledger.things import a_decision

TTL = 30.0
KEYS = tuple(f"key{n:02}" for n in range(12))


class Table:
    """A table of leases, and what stands in it as each replica last heard."""

    def __init__(self, url: str) -> None:
        open_ledger(url).close()
        self.url = url
        self._stores: dict[str, LeaseTable] = {}
        self.holds: dict[str, dict[str, int]] = {}

    def ask(self, name: str, *, process: str | None = None, **more: Any) -> LeaseAnswer:
        """A heartbeat of a replica, which wants everything and holds what it held."""
        if name not in self._stores:
            self._stores[name] = LeaseTable(LedgerEngine(PostgreSQL(_parse(self.url))), patience=5)
            self._stores[name].add(KEYS)
        asked = {"ttl": TTL, "is_due": True, "wants": KEYS, "holds": self.holds.get(name, {})}
        request = LeaseRequest(name=name, process=process or name, **(asked | more))
        answer = self._stores[name].ask(request)
        tokens = {lease.key: lease.token for lease in answer.leases}
        self.holds[name] = {key: tokens[key] for key in answer.granted}
        return answer

    def shift(self, seconds: float, *keys: str) -> None:
        """Let time pass for leases and replicas, as the server sees it."""
        micros = int(seconds * 1_000_000)
        with psycopg.connect(self._place, autocommit=True) as connection:
            for table in ("lease", "replica"):
                where = (
                    "WHERE key = ANY (%s)"
                    if keys and table == "lease"
                    else "WHERE %s::text[] IS NOT NULL"
                )
                connection.execute(
                    f"UPDATE {table} SET until = until - {micros} {where}", (list(keys),)
                )

    @property
    def _place(self) -> str:
        return self.url.replace("+psycopg", "")

    def close(self) -> None:
        """Let go of all connections."""
        for store in self._stores.values():
            store.close()


@pytest.fixture
def table(postgres: Server, request: pytest.FixtureRequest) -> Table:
    """An empty one."""
    made = Table(postgres.new_database())
    request.addfinalizer(made.close)
    return made


def test_the_first_takes_all_and_another_nothing(table: Table) -> None:
    """By one statement; who holds what is known to whoever asks."""
    first = table.ask("a")
    assert set(first.granted) == set(KEYS)
    assert first.is_named
    assert first.schema == SCHEMA_VERSION

    second = table.ask("b")
    assert second.granted == {}
    assert {lease.holder for lease in second.leases} == {"a"}
    assert {peer.name for peer in second.peers} >= {"a"}


def test_a_lease_that_runs_out_is_taken_with_a_larger_token(table: Table) -> None:
    """And who held it gets it back neither by renewing nor by giving."""
    before = table.ask("a").leases
    old = dict(table.holds["a"])
    table.ask("b")
    table.shift(TTL + 0.1)
    table.ask("b")
    assert set(table.holds["b"]) == set(KEYS)

    renewed = table.ask("a", holds=old, wants=())
    table.ask("a", holds={}, gives=old, wants=())
    after = {lease.key: lease for lease in table.ask("b").leases}
    assert renewed.granted == {}
    assert all(after[lease.key].token > lease.token for lease in before)
    assert {lease.holder for lease in after.values()} == {"b"}
    assert min(lease.left for lease in after.values()) > TTL - 5


def test_what_is_given_back_is_free_at_once_and_shared(table: Table) -> None:
    """A replica that leaves counts no more: the others take equal parts of what it held."""
    table.ask("a")
    gives = dict(table.holds["a"])
    for name in "bc":
        table.ask(name)
    table.ask("a", holds={}, gives=gives, lives=False, wants=())
    held = {name: len(table.ask(name, is_due=False).granted) for name in "bc"}
    assert held == {"b": 6, "c": 6}


def test_what_nobody_takes_for_a_while_is_taken_beyond_the_share(table: Table) -> None:
    """The others may not want it: their policies differ."""
    table.ask("b", wants=())
    assert len(table.ask("a", is_due=False).granted) == 6
    assert table.ask("b", wants=()).granted == {}
    table.shift(GRACE + 0.1, *(set(KEYS) - set(table.holds["a"])))

    table.ask("a", is_due=False)
    assert len(table.holds["a"]) == 6
    assert {lease.holder for lease in table.ask("b", wants=()).leases} == {"a"}


def test_a_replica_that_takes_nothing_has_no_share(table: Table) -> None:
    """One of another version stands by, and the other takes all at once."""
    table.ask("b", takes=False)
    assert table.ask("b", takes=False).granted == {}
    assert len(table.ask("a").granted) == 12


def test_a_name_belongs_to_one_process_while_it_lives(table: Table) -> None:
    """The second of that name gets nothing; once the first is gone it is the second's."""
    assert table.ask("a", process="one").is_named
    other = table.ask("a", process="two", holds={})
    assert (other.is_named, other.granted) == (False, {})
    table.shift(TTL + 0.1)
    other = table.ask("a", process="two", holds={})
    assert other.is_named
    assert set(other.granted) == set(KEYS)


def test_what_was_dropped_is_taken_again_with_a_new_token(table: Table) -> None:
    """After an error of the database nobody need wait for our own lease to run out."""
    table.ask("a")
    old = dict(table.holds["a"])
    answer = table.ask("a", holds={}, dropped=old)
    assert set(answer.granted.values()) == {"again"}
    assert set(answer.granted) == set(KEYS)
    assert all(table.holds["a"][key] > old[key] for key in KEYS)
    assert table.ask("a", holds={}, dropped=old).granted == {}, "it was ours with the newer token"


def test_looks_in_between_write_nothing(table: Table) -> None:
    """Most heartbeats only look; nothing is renewed by them."""
    table.ask("a")
    held = dict(table.holds["a"])
    before = {lease.key: lease.left for lease in table.ask("a", is_due=False).leases}
    after = {lease.key: lease.left for lease in table.ask("a", is_due=False).leases}
    assert all(after[key] < before[key] for key in held)


def test_many_that_ask_at_the_same_time_never_wait_for_each_other(table: Table) -> None:
    """No lease is held twice, no token falls, and none ends in a deadlock."""
    names = [f"r{n}" for n in range(4)]
    for name in names:
        table.ask(name, wants=())
    failed: list[BaseException] = []
    taken: list[tuple[str, int]] = []

    def work(name: str) -> None:
        try:
            for n in range(25):
                given = dict(table.holds[name]) if n % 3 == 0 else {}
                held = {} if given else table.holds[name]
                answer = table.ask(name, holds=held, gives=given)
                tokens = {lease.key: lease.token for lease in answer.leases}
                taken.extend(
                    (key, tokens[key]) for key, how in answer.granted.items() if how == "taken"
                )
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(taken) > len(KEYS)
    assert max(Counter(taken).values()) == 1, "each taking has a token of its own"


def test_an_intent_needs_the_lease_that_was_taken(table: Table, opened: Callable[..., Any]) -> None:
    """In its own transaction: another's, one that ran out, and other tables are refused, and say why."""
    (lease, *_) = table.ask("a").leases
    ledger = opened(table.url, key=lease.key)
    ledger.hold_by(lambda: None)
    with pytest.raises(LeaseLost, match="holds no lease"):
        ledger.intend(a_decision())
    ledger.hold_by(lambda: lease)
    ledger.intend(a_decision())

    ledger.fence = LeaseFence(ledger._engine, lease.key, lambda: lease, "0002").check
    with pytest.raises(LeaseLost, match="the ledger has the schema"):
        ledger.intend(a_decision(task_id="t2"))

    ledger.hold_by(lambda: lease)
    table.shift(TTL + 1)
    with pytest.raises(LeaseLost, match="our lease ran out"):
        ledger.intend(a_decision(task_id="t2"))
    table.ask("b")
    with pytest.raises(LeaseLost, match="b holds the key now"):
        ledger.intend(a_decision(task_id="t2"))
    assert [logged.decision.task_id for logged in ledger.open_intents()] == ["t1"]
