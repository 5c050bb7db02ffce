"""What a policy asks of each fact: in its conditions, its waits and its texts."""

from __future__ import annotations

from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.lint.walks import (
    Demand,
    bare,
    compares_in,
    conditions_of,
    placeholders_in,
    rules_and_cases,
    sent_texts,
)
from reviewbot.policy.model import BeforeDeadline, FactTest, FromConfirmed, Moment, Policy, Template
from reviewbot.policy.operators import IsKnown, Range

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
