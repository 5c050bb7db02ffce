"""Things that cannot be read: how the rest of a pass gets past them."""

from __future__ import annotations

from datetime import timedelta

from reviewbot.domain.errors import NoAnswer, ServerFault
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.task import Timeline
from reviewbot.review.poll import poll_once
from tests.builders import CONFIRMED, an_item
from tests.fakes import APPROVE, HandClock, World, always, an_app


class IllWorld(World):
    """A world in which the timelines of some tasks hang for a minute and never come."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self.clock, self.ill = clock, set[str]()

    def evidence(self, item: ReviewItem) -> Timeline:
        """What the verifier saw, or nothing."""
        if item.id in self.ill:
            self.calls.append("evidence")
            self.clock.forward(minutes=1)
            raise NoAnswer("timeout")
        return super().evidence(item)


def some(count: int, name: str = "task", start: int = 0) -> list[ReviewItem]:
    """Tasks confirmed a minute apart, the oldest first."""
    return [
        an_item(id=f"{name}-{n}", manually_confirmed_at=CONFIRMED + timedelta(minutes=start + n))
        for n in range(count)
    ]


def test_any_number_in_a_row_in_front_holds_up_nobody() -> None:
    """Twenty answer 500 at once; the list comes, so the API is there, and the pass goes on."""
    world = World(trouble={"evidence": [ServerFault("500", status=500)] * 20})
    world.add(*some(25))

    summary = poll_once(an_app(world, always(APPROVE)))

    assert summary.outcomes == {"postponed": 20, "performed": 5}
    assert summary.stopped is None


def test_when_the_list_does_not_come_either_the_api_is_away() -> None:
    """Three reads and the list: nothing more is asked in this pass."""
    fault = ServerFault("500", status=500)
    world = World(trouble={"evidence": [fault] * 9, "renew": [fault]})
    world.add(*some(9))

    summary = poll_once(an_app(world, always(APPROVE)))

    assert summary.outcomes == {"postponed": 3}
    assert summary.stopped == "3 reads in a row got no clear answer, nor did the list"


def test_what_hangs_takes_five_minutes_of_a_pass_and_then_comes_last() -> None:
    """Twelve that hang for a minute each: two passes get past them, and later ones begin without."""
    clock = HandClock()
    world = IllWorld(clock)
    world.add(*some(12, "ill"), *some(3, start=12))
    world.ill = {f"ill-{n}" for n in range(12)}
    app = an_app(world, always(APPROVE), clock=clock)

    stops = [poll_once(app).stopped for _ in range(3)]
    world.add(*some(1, "new", start=20))
    began = clock.elapsed
    summary = poll_once(app)

    assert stops == ["reviews that fail have taken 6 minutes"] * 2 + [None]
    assert summary.outcomes["performed"] == 1
    assert [decision.task_id for decision in world.sent] == ["task-0", "task-1", "task-2", "new-0"]
    assert clock.elapsed - began <= 7 * 60


def test_near_its_deadline_even_an_ill_one_has_its_turn() -> None:
    """It comes before what has more time, so that its last call is not missed."""
    clock = HandClock(CONFIRMED + timedelta(hours=70, minutes=30))
    world = World(trouble={"evidence": [ServerFault("500", status=500)]})
    world.add(*some(2))
    app = an_app(world, always(APPROVE), clock=clock)
    poll_once(app)
    world.add(*some(1, "new", start=30))
    clock.forward(seconds=6)
    poll_once(app)

    assert [decision.task_id for decision in world.sent] == ["task-1", "task-0", "new-0"]


def test_what_was_given_up_stays_a_dead_letter_that_is_told_of_once() -> None:
    """A person is asked; from then on it costs four reads an hour, until it can be read again."""
    world, clock = World(), HandClock()
    world.add(*some(1))
    app = an_app(world, always(APPROVE), clock=clock)
    world.trouble["evidence"] = [ServerFault("500", status=500)] * 999
    for _ in range(60):
        poll_once(app)
        clock.forward(minutes=1)
    before = world.calls.count("evidence")
    for _ in range(120):
        poll_once(app)
        clock.forward(minutes=1)

    told = [alarm["kind"] for alarm in app.events.named("alarm")]  # type: ignore[attr-defined]
    assert (told.count("dead-letter"), told.count("question")) == (1, 1)
    assert world.calls.count("evidence") - before <= 2 * 4 + 1

    world.trouble.clear()
    clock.forward(minutes=15)
    poll_once(app)
    assert [decision.action for decision in world.sent] == ["approve"]
    assert app.benches[0].troubles == {}
