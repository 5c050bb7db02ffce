"""Facts with one of them changed, the others following where they depend on it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from reviewbot.policy.facts import Facts, History, summarise

_PARTS = ("task", "checks", "account", "fleet", "bundle", "profile", "feedback")


def with_fact(facts: Facts, name: str, value: Any) -> Facts | None:
    """Change one fact. None where it is not one's own value but follows from time or others."""
    part, _, own = name.partition(".")
    if name == "task.times_disputed":
        return replace(facts, past=replace(facts.past, disputes=value))
    if name in ("task.sent_back_before", "task.round"):
        before = value if own == "sent_back_before" or value is None else value - 1
        return replace(facts, past=_sent_back(facts.past, before))
    if name == "review.round":
        applied = None if value is None else value - 1
        return replace(facts, feedback=replace(facts.feedback, corrections_applied=applied))
    if name == "profile.differs":
        return replace(facts, differs=value)
    if part == "last":
        return _with_last(facts, own, value)
    if part not in _PARTS or not hasattr(getattr(facts, part), own):
        return None
    return replace(facts, **{part: replace(getattr(facts, part), **{own: value})})


def _sent_back(past: History, before: int | None) -> History:
    """A past with so many rounds before; no more of them ended by us."""
    if before is None or past.disputes is None:
        return replace(past, disputes=before, rounds_before=before or 0)
    return replace(past, disputes=min(past.disputes, before), rounds_before=before)


def _with_last(facts: Facts, own: str, value: Any) -> Facts | None:
    if not facts.attempts or not hasattr(facts.last, own):
        return None
    last = replace(facts.last, **{own: value})
    attempts = (*facts.attempts[:-1], last)
    return replace(facts, attempts=attempts, last=last, checks=summarise(attempts))
