"""Walks over a policy's conditions."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Checks,
    Compare,
    Condition,
    NoneOf,
    Policy,
)


def conditions_of(policy: Policy) -> Iterator[Condition]:
    """The condition of every rule, every case of the fallback and every pause that has one."""
    whens = [
        *(rule.when for rule in policy.rules),
        *(case.when for case in policy.deadline.fallbacks),
        policy.guardrails.pause_disputes_when,
        policy.guardrails.pause_approvals_when,
    ]
    yield from (when for when in whens if when is not None)


def compares_of(condition: Condition) -> Iterator[Compare]:
    """Every comparison of a fact by its full name; those inside check quantifiers are of attempts."""
    match condition:
        case Compare():
            yield condition
        case AllOf(parts=parts) | AnyOf(parts=parts) | NoneOf(parts=parts):
            for part in parts:
                yield from compares_of(part)


def all_compares(policy: Policy) -> Iterator[Compare]:
    """Every comparison of a fact by its full name, in the order of the policy."""
    for condition in conditions_of(policy):
        yield from compares_of(condition)


def has_checks(condition: Condition) -> bool:
    """Whether a check quantifier stands anywhere in the condition."""
    match condition:
        case Checks():
            return True
        case AllOf(parts=parts) | AnyOf(parts=parts) | NoneOf(parts=parts):
            return any(map(has_checks, parts))
    return False
