"""Replicas on a real PostgreSQL, struck: one acts for each key, and none is silent for long."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.fleet import (
    POLICY,
    Fleet,
    Nemesis,
    Terms,
    TokenWatch,
    a_fleet,
    judged,
    silences,
)
from tests.faults.pooler import a_pooler
from tests.faults.servers import OwnServer, own_server
from tests.proof import proven
from tests.tier import FULL

__all__ = ["own_server"]

LONG = (600.0, 200)
"""Seconds, and how many strikes at least."""


@pytest.mark.timeout(180)
def test_a_killed_replica_is_followed_by_the_one_that_stood_by(
    own_server: OwnServer, tmp_path: Path
) -> None:
    """Within its lease and two seconds; what was decided before is not decided again."""
    terms = Terms(keys=1, lease=2, tasks=2, seconds=3, quarantine=1)
    with a_fleet(tmp_path, own_server, own_server.new_database(), terms) as (fleet, worlds):
        fleet.start("a")
        fleet.until(lambda: fleet.has_said("a", "pass"))
        fleet.start("b")
        fleet.until(lambda: fleet.lives("b"))
        with TokenWatch(fleet.server_place) as watch:
            fleet.end("a", signal.SIGKILL)
            took = fleet.until(lambda: list(fleet.holders().values()) == ["b"])
            fleet.until(lambda: not any(list(world.waiting()) for world in worlds.values()))
            # What was on its way as "a" died is settled by a later pass of the other.
            fleet.until(lambda: judged(fleet, worlds) == [])
            assert fleet.end("b", signal.SIGTERM) == 0
        fleet.until(lambda: fleet.holders() == {})
    assert watch.fallen == []
    assert took <= terms.lease + (2 if FULL else 10), "many other tests run at the same time"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_replica_that_leaves_hands_over_and_a_new_one_gets_its_part(
    own_server: OwnServer, tmp_path: Path
) -> None:
    """Within a second, and step by step; a second process of one name calls itself otherwise."""
    terms = Terms(keys=6, lease=2, tasks=2, seconds=6)
    with a_fleet(tmp_path, own_server, own_server.new_database(), terms) as (fleet, worlds):
        fleet.start("a")
        fleet.until(lambda: set(fleet.holders().values()) == {"a"})
        fleet.start("b")
        fleet.until(lambda: sorted(_counts(fleet).values()) == [3, 3])
        fleet.start("a", under="other a")
        fleet.until(lambda: sorted(_counts(fleet).values()) == [2, 2, 2])
        assert any(name.startswith("a.") for name in _counts(fleet))
        assert fleet.end("b", signal.SIGTERM) == 0
        handed = fleet.until(lambda: len(fleet.holders()) == 6 and "b" not in _counts(fleet))
        assert handed <= 1.0
        assert sorted(_counts(fleet).values()) == [3, 3]
        fleet.until(lambda: not any(list(world.waiting()) for world in worlds.values()))
        fleet.until(lambda: judged(fleet, worlds) == [])
    proven("faults", "P17", "hand-over of 2 keys on SIGTERM, s", f"{handed:.2f}")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_replica_with_another_policy_approves_nothing(
    own_server: OwnServer, tmp_path: Path
) -> None:
    """Also once the one that goes by the ledger's has died: it says why, and stands by."""
    terms = Terms(keys=2, lease=2, tasks=4, seconds=8)
    other = POLICY.replace("name: pay", "name: pay everybody")
    with a_fleet(tmp_path, own_server, own_server.new_database(), terms) as (fleet, worlds):
        fleet.start("a")
        fleet.until(lambda: set(fleet.holders().values()) == {"a"} and len(fleet.holders()) == 2)
        fleet.until(lambda: fleet.has_said("a", "pass"))
        fleet.start("b", policy=other)
        fleet.until(lambda: fleet.has_said("b", "key declined"))
        fleet.end("a", signal.SIGKILL)
        fleet.until(lambda: fleet.holders() == {})
        ends = time.monotonic() + 2 * terms.lease
        while time.monotonic() < ends:
            assert fleet.holders() == {}
        assert not fleet.has_said("b", "started")
        fleet.start("a")
        fleet.until(lambda: set(fleet.holders().values()) == {"a"})
        fleet.until(lambda: not any(list(world.waiting()) for world in worlds.values()))
        fleet.until(lambda: judged(fleet, worlds) == [])
        assert fleet.end("b", signal.SIGTERM) == 0
    proven("faults", "P18", "approvals by a replica of another revision", 0)


def _counts(fleet: Fleet) -> dict[str, int]:
    holders = list(fleet.holders().values())
    return {name: holders.count(name) for name in holders}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", ["directly", "through PgBouncer"])
def test_strikes_cost_no_effect_and_no_key_long(
    way: str, own_server: OwnServer, tmp_path: Path
) -> None:
    """Three replicas, sixty keys: whatever is killed, stopped, ended or slow, by the API's own log."""
    seconds, least = LONG if FULL and way == "directly" else (60.0, 20)
    terms = Terms(replicas=3, keys=60, lease=4, every=2, tasks=int(seconds / 6), seconds=seconds)
    with ExitStack() as end:
        if way == "directly":
            url = own_server.new_database()
        else:
            pooler = end.enter_context(contextmanager(a_pooler)(own_server, 6))
            url = pooler.new_database()
        fleet, worlds = end.enter_context(a_fleet(tmp_path, own_server, url, terms))
        fleet.start_all()
        nemesis, began = Nemesis(fleet), time.time()
        with TokenWatch(fleet.server_place) as watch:
            while time.time() < began + seconds or len(nemesis.struck) < least:
                nemesis.strike()
                nemesis.rest(seconds / least)
            lasted = time.time() - began
            found = silences(worlds, began, time.time(), nemesis.struck, watch.holders)
        fleet.until(lambda: not any(list(world.waiting()) for world in worlds.values()), 120)
        fleet.until(lambda: judged(fleet, worlds) == [], 120)
        effects = sum(len(world.effects) for world in worlds.values())
    assert watch.fallen == []
    what = f"3 replicas, 60 keys, {way}"
    proven("faults", "P17", f"strikes at {what}; effects twice or stale: 0", len(nemesis.struck))
    proven(
        "faults",
        "P17",
        f"{what}: seconds, effects, takings of keys",
        f"{lasted:.0f}, {effects}, {sum(watch.taken.values())}",
    )
    longest = max(found)
    proven(
        "faults",
        "P17",
        f"{what}: longest silence of a key, s (lease {terms.lease}), and strikes in it",
        f"{longest.seconds:.1f}, {len(longest.strikes)}",
    )
    # A lease, two seconds and a poll; a lease and two seconds more for each further strike at its holders.
    after_one = terms.lease + 2
    for silence in found:
        further = max(0, len(silence.strikes) - 1)
        assert silence.seconds <= terms.every + after_one * (1 + further), silence
