"""What the fault tests share: a small world, the bot of a child over it, and the end of a story."""

from __future__ import annotations

import httpx

from reviewbot.core.context import BotContext
from reviewbot.policy.engine.judge import Judge
from reviewbot.ports.ledger import CheckpointBook
from reviewbot.runtime.bootstrap import build
from reviewbot.safety.stop_conditions import StopConditions
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World
from tests.acceptance.checker import violations
from tests.acceptance.house import POLICY, a_setting, house, judge_of
from tests.faults.child import Line

QUARANTINE = 16
"""Minutes after which an intent that nobody answered may be given up."""


class Room:
    """A world with a few tasks that wait, and the way to it; the log is elsewhere."""

    def __init__(self, ledger: str, *, tasks: int = 4, seed: int = 3, policy: str = POLICY) -> None:
        self.world: World = build_world("backlog", tasks=tasks, seed=seed, soonest=20.0)
        assert isinstance(self.world.clock, VirtualClock)
        self.clock = self.world.clock
        self.transport: httpx.BaseTransport = SimulatorTransport(self.world)
        self.ledger, self.policy = ledger, policy
        self.judge: Judge = judge_of(policy)

    def bot(self, line: Line) -> BotContext:
        """The bot of a child."""
        return build(
            a_setting(live=True, ledger=self.ledger),
            judges=[self.judge],
            transport=line.transport,
            clock=line,
            chance=lambda: 0.5,
        )

    def finish(self, passes: int = 3, *, book: CheckpointBook | None = None) -> list[str]:
        """A new process takes over: quiet passes beyond the quarantine, and what the checker says."""
        with house(
            world=self.world, transport=self.transport, ledger=self.ledger, policy=self.policy
        ) as there:
            there.app.guard.brake = brakes = StopConditions(there.app, book)
            brakes.check()
            failed = sum(there.poll(QUARANTINE if n else 0) is None for n in range(passes))
            found = violations(self.world, there.app.ledger)
        if (brake := brakes()) is not None:
            found.append(brake)
        return [*found, f"{failed} quiet passes failed"] if failed else found
