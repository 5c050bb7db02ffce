"""kill -9 at any moment is a supported way to stop."""

from __future__ import annotations

from pathlib import Path
from random import Random  # noqa: TID251 - seeded chance of a test

from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.checker import violations
from tests.acceptance.house import house, judge_of, sqlite
from tests.acceptance.kills import run_and_kill
from tests.acceptance.test_a_pass import DECIDES_ALL


def test_forty_kills_in_live_passes_leave_nothing_double_wrong_or_open(tmp_path: Path) -> None:
    """Killed 40 times at chosen points, then quiet passes: every act in the log, the log whole."""
    world = build_world("backlog", tasks=150, soonest=20.0)
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    transport, judge, chance = SimulatorTransport(world), judge_of(DECIDES_ALL), Random(5)
    points: list[str] = []
    while len(points) < 40:
        point = run_and_kill(
            sqlite(tmp_path), judge, transport, clock, at_point=chance.randint(1, 24)
        )
        assert point is not None, "the queue was empty too early"
        points.append(point)
        clock.sleep(60)

    with house(
        world=world, transport=transport, ledger=sqlite(tmp_path), policy=DECIDES_ALL
    ) as there:
        for _ in range(4):
            there.poll(10)

        assert {"write.before", "write.answered", "intent.committed"} <= set(points)
        assert len(world.effects) > 100
        assert violations(world, there.app.ledger) == []
