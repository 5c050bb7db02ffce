"""What the parts of a policy read: the facts and tests of a condition, the places in a text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.diagnostics import NOWHERE
from reviewbot.policy.lint.solver import FALSE, NOT_TRUE, TRUE
from reviewbot.policy.model import (
    BeforeDeadline,
    Compare,
    Condition,
    EachAttempt,
    FactTest,
    Fallback,
    FromConfirmed,
    Moment,
    Placeholder,
    Policy,
    Rule,
    Template,
    TextCase,
    Then,
)
from reviewbot.policy.operators import IsKnown, OneOf, Range


def rules_and_cases(policy: Policy) -> tuple[Rule | Fallback, ...]:
    """All that chooses an action: every rule, and every case of the fallback."""
    return (*policy.rules, *policy.deadline.fallbacks)


def conditions_of(policy: Policy) -> list[Condition]:
    """Every condition by which `policy` chooses an action, or forbids one."""
    parts = (*policy.never, *rules_and_cases(policy))
    return [part.when for part in parts if part.when is not None]


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


def bare(test: FactTest) -> FactTest:
    """A test without its place, so that the same test in two places is one."""
    return msgspec.structs.replace(test, span=NOWHERE)


def shape(condition: Condition) -> object:
    """What a condition asks, without its places and the words of its author."""
    if isinstance(condition, Compare):
        return (condition.fact, bare(condition.test))
    if isinstance(condition, EachAttempt):
        return (condition.quantifier == "every", shape(condition.condition))
    return (type(condition), *map(shape, condition.parts))


Demand = tuple[Condition, int]
"""A condition, and which truths it may come to."""


def sent_texts(then: Then) -> Iterator[tuple[tuple[Demand, ...], Template]]:
    """The texts that the other side may read, each with what a task must be for it to serve."""
    reason = then.reason
    if reason is not None and reason.cases:
        yield from by_case(reason.cases, reason.otherwise)
    elif reason is not None:
        keys = tuple(key for key, _ in reason.variants)
        yield from ((_only(*_variant_test(keys, key)), text) for key, text in reason.variants)
        if reason.otherwise is not None:
            test = _otherwise_test(keys)
            yield () if test is None else _only(*test), reason.otherwise
    if then.comment is not None:
        yield (), then.comment
    yield from (((), template) for _, template in then.fields)


def by_case(
    cases: tuple[TextCase, ...], otherwise: Template | None
) -> Iterator[tuple[tuple[Demand, ...], Template]]:
    """The texts of some cases: each serves where its case is met and those above it are surely not.

    Those that would say the same need not be sure.
    """
    texts = [*(case.text for case in cases), *filter(None, [otherwise])]
    for number, text in enumerate(texts):
        above: list[Demand] = [
            (case.when, NOT_TRUE if wording(case.text) == wording(text) else FALSE)
            for case in cases[:number]
        ]
        own: list[Demand] = [(case.when, TRUE) for case in cases[number : number + 1]]
        yield (*above, *own), text


def wording(template: Template) -> tuple[object, ...]:
    """What a text says, wherever it stands."""
    parts = (
        p if isinstance(p, str) else msgspec.structs.replace(p, span=NOWHERE)
        for p in template.parts
    )
    return (*parts, template.locale)


def _only(fact: str, test: FactTest) -> tuple[Demand, ...]:
    return ((Compare(fact=fact, test=test, text=""), TRUE),)


def _variant_test(keys: tuple[str, ...], key: str) -> tuple[str, FactTest]:
    """What a task must be for the variant of a platform, or of a round and those up to the next."""
    if not key.startswith("round "):
        return "task.platform", OneOf(values=(key,), exact=(False,))
    before = sorted(int(other.split()[1]) - 1 for other in keys)
    own = int(key.split()[1]) - 1
    after = next((number for number in before if number > own), None)
    return "task.sent_back_before", Range(low=own, high=after, high_included=False)


def _otherwise_test(keys: tuple[str, ...]) -> tuple[str, FactTest] | None:
    """What a task must be for no variant to serve it; None where there are none."""
    if not keys:
        return None
    if not keys[0].startswith("round "):
        return "task.platform", OneOf(values=keys, exact=(False,) * len(keys), negated=True)
    first = min(int(key.split()[1]) for key in keys)
    return "task.sent_back_before", Range(high=first - 1, high_included=False)


def placeholders_in(template: Template) -> tuple[Placeholder, ...]:
    """The places of a text, in order."""
    return tuple(part for part in template.parts if isinstance(part, Placeholder))


def deciding(policy: Policy) -> list[tuple[int, Rule]]:
    """The rules that can decide, with their places: those in the shadow only watch."""
    return [(i, rule) for i, rule in enumerate(policy.rules) if not rule.shadow]


# ------------------------------------------------------------------------------------------------
# What a policy asks of each fact: in its conditions, its waits and its texts.


COUNT = "checks.count"
EXISTS = Range(low=1)
KNOWN = IsKnown(known=True)
CLOCKS = {
    "comments": ("task.waiting_for", "task.time_left", "task.times_disputed"),
    "accounts": ("review.waiting_for", "review.time_left", "feedback.corrections_requested"),
}
"""How long it has waited, how long is left, how often it was sent back."""


def tests_asked(policy: Policy) -> dict[str, dict[FactTest, None]]:
    """The tests that a policy makes of each fact that it reads, and whether it is known."""
    texts = texts_of(policy)
    conditions = conditions_of(policy) + [when for demands, _ in texts for when, _ in demands]
    asked = [(name, bare(line.test)) for when in conditions for name, line in compares_in(when)]
    moments = [rule.then.until for rule in policy.rules]
    moments += [policy.deadline.decide_by] * bool(policy.never)
    asked += filter(None, (clock_test(policy, moment) for moment in moments))
    names = {*CLOCKS[policy.applies_to.review], *(name for name, _ in asked)}
    for _, template in texts:
        names.update(place.fact for place in placeholders_in(template))
    if any(name.startswith(("last.", "checks.")) for name in names):
        names |= {COUNT, "last.outcome_kind"}
        asked.append((COUNT, EXISTS))
    names |= _needed_beside(names)
    known = names & CATALOGUE[policy.applies_to.review].keys()
    tests: dict[str, dict[FactTest, None]] = {name: {} for name in sorted(known)}
    for name, test in (*asked, *((name, KNOWN) for name in tests)):
        tests[name][test] = None
    return tests


def texts_of(policy: Policy) -> list[tuple[tuple[Demand, ...], Template]]:
    """Every text that may be sent, each with what must hold for it to serve."""
    return [text for part in rules_and_cases(policy) for text in sent_texts(part.then)]


def _needed_beside(names: set[str]) -> set[str]:
    """Facts that those depend on: a text has a length, and a length its platform's limit."""
    if "task.comment_text" in names:
        return {"task.comment_length", "task.platform"}
    return {"task.platform"} if "task.comment_length" in names else set()


def clock_test(policy: Policy, until: Moment | None) -> tuple[str, FactTest] | None:
    """Whether the moment of a wait is still to come, as a test of a clock that a fact states."""
    waited, left, _ = CLOCKS[policy.applies_to.review]
    if isinstance(until, FromConfirmed):
        return waited, Range(high=until.seconds, high_included=False)
    if isinstance(until, BeforeDeadline):
        return left, Range(low=until.seconds, low_included=False)
    return None
