"""A simulated week, reviewed by the real bot: same loop, client and log, in virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files

import msgspec

from reviewbot.bootstrap import build
from reviewbot.cli.demo.person import Person
from reviewbot.cli.demo.tally import Tally, tally
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import PolicyInvalid
from reviewbot.ledger.memory import MemoryLedger
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.parse import parse_policy
from reviewbot.service.people.questions import open_questions
from reviewbot.service.poll import poll_once
from reviewbot.settings import Secret, Settings
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import START
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport

WEEK = timedelta(days=7)
EVERY = timedelta(hours=2)
"""A real bot polls each minute; nothing here is nearer to its deadline than hours."""
KEY = "sk_demo"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the week has come: what waits now, and what was sent so far."""

    at: datetime
    share: float
    waiting: int
    questions: int
    approved: int
    disputed: int


class Week:
    """One week of the demo; iterate `review` to live through it."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = VirtualClock(START)
        self.world = build_world("demo", seed=seed, clock=self.clock)
        self.ledger = MemoryLedger()
        self._person = Person(self.world)
        self._app = build(
            Settings(api_key=Secret(KEY), mode=Mode.LIVE),
            judges=[demo_judge()],
            transport=SimulatorTransport(self.world),
            clock=self.clock,
            ledger=self.ledger,
            chance=self.world.rng.random,
        )

    def review(self) -> Iterator[Progress]:
        """Poll through the week; tell after each pass how far it has come."""
        end = START + WEEK
        while (now := self.clock.now()) < end:
            summary = poll_once(self._app)
            questions = [one.decision for one in open_questions(self.ledger, now)]
            self._person.work(now, questions)
            sent = Counter(effect.action for effect in self.world.effects if effect.by == "client")
            yield Progress(
                at=now,
                share=(now - START) / WEEK,
                waiting=summary.waiting,
                questions=len(questions),
                approved=sent["approve"],
                disputed=sent["dispute"],
            )
            self.clock.sleep((now + EVERY - self.clock.now()).total_seconds())

    @property
    def tally(self) -> Tally:
        """What the week came to so far."""
        return tally(self.ledger.iter_decisions(), self.ledger.endings())

    @property
    def requests(self) -> int:
        """How many requests the bot sent."""
        return self._app.traffic.requests

    @property
    def writes(self) -> int:
        """How many of them could change something."""
        return self._app.traffic.writes

    @property
    def answered_by_person(self) -> int:
        """How many questions the simulated person answered."""
        return self._person.answered


def demo_judge() -> Judge:
    """The judge of the policy that the demo brings."""
    source = files("reviewbot.cli.demo").joinpath("policy.yaml").read_bytes()
    parsed = parse_policy(source, path="demo.yaml", read=_no_files)
    if parsed.policy is None:
        raise PolicyInvalid("the demo's own policy is not usable", parsed.findings)
    return compile_policy(parsed.policy)


def _no_files(name: str) -> bytes:
    raise FileNotFoundError(name)
