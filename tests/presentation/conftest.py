"""Plans over the simulated queue, for reports to write out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewbot.config import load_settings
from reviewbot.insights.plan import QueuePlan, plan
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import Judge
from reviewbot.runtime.bootstrap import build
from reviewbot.runtime.policy_files import load_judges
from reviewbot.simulator import scenarios
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World

Made = tuple[QueuePlan, tuple[Judge, ...]]


@pytest.fixture
def plan_of() -> Callable[..., Made]:
    """Plan a queue of so many tasks by the starter policy; `change` may disturb the world first."""

    def make(tasks: int, change: Callable[[World], None] = lambda world: None) -> Made:
        world = scenarios.build("backlog", tasks=tasks, seed=3)
        change(world)
        judges = load_judges(["policies/starter.yaml"])
        app = build(
            load_settings({}, env={"TOKPORTAL_API_KEY": "sk_test"}),
            judges=judges,
            transport=SimulatorTransport(world),
            clock=world.clock,
            ledger=open_ledger("memory:"),
            read_only=True,
        )
        return plan(app), judges

    return make
