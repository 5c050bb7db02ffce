"""kill -9 at any moment is a supported way to stop."""

from __future__ import annotations

from pathlib import Path
from random import Random  # noqa: TID251 - seeded chance of a test

import pytest

from reviewbot.ledger.open import open_ledger
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.house import sqlite
from tests.acceptance.kills import Victims
from tests.simulation.checker import check
from tests.simulation.history import Scene
from tests.simulation.policies import PAYS, judges_of
from tests.simulation.truth import Effects, log_of, rounds_of
from tests.tier import times


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_in_live_passes_break_no_promise(tmp_path: Path) -> None:
    """Killed at chosen points of real processes, then quiet passes; their history is checked whole."""
    world = build_world("backlog", tasks=150, soonest=20.0)
    victims = Victims(sqlite(tmp_path), judges_of(0, 3, None), SimulatorTransport(world), world)
    victims.history.append(Scene(at=world.now, every=600.0, pays=(PAYS,)))
    world.effects = Effects(victims.history)
    chance, points = Random(5), list[str]()
    while len(points) < times(10, 40):
        point = victims.run(at_point=chance.randint(1, 24))
        assert point is not None, "the queue was empty too early"
        points.append(point)
        victims.clock.sleep(60)
    for _ in range(4):
        victims.clock.sleep(600)
        victims.run()
    victims.clock.sleep(3600)
    ledger = open_ledger(victims.ledger, read_only=True)
    victims.history += rounds_of(world)
    victims.history.append(log_of(world, ledger))
    ledger.close()

    assert check(victims.history) == []
    assert {"write.before", "write.answered", "intent.committed"} <= set(points)
    assert len(world.effects) > times(20, 90)
