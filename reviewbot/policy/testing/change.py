"""What a new version of a policy changes: rules that mean something else, limits that let more through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reviewbot.domain.decision import DEADLINE
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.model import Cap, Policy, Rule, Statement

_FOR_READERS = frozenset({"note", "because"})
"""Words that change nothing."""
_CAPS = ("approvals", "disputes", "disputes_per_account", "money_approved", "dispute_share")
_PAUSES = ("pause_approvals_when", "pause_disputes_when")


def changed_rules(old: Policy | None, new: Policy) -> frozenset[str]:
    """Name the rules of `new` that `old` does not have; `deadline` where the fallback differs.

    A rule's meaning is its conditions, its action and its texts, and the lists, hours and patterns
    that it names, whatever its place and spelling. Without an old policy every rule is new.
    """
    if old is None:
        return frozenset({DEADLINE, *(rule.name for rule in new.rules)})
    known = {_rule_meaning(old, rule) for rule in old.rules}
    changed = {rule.name for rule in new.rules if _rule_meaning(new, rule) not in known}
    if _meaning(old, old.deadline) != _meaning(new, new.deadline):
        changed.add(DEADLINE)
    return frozenset(changed)


def loosened(old: Policy, new: Policy) -> tuple[str, ...]:
    """Name the limits and statements of `old` that `new` loosens, lacks or changes beyond comparison."""
    return tuple(_loosened(old, new))


def _rule_meaning(policy: Policy, rule: Rule) -> Any:
    # A rule's name chooses which tasks a rollout takes; otherwise it is only a name.
    chosen_by_name = rule.rollout is not None or rule.stage is not None
    whole = rule if chosen_by_name else msgspec.structs.replace(rule, name="")
    return _meaning(policy, whole)


def _meaning(policy: Policy, node: Any) -> Any:
    """A part of a policy with all that its words stand for."""
    bare = _bare(node)
    words = set(_words(bare))
    declared = (policy.lists, policy.hours, policy.patterns)
    named = tuple(_bare(tuple(item for item in kind if item.name in words)) for kind in declared)
    return bare, named, policy.timezone


def _bare(node: Any) -> Any:
    """A tree without its places and what is for readers."""
    if isinstance(node, Span):
        return None
    if isinstance(node, msgspec.Struct):
        fields = (name for name in node.__struct_fields__ if name not in _FOR_READERS)
        return type(node).__name__, *((name, _bare(getattr(node, name))) for name in fields)
    return tuple(map(_bare, node)) if isinstance(node, tuple) else node


def _words(bare: Any) -> Iterator[str]:
    if isinstance(bare, str):
        yield bare
    elif isinstance(bare, tuple):
        for part in bare:
            yield from _words(part)


def _loosened(old: Policy, new: Policy) -> Iterator[str]:
    before, after = old.guardrails, new.guardrails
    for name in _CAPS:
        if not _all_kept(getattr(before, name), getattr(after, name), name):
            yield name.replace("_", " ")
    for name in _PAUSES:
        was, now = getattr(before, name), getattr(after, name)
        if was is not None and _meaning(old, was) != _meaning(new, now):
            yield name.replace("_", " ")
    limits = {rule.name: rule.limit for rule in new.rules}
    for rule in old.rules:
        kept = limits.get(rule.name)
        if kept is not None and not _all_kept(rule.limit, kept, "limit"):
            yield f'limit of rule "{rule.name}"'
    yield from _statements_gone(old, new)
    if any(getattr(before, name) for name in _CAPS):
        if after.fallback_exempt and not before.fallback_exempt:
            yield "fallback exempt"
        if new.name != old.name:
            yield "another name, under which every cap counts anew"


def _statements_gone(old: Policy, new: Policy) -> Iterator[str]:
    for statement in old.never:
        if not any(_forbids_as_much(other, statement) for other in new.never):
            yield f'statement "{statement.name}"'


def _forbids_as_much(new: Statement, old: Statement) -> bool:
    """Whether a statement forbids what the old one did; what its lists hold is not compared."""
    same = _bare(new.when) == _bare(old.when)
    return same and {*old.actions} <= {*new.actions} and {*new.but} <= {*old.but}


def _all_kept(before: tuple[Cap, ...], after: tuple[Cap, ...], name: str) -> bool:
    return all(any(_as_strict(cap, was, name) for cap in after) for was in before)


def _as_strict(new: Cap, old: Cap, name: str) -> bool:
    """Whether what the new cap lets through, the old one did as well."""
    same_window = new.per == old.per
    if new.money != old.money or (new.account and not old.account):
        return False
    if name == "dispute_share":
        return same_window and new.amount <= old.amount and (new.after or 0) <= (old.after or 0)
    # So many a day are no more than so many an hour; a calendar day ends in the midst of one.
    return (same_window or (new.per, old.per) == ("day", "hour")) and new.amount <= old.amount
