"""Twenty tasks, and an API that refuses every write for five seconds: none is lost to that.

Whatever a rule, the fallback or a person could decide is decided; what waits is alarmed in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.routing import Route, Routes
from reviewbot.core import guard_state
from reviewbot.core.questions import open_rounds
from reviewbot.domain.decision import Action
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.safety import breaker
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.model import Task
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.untruths import CODES
from tests.acceptance.house import POLICY, House, house
from tests.acceptance.test_alarms import Inbox

TASKS = 20
REFUSING = 5.0
"""Seconds from the first write on."""
ASKS = POLICY.replace("if undecided: approve", "if undecided: escalate")
EVERY_KIND = [
    (kind, status)
    for kind in ("4xx envelope", "4xx odd code", "4xx page")
    for status in sorted(CODES)
]
QUICK = {
    ("4xx envelope", 404),
    ("4xx envelope", 409),
    ("4xx odd code", 422),
    ("4xx page", 403),
}


def tiers() -> list[object]:
    """Every kind of refusal; all but a few in the full tier alone."""
    return [
        pytest.param(*each, marks=() if each in QUICK else pytest.mark.slow) for each in EVERY_KIND
    ]


class Refusing(httpx.BaseTransport):
    """The way to an API that from the first write on refuses all writes for a few seconds."""

    def __init__(self, inner: SimulatorTransport, kind: str, status: int) -> None:
        self.inner, self.kind, self.status = inner, kind, status
        self.begun = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        if request.method != "GET" and not self.begun:
            self.begun = True
            now = self.inner.world.now
            assert self.inner.faults is not None
            self.inner.faults.add(
                Storm(
                    fault=self.kind,
                    calls="writes",
                    start=now,
                    end=now + REFUSING,
                    status=self.status,
                )
            )
        return self.inner.handle_request(request)


@contextmanager
def refused(kind: str, status: int, policy: str) -> Iterator[tuple[House, Inbox, list[Task]]]:
    """A bot whose first writes are refused so, its alarms, and the tasks that wait."""
    world = build_world("backlog", tasks=TASKS, soonest=8.0, latest=11.0, requests_kept=None)
    faults = Faults()
    transport = Refusing(SimulatorTransport(world, faults=faults), kind, status)
    with house(world=world, transport=transport, policy=policy) as there:
        inbox = Inbox(there.clock)
        there.app.notifier.alarms = AlarmDispatcher(
            ledger=there.app.ledger,
            clock=there.app.clock,
            events=there.app.say,
            routes=Routes((Route(channel="inbox"),), ("inbox",)),
            post=inbox,
        )
        yield there, inbox, world.waiting()
        assert faults.seen[kind] > 0


def poll(there: House) -> None:
    """A pass after ten minutes; a person closes what a breaker opened once the trouble is over."""
    there.poll(10)
    if any(note.value["open"] for note in there.app.ledger.notes(guard_state.BREAKER_TOPIC)):
        breaker.close(there.app.ledger, reason="a slip", who="ana", now=there.clock.now())


def undecided(tasks: list[Task]) -> list[Task]:
    """Those that wait in their first round."""
    return [task for task in tasks if task.rounds == 1 and task.status == "manually_confirmed"]


@pytest.mark.parametrize(("kind", "status"), tiers())
def test_nothing_is_paid_by_silence_for_a_refusal_of_seconds(kind: str, status: int) -> None:
    """Rules decide what they can, and the fallback what is left: no first round ends by itself."""
    with refused(kind, status, POLICY) as (there, _, tasks):
        for _ in range(12 * 6):
            poll(there)
        assert not undecided(tasks)
        assert [task.id for task in tasks if task.ended_by == "silence"] == []
        firsts = [e for e in there.world.effects if e.by == "client" and e.action != "cancel"]
        assert len({(e.task_id, e.epoch) for e in firsts}) == len(firsts) >= TASKS


@pytest.mark.parametrize(("kind", "status"), tiers())
def test_a_person_is_told_of_what_waits_and_can_answer_it(kind: str, status: int) -> None:
    """Alarmed at six hours and at one; five minutes before the end the tool still takes an answer."""
    with refused(kind, status, ASKS) as (there, inbox, tasks):
        ends = {task.id: task.review_until or 0.0 for task in tasks}
        waited: set[tuple[str, int]] = set()
        for _ in range(12 * 6):
            poll(there)
            left = {task.id: ends[task.id] - there.world.now for task in undecided(tasks)}
            waited |= {
                (task, hours)
                for task, seconds in left.items()
                for hours in (6, 1)
                if seconds < hours * HOUR - 1200
            }
            for task, seconds in left.items():
                if seconds < 1500:
                    answer_one(there, task)
        assert [task.id for task in tasks if task.ended_by == "silence"] == []
        assert [mark for mark in sorted(waited) if inbox.told[mark] != 1] == []
        assert waited


def answer_one(there: House, task_id: str) -> None:
    """Approve it by hand."""
    chosen = next(
        round_ for round_ in open_rounds(there.app.ledger) if round_.sighting.task_id == task_id
    )
    answered = answer(there.app, chosen, PersonAnswer(action=Action.APPROVE, who="ana"))
    assert answered.done, answered.sentence
