"""A day without the API, and then everything at once: the daemon drains it, and stays attentive."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from reviewbot.domain.decision import DEADLINE
from reviewbot.runtime.daemon import Daemon
from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.checker import decision_of, violations
from tests.acceptance.house import House, house
from tests.acceptance.test_a_pass import DECIDES_ALL
from tests.proof import proven

POLL = 60.0


class Rest(threading.Event):
    """What the daemon's pauses wait for: time that passes in the world."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Let it pass."""
        self.clock.sleep(timeout or 0.0)
        return False


def run_daemon(there: House, until: float) -> list[float]:
    """Run the daemon up to then; give the moments at which it looked for changed policies."""
    stop, looks = threading.Event(), list[float]()

    def refresh(asked: bool) -> None:
        looks.append(there.clock.time)
        if there.clock.time >= until:
            stop.set()

    Daemon(there.app, every=POLL, stop=stop, refresh=refresh, wake=Rest(there.clock)).run()
    return looks


@pytest.mark.parametrize(
    "tasks", [500, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(1500)])]
)
def test_what_piled_up_in_a_day_is_worked_off_in_time(
    tasks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10,000 within six hours at the default rate, the most urgent first, and none of them late.

    Meanwhile policies are looked at after each poll interval, and whatever a list takes.
    """
    monkeypatch.setenv("TZ", "UTC")
    began = time.process_time()
    world = build_world("backlog", tasks=tasks, soonest=24.5, latest=71.0, requests_kept=None)
    start = world.clock.time
    away = Storm(fault="refused", start=start, end=start + 24 * HOUR)
    transport = SimulatorTransport(world, faults=Faults([away]))
    with house(world=world, transport=transport, policy=DECIDES_ALL) as there:
        while there.clock.time < away.end - HOUR:
            assert there.poll(20) is None
        there.clock.advance_to(away.end)
        waiting = {
            (task.id, world.epoch(task)): task.review_until or 0.0 for task in world.waiting()
        }
        assert len(waiting) == tasks
        back = there.clock.time
        looks = run_daemon(there, until=back + 6 * HOUR * tasks / 10_000)

        by_rule = {
            logged.decision.id
            for logged in there.app.ledger.decisions()
            if logged.decision.rule != DEADLINE
        }
        decided = [
            effect
            for effect in world.effects
            if (effect.task_id, effect.epoch) in waiting
            and decision_of(effect.idempotency_key) in by_rule
        ]
        took = decided[-1].at - back
        print(
            f"{len(decided)} of {tasks} decided in {took / HOUR:.2f} h, {len(world.requests)}"
            f" requests, {time.process_time() - began:.0f} s of CPU"
        )
        assert len(decided) >= 0.95 * tasks
        assert took <= 6 * HOUR * tasks / 10_000
        longest_list = 3 * (tasks / 100 + 1) * 60 / 96
        assert max(after - before for before, after in itertools.pairwise(looks)) <= (
            POLL + longest_list + 10
        )
        order = [waiting[effect.task_id, effect.epoch] for effect in decided]
        assert order == sorted(order)
        assert not any(task.ended_by == "silence" for task in world.tasks.values())
        assert not any(line.status == 429 for line in world.requests)
        assert violations(world, there.app.ledger) == []
    proven(
        "loop",
        "P11",
        "tasks after a day without the API, decided in order of deadline, and none late",
        f"{tasks:,} in {took / HOUR:.2f} h",
    )
