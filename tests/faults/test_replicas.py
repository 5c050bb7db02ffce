"""Replicas on a real PostgreSQL, struck: one acts for each key, and none is silent for long."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.faults.fleet import (
    Terms,
    TokenWatch,
    a_fleet,
    judged,
    longest_silence,
)
from tests.faults.servers import OwnServer, own_server

__all__ = ["own_server"]


def test_a_killed_replica_and_one_that_leaves_are_followed(
    own_server: OwnServer, tmp_path: Path
) -> None:
    """Within its lease and two seconds, and within one; nothing is decided twice or by both."""
    terms = Terms(replicas=2, keys=2, lease=2, tasks=4, seconds=6)
    url = own_server.new_database()
    with a_fleet(tmp_path, own_server, url, terms) as (fleet, worlds):
        fleet.start("a")
        fleet.until(lambda: set(fleet.holders().values()) == {"a"})
        with TokenWatch(fleet.server_place) as watch:
            began = time.time()
            fleet.start("b")
            fleet.until(lambda: set(fleet.holders().values()) == {"a", "b"})
            fleet.end("a", signal.SIGKILL)
            took = fleet.until(lambda: set(fleet.holders().values()) == {"b"})
            assert took <= terms.lease + 2
            fleet.start("c")
            fleet.until(lambda: "c" in fleet.holders().values())
            assert fleet.end("b", signal.SIGTERM) == 0
            handed = fleet.until(lambda: list(fleet.holders().values()) == ["c"] * 2)
            assert handed <= 1.0
            fleet.until(lambda: all(not list(world.waiting()) for world in worlds.values()))
            silence = longest_silence(worlds, began, time.time())
        fleet.until(lambda: judged(fleet, worlds) == [])
    assert watch.fallen == []
    assert silence[0] <= terms.lease + 2 + terms.every, silence
