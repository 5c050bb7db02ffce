"""The whole bot through days of trouble of every kind: not one promise is broken.

Each seed is one run: tasks come up for review, and now and then an account, polls are ten minutes
apart (one, where something undecided is about to expire), every fault of the simulated API hits,
people and strangers interfere, the clock jumps, and the process dies at every named point of the loop.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from reviewbot.domain.fault_point import LOOP
from reviewbot.simulator.faults import FAULTS
from tests.simulation.checker import check
from tests.simulation.history import Effect, Sent
from tests.simulation.plan import Sickness, plan_of
from tests.simulation.run import Run
from tests.simulation.simulate import kept_seeds, simulate
from tests.tier import FULL

HOURS = 200 if FULL else 120
SEEDS = tuple(range(10, 42)) if FULL else (29,)
"""120 hours in a run that takes little time for it; in the full tier 6,400 hours."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_promise_is_broken_whatever_happens(seed: int) -> None:
    """Days of trouble, with a death at every point of the loop in each of these runs."""
    one = simulate(seed, HOURS)

    assert [f"{v.promise}: {v.sentence}" for v in one.violations] == [], one.replay
    assert set(one.figures.crashes) == set(LOOP)
    assert len(one.figures.faults) > len(FAULTS) / 2
    assert one.figures.effects > 15
    done = {line.action for line in one.history if isinstance(line, Effect) and line.by == "client"}
    assert done >= {"approve", "dispute"}
    assert done >= {"finalize", "corrections"}


@pytest.mark.timeout(120)
def test_what_is_held_goes_in_its_time_and_what_is_cancelled_does_not(tmp_path: Path) -> None:
    """Nothing can be read, so the rule that holds has much to pay; nothing else goes wrong."""
    plan = replace(
        plan_of(4, 60, accounts=False),
        capped="hold",
        per_hour=0.5,
        sick=(Sickness(1, 57, "failing"),),
        storms=(),
        outages=(),
        jumps=(),
        deaths=(),
        acts=(),
        strangers=0.0,
    )
    run = Run(plan, tmp_path)
    figures = run.live()

    assert [f"{v.promise}: {v.sentence}" for v in check(run.history)] == []
    assert figures.sealed > 10 and figures.cancelled > 3


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("seed", "hours", "accounts"), list(kept_seeds()))
def test_a_seed_that_once_broke_a_promise_no_longer_does(
    seed: int, hours: float, accounts: bool
) -> None:
    """Kept in seeds.txt by whoever met it."""
    one = simulate(seed, hours, accounts=accounts)

    assert [f"{v.promise}: {v.sentence}" for v in one.violations] == [], one.replay


def test_a_seed_is_a_whole_run() -> None:
    """The same seed gives the same run, line by line."""
    one, again = simulate(3, 12), simulate(3, 12)

    assert list(one.history) == list(again.history)
    assert any(isinstance(line, Sent) for line in one.history)
    assert any(isinstance(line, Effect) for line in one.history)


def test_a_plan_holds_every_fault_and_every_point() -> None:
    """By chance alone none is left out; jumps of the clock keep clear of outages."""
    plan = plan_of(5, 200)
    without = plan_of(5, 200, accounts=False)

    assert {storm.fault for storm in plan.storms} == set(FAULTS)
    assert {death.point for death in plan.deaths} == set(LOOP)
    deeds = {"answer", "pause", "pause file", "policy", "restart", "refuse", "log away"}
    assert {act.deed for act in plan.acts} == deeds
    assert plan.sick
    assert len(plan.accounts) > 1
    assert replace(plan, accounts=()) == without, "accounts have a stream of chance of their own"
    assert all(early.hour <= late.hour for early, late in pairwise(plan.deaths))
    assert not any(
        jump.start < outage.end and outage.start < jump.end
        for jump in plan.jumps
        for outage in plan.outages
    )
