"""What a policy declares and never uses: probably a mistyped rule, or a leftover."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.yaml import Mapping, Tree
from reviewbot.policy.model import (
    FactTest,
    Hours,
    Policy,
    ReasonText,
    Rule,
    WhenOpens,
)

_KINDS = {
    "reasons": ("reason", "name it in a rule that disputes"),
    "lists": ("list", "ask for it by  in list {name}"),
    "patterns": ("pattern", "ask for it by  matches pattern {name}"),
    "hours": ("calendar", "use it by  act during: {name}  or  when {name} opens"),
}


_ONE = {
    "reason": "the reason",
    "list": "the list",
    "pattern": "the pattern",
    "calendar": "the hours",
}


Name = tuple[str, str]
"""(kind, name)."""


def warn_unused(context: Reading, policy: Policy, root: Mapping) -> None:
    """Warn of every reason, list, pattern and calendar that nothing in the policy names."""
    used = set(_used_in((policy.rules, policy.deadline, policy.guardrails, policy.tests)))
    used |= set(
        _used_in(tuple(hours for hours in policy.hours if ("calendar", hours.name) in used))
    )
    for key, tree in root.entries:
        if key.value in _KINDS:
            _warn(context, key.value, tree, used)


def _warn(context: Reading, part: str, tree: Tree, used: set[Name]) -> None:
    kind, cure = _KINDS[part]
    for name, _ in tree.entries if isinstance(tree, Mapping) else ():
        if (kind, name.value) not in used:
            context.warn(
                "P340",
                name.span,
                f'{_ONE[kind]} "{name.value}" {"are" if kind == "calendar" else "is"} never used',
                cure=f"{cure.format(name=name.value)},  or delete {'them' if kind == 'calendar' else 'it'}",
            )


def _used_in(node: object) -> Iterator[Name]:
    """Every name that a part of the policy speaks of, at any depth."""
    match node:
        case FactTest():
            yield from filter(None, [node.refers()])
        case WhenOpens():
            yield "calendar", node.hours
        case Hours():
            yield from (("list", name) for name in node.closed_lists)
        case ReasonText(name=str(name)):
            yield "reason", name
        case Rule(act_during=str(name)):
            yield "calendar", name
        case _:
            pass
    if isinstance(node, msgspec.Struct):
        for field in node.__struct_fields__:
            yield from _used_in(getattr(node, field))
    elif isinstance(node, tuple):
        for part in node:
            yield from _used_in(part)
