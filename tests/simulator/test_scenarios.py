"""Scenarios: what each promises to hold, repeatably, and lively enough to judge policies by."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from reviewbot.simulator import scenarios
from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.model import TASK_STATUSES
from reviewbot.simulator.people import POPULATION
from tests.simulator.worlds import MORNING, a_client


@pytest.mark.parametrize("seed", range(4))
def test_the_default_scenario_holds_every_status_and_accounts_in_review(seed: int) -> None:
    """Dozens waiting, near and far deadlines, two or more accounts, some with a history."""
    world = scenarios.build("default", seed=seed)
    assert set(world.statuses()) == set(TASK_STATUSES) - {"rejected", "needs_review"}
    assert world.board.count("pending_corrections") >= 1
    waiting = world.waiting()
    assert 40 <= len(waiting) <= 200
    ahead = sorted(((task.review_until or 0) - world.now) / HOUR for task in waiting)
    assert 0 < ahead[0] < 2
    assert ahead[-1] > 48
    in_review = [
        bundle for bundle in world.bundles.values() if bundle.account_status == "in_review"
    ]
    assert len(in_review) >= 2
    assert any(bundle.history for bundle in in_review)
    assert any(not bundle.history for bundle in in_review)


@pytest.mark.parametrize("tasks", [0, 1, 230])
def test_a_backlog_holds_exactly_so_many_waiting_tasks(tasks: int) -> None:
    """Each with a timeline, spread over the deadlines, and nothing else going on."""
    world = scenarios.build("backlog", tasks=tasks)
    assert len(world.waiting()) == tasks == len(world.tasks)
    assert all(task.attempts for task in world.waiting())
    assert not world.effects


def test_a_backlog_mixes_honest_and_dishonest_work() -> None:
    """The evidence alone does not give the truth away: both kinds are there for several outcomes."""
    world = scenarios.build("backlog", tasks=400)
    seen = Counter(
        (task.attempts[-1].outcome_kind, world.truth(task.id).deserved) for task in world.waiting()
    )
    assert seen["couldnt_verify", True] > 20
    assert seen["couldnt_verify", False] > 20
    assert seen["wrong_text", False] > 10
    assert seen["scrape_failed", True] > 10


def test_a_week_goes_on_by_itself() -> None:
    """Tasks arrive and end by every way there is; all habits are at work."""
    world = scenarios.build("week", per_hour=5.0, seed=3)
    world.advance(7 * 24 * HOUR)
    ends = Counter(task.ended_by for task in world.tasks.values())
    assert {"silence", "verifier", "sweep"} <= set(ends)
    habits = {world.truth(task_id).habit for task_id in world.tasks}
    assert habits == {habit.name for habit in POPULATION}
    assert 600 < len(world.tasks) < 1100


def test_the_same_seed_gives_the_same_world() -> None:
    """Ids, texts, outcomes: all of it; another seed gives another world."""

    def shown(seed: int) -> list[bytes]:
        world = scenarios.build("demo", seed=seed)
        world.advance(3600)
        return [a_client(world).get(f"/comments?page={page}").content for page in (1, 2)]

    assert shown(1) == shown(1)
    assert shown(1) != shown(2)


def test_a_world_can_follow_a_clock_that_others_use() -> None:
    """A sleeping bot lets the world go on; the world begins at the clock's moment."""
    clock = VirtualClock(MORNING, skew=90)
    world = scenarios.build("week", clock=clock, now=MORNING, seed=1)
    assert world.time == MORNING
    before = len(world.tasks)
    clock.sleep(6 * HOUR)
    assert len(world.tasks) > before
    assert clock.monotonic() == clock.slept == 6 * HOUR
    assert clock.now() == datetime(2026, 6, 8, 15, 1, 30, tzinfo=UTC)
    assert world.now == clock.time


def test_an_unknown_scenario_is_named_with_those_there_are() -> None:
    """The error helps."""
    with pytest.raises(ValueError, match="default, empty, backlog"):
        scenarios.build("moon")


def test_an_empty_world_has_accounts_to_order_from() -> None:
    """No task, no bundle; a key, credits and managed accounts."""
    world = scenarios.build("empty")
    assert not world.tasks
    assert any(account.manager for account in world.accounts.values())
    assert a_client(world).get("/accounts?per_page=5").json()["pagination"]["total"] > 5
