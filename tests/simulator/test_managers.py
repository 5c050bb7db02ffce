"""The managers: habits lead where they should, and a dispute is answered in one of three ways."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reviewbot.simulator import tasks
from reviewbot.simulator.model import Actor, Habit
from reviewbot.simulator.people import ABSENT, HONEST, LIAR, SLOPPY
from tests.simulator.worlds import HOUR, a_task, managed_world


def always(habit: Habit, **changes: object) -> Habit:
    """The habit without its chances: somebody who always does the same."""
    return replace(habit, **changes)  # type: ignore[arg-type] - the fields of a habit


def test_an_honest_manager_is_verified_on_a_quiet_video() -> None:
    """Posts within hours, is found, and settles a day later."""
    world = managed_world()
    task = a_task(world, habit=HONEST)
    world.advance(40 * HOUR)
    assert world.truth(task.id).deserved
    assert task.status == "finalized"


def test_an_absent_manager_lets_the_task_expire() -> None:
    """Nothing happens until the sweep."""
    world = managed_world()
    task = a_task(world, habit=always(ABSENT, shows_up=0.0))
    world.advance(73 * HOUR)
    assert (task.status, task.submitted_at) == ("cancelled", None)


def test_a_liar_confirms_without_posting() -> None:
    """The task waits for the client, with a check that found nothing."""
    world = managed_world()
    task = a_task(world, habit=always(LIAR, posting={"nothing": 1.0}, insists=1.0))
    world.advance(30 * HOUR)
    assert task.status == "manually_confirmed"
    assert task.attempts[-1].outcome_kind in ("couldnt_verify", "scrape_failed")
    assert not world.truth(task.id).posted


@pytest.mark.parametrize(
    ("answers", "status", "rounds"),
    [
        ((1.0, 0.0, 0.0), "finalized", 1),
        ((0.0, 1.0, 0.0), "manually_confirmed", 2),
        ((0.0, 0.0, 1.0), "pending_corrections", 1),
    ],
)
def test_a_dispute_is_fixed_insisted_on_or_given_up(
    answers: tuple[float, float, float], status: str, rounds: int
) -> None:
    """After a fix it is verified and settles; after insisting a new round waits; or nothing comes."""
    world = managed_world()
    habit = always(
        SLOPPY, posting={"near miss": 1.0}, insists=1.0, fixes=0.0, retries=0, answers=answers
    )
    task = a_task(world, habit=habit)
    while task.status != "manually_confirmed":
        world.advance(HOUR)
    tasks.dispute(world, task, "Other text.", Actor())
    world.advance(50 * HOUR)
    assert (task.status, task.rounds) == (status, rounds)
    assert world.truth(task.id).deserved is (status == "finalized")
