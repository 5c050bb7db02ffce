"""Which fields of a task and of its attempts judging by some policies can look at.

What a fact reads is taken from its own expression in the catalogue; what the engine reads besides is
named here: who it is, what it pays, when it began and ends, and how attempts are put in order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reviewbot.domain.task import Attempt
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.engine.judge import facts_named
from reviewbot.policy.model import Policy, conditions_of, has_checks

_TASK = (
    "id",
    "platform",
    "saved_account_id",
    "cm_payout_amount",
    "manually_confirmed_at",
    "client_dispute_deadline_at",
)


_ATTEMPT = ("attempt_n", "scraped_at")


_SUMMARISED = ("outcome_kind", "match_score", "comments_scraped")
"""What the facts `checks.…` are worked out from."""


class Used(NamedTuple):
    """The fields that matter, by name."""

    task: frozenset[str]
    attempt: frozenset[str]


def fields_used(policies: Iterable[Policy]) -> Used:
    """Name the fields that any of these policies needs."""
    task, attempt = set(_TASK), set(_ATTEMPT)
    for policy in policies:
        catalogue = CATALOGUE[policy.applies_to.review]
        if any(map(has_checks, conditions_of(policy))):
            attempt.update(Attempt.__struct_fields__)
        for name in facts_named(policy):
            for part, field in _read_by(catalogue[name].read):
                match part:
                    case "task":
                        task.add(field)
                    case "last":
                        attempt.add(field)
                    case "checks":
                        attempt.update(_SUMMARISED)
    return Used(frozenset(task), frozenset(attempt))


def _read_by(expression: str) -> Iterator[tuple[str, str]]:
    """Each `part.field` in the expression of a fact."""
    for node in ast.walk(ast.parse(expression, mode="eval")):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
