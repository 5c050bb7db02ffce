"""Which keys a replica holds, and when it trusts in that; on a clock of the test's."""

from __future__ import annotations

from collections import Counter
from random import Random  # noqa: TID251 - seeded chance of a test
from typing import Any

import pytest

from reviewbot.domain.errors import LeaseLost, LedgerUnwritable
from reviewbot.ledger.tables import SCHEMA_VERSION
from reviewbot.runtime.replicas import CLAIM, RENEWALS, TICK, LeaseKeeper, Replica
from tests.leases import MemoryLeases

TTL = 15.0
KEYS = tuple(f"key{n:02}" for n in range(20))


class Scene:
    """Some replicas on one table, and time that the test moves."""

    def __init__(self, *names: str) -> None:
        self.time = 1000.0
        self.table = MemoryLeases(lambda: self.time)
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.changed: list[tuple[str, str]] = []
        self.replicas = {name: self.replica(name) for name in names}

    def replica(self, name: str, *, process: str = "", keys: tuple[str, ...] = KEYS) -> Replica:
        """One more, which would take these keys."""
        replica = Replica(
            self.table,
            name=name,
            process=process or name,
            ttl=TTL,
            schema=SCHEMA_VERSION,
            monotonic=lambda: self.time,
            events=self._hear,
        )
        replica.changed = lambda key: self._ends(replica, key)
        for key in keys:
            replica.accept(key)
        return replica

    def _hear(self, event: str, /, *, level: str = "info", **about: Any) -> None:
        self.said.append((event, about))

    def _ends(self, replica: Replica, key: str) -> None:
        """A bot that is told to end does so at once."""
        self.changed.append((replica.name, key))
        if replica.tenure(key) is None:
            replica.release(key)

    def go_on(self, seconds: float) -> None:
        """Let every replica beat as often as it does."""
        until = self.time + seconds
        while self.time < until:
            for replica in self.replicas.values():
                replica.heartbeat()
            self.time += TICK

    def held(self) -> dict[str, int]:
        """How many keys each is sure of."""
        return {
            name: sum(replica.leads(key) for key in KEYS) for name, replica in self.replicas.items()
        }


def test_keys_spread_evenly_a_tenth_at_a_time() -> None:
    """The first takes all; of what a new one is to have, two of twenty move with each renewal."""
    scene = Scene("a")
    scene.go_on(TICK)
    assert scene.held() == {"a": 20}

    scene.replicas["b"] = scene.replica("b")
    before, moved = 0, []
    for _ in range(60):
        scene.go_on(TTL / RENEWALS)
        moved.append(scene.held()["b"] - before)
        before = scene.held()["b"]
    assert scene.held() == {"a": 10, "b": 10}
    assert max(moved) <= 2
    assert scene.table.takings == sorted(scene.table.takings, key=lambda taking: taking[3])

    scene.replicas["c"] = scene.replica("c")
    scene.go_on(TTL * 4)
    assert sorted(scene.held().values()) == [6, 7, 7]
    takings = len(scene.table.takings)
    scene.go_on(TTL * 4)
    assert len(scene.table.takings) == takings, "what is even stays as it is"


def test_a_dead_replica_is_followed_within_its_lease_and_two_seconds() -> None:
    """By the others in equal parts."""
    scene = Scene("a", "b", "c")
    scene.go_on(TTL * 4)
    del scene.replicas["a"]
    scene.go_on(TTL + 2)
    assert scene.held() == {"b": 10, "c": 10}


def test_one_that_leaves_is_followed_within_a_second() -> None:
    """What it gives back is free at once, and it counts no more."""
    scene = Scene("a", "b", "c")
    scene.go_on(TTL * 4)
    scene.replicas.pop("a").close()
    scene.go_on(1.0)
    assert scene.held() == {"b": 10, "c": 10}


def test_trust_ends_with_the_moment_of_asking_and_a_lease_later() -> None:
    """Here first, and then in the database; a claim that is old is not acted on either."""
    scene = Scene("a")
    scene.go_on(TICK)
    tenure = scene.replicas["a"].tenure("key00")
    assert tenure is not None
    asked_at = scene.time - TICK
    tenure.check(scene.time)
    with pytest.raises(LeaseLost, match="claimed 5 s ago"):
        tenure.check(scene.time - CLAIM - 0.1)

    scene.time = asked_at + TTL - 0.01
    tenure.check()
    scene.time = asked_at + TTL
    with pytest.raises(LeaseLost, match="could not be renewed in time"):
        tenure.check()
    assert scene.table.leases["key00"].left >= scene.time


def test_an_error_of_the_database_ends_all_trust_at_once() -> None:
    """And once it answers the same tenure goes on, with a new token: nobody was in between."""
    scene = Scene("a")
    scene.go_on(TICK)
    tenure = scene.replicas["a"].tenure("key00")
    assert tenure is not None
    assert tenure.lease is not None
    token = tenure.lease.token
    scene.table.is_away = True
    scene.go_on(TICK)
    assert scene.held() == {"a": 0}
    assert scene.replicas["a"].problem == "the database is away"
    with pytest.raises(LedgerUnwritable, match="the database is away"):
        tenure.check()

    scene.table.is_away = False
    scene.go_on(TICK)
    assert scene.held() == {"a": 20}
    assert scene.replicas["a"].tenure("key00") is tenure
    assert tenure.lease.token > token
    assert scene.replicas["a"].problem is None


def test_where_another_was_in_between_the_tenure_is_over() -> None:
    """A new one may begin; what went by the old one ends."""
    scene = Scene("a")
    scene.go_on(TICK)
    a = scene.replicas["a"]
    old = a.tenure("key00")
    assert old is not None
    b = scene.replica("b")
    scene.time += TTL + 1
    b.heartbeat()
    for replica in (a, b):
        replica.heartbeat()
    assert old.is_over
    with pytest.raises(LeaseLost, match="another replica acts"):
        old.check()
    assert ("a", "key00") in scene.changed
    assert a.tenure("key00") is None
    assert b.leads("key00")


def test_a_key_that_is_declined_is_left_to_others_and_given_to_nobody_else() -> None:
    """The other holds it beyond its part; what moves are keys that the first does take."""
    scene = Scene("a", "b")
    for key in KEYS[:5]:
        scene.replicas["b"].decline(key, "its policy differs")
    scene.go_on(TTL * 10)
    assert scene.held() == {"a": 10, "b": 10}
    assert all(scene.replicas["a"].leads(key) for key in KEYS[:5])
    assert [about["key"] for event, about in scene.said if event == "key declined"] == list(
        KEYS[:5]
    )

    for key in KEYS[5:]:
        scene.replicas["b"].decline(key, "its policy differs")
    scene.go_on(TTL)
    assert scene.held() == {"a": 20, "b": 0}
    takings = len(scene.table.takings)
    scene.go_on(TTL * 3)
    assert len(scene.table.takings) == takings, "it takes what nobody else takes, and keeps it"


def test_other_tables_end_every_tenure_and_are_said() -> None:
    """Whoever knows them goes on."""
    scene = Scene("a")
    scene.go_on(TICK)
    scene.table.schema = "9999"
    scene.go_on(TICK)
    assert scene.held() == {"a": 0}
    assert scene.replicas["a"].problem is not None
    assert "9999" in scene.replicas["a"].problem
    assert [about for event, about in scene.said if event == "stands by"]
    scene.go_on(TTL * 2)
    assert not scene.table.peers["a"].takes
    scene.table.schema = SCHEMA_VERSION
    scene.go_on(TTL)
    assert scene.held() == {"a": 20}


def test_a_second_process_of_a_name_is_called_otherwise() -> None:
    """One that comes back after its death waits for the name instead: it is its own."""
    scene = Scene("a")
    scene.go_on(TTL)
    scene.replicas["other"] = scene.replica("a", process="4711")
    scene.go_on(TTL)
    assert scene.replicas["other"].name == "a.4711"
    assert sum(scene.held().values()) == 20

    alone = Scene("a")
    alone.go_on(TTL)
    alone.replicas["a"] = alone.replica("a", process="new")
    alone.go_on(TTL + 2)
    assert alone.replicas["a"].name == "a"
    assert alone.held() == {"a": 20}


def test_a_key_whose_bot_ended_while_it_was_asked_for_is_given_back() -> None:
    """What is granted too late is not kept by anybody who would not use it."""
    scene = Scene("a")
    scene.go_on(TICK)
    a = scene.replicas["a"]
    asked = scene.table.ask

    def ask(request: Any) -> Any:
        a.decline("key00", "its file is gone")
        return asked(request)

    scene.table.ask = ask  # type: ignore[method-assign]
    scene.time += TTL / RENEWALS
    a.heartbeat()
    scene.table.ask = asked  # type: ignore[method-assign]
    scene.go_on(TICK)
    assert not a.leads("key00")
    assert scene.table.leases["key00"].left <= scene.time


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_no_two_are_sure_of_a_key(seed: int) -> None:
    """Deaths, absences, stalls and errors at random: at each moment one is, or nobody."""
    chance, scene = Random(seed), Scene("a", "b", "c")
    stalled: dict[str, float] = {}
    for _ in range(1500):
        scene.time += chance.uniform(0.05, 0.8)
        scene.table.is_away = chance.random() < 0.05
        for name, replica in scene.replicas.items():
            if stalled.get(name, 0.0) > scene.time:
                continue
            replica.heartbeat()
            if chance.random() < 0.004:
                stalled[name] = scene.time + chance.uniform(1, 3 * TTL)
            if chance.random() < 0.02:
                replica.release(chance.choice(KEYS))
        sure = Counter(
            key for key in KEYS for replica in scene.replicas.values() if replica.leads(key)
        )
        assert max(sure.values(), default=0) <= 1
    tokens: dict[str, int] = {}
    for key, _, token, _ in scene.table.takings:
        assert token > tokens.get(key, 0)
        tokens[key] = token
    assert len(scene.table.takings) > 100


def test_the_keeper_beats_until_its_end_and_gives_everything_back() -> None:
    """In a thread of its own."""
    scene = Scene()
    replica = scene.replica("a")
    replica.tick = 0.01
    with LeaseKeeper(replica):
        while not replica.leads("key00"):
            pass
    assert all(lease.left <= scene.time for lease in scene.table.leases.values())


def test_a_fault_of_ours_ends_trust_and_not_the_keeper() -> None:
    """Silence would leave every key to nobody for good."""
    scene = Scene()
    replica = scene.replica("a")
    replica.tick, failed = 0.01, []
    asked = scene.table.ask

    def ask(request: Any) -> Any:
        if replica.leads("key00") and not failed:
            failed.append(request)
            raise KeyError("odd")
        return asked(request)

    scene.table.ask = ask  # type: ignore[method-assign]
    with LeaseKeeper(replica):
        while not (failed and replica.leads("key00")):
            pass
    assert ("heartbeat failed", {"error": "KeyError('odd')"}) in scene.said
