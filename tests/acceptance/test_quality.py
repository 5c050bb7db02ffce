"""The policies to start from are good ones, and the grades tell the truth: simulated weeks, with floors.

`benchmarks/quality.py` measures the same at length; docs/benchmarks/quality.json holds its figures.
"""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.frontier import VARIANTS, frontier
from benchmarks.populations import POPULATIONS, Kind, kind_of, world_of
from benchmarks.quality import (
    ASKS,
    HELD_OUT,
    POLICIES,
    Confusion,
    Span,
    by_bot,
    by_engine,
    live_through,
    outcome,
    policy_figures,
)
from tests.tier import FULL, times

DAYS = times(5, 30)
pytestmark = pytest.mark.timeout(600)
STARTS = [name for name in POLICIES if name != "vendor-sample"]


def figures(name: str, population: str = "mixed", seed: int = 5) -> dict[str, Any]:
    """What a policy came to over some days."""
    month = live_through(POLICIES[name], seed=seed, days=DAYS, per_hour=2, population=population)
    return policy_figures(outcome(month))


def test_the_starter_pays_who_posted_and_sends_back_who_provably_did_not() -> None:
    """Few who posted are sent back, few provable misses are paid, and nobody is paid by silence."""
    found = figures("starter")
    assert found["honest: paid %"] >= times(90, 97)
    assert found["provable misses: sent back %"] >= 94
    assert found["provable misses: paid by a rule %"] == 0
    assert found["questions per 100 rounds"] <= times(60, 50)
    assert found["paid by silence"] == 0


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("name", STARTS if FULL else ["starter"])
def test_each_start_keeps_its_promise_whoever_posts(name: str, population: str) -> None:
    """In every population the honest are paid, provable misses sent back, and people are asked little."""
    found = policy_figures(
        by_engine(POLICIES[name], population, Span(days=30, seeds=HELD_OUT[: times(1, 4)]))
    )
    assert found["honest: paid %"] >= times(93, 95)
    assert found["provable misses: sent back %"] >= times(90, 94)
    assert found["questions per 100 rounds"] <= times(55, 54)
    assert found["paid by silence"] == 0


def test_the_engine_alone_comes_to_what_the_whole_bot_does() -> None:
    """What log, API, caps and breakers add to the engine changes the shares little."""
    alone = policy_figures(
        by_engine(POLICIES["starter"], "mixed", Span(days=DAYS, seeds=HELD_OUT[:1]))
    )
    whole = policy_figures(
        by_bot(POLICIES["starter"], "mixed", Span(days=DAYS, seeds=HELD_OUT[:1]))
    )
    assert alone["rounds"] == pytest.approx(whole["rounds"], rel=0.25)
    for name in ("honest: paid %", "provable misses: sent back %"):
        assert alone[name] == pytest.approx(whole[name], abs=8), name
    assert alone["questions per 100 rounds"] == pytest.approx(
        whole["questions per 100 rounds"], abs=15
    )


def test_the_sample_that_is_only_for_comparison_does_wrong_the_honest() -> None:
    """It sends back what stands under a cut page: what the measure is there to show."""
    assert figures("vendor-sample")["honest: paid %"] <= 80


@pytest.mark.parametrize("population", POPULATIONS)
def test_what_is_true_of_a_round_is_read_from_the_world_alone(population: str) -> None:
    """A provable miss is one of which the newest check read comments, but no full page."""
    world = world_of(POPULATIONS[population], seed=1, per_hour=3)
    world.advance(48 * 3600)
    waiting = world.waiting()
    kinds = [kind_of(world, task) for task in waiting]
    assert waiting
    for task, kind in zip(waiting, kinds, strict=True):
        truth = world.truth(task.id)
        there = truth.posted and truth.right_account and truth.right_text and not truth.removed
        read = task.attempts[-1].comments_scraped
        assert (kind is Kind.HONEST) == there
        if kind is Kind.PROVABLE:
            assert read is not None
            assert 1 <= read <= 99


def test_the_frontier_is_what_nothing_beats() -> None:
    """A row is on it unless another is nowhere worse and somewhere better; each combination is a policy."""
    axes = (
        "questions per 100 rounds",
        "honest: paid %",
        "provable misses: sent back %",
        "all misses: sent back %",
    )
    rows = {
        "few questions": (10, 97, 95, 50),
        "more caught": (30, 97, 95, 70),
        "beaten": (30, 96, 95, 70),
        "the same": (10, 97, 95, 50),
    }
    found = {name: dict(zip(axes, row, strict=True)) for name, row in rows.items()}
    assert frontier(found) == ["few questions", "more caught", "the same"]
    assert len({variant.text() for variant in VARIANTS}) == len(VARIANTS)


def test_grades_by_people_tell_the_truth() -> None:
    """People are asked about everything; the starter and the vendor's sample speak beside them."""
    beside = Confusion()
    beside.add(
        live_through(
            ASKS,
            seed=5,
            days=times(5, 21),
            per_hour=times(2, 4),
            desk=12.0,
            shadows=(POLICIES["starter"], POLICIES["vendor-sample"]),
        )
    )
    found = beside.figures()
    assert found["truly wrong"] >= times(5, 50)
    assert found["precision of graded wrong %"] >= times(65, 85)
    assert found["recall among the answered %"] >= 90
