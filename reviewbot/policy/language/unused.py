"""What a policy declares and never uses: probably a mistyped rule, or a leftover."""

from __future__ import annotations

from reviewbot.policy.language.grammar import DECLARED
from reviewbot.policy.language.reader import MappingReader, Name, Reading
from reviewbot.policy.language.yaml import Mapping

_CURES = {
    "reason": "name it in a rule that disputes,  or delete it",
    "list": "ask for it by  in list {0},  or delete it",
    "pattern": "ask for it by  matches pattern {0},  or delete it",
    "condition": "ask for it by  condition: {0},  or delete it",
    "calendar": "use it by  act during: {0}  or  when {0} opens,  or delete them",
}


def warn_unused(reading: Reading, fields: MappingReader) -> None:
    """Warn of every reason, list, pattern, condition and calendar that nothing in the policy names."""
    used: set[Name] = set()
    found = reading.uses.get(None, set())
    while found := found - used:
        used |= found
        found = {name for user in found for name in reading.uses.get(user, ())}
    for kind, cure in _CURES.items():
        tree = fields.peek(DECLARED[kind])
        for key, _ in tree.entries if isinstance(tree, Mapping) else ():
            name = key.value
            if (kind, name) not in used:
                phrase = f'hours "{name}" are' if kind == "calendar" else f'{kind} "{name}" is'
                message = f"the {phrase} never used"
                reading.warn("P340", key.span, message, cure=cure.format(name))
