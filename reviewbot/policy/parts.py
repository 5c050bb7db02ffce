"""What a policy asks and names, gathered from its parts."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    NoneOf,
    Placeholder,
    Policy,
    Unless,
    compares_of,
    conditions_of,
    thens_of,
)


def parted(when: Condition | None) -> tuple[Condition | None, Unless | None]:
    """A rule's condition without its `unless:`, and that."""
    if not isinstance(when, AllOf) or not when.parts or not isinstance(when.parts[-1], Unless):
        return when, None
    asked = when.parts[:-1]
    return (AllOf(parts=asked, span=when.span) if asked else None), when.parts[-1]


def all_compares(policy: Policy) -> Iterator[Compare]:
    """Every comparison of a fact by its full name, in the order of the policy."""
    for condition in conditions_of(policy):
        yield from compares_of(condition)


def has_checks(condition: Condition) -> bool:
    """Whether a check quantifier stands anywhere in the condition."""
    match condition:
        case EachAttempt():
            return True
        case AllOf(parts=parts) | AnyOf(parts=parts) | NoneOf(parts=parts):
            return any(map(has_checks, parts))
    return False


def facts_named(policy: Policy) -> frozenset[str]:
    """Every fact that a rule, a statement, the fallback, a text or a pause of the policy names."""
    parts = (part for then in thens_of(policy) for text in then.templates() for part in text.parts)
    in_texts = {part.fact for part in parts if isinstance(part, Placeholder)}
    return frozenset({compare.fact for compare in all_compares(policy)} | in_texts)
