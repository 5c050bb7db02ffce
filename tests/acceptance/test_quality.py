"""The policies to start from are good ones, and the grades tell the truth: a simulated month, with floors.

`benchmarks/quality.py` measures the same at length; docs/benchmarks/quality.json holds its figures.
"""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.quality import ASKS, POLICIES, Confusion, live_through, outcome, policy_figures
from tests.tier import times

DAYS = times(4, 21)
pytestmark = pytest.mark.timeout(600)


def figures(name: str) -> dict[str, Any]:
    """What a policy came to over some days."""
    return policy_figures(outcome(live_through(POLICIES[name], seed=5, days=DAYS, per_hour=4)))


def test_the_starter_pays_who_posted_and_sends_back_who_provably_did_not() -> None:
    """What is there is sent back where a scrape stopped short and nowhere else: 3 in 100 do."""
    found = figures("starter")
    assert found["there: sent back by a rule %"] <= times(8, 5)
    assert found["there: paid %"] >= times(90, 94)
    assert found["provably missing: sent back %"] >= 60


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wronged", "paid", "sent_back"),
    [("cautious", 4.0, 94.0, 40.0), ("trusting", 7.0, 90.0, 70.0), ("desk", 7.0, 90.0, 50.0)],
)
def test_each_start_keeps_its_promise(
    name: str, wronged: float, paid: float, sent_back: float
) -> None:
    """Who posted is paid, who provably did not is sent back, as far as its people can keep up."""
    found = figures(name)
    assert found["there: sent back by a rule %"] <= wronged
    assert found["there: paid %"] >= paid
    assert found["provably missing: sent back %"] >= sent_back


@pytest.mark.slow
def test_the_sample_that_is_only_for_comparison_does_wrong_the_honest() -> None:
    """It sends back what stands under a cut page: what the measure is there to show."""
    assert figures("vendor-sample")["there: sent back by a rule %"] >= 20.0


def test_grades_by_people_tell_the_truth() -> None:
    """People are asked about everything; the starter and the vendor's sample speak beside them."""
    beside = Confusion()
    beside.add(
        live_through(
            ASKS,
            seed=5,
            days=DAYS,
            per_hour=times(2, 4),
            desk=12.0,
            shadows=(POLICIES["starter"], POLICIES["vendor-sample"]),
        )
    )
    found = beside.figures()
    assert found["truly wrong"] >= times(5, 50)
    assert found["precision of graded wrong %"] >= times(65, 85)
    assert found["recall among the answered %"] >= 90
