"""kill -9 at every point that production code names, on both databases; then somebody else goes on."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from reviewbot.domain.fault_point import LOOP, POINTS, on_fault_point
from reviewbot.ledger.open import open_ledger
from reviewbot.orders.cancel import Canceller, CancelState
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import connect
from reviewbot.simulator.clock import VirtualClock
from tests.faults.child import Ended, Line, in_a_child
from tests.faults.rooms import QUARANTINE, Room
from tests.ledger.server import Server
from tests.orders.shop import SETTINGS, Shop, good_rows, outcomes, wanted
from tests.proof import proven
from tests.tier import FULL

SOURCE = Path(__file__).resolve().parents[2] / "reviewbot"
REVIEWING = set(LOOP)
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))

Story = Callable[[Line], None]


@pytest.fixture(params=DATABASES)
def new_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URLs of empty ledgers, as many as are asked for."""
    if request.param == "sqlite":
        return (f"sqlite:///{tmp_path}/{number}.db" for number in range(10_000))
    server: Server = request.getfixturevalue("postgres")
    return (server.new_database() for _ in range(10_000))


def test_the_points_are_those_of_the_source() -> None:
    """Each is named once in the list, and each in the list is somewhere in the code."""
    found = {
        name
        for path in SOURCE.rglob("*.py")
        for name in re.findall(r'fault_point\("([^"]+)"\)', path.read_text())
    }
    assert found == set(POINTS)
    assert len(POINTS) == len(set(POINTS))


def test_a_review_killed_at_every_point_is_finished_by_the_next(new_ledger: Iterator[str]) -> None:
    """Two passes, the first with a lost answer: each point they come to, and each time (full tier)."""

    def make() -> tuple[Room, Story]:
        room = Room(next(new_ledger), tasks=6)
        room.transport = LosesAnAnswer(room.transport)
        return room, lambda line: _two_passes(room, line)

    room, story = make()
    course = _course(story, room.transport, room.clock)
    assert set(course) == REVIEWING
    assert room.finish() == []
    effects = len(room.world.effects)
    kills = _kills(course)
    for at in kills:
        room, story = make()
        assert _killed(story, room.transport, room.clock, at).signal == signal.SIGKILL
        assert room.finish() == [], f"killed at {course[at]}, point {at} of {len(course)}"
        assert len(room.world.effects) == effects
    proven(
        "faults", "P1", "kills at the named points of a review", len(kills), part=_kind(room.ledger)
    )


def test_orders_killed_at_every_point_are_each_placed_once(new_ledger: Iterator[str]) -> None:
    """The command is repeated until it says that all is there."""

    def make() -> tuple[Shop, str, httpx.BaseTransport, Story]:
        url, shop = next(new_ledger), Shop()
        rows, late = good_rows(shop.world, 3), good_rows(shop.world, 1, first=3)

        def story(line: Line) -> None:
            shop.ledger = open_ledger(url)
            for some in (rows, rows, [*rows, *late]):
                shop.counter(transport=line.transport, clock=line).run(some)
                line.sleep(QUARANTINE * 60)

        return shop, url, LosesAnAnswer(shop.transport), story

    shop, _, lossy, story = make()
    course = _course(story, lossy, shop.clock)
    assert set(course) == {name for name in POINTS if name.startswith("order.")}
    kills = _kills(course)
    for at in kills:
        shop, url, lossy, story = make()
        rows = good_rows(shop.world, 4)
        assert _killed(story, lossy, shop.clock, at).signal == signal.SIGKILL
        shop.ledger = open_ledger(url)
        for _ in range(2):
            shop.run(rows)
            assert max(shop.made().values(), default=0) <= 1
            shop.clock.sleep(QUARANTINE * 60)
        assert outcomes(shop.run(rows)) == {"already": 4}, f"killed at {course[at]}"
        assert shop.made() == wanted(rows)
        assert shop.ledger.verify().whole
        shop.ledger.close()
    proven("faults", "P1", "kills at the named points of ordering", len(kills), part=_kind(url))


def test_a_cancellation_killed_at_every_point_is_known_in_the_end(
    new_ledger: Iterator[str],
) -> None:
    """It took effect once or not at all, and the log says which."""
    shop = Shop()
    shop.run(good_rows(shop.world, 4))
    tasks = list(shop.world.tasks)

    def canceller(url: str, line: Line | None) -> tuple[Canceller, Callable[[], None]]:
        clock = line or shop.clock
        there = connect(
            SETTINGS,
            live=True,
            transport=line.transport if line else shop.transport,
            clock=clock,
            chance=lambda: 0.5,
        )
        assert there.desk is not None
        ledger = open_ledger(url)
        made = Canceller(
            desk=there.desk,
            tasks=there.tasks,
            ledger=ledger,
            clock=there.clock,
            quarantine=timedelta(minutes=15),
        )
        return made, ledger.close

    def story_of(url: str, task_id: str) -> Story:
        def story(line: Line) -> None:
            made, close = canceller(url, line)
            made.cancel(task_id)
            close()

        return story

    url = next(new_ledger)
    course = _course(story_of(url, tasks[0]), shop.transport, shop.clock)
    assert set(course) == {name for name in POINTS if name.startswith("cancel.")}
    for at in range(len(course)):
        task = shop.world.tasks[tasks[at + 1]]
        story = story_of(url, task.id)
        assert _killed(story, shop.transport, shop.clock, at).signal == signal.SIGKILL
        for _ in range(2):
            made, close = canceller(url, None)
            word = made.cancel(task.id)
            close()
            shop.clock.sleep(QUARANTINE * 60)
        assert (word.state, task.status) == (CancelState.DONE, "cancelled")
        ledger = open_ledger(url)
        assert ledger.verify().whole
        ledger.close()
    proven(
        "faults", "P1", "kills at the named points of a cancellation", len(course), part=_kind(url)
    )


def _kind(url: str) -> str:
    return url.partition(":")[0].partition("+")[0]


class LosesAnAnswer(httpx.BaseTransport):
    """The server's first answer to a write is lost on the way back."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner, self.lost = inner, False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        answer = self.inner.handle_request(request)
        if request.method == "POST" and not self.lost:
            self.lost = True
            raise httpx.ReadError("lost")
        return answer


def _two_passes(room: Room, line: Line) -> None:
    app = room.bot(line)
    poll_once(app)
    line.sleep(QUARANTINE * 60)
    poll_once(app)
    app.close()


def _course(story: Story, transport: httpx.BaseTransport, clock: VirtualClock) -> list[str]:
    """The points that an undisturbed story comes to, in turn."""
    seen: list[str] = []

    def work(line: Line) -> None:
        on_fault_point(seen.append)
        story(line)
        on_fault_point(None)
        line.tell("course", seen)

    ended = in_a_child(work, transport, clock)
    assert ended.code == 0
    ((course,),) = ended.words("course")
    assert course
    return list(course)


def _kills(course: Sequence[str]) -> list[int]:
    """Where to kill: at every step of the course, or (quick tier) where each point comes first."""
    return [at for at, name in enumerate(course) if FULL or name not in course[:at]]


def _killed(story: Story, transport: httpx.BaseTransport, clock: VirtualClock, at: int) -> Ended:
    """The same story in a fork that dies at the so-manieth point."""

    def work(line: Line) -> None:
        left = at

        def die(_name: str) -> None:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

        on_fault_point(die)
        story(line)

    return in_a_child(work, transport, clock)
