"""What a policy declares and never uses: probably a mistyped rule, or a leftover."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.language.reader import MappingReader, Reading
from reviewbot.policy.language.yaml import Mapping
from reviewbot.policy.model import (
    Compare,
    FactTest,
    Guardrails,
    Hours,
    Named,
    Node,
    Policy,
    ReasonText,
    Rule,
    Template,
    WhenOpens,
)

_PARTS = {
    "reasons": ("reason", 'the reason "{0}" is', "name it in a rule that disputes,  or delete it"),
    "lists": ("list", 'the list "{0}" is', "ask for it by  in list {0},  or delete it"),
    "patterns": (
        "pattern",
        'the pattern "{0}" is',
        "ask for it by  matches pattern {0},  or delete it",
    ),
    "conditions": (
        "condition",
        'the condition "{0}" is',
        "ask for it by  condition: {0},  or delete it",
    ),
    "hours": (
        "calendar",
        'the hours "{0}" are',
        "use it by  act during: {0}  or  when {0} opens,  or delete them",
    ),
}

Name = tuple[str, str]
"""(kind, name)."""


def warn_unused(reading: Reading, policy: Policy, fields: MappingReader) -> None:
    """Warn of every reason, list, pattern, condition and calendar that nothing in the policy names."""
    used = set(
        _used_in((policy.never, policy.rules, policy.deadline, policy.guardrails, policy.tests))
    )
    used |= set(
        _used_in(tuple(hours for hours in policy.hours if ("calendar", hours.name) in used))
    )
    for part, (kind, phrase, cure) in _PARTS.items():
        tree = fields.peek(part)
        for key, _ in tree.entries if isinstance(tree, Mapping) else ():
            name = key.value
            if (kind, name) not in used:
                message = f"{phrase.format(name)} never used"
                reading.warn("P340", key.span, message, cure=cure.format(name))


def _used_in(root: object) -> Iterator[Name]:
    """Every name that a part of the policy speaks of, at any depth."""
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if isinstance(node, tuple):
            nodes.extend(node)
        elif isinstance(node, FactTest):
            yield from filter(None, [node.refers()])
        elif isinstance(node, Compare):
            nodes.append(node.test)
        elif isinstance(node, Node) and not isinstance(node, Template):
            yield from _named_by(node)
            parts = (getattr(node, field) for field in node.__struct_fields__)
            nodes.extend(part for part in parts if isinstance(part, (tuple, Node)))


def _named_by(node: Node) -> Iterator[Name]:
    match node:
        case WhenOpens():
            yield "calendar", node.hours
        case Hours():
            yield from (("list", name) for name in node.closed_lists)
        case Named(name=name):
            yield "condition", name
        case ReasonText(name=str(name)):
            yield "reason", name
        case Rule(act_during=str(name)):
            yield "calendar", name
        case Guardrails():
            windows = (node.approvals_during, node.disputes_during)
            yield from (("calendar", name) for name in windows if name is not None)
        case _:
            pass
