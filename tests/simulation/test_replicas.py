"""Several bots on one ledger in virtual time: whatever strikes them, one acts for each key."""

from __future__ import annotations

import pytest

from reviewbot.domain.fault_point import LOOP
from reviewbot.runtime.replicas import Tenure
from tests.leases import MemoryLeases
from tests.proof import proven
from tests.simulation.replicas import STRIKES, simulate_replicas
from tests.tier import FULL, times

HOURS = times(60, 1000)
SEEDS = range(1, 1 + times(1, 20))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_effect_is_doubled_wherever_a_lease_is_lost(seed: int) -> None:
    """They die, stand still past their leases, leave, and lose the database, at each point of the loop."""
    one = simulate_replicas(seed, HOURS, 3)

    assert one.wrong == [], one.replay
    assert one.figures.effects > HOURS / 5
    assert one.figures.faults["takings of a key"] > HOURS / 6
    struck = {name for name in one.figures.faults if " at " in name}
    assert {name.split(" at ")[0] for name in struck} == set(STRIKES)
    if FULL:
        assert {name.split(" at ")[1] for name in struck} == set(LOOP)
    proven(
        "simulation",
        "P17",
        "hours with 3 replicas, leases lost at every point",
        HOURS,
        part=f"{seed}",
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("seed", "hours"), [(3, 100), (100, 250)])
def test_a_seed_that_once_doubled_an_effect_no_longer_does(seed: int, hours: float) -> None:
    """What an earlier try came to closed a later one: right before sending, and when it was settled."""
    one = simulate_replicas(seed, hours, 3)

    assert one.wrong == [], one.replay


def test_a_seed_with_replicas_is_a_whole_run() -> None:
    """The same seed gives the same run."""
    one, again = simulate_replicas(5, 12, 3), simulate_replicas(5, 12, 3)

    one.figures.seconds = again.figures.seconds = 0.0
    assert one.figures == again.figures


@pytest.mark.slow
def test_replicas_that_trust_in_what_they_lost_are_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the fence and without a look at the lease before sending."""
    monkeypatch.setattr(Tenure, "check", lambda self, claimed_at=None: None)
    monkeypatch.setattr(MemoryLeases, "check", lambda self, key, lease: None)

    assert any("without its lease" in wrong for wrong in simulate_replicas(1, 100, 3).wrong)
