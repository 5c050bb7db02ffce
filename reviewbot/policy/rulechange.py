"""Which rules of a policy mean something else than in another one, whatever their place and spelling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reviewbot.domain.decision import DEADLINE
from reviewbot.policy.findings import Span
from reviewbot.policy.model import Policy, Rule

_FOR_READERS = frozenset({"note", "because"})
"""Words that change nothing."""


def changed_rules(old: Policy | None, new: Policy) -> frozenset[str]:
    """Name the rules of `new` that `old` does not have; `deadline` where the fallback differs.

    A rule's meaning is its conditions, its action and its texts, and the lists, hours and patterns
    that it names. Without an old policy every rule is new.
    """
    if old is None:
        return frozenset({DEADLINE, *(rule.name for rule in new.rules)})
    known = {_meaning(old, rule) for rule in old.rules}
    changed = {rule.name for rule in new.rules if _meaning(new, rule) not in known}
    if _named(old, _bare(old.deadline)) != _named(new, _bare(new.deadline)):
        changed.add(DEADLINE)
    return frozenset(changed)


def same_meaning(old: Policy, one: Any, new: Policy, other: Any) -> bool:
    """Whether a part of one policy means what a part of another does."""
    return bool(_named(old, _bare(one)) == _named(new, _bare(other)))


def _meaning(policy: Policy, rule: Rule) -> Any:
    # A rule's name chooses which tasks a rollout takes; otherwise it is only a name.
    whole = rule if rule.rollout is not None else msgspec.structs.replace(rule, name="")
    return _named(policy, _bare(whole))


def _named(policy: Policy, bare: Any) -> Any:
    """A bare tree with all that its words stand for."""
    words = set(_words(bare))
    lists = tuple(_bare(one) for one in policy.lists if one.name in words)
    hours = tuple(_bare(one) for one in policy.hours if one.name in words)
    patterns = tuple(_bare(one) for one in policy.patterns if one.name in words)
    return bare, lists, hours, patterns, policy.timezone


def _bare(node: Any) -> Any:
    if isinstance(node, Span):
        return None
    if isinstance(node, msgspec.Struct):
        fields = (
            (name, _bare(getattr(node, name)))
            for name in node.__struct_fields__
            if name not in _FOR_READERS
        )
        return (type(node).__name__, *fields)
    if isinstance(node, tuple):
        return tuple(map(_bare, node))
    return node


def _words(bare: Any) -> Iterator[str]:
    if isinstance(bare, str):
        yield bare
    elif isinstance(bare, tuple):
        for part in bare:
            yield from _words(part)
