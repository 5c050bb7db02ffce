"""Settling by reading what a crash or an outage left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reviewbot.domain.errors import ApiError, Forbidden, KeyRefused, NoAnswer, ServerFault
from reviewbot.service.app import Bench
from reviewbot.service.poll import poll_once
from reviewbot.service.resume import resume
from tests.builders import CONFIRMED, an_item
from tests.service.fakes import (
    APPROVE,
    DISPUTE,
    Answer,
    HandClock,
    World,
    always,
    an_app,
    outcomes,
)

TASK = an_item().id
DEADLINE = CONFIRMED + timedelta(hours=72)


def left_unknown(answer: Answer, clock: HandClock | None = None) -> tuple[World, HandClock, Any]:
    """A bot whose one write got no answer."""
    world, clock = World(trouble={"perform": [NoAnswer("reset")]}), clock or HandClock()
    world.add(an_item())
    app = an_app(world, always(answer), clock=clock)
    poll_once(app)
    assert outcomes(app) == {TASK: "unknown"}
    clock.forward(minutes=1)
    return world, clock, app


@pytest.mark.parametrize(
    ("answer", "state", "outcome"),
    [
        (
            APPROVE,
            {"status": "finalized", "finalized_at": DEADLINE - timedelta(hours=9)},
            "settled",
        ),
        (APPROVE, {"status": "finalized", "finalized_at": DEADLINE}, "overtaken"),
        (APPROVE, {"status": "pending_corrections", "manually_confirmed_at": None}, "overtaken"),
        (APPROVE, {"manually_confirmed_at": DEADLINE}, "overtaken"),
        (APPROVE, {"status": "cancelled"}, "overtaken"),
        (
            DISPUTE,
            {
                "status": "pending_corrections",
                "correction_required": 'x\n\n"Please post it  again."',
            },
            "settled",
        ),
        (
            DISPUTE,
            {"status": "pending_corrections", "correction_required": "Someone else's words"},
            "overtaken",
        ),
        (DISPUTE, {"status": "pending_corrections"}, "settled"),
        (DISPUTE, {"manually_confirmed_at": DEADLINE}, "settled"),
        (DISPUTE, {"status": "verified_auto", "manually_confirmed_at": None}, "settled"),
        (DISPUTE, {"status": "finalized", "finalized_at": DEADLINE}, "overtaken"),
        (APPROVE, {"status": "needs_review"}, "unknown"),
    ],
)
def test_what_stands_there_tells_whose_it_was(
    answer: Answer, state: dict[str, Any], outcome: str
) -> None:
    """The state of the task, its epoch and the text shown settle an unclear write."""
    world, _, app = left_unknown(answer)
    world.change(TASK, **state)

    poll_once(app)

    assert app.ledger.decisions()[0].state.value == outcome


def test_a_task_that_is_gone_is_overtaken_after_the_quarantine() -> None:
    """404: nothing of ours can be seen there; within the quarantine that may be a lapse."""
    world, clock, app = left_unknown(APPROVE)
    del world.tasks[TASK]
    poll_once(app)
    assert outcomes(app) == {TASK: "unknown"}

    clock.forward(minutes=15)
    poll_once(app)

    assert outcomes(app) == {TASK: "overtaken"}


def test_nothing_came_is_said_only_after_the_quarantine_and_two_readings() -> None:
    """For 15 minutes it may still arrive; then list and task agree, and it is judged anew."""
    world, clock, app = left_unknown(APPROVE)
    clock.forward(minutes=13, seconds=59)
    poll_once(app)
    assert outcomes(app) == {TASK: "unknown"}
    assert "look" not in world.calls, "the list already tells that it still waits"

    clock.forward(seconds=2)
    poll_once(app)

    assert world.calls.count("look") == 1
    assert outcomes(app) == {TASK: "performed"}
    assert [
        entry.state.value for entry in app.ledger.entries(app.ledger.decisions()[0].decision.id)
    ] == [
        "intent",
        "unknown",
        "void",
        "intent",
        "performed",
    ]


def test_a_late_arrival_within_the_quarantine_is_ours() -> None:
    """It lands after five minutes; the next pass sees it."""
    world, clock, app = left_unknown(APPROVE)
    clock.forward(minutes=4)
    world.apply(app.ledger.decisions()[0].decision, at=clock.now())

    poll_once(app)

    assert outcomes(app) == {TASK: "settled"}
    assert len(world.sent) == 0


def test_a_quarantine_beyond_the_deadline_is_only_read() -> None:
    """Ten minutes before the deadline nothing is sent again, and silence is named."""
    clock = HandClock(DEADLINE - timedelta(minutes=10))
    world, clock, app = left_unknown(APPROVE, clock)

    clock.forward(minutes=16)
    poll_once(app)
    assert outcomes(app) == {TASK: "unknown"}
    world.change(TASK, status="finalized", finalized_at=DEADLINE)
    poll_once(app)

    assert outcomes(app) == {TASK: "overtaken"}
    poll_once(app)
    assert [ending.by for ending in app.ledger.endings()] == ["silence"]


def test_an_intent_of_a_killed_process_is_settled_like_an_unclear_write() -> None:
    """The process died between intent and answer; the next one reads."""
    world, clock = World(), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)

    def die(decision: object) -> None:
        raise SystemExit

    world.after_write = die
    with pytest.raises(SystemExit):
        poll_once(app)
    world.after_write = None
    again = an_app(world, always(APPROVE), clock=clock, ledger=app.ledger)
    poll_once(again)

    assert outcomes(again) == {TASK: "settled"}
    assert len(world.sent) == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Forbidden("another's", status=403, code="RESOURCE_NOT_OWNED"), "overtaken"),
        (ServerFault("broken", status=500), "unknown"),
        (NoAnswer("reset"), "unknown"),
    ],
)
def test_what_cannot_be_read_stays_open_unless_it_is_no_longer_ours(
    error: ApiError, outcome: str
) -> None:
    """A failed reading settles nothing; that it belongs to somebody else does."""
    world, _, app = left_unknown(APPROVE)
    world.change(TASK, status="finalized", finalized_at=DEADLINE - timedelta(hours=9))
    world.trouble["look"] = [error]

    poll_once(app)

    assert app.ledger.decisions()[0].state.value == outcome
    assert len(app.events.named("cannot settle")) == (outcome == "unknown")


@pytest.mark.parametrize(
    "error",
    [KeyRefused("no such key", status=401), Forbidden("no scope", status=403, code="FORBIDDEN")],
)
def test_a_key_that_may_not_read_ends_the_pass(error: ApiError) -> None:
    """No later task can be read by it either; the write stays open."""
    world, _, app = left_unknown(APPROVE)
    world.change(TASK, status="finalized", finalized_at=DEADLINE - timedelta(hours=9))
    world.trouble["look"] = [error]

    with pytest.raises(type(error)):
        poll_once(app)

    assert outcomes(app) == {TASK: "unknown"}


def test_a_write_of_the_other_kind_of_review_is_left_to_it() -> None:
    """The list of comments says nothing about what was sent for an account."""
    world, _, app = left_unknown(APPROVE)
    world.change(TASK, status="finalized", finalized_at=DEADLINE - timedelta(hours=9))
    world.review = "accounts"
    accounts = Bench(queue=world, judges=(), desk=world)  # type: ignore[arg-type]

    assert resume(app, accounts, {}) == 0
    assert outcomes(app) == {TASK: "unknown"}
