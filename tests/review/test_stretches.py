"""A long pass is made in stretches: each goes on where the one before left off, and lists nothing twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewbot.core.pipeline import PassSummary, ReviewPipeline
from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.domain.review import ReviewItem
from reviewbot.review.poll import LISTED_FOR, Polling
from reviewbot.safety.rollout import adopt
from tests.builders import CONFIRMED, an_item
from tests.fakes import (
    APPROVE,
    DISPUTE,
    ESCALATE,
    FakeJudge,
    HandClock,
    World,
    always,
    an_app,
)

EACH = 10.0
"""Seconds that a write takes here."""


@pytest.fixture
def clock() -> HandClock:
    """Time that passes with each write."""
    return HandClock()


@pytest.fixture
def world(clock: HandClock) -> World:
    """Twenty tasks, the oldest first."""
    world = World(before_write=lambda decision: clock.forward(seconds=EACH))
    world.add(*(waiting(n) for n in range(20)))
    return world


def waiting(number: int) -> ReviewItem:
    """A task that waits; the higher its number the later its deadline."""
    return an_item(
        id=f"task-{number:02}", manually_confirmed_at=CONFIRMED + timedelta(minutes=number)
    )


def test_each_stretch_ends_in_time_and_the_next_goes_on(world: World, clock: HandClock) -> None:
    """Twenty writes of ten seconds by the minute: four calls, one list, in order of deadline."""
    app, polling = an_app(world, always(APPROVE), clock=clock), Polling(60.0)
    said: list[PassSummary] = []
    while not said or said[-1].goes_on:
        began = clock.monotonic()
        said.append(polling(app))
        assert clock.monotonic() - began <= 60.0 + EACH

    assert [(summary.waiting, summary.reviewed, summary.left) for summary in said] == [
        (20, 6, 14),
        (20, 12, 8),
        (20, 18, 2),
        (20, 20, 0),
    ]
    assert len(said[0].undecided) == 14, "what has not had its turn is not decided"
    assert said[-1].outcomes == {"performed": 20}
    assert world.calls.count("waiting") == 1
    assert [decision.task_id for decision in world.sent] == sorted(world.tasks)


def test_a_pass_of_nothing_is_over_at_once() -> None:
    """There is nothing to go on with."""
    summary = Polling(60.0)(an_app(World(), always(APPROVE)))

    assert (summary.left, summary.goes_on) == (0, False)


def test_policies_that_change_end_the_pass(world: World, clock: HandClock) -> None:
    """The rest is listed anew and judged by the new ones alone, what was held back too."""
    before = FakeJudge(lambda facts: ESCALATE if facts.task.id == "task-00" else APPROVE)
    app, polling = an_app(world, before, clock=clock), Polling(60.0)
    polling(app)

    adopt(app, [always(DISPUTE)], remember=False)  # type: ignore[list-item]
    summary = polling(app)

    assert world.calls.count("waiting") == 2
    assert summary.waiting == 14, "a new pass"
    assert world.sent[6].task_id == "task-00"
    assert {decision.action for decision in world.sent[6:]} == {"dispute"}


def test_after_a_failure_a_new_pass_begins(world: World, clock: HandClock) -> None:
    """The log cannot be written for a moment; nothing goes on by a list from before."""
    app, polling = an_app(world, always(APPROVE), clock=clock), Polling(60.0)
    polling(app)
    works, app.ledger.probe = app.ledger.probe, refuse  # type: ignore[method-assign]
    with pytest.raises(LedgerUnwritable):
        polling(app)
    app.ledger.probe = works  # type: ignore[method-assign]

    assert polling(app).waiting == 14
    assert world.calls.count("waiting") == 2


def refuse() -> None:
    """The disk is full."""
    raise LedgerUnwritable("the disk is full")


def test_no_kind_of_review_waits_for_the_backlog_of_another(world: World, clock: HandClock) -> None:
    """Two hours of tasks; an account behind them has its turn after a quarter of an hour."""
    world.before_write = lambda decision: clock.forward(minutes=6)
    turns: list[float] = []
    accounts = World(
        review="accounts", before_write=lambda decision: turns.append(clock.monotonic())
    )
    accounts.add(an_item(id="bundle"))
    app, polling = an_app(world, always(APPROVE), clock=clock), Polling(60.0)
    app.benches += (ReviewPipeline(queue=accounts, judges=(always(APPROVE),), desk=accounts),)  # type: ignore[arg-type]

    while not turns:
        summary = polling(app)

    assert turns[0] <= LISTED_FOR + 6 * 60
    assert summary.goes_on
