"""The analysis held against the compiled rules: no claim is false, no example is made up."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, so that it repeats

import pytest
from msgspec.structs import replace

from reviewbot.domain.decision import Action
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.facts import Facts, last_attempt
from reviewbot.policy.lint.policy_model import Doubt, PolicyModel, Witness
from reviewbot.policy.lint.solver import NOT_TRUE, TRUE, TooHardError
from reviewbot.policy.lint.usual import Impossible, usual_facts
from reviewbot.policy.lint.witnesses import attempts_behind
from reviewbot.policy.model import AllOf, Compare, Policy, Then
from reviewbot.policy.operators import Range
from tests.policy.chance import (
    ACCOUNT_FACTS,
    a_random_policy,
    random_account_facts,
    random_facts,
)
from tests.policy.trees import a_policy, a_rule
from tests.tier import times


def never(world: PolicyModel, number: int) -> bool:
    """Whether the analysis claims that a rule can never match."""
    earlier = [i for i in range(number) if not world.policy.rules[i].shadow]
    wishes = [(world.rules[number], TRUE), *((world.rules[i], NOT_TRUE) for i in earlier)]
    try:
        return not world.possible(wishes)
    except TooHardError:
        return False


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_a_rule_that_wins_was_never_called_unreachable(start: int) -> None:
    """Over random policies and random, odd facts: whoever decides can decide."""
    for seed in range(start, start + 20):
        chance = Random(seed)
        policy = a_random_policy(chance)
        world, judge = PolicyModel(policy), compile_policy(policy)
        claimed = {n for n in range(len(policy.rules)) if never(world, n)}
        for _ in range(30):
            assert judge.judge(random_facts(chance)).rule_index not in claimed, seed


def test_an_account_rule_that_wins_was_never_called_unreachable() -> None:
    """The same over accounts, whose profile may be half compared."""
    for seed in range(20):
        chance = Random(seed)
        policy = a_random_policy(chance, ACCOUNT_FACTS)
        world, judge = PolicyModel(policy), compile_policy(policy)
        claimed = {n for n in range(len(policy.rules)) if never(world, n)}
        for _ in range(30):
            assert judge.judge(random_account_facts(chance)).rule_index not in claimed, seed


def test_a_task_that_is_shown_for_two_rules_matches_both() -> None:
    """Each example that can be laid out as a task is matched by both rules once compiled."""
    shown = 0
    for seed in range(times(16, 200)):
        policy = a_random_policy(Random(seed))
        world = PolicyModel(policy)
        for j in range(len(policy.rules)):
            for i in range(j):
                both = [(world.rules[i], TRUE), (world.rules[j], TRUE)]
                found = world.surely(both, Doubt("", j))
                facts = None if found is None else laid_out(world, found)
                if facts is not None:
                    shown += 1
                    assert matches(policy, i, facts), seed
                    assert matches(policy, j, facts), seed
    assert shown > 12


def laid_out(world: PolicyModel, found: Witness) -> Facts | None:
    """The review of an example, with each of its attempts; None for one with moments of its own."""
    review = world.policy.applies_to.review
    attempts = attempts_behind(world, found)
    try:
        facts = usual_facts(review, found.facts)
    except Impossible:
        return None
    if attempts is None and review == "comments":
        return None
    if not attempts or not facts.attempts:  # accounts have none, nor has who asks nothing of them
        return facts
    made = []
    for usual, wanted in zip(facts.attempts, attempts, strict=True):
        own = {
            name: value
            for name, value in wanted.items()
            if name not in ("attempt_n", "scraped_at") or value != attempts[-1][name]
        }
        made.append(replace(usual, **own))
    numbers = [attempt.attempt_n for attempt in made]
    in_order = None not in numbers and numbers == sorted(set(numbers))
    alike = any(a["attempt_n"] == attempts[-1]["attempt_n"] for a in attempts[:-1])
    if not in_order or (alike and "attempt_n" in str(found.rest)):
        return None
    return replace(facts, attempts=tuple(made), last=last_attempt(tuple(made)))


def matches(policy: Policy, number: int, facts: Facts) -> bool:
    """Whether a rule matches by its conditions, whatever its share, shadow or wait."""
    rule = replace(policy.rules[number], shadow=False, rollout=None, then=Then(action=Action.LEAVE))
    return compile_policy(replace(policy, rules=(rule,))).judge(facts).rule_index == 0


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
