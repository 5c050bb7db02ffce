"""Builders of policy trees: each makes a valid thing, a test changes what it is about."""

from __future__ import annotations

from typing import Any

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.model import (
    BeforeDeadline,
    Condition,
    Deadline,
    Fallback,
    Policy,
    ReasonText,
    Rule,
    Template,
    Then,
)

REASON = ReasonText(name=None, otherwise=Template(parts=("Please look at this once more.",)))


def a_rule(
    name: str, when: Condition | None, then: Action = Action.APPROVE, **changes: Any
) -> Rule:
    """A rule that does `then`; a dispute brings a plain reason."""
    wants = Then(action=then, reason=REASON if then is Action.DISPUTE else None)
    fields: dict[str, Any] = {
        "name": name,
        "when": when,
        "then": wants,
        "name_span": Span(1, 1, 1, 2),
    }
    return Rule(**(fields | changes))


def a_policy(*rules: Rule, **changes: Any) -> Policy:
    """A policy of these rules that decides until 3h before the deadline and then leaves it."""
    fields: dict[str, Any] = {
        "name": "tree",
        "language": 1,
        "path": "tree.yaml",
        "source": "",
        "revision": "0" * 64,
        "rules": rules,
        "deadline": Deadline(
            decide_by=BeforeDeadline(seconds=3 * 3600),
            fallbacks=(Fallback(when=None, then=Then(action=Action.LEAVE)),),
        ),
    }
    return Policy(**(fields | changes))
