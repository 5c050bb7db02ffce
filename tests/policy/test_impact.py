"""What a change moves adds up, is found by its causes, and can be gated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.policy.testing.compare import Impact, read_gate

SAID = st.tuples(
    st.sampled_from(["approve", "dispute", "escalate"]), st.sampled_from(["one", "two", "no rule"])
)
REVIEWS = st.lists(st.tuples(SAID, SAID, st.integers(0, 500_000)), max_size=40)


def impact_of(reviews: list[tuple[tuple[str, str], tuple[str, str], int]]) -> Impact:
    """Count these reviews."""
    impact = Impact()
    for number, (old, new, micros) in enumerate(reviews):
        impact.add(old, new, f"task-{number}", micros)
    return impact


@given(REVIEWS, st.integers(0, 40))
def test_the_counts_of_parts_add_up_to_the_whole(
    reviews: list[tuple[tuple[str, str], tuple[str, str], int]], cut: int
) -> None:
    """Several processes may each count a share."""
    whole, parts = impact_of(reviews), impact_of(reviews[:cut])
    parts.take(impact_of(reviews[cut:]))
    assert parts.total == whole.total == len(reviews)
    for pair, cell in whole.flips().items():
        assert parts.flips()[pair].count == cell.count
        assert parts.flips()[pair].micros == cell.micros


@given(REVIEWS)
def test_the_causes_of_a_flip_are_the_whole_flip(
    reviews: list[tuple[tuple[str, str], tuple[str, str], int]],
) -> None:
    """Every moved review has exactly one pair of rules."""
    impact = impact_of(reviews)
    for (old, new), cell in impact.flips().items():
        assert sum(part.count for _, _, part in impact.causes(old, new)) == cell.count
    assert sum(cell.count for _, _, cell in impact.by_rule()) == len(reviews)


MOVED = [
    (("approve", "a"), ("dispute", "b"), 240_000),
    (("approve", "a"), ("approve", "a"), 240_000),
    (("dispute", "b"), ("approve", "a"), 5_240_000),
    (("escalate", "c"), ("escalate", "c"), 240_000),
]


@pytest.mark.parametrize(
    ("gate", "stops"),
    [
        ("more than 25% become dispute", False),
        ("more than 24% become dispute", True),
        ("more than 1 become dispute", False),
        ("any become dispute", True),
        ("any become wait", False),
        ("more than 0 tasks become approve", True),
        ("more than 5.24 USD become approve", False),
        ("more than 5.23 USD become approve", True),
        ("more than 50% change", False),
        ("More than 49% change", True),
        ("any become request corrections", False),
    ],
)
def test_a_gate_stops_what_it_says(gate: str, stops: bool) -> None:
    """`more than` is strict; the unit says what is counted; unchanged reviews never count."""
    broken = read_gate(gate).broken(impact_of(MOVED))
    assert (broken is not None) is stops
    assert broken is None or gate in broken


def test_an_empty_past_breaks_no_gate() -> None:
    """Nothing judged, nothing moved."""
    assert read_gate("more than 0% become approve").broken(Impact()) is None


@pytest.mark.parametrize("text", ["", "2%", "more than x become approve", "any become paid"])
def test_a_gate_that_is_none_is_refused_with_its_forms(text: str) -> None:
    """A gate nobody understands must not pass as one that holds."""
    with pytest.raises(ValueError, match="more than 2% become dispute"):
        read_gate(text)
