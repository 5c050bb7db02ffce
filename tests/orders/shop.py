"""What the tests of orders share: a world without tasks, orders for it, and runs against it."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx

from reviewbot.config import Settings
from reviewbot.domain.order import Order
from reviewbot.domain.text import Secret
from reviewbot.ledger.open import open_ledger
from reviewbot.orders.place import OrderPlacer, OrderRow, Result
from reviewbot.ports.ledger import Ledger
from reviewbot.ports.queue import Clock
from reviewbot.runtime.bootstrap import connect
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.faults import Faults
from reviewbot.simulator.model import Choices
from reviewbot.simulator.scenarios import build
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World

QUARANTINE = timedelta(minutes=15)
SETTINGS = Settings(
    api_key=Secret("sk_" + "0123456789abcdef" * 4), base_url="https://sim.test/api/ext"
)


def able(world: World, platform: str = "tiktok") -> list[str]:
    """The accounts of a platform that can post."""
    return [
        account.id
        for account in world.accounts.values()
        if account.platform == platform and account.owned and account.manager
    ]


def good_rows(world: World, count: int, *, first: int = 0) -> list[OrderRow]:
    """So many orders that the API takes, over both platforms and most forms of address."""
    rows = []
    for number in range(first, first + count):
        platform = "instagram" if number % 3 == 0 else "tiktok"
        accounts = able(world, platform)
        url = (
            f"instagram.com/reel/Cx{number}/"
            if platform == "instagram"
            else f"vm.tiktok.com/ZM{number}"
            if number % 5 == 0
            else f"https://www.tiktok.com/@maker{number % 7}/video/73{number:017}"
        )
        order = Order(
            saved_account_id=accounts[number % len(accounts)],
            target_video_url=url,
            comment_text=f"What a take, number {number}",
        )
        rows.append(OrderRow(number=number + 2, order=order, source=f"in.csv row {number + 2}"))
    return rows


class Shop:
    """A world, its faults, and a ledger that outlives each run."""

    def __init__(self, *, ledger: Ledger | None = None, **choices: Any) -> None:
        self.world = build("empty", choices=Choices(**choices), requests_kept=None)
        assert isinstance(self.world.clock, VirtualClock)
        self.clock = self.world.clock
        self.faults = Faults()
        self.transport = SimulatorTransport(self.world, faults=self.faults)
        self.ledger = ledger or open_ledger("memory:")

    def counter(
        self, *, transport: httpx.BaseTransport | None = None, clock: Clock | None = None
    ) -> OrderPlacer:
        """The counter of one run."""
        there = connect(
            SETTINGS,
            live=True,
            transport=transport or self.transport,
            clock=clock or self.clock,
            chance=lambda: 0.5,
        )
        assert there.desk is not None
        return OrderPlacer(
            desk=there.desk,
            tasks=there.tasks,
            ledger=self.ledger,
            clock=there.clock,
            quarantine=QUARANTINE,
        )

    def run(self, rows: Sequence[OrderRow], *, wait: bool = False) -> list[Result]:
        """One whole run."""
        return self.counter().run(rows, wait=wait)

    def made(self) -> Count[tuple[str, str]]:
        """How often each (account, text) was created; the texts of these tests are all different."""
        return Count((task.account.id, task.text) for task in self.world.tasks.values())

    def posts(self) -> int:
        """How many create calls the server has answered."""
        return sum(line.method == "POST" for line in self.world.requests)


def wanted(rows: Sequence[OrderRow]) -> Count[tuple[str, str]]:
    """Each of these orders once."""
    return Count((row.order.saved_account_id, row.order.comment_text) for row in rows)


def outcomes(results: Sequence[Result]) -> Count[str]:
    """How many rows came to what."""
    return Count(result.outcome for result in results)
