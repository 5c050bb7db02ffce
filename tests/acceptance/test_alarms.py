"""Outages of two days: whatever nobody decides is alarmed at 24, 6 and 1 hours, exactly once each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.routing import Route, Routes
from reviewbot.core.context import BotContext
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.errors import ReviewbotError
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import OpenRound
from reviewbot.ports.queue import Delivery, Letter
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.house import POLICY, a_setting, judge_of

POLL = timedelta(minutes=10)
STAGES = (24, 6, 1)
ASKS = POLICY.replace("if undecided: approve", "if undecided: escalate")
Told = Counter[tuple[str, int]]


class Inbox:
    """A channel of somebody who reads everything, and notes when it came."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.at = clock, dict[tuple[str, int], datetime]()
        self.told: Told = Counter()
        self.letters = 0
        self.done: list[Delivery] = []

    def send(self, letter: Letter) -> bool:
        """Read a letter."""
        if letter.message.kind is AlarmKind.UNDECIDED:
            self.letters += 1
            for alarm in letter.message.alarms:
                mark = alarm.facts["task_id"], alarm.facts["hours_left"]
                self.told[mark] += 1
                self.at.setdefault(mark, self.clock.now())
        self.done.append(Delivery(number=letter.number, channel="inbox"))
        return True

    def ping(self) -> None:
        """Nobody waits for it."""

    def deliveries(self) -> Sequence[Delivery]:
        """All arrived."""
        done, self.done = self.done, []
        return done

    def settle(self, seconds: float) -> None:
        """All has."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    "hours_away", [48, *(pytest.param(hours, marks=pytest.mark.slow) for hours in (1, 6, 12, 24))]
)
def test_an_outage_leaves_no_task_unalarmed(hours_away: int) -> None:
    """The API is away, the bot is restarted in the middle of it, and tasks keep arriving."""
    world = build_world("week", seed=hours_away, requests_kept=None, per_hour=1.5, waiting=30)
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    start = clock.now()
    outage = Storm(
        fault="refused", start=clock.time + HOUR, end=clock.time + (1 + hours_away) * HOUR
    )
    transport = SimulatorTransport(world, faults=Faults([outage]))
    ledger, inbox = open_ledger("memory:"), Inbox(clock)

    def a_bot() -> BotContext:
        app = build(
            a_setting(live=True, ledger="memory:"),
            judges=[judge_of(ASKS)],
            transport=transport,
            clock=clock,
            ledger=ledger,
            chance=lambda: 0.5,
        )
        routes = Routes((Route(channel="inbox"),), ("inbox",))
        app.notifier.alarms = AlarmDispatcher(
            ledger=ledger, clock=app.clock, events=app.say, routes=routes, post=inbox
        )
        return app

    app, restarts = a_bot(), [start + timedelta(hours=1 + hours_away * part) for part in (0.3, 0.7)]
    seen: dict[tuple[str, str], OpenRound] = {}
    while clock.now() < start + timedelta(hours=100):
        if restarts and clock.now() >= restarts[0]:
            del restarts[0]
            app = a_bot()
        try:
            poll_once(app)
        except ReviewbotError as error:
            assert clock.now() < start + timedelta(hours=2 + hours_away), error
        seen |= {
            (sighting.task_id, sighting.epoch): sighting for sighting in ledger.unended("comments")
        }
        clock.sleep(POLL.total_seconds())

    silent = [ending for ending in ledger.endings() if ending.by == "silence"]
    assert len(silent) >= 10
    for ending in silent:
        sighting = seen[ending.task_id, ending.epoch]
        assert sighting.deadline_at is not None
        for hours in STAGES:
            due = sighting.deadline_at - timedelta(hours=hours)
            if due > sighting.first_seen_at:
                assert inbox.told[ending.task_id, hours] == 1
                assert inbox.at[ending.task_id, hours] <= due + 2 * POLL
    assert inbox.letters <= 100 * 9
