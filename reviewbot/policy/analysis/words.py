"""Values and examples in the words of the language, for messages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from reviewbot.domain.safetext import safe_line
from reviewbot.policy.analysis.attempts import attempts_behind
from reviewbot.policy.analysis.reads import compares_in
from reviewbot.policy.analysis.world import Found, World
from reviewbot.policy.fields import ATTEMPT_FACTS, Fact, FactType
from reviewbot.policy.model import Rule
from reviewbot.policy.texts import duration, money, share, yes_no

_LONGEST_TEXT = 40


def say_value(fact: Fact, value: Any) -> str:
    """Write a value as a test in a policy would."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return yes_no(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    match fact.type:
        case FactType.MONEY:
            return money(value)
        case FactType.SHARE:
            return share(value)
        case FactType.DURATION:
            return duration(value)
        case FactType.NAMES:
            return ", ".join(value) or "none"
        case FactType.TEXT:
            return f'"{safe_line(value, _LONGEST_TEXT)}"'
    return f"{value:g}" if isinstance(value, float) else str(value)


def say_example(world: World, found: Found, facts: Iterable[str]) -> str:
    """Describe a review by the facts that matter."""
    named = [name for name in dict.fromkeys(facts) if name in found.facts]
    parts = [f"{name}: {say_value(world.fact(name), found.facts[name])}" for name in named]
    if any(rest is not None for rest in found.rest.values()):
        parts += _earlier_attempts(world, found)
    return " · ".join(parts) or "any task"


def _earlier_attempts(world: World, found: Found) -> list[str]:
    """The first attempt, where an example needs one before the last."""
    attempts = attempts_behind(world, found) or ()
    if len(attempts) < 2:
        return []
    asked = dict.fromkeys(line.fact for c in found.rest for _, line in compares_in(c.condition))
    stated = (f"{n} {say_value(ATTEMPT_FACTS[n], attempts[0][n])}" for n in asked)
    return [f"checks.count: {len(attempts)}", f"an earlier try: {join(stated)}"]


def say_rule(number: int, rule: Rule) -> str:
    """Name a rule by its place and its name."""
    return f'rule {number + 1} "{rule.name}"'


def join(parts: Iterable[str], last: str = "and") -> str:
    """Join words: a, b and c."""
    words = list(parts)
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)
