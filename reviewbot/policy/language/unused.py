"""What a policy declares and never uses: probably a mistyped rule, or a leftover."""

from __future__ import annotations

from reviewbot.policy.language.reader import MappingReader, Name, Reading
from reviewbot.policy.language.yaml import Mapping

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


def warn_unused(reading: Reading, fields: MappingReader) -> None:
    """Warn of every reason, list, pattern, condition and calendar that nothing in the policy names."""
    used: set[Name] = set()
    found = reading.uses.get(None, set())
    while found := found - used:
        used |= found
        found = {name for user in found for name in reading.uses.get(user, ())}
    for part, (kind, phrase, cure) in _PARTS.items():
        tree = fields.peek(part)
        for key, _ in tree.entries if isinstance(tree, Mapping) else ():
            name = key.value
            if (kind, name) not in used:
                message = f"{phrase.format(name)} never used"
                reading.warn("P340", key.span, message, cure=cure.format(name))
