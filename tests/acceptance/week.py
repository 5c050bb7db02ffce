"""A week of the whole bot in bad weather: tasks arrive, strangers decide, the process is cut down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random  # noqa: TID251 - seeded chance of a test
from typing import NamedTuple

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.outages import DowntimeReport
from reviewbot.alarms.routing import Route, Routes
from reviewbot.core.context import BotContext
from reviewbot.domain.alarm import Alarm, AlarmKind
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.queue import Delivery, Letter
from reviewbot.review.poll import STRETCH, Polling
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.model import Task
from reviewbot.simulator.people import strangers
from reviewbot.simulator.scenarios import START
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.seed_data import plant_waiting
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.house import POLICY, a_setting, judge_of
from tests.acceptance.weather import Weather

WINDOW = 72 * HOUR
STORY = 20 * HOUR
"""How long before its review the story of a task begins."""
WORK = 300.0
"""Seconds that a task which is due may wait for its turn in a pass after a long outage."""
JUMPS = {9: (200, 3), 25: (-1200, 4), 30: (3000, 0.5), 70: (-3 * 86400, 0.5), 80: (1200, 5)}
"""Hours from the start at which the machine's clock is set wrong, by how many seconds, for how long."""
DECIDES, ASKS = (
    POLICY.replace("language: 1\n", f"language: 1\napplies to:\n  platform: {platform}\n")
    .replace("policy: acceptance", f"policy: {platform}")
    .replace("if undecided: approve", f"if undecided: {fallback}")
    for platform, fallback in (("tiktok", "approve"), ("instagram", "escalate"))
)
"""One pays in the end what nobody decided; the other leaves it to people, who never come."""


class Cut(BaseException):
    """The process is gone, between two of its steps."""


class Told(NamedTuple):
    """An alarm that arrived, and when."""

    alarm: Alarm
    at: float


class Inbox:
    """A channel of somebody who reads everything; the copies of a bot that dies live on in it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.told, self.letters = clock, list[Told](), 0
        self._done: list[Delivery] = []

    def send(self, letter: Letter) -> bool:
        """Read a letter."""
        self.letters += 1
        self.told += [Told(alarm, self.clock.time) for alarm in letter.message.alarms]
        self._done.append(Delivery(number=letter.number, channel="inbox"))
        return True

    def ping(self) -> None:
        """Nobody waits for it."""

    def deliveries(self) -> Sequence[Delivery]:
        """All arrived."""
        done, self._done = self._done, []
        return done

    def settle(self, seconds: float) -> None:
        """All has."""

    def close(self) -> None:
        """Nothing is open."""


class Week:
    """A world, its weather, and a bot that is started again whenever it is cut down.

    `tasks` tasks come up for review over `hours` hours; then the world goes on until all have ended.
    """

    def __init__(
        self,
        ledger: str,
        *,
        tasks: int,
        hours: float,
        outages: dict[float, float],
        every: float = 600.0,
        seed: int = 0,
    ) -> None:
        self.world = build_world("empty", seed=seed, requests_kept=None)
        clock = self.world.clock
        assert isinstance(clock, VirtualClock)
        self.every, self.clock, self.url, self.chance = every, clock, ledger, Random(seed)
        self.start = START.timestamp() + STORY
        self.end = self.start + hours * HOUR + 2 * WINDOW
        for _ in range(tasks):
            plant_waiting(self.world, self.start + self.chance.uniform(0, hours * HOUR))
        strangers(self.world, tasks / hours / 200)
        clock.advance_to(self.start)
        for hour, (skew, long) in JUMPS.items():
            self.world.at(self.start + hour * HOUR, self._set_clock, float(skew))
            self.world.at(self.start + (hour + long) * HOUR, self._set_clock, 0.0)
        self.weather = Weather.of(self.start, outages, until=self.end, seed=seed)
        self.transport = SimulatorTransport(self.world, faults=self.weather.faults)
        self.inbox, self.cuts, self.failed, self.passes = Inbox(clock), 0, 0, 0
        self.points: Counter[str] = Counter()
        self.judges = [judge_of(DECIDES), judge_of(ASKS)]

    def _set_clock(self, skew: float) -> None:
        self.clock.skew = skew

    def live_through(self, *, restart_every: float) -> None:
        """Pass after pass to the end; the process lasts about so many hours each time."""
        last: datetime | None = None
        while self.clock.time < self.end:
            last = self._one_life(last, self.clock.time + self._some(restart_every * HOUR))

    def _one_life(self, last: datetime | None, until: float) -> datetime | None:
        app, poll = self._a_bot(), DowntimeReport(Polling(STRETCH), last)
        try:
            while self.clock.time < self.end:
                if self.clock.time >= until:
                    on_fault_point(self._cut_at(self.chance.randint(1, 40)))
                began, self.passes = self.clock.time, self.passes + 1
                try:
                    while poll(app).goes_on:
                        last = app.clock.now()
                    last = app.clock.now()
                except ReviewbotError:
                    self.failed += 1
                self.clock.sleep(self.every - (self.clock.time - began))
        except Cut:
            self.cuts += 1
            self.clock.sleep(30)
        finally:
            on_fault_point(None)
            app.ledger.close()
        return last

    def _cut_at(self, left: int) -> Callable[[str], None]:
        def cut(name: str) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                self.points[name] += 1
                raise Cut(name)

        return cut

    def _a_bot(self) -> BotContext:
        ledger = open_ledger(self.url)
        app = build(
            a_setting(live=True, ledger=self.url),
            judges=self.judges,
            transport=self.transport,
            clock=self.clock,
            ledger=ledger,
            chance=self.chance.random,
        )
        app.notifier.alarms = AlarmDispatcher(
            ledger=ledger,
            clock=app.clock,
            events=app.say,
            routes=Routes((Route(channel="inbox"),), ("inbox",)),
            post=self.inbox,
        )
        return app

    def _some(self, seconds: float) -> float:
        return seconds * self.chance.uniform(0.5, 1.5)

    # What is true -----------------------------------------------------------------------------

    def silent(self) -> list[Task]:
        """Tasks that the API paid because nobody decided."""
        return [task for task in self.world.tasks.values() if task.ended_by == "silence"]

    def could_have_decided(self, task: Task) -> str | None:
        """What a bot that polls whenever the API is there would have done; None: nothing.

        A rule that decides has three days, and no outage is as long. The fallback has three hours:
        it needs the API for one poll, and for the work until its turn.
        """
        if task.attempts and task.disputes == 0:
            newest = max(task.attempts, key=lambda attempt: attempt.scraped_at)
            scraped = newest.comments_scraped
            if newest.outcome_kind == "scrape_failed" or scraped == 0:
                return "approve"
            if newest.outcome_kind == "couldnt_verify" and scraped is not None and scraped < 100:
                return "dispute"
        if task.account.platform == "tiktok" and self.there(task) >= self.every + WORK:
            return "approve at the deadline"
        return None

    def there(self, task: Task) -> float:
        """How long at a stretch the API was there after a task's fallback was due."""
        assert task.confirmed_at is not None
        deadline = task.confirmed_at + WINDOW
        return self.weather.longest_stretch(deadline - 3 * HOUR, deadline)

    def alarms(self, kind: AlarmKind) -> list[Told]:
        """What was told of this kind."""
        return [letter for letter in self.inbox.told if letter.alarm.kind is kind]

    def seen_from(self, at: float) -> float:
        """From when on a bot can know of what began then."""
        return next((outage.end for outage in self.weather.outages if outage.covers(at, at)), at)
