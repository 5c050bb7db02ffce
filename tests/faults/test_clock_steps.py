"""A machine's clock that is set at any point of a pass: no act on the wrong side of a deadline."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewbot.domain.fault_point import on_fault_point
from tests.acceptance.house import House, house
from tests.proof import proven
from tests.tier import FULL

ASKS = """
policy: asks
language: 1
rules:
  - name: a large sum
    when:
      task.cm_payout_amount: at least 100 USD
    then: escalate
    question: Is that right?
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay what we could not look at.
"""
"""Judges by the list alone: between the list and the verdict no answer tells the time."""

MARGIN = timedelta(hours=3)


@pytest.mark.parametrize(
    "hours", [69, *(pytest.param(hours, marks=pytest.mark.slow) for hours in (72, -72))]
)
def test_a_step_at_any_point_of_a_pass_decides_nothing_early_or_late(hours: int) -> None:
    """Three passes, in the second of which the clock is set: at each point it comes to (full tier)."""
    step = timedelta(hours=hours)
    points, at = 1, 0
    while at < points:
        with house(tasks=3, policy=ASKS, soonest=71.0, latest=71.9) as there:
            there.poll()
            seen = _set_within(there, step, at)
            points = max(points, len(seen)) if FULL else min(len(seen), 3)
            for minutes in (1, 10):
                assert there.poll(minutes) is not None
            due = [
                effect.task_id
                for effect in there.world.effects
                if effect.at < _due(there, effect.task_id)
            ]
            assert due == [], f"decided early: the clock was set at {seen[at]}"
            early = {task.id for task in there.world.waiting()}
            late = [task_id for task_id in early if there.clock.time > _due(there, task_id) + 120]
            assert late == [], f"decided late: the clock was set at {seen[at]}"
        at += 1
    proven("faults", "P14", f"steps of the clock by {hours} h within a pass", points)


def _set_within(there: House, step: timedelta, at: int) -> list[str]:
    """One pass in which the bot's clock is set at the so-manieth point; the points it came to."""
    seen: list[str] = []

    def hook(name: str) -> None:
        if len(seen) == at:
            there.clock.skew += step.total_seconds()
        seen.append(name)

    on_fault_point(hook)
    try:
        there.poll(1)
    finally:
        on_fault_point(None)
    return seen


def _due(there: House, task_id: str) -> float:
    """When the policy's fallback begins."""
    task = there.world.tasks[task_id]
    assert task.confirmed_at is not None
    return task.confirmed_at + 72 * 3600 - MARGIN.total_seconds()
