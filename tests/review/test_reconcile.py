"""Rounds that vanish from the list are attributed: ours, someone else's, silence, left on purpose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.domain.decision import Action, State
from reviewbot.domain.errors import NotFound, ServerFault
from reviewbot.review.poll import poll_once
from tests.builders import CONFIRMED, an_item
from tests.fakes import (
    APPROVE,
    ESCALATE,
    Answer,
    HandClock,
    World,
    always,
    an_app,
)

TASK = an_item().id
DEADLINE = CONFIRMED + timedelta(hours=72)
LEAVE = Answer(action=Action.LEAVE, reason="on purpose")


def whose(app: Any) -> list[str]:
    """By whom the rounds ended."""
    return [ending.by for ending in app.ledger.endings()]


def test_our_own_act_needs_no_reading() -> None:
    """The log knows; no request is spent."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE))

    poll_once(app)
    poll_once(app)

    assert whose(app) == ["ours"]
    assert "look" not in world.calls


@pytest.mark.parametrize("rounds", [1, 2])
def test_an_answer_counts_although_a_review_under_way_held_something_after_it(rounds: int) -> None:
    """The act of a person is ours, in the newest round and in one before it."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(ESCALATE))
    poll_once(app)
    (asked,) = app.ledger.decisions(task_id=TASK)
    answer = replace(asked.decision, id="answer", action=Action.DISPUTE, decided_by="ana")
    app.ledger.intend(answer)
    app.ledger.mark("answer", State.PERFORMED, app.clock.now())
    app.ledger.record(asked.decision, State.HELD)
    if rounds == 2:
        newer = replace(asked.decision, id="newer", epoch=f"{DEADLINE:%Y-%m-%dT%H:%M:%SZ}")
        app.ledger.record(newer, State.HELD)
    world.change(TASK, status="pending_corrections", manually_confirmed_at=None)

    poll_once(app)

    assert whose(app) == ["ours"]
    assert "look" not in world.calls


@pytest.mark.parametrize(
    ("answer", "state", "by"),
    [
        (ESCALATE, {"status": "finalized", "finalized_at": DEADLINE}, "silence"),
        (LEAVE, {"status": "finalized", "finalized_at": DEADLINE}, "leave"),
        (ESCALATE, {"status": "finalized", "finalized_at": DEADLINE - timedelta(hours=1)}, "other"),
        (ESCALATE, {"status": "pending_corrections", "manually_confirmed_at": None}, "other"),
        (ESCALATE, {"manually_confirmed_at": DEADLINE}, "other"),
        (ESCALATE, {"status": "needs_review"}, None),
    ],
)
def test_each_ending_is_attributed(answer: Answer, state: dict[str, Any], by: str | None) -> None:
    """The finalization at the deadline is silence unless we left it on purpose."""
    world, clock = World(), HandClock()
    world.add(an_item())
    app = an_app(world, always(answer), clock=clock)
    poll_once(app)
    world.change(TASK, **state)

    poll_once(app)

    assert whose(app) == ([by] if by else [])
    said = app.events.named("paid by silence")  # type: ignore[attr-defined]
    assert bool(said) == (by == "silence")


def test_a_task_that_is_gone_was_ended_by_another() -> None:
    """404 on a round we saw, and again for the better part of an hour."""
    world, clock = World(), HandClock()
    world.add(an_item())
    app = an_app(world, always(ESCALATE), clock=clock)
    poll_once(app)
    del world.tasks[TASK]

    for _ in range(3):
        poll_once(app)
        assert whose(app) == []
        clock.forward(minutes=16)
    poll_once(app)

    assert whose(app) == ["other"]


def test_one_404_hides_no_payment_by_silence() -> None:
    """A lapse of the API is no end: what was paid behind it is found by the next reading, and told."""
    world, clock = World(), HandClock()
    world.add(an_item())
    app = an_app(world, always(ESCALATE), clock=clock)
    poll_once(app)
    world.change(TASK, status="finalized", finalized_at=DEADLINE)
    world.trouble["look"] = [NotFound("404", status=404)]

    poll_once(app)
    assert whose(app) == []
    clock.forward(minutes=16)
    poll_once(app)

    assert whose(app) == ["silence"]


def test_a_failed_reading_is_tried_again_later() -> None:
    """A fault is no answer; a quarter of an hour later it is read again."""
    world, clock = World(), HandClock()
    world.add(an_item())
    app = an_app(world, always(ESCALATE), clock=clock)
    poll_once(app)
    world.change(TASK, status="finalized", finalized_at=DEADLINE)
    world.trouble["look"] = [ServerFault("500", status=500)]

    poll_once(app)
    poll_once(app)
    assert whose(app) == []
    clock.forward(minutes=16)
    poll_once(app)

    assert whose(app) == ["silence"]


@pytest.mark.parametrize("lost", ["finalized_at", "manually_confirmed_at"])
@pytest.mark.parametrize(("comes_back", "by"), [(True, "silence"), (False, "other")])
def test_a_payment_that_does_not_say_its_end_is_read_twice(
    lost: str, comes_back: bool, by: str
) -> None:
    """One answer may have lost a field: nobody is called the payer before the next one is read."""
    world, clock = World(), HandClock()
    world.add(an_item())
    app = an_app(world, always(ESCALATE), clock=clock)
    poll_once(app)
    whole = {"finalized_at": DEADLINE, "manually_confirmed_at": world.tasks[TASK].started_at}
    world.change(TASK, status="finalized", **whole | {lost: None})

    poll_once(app)
    clock.forward(minutes=14)
    poll_once(app)
    assert whose(app) == []
    if comes_back:
        world.change(TASK, **whole)
    clock.forward(minutes=2)
    poll_once(app)

    assert whose(app) == [by]


def test_a_failed_reading_is_not_the_first_of_the_two() -> None:
    """It said nothing: the first answer that lacks the end still concludes nothing."""
    world, clock = World(), HandClock()
    world.add(an_item())
    app = an_app(world, always(ESCALATE), clock=clock)
    poll_once(app)
    world.change(TASK, status="finalized", finalized_at=None)
    world.trouble["look"] = [ServerFault("500", status=500)]

    for _ in range(2):
        poll_once(app)
        clock.forward(minutes=16)
    assert whose(app) == []
    world.change(TASK, finalized_at=DEADLINE)
    poll_once(app)

    assert whose(app) == ["silence"]


def test_the_reading_of_one_pass_is_bounded() -> None:
    """A hundred vanished rounds do not eat the budget of one pass."""
    world = World()
    world.add(*[an_item(id=f"task-{n}") for n in range(50)])
    app = an_app(world, always(ESCALATE))
    poll_once(app)
    for n in range(50):
        world.change(f"task-{n}", status="finalized", finalized_at=DEADLINE)

    poll_once(app)

    assert world.calls.count("look") == app.limits.looks_per_pass
