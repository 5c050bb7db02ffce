"""The analysis agrees with brute force: what it calls impossible is, what it shows is real."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewbot.domain.decision import Action
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.solver import NOT_TRUE, TRUE, TooHardError
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    NoneOf,
    Policy,
)
from reviewbot.policy.operators import IsKnown, OneOf, Range, TextTest
from tests.policy.trees import a_policy, a_rule
from tests.tier import times

FACTS: dict[str, list[Any]] = {
    "task.times_disputed": [0, 1, 2, 3, None],
    "task.platform": ["tiktok", "instagram", None],
    "last.comments_scraped": [0, 1, 50, 99, 100, None],
    "task.comment_text": [
        *{
            f"{first}{middle}{last}"
            for first in ("", "promo ", "Nice ")
            for middle in ("", "x", "promo", "nice", "nice promo")
            for last in ("", " x", " promo", " nice")
        },
        None,
    ],
    "last.verified": [True, False, None],
}
"""A grid over every class that the tests below can tell apart."""

TESTS = st.one_of(
    st.tuples(st.just("task.times_disputed"), st.builds(lambda n: Range(low=n), st.integers(0, 3))),
    st.tuples(
        st.just("task.times_disputed"),
        st.builds(lambda n: OneOf(values=(n,), exact=(False,)), st.integers(0, 2)),
    ),
    st.tuples(
        st.just("task.platform"),
        st.builds(
            lambda v, n: OneOf(values=(v,), exact=(False,), negated=n),
            st.sampled_from(["tiktok", "instagram"]),
            st.booleans(),
        ),
    ),
    st.tuples(
        st.just("last.comments_scraped"),
        st.builds(
            lambda a, b: Range(low=min(a, b), high=max(a, b)),
            st.sampled_from([0, 1, 99, 100]),
            st.sampled_from([0, 1, 99, 100]),
        ),
    ),
    st.tuples(
        st.just("task.comment_text"),
        st.builds(
            lambda k, t, n: TextTest(kind=k, text=t, negated=n),
            st.sampled_from(["contains", "starts with", "ends with"]),
            st.sampled_from(["promo", "nice"]),
            st.booleans(),
        ),
    ),
    st.tuples(
        st.just("last.verified"),
        st.builds(lambda v: OneOf(values=(v,), exact=(False,)), st.booleans()),
    ),
    st.tuples(st.sampled_from(sorted(FACTS)), st.builds(lambda k: IsKnown(known=k), st.booleans())),
)
LINES = TESTS.map(lambda pair: Compare(fact=pair[0], test=pair[1], text="…"))
MAPPINGS = st.lists(LINES, min_size=1, max_size=3).map(lambda parts: AllOf(parts=tuple(parts)))
CONDITIONS: st.SearchStrategy[Condition] = st.one_of(
    MAPPINGS,
    st.lists(MAPPINGS, min_size=1, max_size=2).map(lambda parts: AnyOf(parts=tuple(parts))),
    st.tuples(MAPPINGS, st.lists(MAPPINGS, min_size=1, max_size=2)).map(
        lambda pair: AllOf(parts=(*pair[0].parts, NoneOf(parts=tuple(pair[1]))))  # type: ignore[arg-type]
    ),
)
POLICIES = st.lists(CONDITIONS, min_size=2, max_size=5).map(
    lambda conditions: a_policy(
        *(a_rule(f"rule {n}", when, then=Action.APPROVE) for n, when in enumerate(conditions))
    )
)


def plain(condition: Condition, facts: dict[str, Any]) -> bool | None:
    """Kleene's logic in its plainest form: False first, then None, then True."""
    if isinstance(condition, Compare):
        return plain_test(condition.test, facts[condition.fact])
    answers = [plain(part, facts) for part in condition.parts]  # type: ignore[union-attr]
    if isinstance(condition, AllOf):
        return False if False in answers else None if None in answers else True
    some = True if True in answers else None if None in answers else False
    if isinstance(condition, NoneOf):
        return None if some is None else not some
    return some


def plain_test(test: Any, value: Any) -> bool | None:
    """The few tests of this file, said once more in other words."""
    if isinstance(test, IsKnown):
        return (value is None) != test.known
    if value is None:
        return None
    if isinstance(test, Range):
        return (test.low is None or value >= test.low) and (test.high is None or value <= test.high)
    if isinstance(test, OneOf):
        return (value in test.values) != test.negated
    text = value.lower()
    found = {
        "contains": text.find(test.text) >= 0,
        "starts with": text[: len(test.text)] == test.text,
        "ends with": text[-len(test.text) :] == test.text,
    }[test.kind]
    return found != test.negated


def everything(policy: Policy) -> list[dict[str, Any]]:
    """Every point of the grid over the facts that the policy reads."""
    names = sorted(name for name in FACTS if name in repr(policy.rules))
    return [dict(zip(names, values, strict=True)) for values in product(*(FACTS[n] for n in names))]


def wins(policy: Policy, number: int, facts: dict[str, Any]) -> bool:
    """Whether a rule is the first to match."""
    return (
        plain(policy.rules[number].when, facts) is True
        and not any(  # type: ignore[arg-type]
            plain(rule.when, facts) is True  # type: ignore[arg-type]
            for rule in policy.rules[:number]
        )
    )


@settings(max_examples=times(6, 200), deadline=None, suppress_health_check=list(HealthCheck))
@given(POLICIES)
def test_a_rule_that_a_point_of_the_grid_reaches_is_never_called_unreachable(
    policy: Policy,
) -> None:
    """Every 'never matches' is true."""
    world, grid = PolicyModel(policy), everything(policy)
    for number in range(len(policy.rules)):
        wishes = [(world.rules[number], TRUE), *((n, NOT_TRUE) for n in world.rules[:number])]
        reached = any(wins(policy, number, facts) for facts in grid)
        try:
            assert world.possible(wishes) or not reached
        except TooHardError:
            continue


@settings(max_examples=times(6, 200), deadline=None, suppress_health_check=list(HealthCheck))
@given(POLICIES)
def test_an_example_really_meets_what_it_was_asked_for(policy: Policy) -> None:
    """A task shown for two rules matches both, by a reading that shares no code."""
    world = PolicyModel(policy)
    for j in range(len(policy.rules)):
        for i in range(j):
            found = world.example([(world.rules[i], TRUE), (world.rules[j], TRUE)])
            if found is not None:
                assert plain(policy.rules[i].when, found.facts) is True  # type: ignore[arg-type]
                assert plain(policy.rules[j].when, found.facts) is True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "second", "possible"),
    [
        (("task.round", Range(low=3)), ("task.sent_back_before", Range(high=1)), False),
        (("task.round", Range(high=2)), ("task.sent_back_before", Range(low=2)), False),
        (("task.round", Range(high=1)), ("task.times_disputed", Range(low=1)), False),
        (("task.sent_back_before", Range(high=1)), ("task.times_disputed", Range(low=2)), False),
        (("task.round", Range(low=3)), ("task.times_disputed", Range(high=1)), True),
        (("task.sent_back_before", Range(low=2)), ("task.times_disputed", Range(high=0)), True),
    ],
)
def test_a_round_is_one_more_than_what_was_sent_back_and_our_disputes_are_among_that(
    first: tuple[str, Range], second: tuple[str, Range], possible: bool
) -> None:
    """Facts that follow from each other cannot disagree; others may have sent it back as well."""
    parts = tuple(Compare(fact=fact, test=test, text="x") for fact, test in (first, second))
    world = PolicyModel(a_policy(a_rule("odd", AllOf(parts=parts))))
    assert world.possible([(world.rules[0], TRUE)]) is possible
