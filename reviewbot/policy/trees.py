"""A policy's conditions as trees of leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from reviewbot.policy.calendar import Calendar, resolver
from reviewbot.policy.codegen import All, Any, Not, Tree
from reviewbot.policy.fields import ATTEMPT_FACTS, CATALOGUE, Fact
from reviewbot.policy.functions import attempt_function, traced_attempt_function
from reviewbot.policy.leaves import Leaf, Leaves, Pool, View, not_yet, settled, three_way
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Checks,
    Compare,
    Condition,
    Moment,
    NoneOf,
    Policy,
    Rule,
)

_SUBJECT_ID = {"comments": "task.id", "accounts": "bundle.id"}


class Trees:
    """Makes the trees of one policy; the functions they call gather in `sources`."""

    def __init__(
        self,
        policy: Policy,
        pool: Pool,
        calendars: Mapping[str, Calendar],
        *,
        traced: bool = False,
    ) -> None:
        self._traced = traced
        self._pool = pool
        self._calendars = calendars
        self._leaves = Leaves(policy, pool)
        self._facts = CATALOGUE[policy.applies_to.review]
        self._id = _SUBJECT_ID[policy.applies_to.review]
        self._id_base = frozenset({self._id.partition(".")[0]})
        self._checks: dict[str, str] = {}
        self.sources: list[str] = []

    def rule(self, rule: Rule) -> Tree:
        """All that makes a rule match: its conditions, its share of tasks, its wait not over."""
        when = self.condition(rule.when)
        parts = list(when.parts) if isinstance(when, All) else [when]
        if rule.rollout is not None:
            parts.append(self._rollout(rule.name, rule.rollout))
        if rule.then.until is not None:
            parts.append(self._not_over(rule.then.until))
        return All(tuple(parts))

    def condition(self, condition: Condition | None) -> Tree:
        """The tree of a condition; None (always) is a tree without parts."""
        return All(()) if condition is None else self._tree(condition, self._facts)

    def _tree(self, condition: Condition, facts: Mapping[str, Fact]) -> Tree:
        match condition:
            case Compare(fact=name):
                return self._leaves.leaf(condition, facts[name])
            case AllOf(parts=parts):
                return All(tuple(self._tree(part, facts) for part in parts))
            case AnyOf(parts=parts):
                return Any(tuple(self._tree(part, facts) for part in parts))
            case NoneOf(parts=parts):
                return Not(Any(tuple(self._tree(part, facts) for part in parts)))
            case Checks(quantifier=quantifier, condition=inner):
                tree = self._tree(inner, ATTEMPT_FACTS)
                return self._each_attempt(quantifier, tree)

    def _each_attempt(self, quantifier: str, tree: Tree) -> Leaf:
        write = traced_attempt_function if self._traced else attempt_function
        shape = write("shape", quantifier, tree)
        if shape not in self._checks:
            self._checks[shape] = f"_attempts{len(self._checks)}"
            self.sources.append(write(self._checks[shape], quantifier, tree))
        name = self._checks[shape]
        view = View(f"each{name}", f"{name}(attempts, now)", frozenset({"attempts", "now"}))
        if not self._traced:
            return three_way(view)._replace(evidence=True)
        return Leaf(view, "", "", outcome="{read}[0]", evidence=True, slot="{x}")

    def _rollout(self, rule: str, share: float) -> Leaf:
        def in_group(subject_id: str) -> bool:
            return place_in_rollout(subject_id, rule) < share

        helper = self._pool.helper("in_group", in_group)
        return settled(View(f"is{helper}", f"{helper}({self._id})", self._id_base))

    def _not_over(self, moment: Moment) -> Leaf:
        helper = self._pool.helper("moment", resolver(moment, self._calendars))
        return not_yet(
            View(
                f"at{helper}",
                f"{helper}(first_seen, deadline)",
                frozenset({"first_seen", "deadline"}),
            )
        )


def place_in_rollout(subject_id: str, rule: str) -> float:
    """Where a subject stands among all, 0 to 1: always the same for a rule, whatever its share."""
    digest = hashlib.sha256(f"{subject_id}\x1f{rule}".encode(errors="replace")).digest()
    return int.from_bytes(digest[:8]) / 2**64
