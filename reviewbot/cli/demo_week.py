"""The week of the demo: a simulated TokPortal with a person at the desk, reviewed by the real bot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files

from reviewbot.config import Settings
from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import Decision, Mode
from reviewbot.domain.errors import PolicyInvalid
from reviewbot.domain.text import Secret
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.model import Actor
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.scenarios import START
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World

WEEK = timedelta(days=7)
EVERY = timedelta(hours=2)
"""A real bot polls each minute; nothing here is nearer to its deadline than hours."""
KEY = "sk_demo"
OPENS, CLOSES = 9, 17
ANSWERS_AN_HOUR = 2


class Person:
    """Looks at a question every working hour, sees what is really under the video, and answers.

    In TokPortal's own dashboard, so for the bot it is somebody else.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._last_hour: tuple[int, int] | None = None

    def work(self, now: datetime, questions: list[Decision]) -> None:
        """Answer the most urgent questions, if it is a working hour that has not been worked yet."""
        hour = (now.toordinal(), now.hour)
        if now.weekday() > 4 or not OPENS <= now.hour < CLOSES or hour == self._last_hour:
            return
        self._last_hour = hour
        for question in questions[:ANSWERS_AN_HOUR]:
            self._answer(question)

    def _answer(self, question: Decision) -> None:
        task = self._world.tasks[question.task_id]
        by_hand = Actor(by="stranger")
        try:
            if self._world.truth(task.id).deserved:
                tasks_module.approve(self._world, task, by_hand)
            else:
                tasks_module.dispute(self._world, task, "I looked: it is not there.", by_hand)
        except Refusal:
            return


class Week:
    """One week of the demo, reviewed by the real bot in virtual time; iterate `review` to live it."""

    def __init__(
        self, seed: int = 0, *, ledger: str = "memory:", ends: datetime | None = None
    ) -> None:
        """`ends` is when it ends, to the hour before; the same week as ever without it."""
        self.start = (
            START if ends is None else ends.replace(minute=0, second=0, microsecond=0) - WEEK
        )
        self.clock = VirtualClock(self.start)
        self.world = build_world("demo", seed=seed, clock=self.clock, now=self.start)
        self.ledger = open_ledger(ledger)
        self._person = Person(self.world)
        self.settings = Settings(api_key=Secret(KEY), mode=Mode.LIVE, ledger=ledger)
        self.transport = SimulatorTransport(self.world)
        self.app = build(
            self.settings,
            judges=[demo_judge()],
            transport=self.transport,
            clock=self.clock,
            ledger=self.ledger,
            chance=self.world.rng.random,
        )
        self.traffic = self.app.traffic

    def review(self) -> Iterator[str]:
        """Poll through the week; give after each pass what waits, and what was sent so far."""
        end = self.start + WEEK
        while (now := self.clock.now()) < end:
            summary = poll_once(self.app)
            questions = [question.decision for question in open_questions(self.ledger, now)]
            self._person.work(now, questions)
            sent = Counter(effect.action for effect in self.world.effects if effect.by == "client")
            yield (
                f"{now:%a %d %b}  {summary.waiting:>3} waiting  {sent['approve']:>4} approved"
                f"  {sent['dispute']:>4} disputed  {len(questions):>3} with a person"
            )
            self.clock.sleep((now + EVERY - self.clock.now()).total_seconds())


def demo_judge() -> Judge:
    """The judge of the policy that the demo brings."""
    source = files("reviewbot.cli").joinpath("demo.yaml").read_bytes()
    parsed = parse_policy(source, path="demo.yaml", read=_no_files)
    if parsed.policy is None:
        raise PolicyInvalid("the demo's own policy is not usable", parsed.findings)
    return compile_policy(parsed.policy)


def _no_files(name: str) -> bytes:
    raise FileNotFoundError(name)
