"""What the parts of a policy read: the facts and tests of a condition, the places in a text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.policy.diagnostics import NOWHERE
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    FactTest,
    NoneOf,
    Placeholder,
    Policy,
    ReasonText,
    Rule,
    Template,
    Then,
)
from reviewbot.policy.operators import OneOf, Range


def conditions_of(policy: Policy) -> Iterator[Condition]:
    """Every condition by which `policy` chooses an action."""
    for rule in policy.rules:
        if rule.when is not None:
            yield rule.when
    for fallback in policy.deadline.fallbacks:
        if fallback.when is not None:
            yield fallback.when


def compares_in(condition: Condition, prefix: str = "") -> Iterator[tuple[str, Compare]]:
    """Every line of a condition with its fact's full name.

    A line on the attempts of a round is named after the last one, as all have the same fields.
    """
    if isinstance(condition, Compare):
        yield prefix + condition.fact, condition
    elif isinstance(condition, EachAttempt):
        yield from compares_in(condition.condition, "last.")
    else:
        for part in condition.parts:
            yield from compares_in(part, prefix)


def facts_asked(*rules: Rule) -> list[str]:
    """The facts that the conditions of these rules name, in their order."""
    whens = [rule.when for rule in rules if rule.when is not None]
    return list(dict.fromkeys(name for when in whens for name, _ in compares_in(when)))


def checks_in(condition: Condition) -> Iterator[EachAttempt]:
    """Every test over the attempts of a round."""
    if isinstance(condition, EachAttempt):
        yield condition
    elif isinstance(condition, AllOf | AnyOf | NoneOf):
        for part in condition.parts:
            yield from checks_in(part)


def bare(test: FactTest) -> FactTest:
    """A test without its place, so that the same test in two places is one."""
    return msgspec.structs.replace(test, span=NOWHERE)


def shape(condition: Condition) -> object:
    """What a condition asks, without its places and the words of its author."""
    if isinstance(condition, Compare):
        return (condition.fact, bare(condition.test))
    if isinstance(condition, EachAttempt):
        return (
            "any" if condition.quantifier == "no" else condition.quantifier,
            shape(condition.condition),
        )
    return (type(condition), *map(shape, condition.parts))


def templates_of(reason: ReasonText) -> Iterator[tuple[str | None, Template]]:
    """The texts of a reason, each with the name of its variant."""
    yield from reason.variants
    if reason.otherwise is not None:
        yield None, reason.otherwise


def sent_texts(then: Then) -> Iterator[tuple[str | None, Template]]:
    """The texts that the other side may read, each with the name of its variant or field."""
    if then.reason is not None:
        yield from templates_of(then.reason)
    if then.comment is not None:
        yield None, then.comment
    yield from then.fields


def placeholders_in(template: Template) -> tuple[Placeholder, ...]:
    """The places of a text, in order."""
    return tuple(part for part in template.parts if isinstance(part, Placeholder))


def facts_in_texts(policy: Policy) -> Iterator[str]:
    """Every fact that a text for the other side shows."""
    for then in all_thens(policy):
        for _, template in sent_texts(then):
            for place in placeholders_in(template):
                yield place.fact


def variant_tests(policy: Policy) -> Iterator[tuple[str, FactTest]]:
    """What the variants of the reasons ask of a task."""
    for then in all_thens(policy):
        if then.reason is not None:
            for key, _ in templates_of(then.reason):
                asked = variant_test(then.reason, key)
                if asked is not None:
                    yield asked


def variant_test(reason: ReasonText, key: str | None) -> tuple[str, FactTest] | None:
    """What a task must be for a variant to serve it; None where it serves all."""
    keys = [name for name, _ in reason.variants]
    rounds = sorted(int(name.split()[1]) for name in keys if name.startswith("round "))
    if key is None:
        if rounds:
            return "task.sent_back_before", Range(high=rounds[0] - 1, high_included=False)
        others = OneOf(values=tuple(keys), exact=(False,) * len(keys), negated=True)
        return ("task.platform", others) if keys else None
    if not rounds:
        return "task.platform", OneOf(values=(key,), exact=(False,))
    own = int(key.split()[1])
    after = next((n - 1 for n in rounds if n > own), None)
    return "task.sent_back_before", Range(low=own - 1, high=after, high_included=False)


def all_thens(policy: Policy) -> Iterator[Then]:
    """What every rule and every fallback does."""
    for rule in policy.rules:
        yield rule.then
    for fallback in policy.deadline.fallbacks:
        yield fallback.then


def deciding(policy: Policy) -> list[tuple[int, Rule]]:
    """The rules that can decide, with their places: those in the shadow only watch."""
    return [(i, rule) for i, rule in enumerate(policy.rules) if not rule.shadow]
