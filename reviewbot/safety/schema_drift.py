"""Drifting: a used field that the API changed stops a policy, one odd thing does not.

Theory of operation. A field that drifts is seen on several things, or on a good part of all that was
read: that is how an API changes, and it opens the breaker before anything is sent in that pass. On
one thing among many it is that thing's own trouble: what is unknown there matches no rule, so it goes
to a person, and an alarm tells of it. Evidence is read once for each thing, so what was seen is kept
in mind for a day.
"""

from __future__ import annotations

from collections.abc import Iterable

from reviewbot.core.guard_state import BREAKER_TOPIC, DriftSpread, GuardPost
from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    NoneOf,
    Policy,
    conditions_of,
)
from reviewbot.safety.breaker import open_breaker


def widely_drifted(post: GuardPost, bench: ReviewPipeline) -> list[str]:
    """What drifted on several things within a day, or on more than half of all that waits.

    Where nobody knows on what it was seen, it may be on all.
    """
    # What was read of a thing's evidence is told with the next list, when others may be decided.
    waiting = max(len(bench.sights), post.guard.waited.get(bench.review, 0))
    post.guard.waited[bench.review] = len(bench.sights)
    return [
        what
        for what in bench.drift
        if post.guard.drifting.setdefault(what, DriftSpread()).is_wide(
            bench.drift_on.get(what), waiting, post.clock.monotonic()
        )
    ]


def drifted(post: GuardPost, policy: Policy, drift: Iterable[str]) -> None:
    """Open the breaker where the API changed a field that the policy looks at.

    What a person has closed the breaker on before is known, and opens it no more.
    """
    used: frozenset[str] | None = None
    known: set[object] | None = None
    for what in drift:
        used = used_fields(policy) if used is None else used
        if what.partition(":")[0] not in used:
            continue
        if known is None:
            known = {
                note.value.get("field")
                for note in post.ledger.story(BREAKER_TOPIC, policy.name)
                if note.value.get("open") is False
            }
        if what in known:
            continue
        sentence = f"the API changed a field that the policy uses: {what}"
        open_breaker(post, policy.name, "drift", sentence, field=what)


def used_fields(policy: Policy) -> frozenset[str]:
    """The API's fields that a policy's conditions look at, as the reading of answers names them."""
    facts = CATALOGUE[policy.applies_to.review]
    found: set[str] = set(_ALWAYS[policy.applies_to.review])
    for condition in conditions_of(policy):
        for compare, of_attempt in _compares(condition):
            fact = (ATTEMPT_FACTS if of_attempt else facts)[compare.fact]
            found |= _fields_in(fact)
    return frozenset(found)


_ALWAYS = {
    "comments": (
        "task.id",
        "task.status",
        "task.manually_confirmed_at",
        "task.client_dispute_deadline_at",
        "task.updated_at",
    ),
    "accounts": ("bundle.id", "bundle.account_status"),
}

_PARTS = {
    "task": "task",
    "last": "attempt",
    "attempt": "attempt",
    "bundle": "bundle",
    "profile": "profile",
    "feedback": "feedback",
}
"""By the part of the facts, what the reading of answers calls it."""

_SUMMARY = {
    "checks.count": {"timeline.attempts"},
    "checks.failed": {"attempt.outcome_kind"},
    "checks.best_score": {"attempt.match_score"},
    "checks.most_comments": {"attempt.comments_scraped"},
    "checks.fewest_comments": {"attempt.comments_scraped"},
}


def _fields_in(fact: Fact) -> set[str]:
    if fact.name in _SUMMARY:
        return _SUMMARY[fact.name]
    parts = (path.partition(".") for path in fact.paths)
    return {f"{_PARTS[part]}.{field}" for part, _, field in parts if part in _PARTS}


def _compares(condition: Condition, of_attempt: bool = False) -> Iterable[tuple[Compare, bool]]:
    match condition:
        case Compare():
            yield condition, of_attempt
        case AllOf(parts=parts) | AnyOf(parts=parts) | NoneOf(parts=parts):
            for part in parts:
                yield from _compares(part, of_attempt)
        case EachAttempt(condition=inner):
            yield from _compares(inner, True)
