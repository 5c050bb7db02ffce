"""Turns: a backlog that is worked off in time is no alarm, and what will not be reached is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.turns import LEAST, MARGIN, PATIENCE, Turns
from reviewbot.domain.errors import CannotConnect, Unclear
from reviewbot.review.poll import Polling
from tests.fakes import World
from tests.safety.test_guards import PAY, Room, a_policy, a_room, tasks

AFTER_A_LOOK = PAY.replace("always: yes", "last.comments_scraped: at least 1").replace(
    "    last", "    when:\n      last"
)


class Counted:
    """What the fake world was asked, as the transport would count it."""

    remaining = None

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def requests(self) -> int:
        """All calls."""
        return len(self._world.calls)

    @property
    def writes(self) -> int:
        """None that matters here."""
        return 0


def a_backlog(count: int, *, hours: float, every: float = 3.0) -> Room:
    """So many tasks, a minute apart from `hours` before the deadline on; a request takes so long."""
    room = a_room(a_policy(AFTER_A_LOOK), count=count, hours=hours)
    room.app.traffic = Counted(room.world)
    call: Callable[[str], None] = room.world._call

    def slow(name: str) -> None:
        room.clock.sleep(every)
        call(name)

    room.world._call = slow  # type: ignore[method-assign]
    return room


def told(room: Room) -> list[dict[str, Any]]:
    """Every alarm of something undecided, with its level."""
    levels = room.app.events.levels  # type: ignore[attr-defined]
    return [
        about | {"level": level}
        for (event, about), (_, level) in zip(room.app.events.events, levels, strict=True)  # type: ignore[attr-defined]
        if event == "alarm" and about["kind"] == "undecided"
    ]


def worked_off(room: Room, stretch: float = 60.0) -> None:
    """Make one whole pass, in stretches."""
    polling = Polling(stretch)
    while polling(room.app).goes_on:
        pass


def test_a_backlog_that_is_worked_off_in_time_is_no_alarm() -> None:
    """500 tasks due from 2 to 10 hours, 20 requests a minute: nothing to tell, one line now and then."""
    room = a_backlog(500, hours=2)
    worked_off(room)
    assert room.sent() == 500
    assert told(room) == []
    lines = room.said("backlog")
    assert 3 <= len(lines) <= 8
    assert all(line["last_turn_by"] > room.clock.start for line in lines)  # type: ignore[operator]


def test_the_last_hour_is_told_as_a_warning_where_the_turn_comes_in_time() -> None:
    """With the moment by which it comes, in one message."""
    room = a_backlog(100, hours=0.5)
    worked_off(room)
    assert {alarm["level"] for alarm in told(room)} == {"warning"}
    assert all("its turn comes by" in alarm["sentence"] for alarm in told(room))
    assert room.sent() == 100


def test_what_will_not_be_reached_is_an_alarm() -> None:
    """The queue is too long for the pace: those at its end are told, those before them are not."""
    room = a_backlog(200, hours=0.9, every=60.0)
    worked_off(room)
    errors = {alarm["facts"]["task_id"] for alarm in told(room) if alarm["level"] == "error"}
    assert errors
    paid = {decision.task_id for decision in room.world.sent}
    late = {item.id for item in tasks(200, hours=0.9)} - paid
    assert late and late <= errors | {alarm["facts"]["task_id"] for alarm in told(room)}


def test_where_the_pace_falls_the_alarm_comes_at_once() -> None:
    """Its turn was to come in time, and does no longer."""
    room = a_backlog(400, hours=2)
    room.app.limits = replace(room.app.limits, freshness=600.0)
    polling = Polling(60.0)
    for _ in range(5):
        polling(room.app)
    assert told(room) == []
    call = room.world._call

    def slower(name: str) -> None:
        room.clock.sleep(60.0)
        call(name)

    room.world._call = slower  # type: ignore[method-assign]
    for _ in range(10):
        polling(room.app)
    alarms = [alarm for alarm in told(room) if "otherwise" in str(alarm["sentence"])]
    assert len(alarms) > 100
    assert {alarm["facts"]["hours_left"] for alarm in alarms} >= {6, 24}


def test_a_backlog_behind_an_outage_is_told_once_it_lasts() -> None:
    """Passes that do not come through have no pace."""
    room = a_backlog(300, hours=3)
    polling = Polling(60.0)
    polling(room.app)
    room.clock.sleep(PATIENCE)
    room.world.trouble["renew"] = [CannotConnect("refused")] * 50
    room.world.trouble["waiting"] = [CannotConnect("refused")] * 50
    room.world.trouble["evidence"] = [CannotConnect("refused")] * 50
    polling(room.app)
    room.clock.sleep(PATIENCE)
    with pytest.raises(CannotConnect):
        polling(room.app)
    assert len(told(room)) > 100


def test_reviews_that_fail_measure_no_pace() -> None:
    """They fail fast; what waits behind them is told in the same pass, which comes to nothing."""
    room = a_backlog(30, hours=5, every=0.2)
    room.world.trouble["renew"] = [Unclear("451")] * 50
    room.world.trouble["evidence"] = [Unclear("451")] * 50
    summary = Polling(60.0)(room.app)
    assert "3 reads in a row" in str(summary.stopped)
    assert len(told(room)) == 30


def measured(reviews: int = 10, each: float = 6.0) -> Turns:
    """A pass over thirty tasks that has made so many reviews, two requests each."""
    turns = Turns()
    turns.begin(100.0, 7)
    turns.queue("comments", [f"t{n}" for n in range(30)])
    for n in range(reviews):
        turns.took("comments", 100.0 + each * (n + 1))
    return turns


def test_a_turn_is_what_is_ahead_at_the_pace_with_a_margin() -> None:
    """The place in the order, each as long as the slower of all and of the last few."""
    turns = measured()
    assert turns.seconds_until("comments", "t10", 160.0, 27) == pytest.approx(MARGIN * 6)
    assert turns.seconds_until("comments", "t29", 160.0, 27) == pytest.approx(MARGIN * 6 * 20)
    turns.queue("accounts", ["a", "b"])
    assert turns.seconds_until("comments", "t10", 160.0, 27) == pytest.approx(MARGIN * 6 * 3)
    assert turns.seconds_until("comments", "t10", 160.0, 17) == pytest.approx(MARGIN * 12 * 3)
    stalled = turns.seconds_until("comments", "t10", 400.0, 27)
    assert stalled is not None and stalled > MARGIN * 29 * 3


def test_nobody_can_tell_without_a_pace() -> None:
    """Too few reviews, a thing that is in no list, a pass that stands still."""
    assert measured(LEAST - 1).seconds_until("comments", "t9", 200.0, 20) is None
    assert measured(LEAST).seconds_until("comments", "t9", 200.0, 20) is not None
    assert measured().seconds_until("comments", "other", 160.0, 27) is None
    assert measured().seconds_until("comments", "t20", 160.0 + PATIENCE, 27) is not None
    assert measured().seconds_until("comments", "t20", 160.1 + PATIENCE, 27) is None
    assert Turns().seconds_until("comments", "t1", 0.0, 0) is None


def test_a_turn_that_failed_is_over_and_tells_nothing_of_the_pace() -> None:
    """Those behind it move up; its time counts."""
    turns = measured()
    for n in range(5):
        turns.took("comments", 160.0 + n, failed=True)
    assert turns.seconds_until("comments", "t15", 180.0, 27) == pytest.approx(MARGIN * 8)
    assert turns.seconds_until("comments", "t15", 160.1 + PATIENCE, 27) is None


def test_a_new_list_replaces_the_order() -> None:
    """Of its own kind of review."""
    turns = measured()
    turns.queue("accounts", ["a"])
    turns.queue("comments", ["t29"])
    assert turns.places == {("accounts", "a"): 0, ("comments", "t29"): 0}
    assert (turns.left["comments"], turns.left["accounts"]) == (1, 1)
