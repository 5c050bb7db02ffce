"""What was asked of a policy and could not be told: said as such, once for each kind of question."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.analysis.overlaps import MEETS
from reviewbot.policy.analysis.reach import CAN_MATCH
from reviewbot.policy.analysis.words import join
from reviewbot.policy.analysis.world import World
from reviewbot.policy.findings import Finding, Severity

CAN_IT_MATCH = "P209"
CANNOT_TELL = "P210"

MOST_NAMED = 3
"""Rules that are named for one kind of question."""


def untold(world: World) -> Iterator[Finding]:
    """Name each kind of question that could not be told, with the rules it was asked of.

    Money that one rule pays and another sends back is worth a warning, the rest a note.
    """
    asked: dict[str, dict[int, None]] = {}
    for doubt in world.doubts:
        asked.setdefault(doubt.kind, {})[doubt.rule] = None
    for kind, numbers in asked.items():
        yield _finding(world, kind, list(numbers))


def _finding(world: World, kind: str, numbers: list[int]) -> Finding:
    rules = world.policy.rules
    names = [f'rule {n + 1} "{rules[n].name}"' for n in numbers[:MOST_NAMED] if n < len(rules)]
    names += ["the fallback"] * (len(rules) in numbers[:MOST_NAMED])
    more = len(numbers) - len(names)
    first = min(numbers)
    return Finding(
        code=CAN_IT_MATCH if kind == CAN_MATCH else CANNOT_TELL,
        severity=Severity.WARNING if kind == MEETS[Severity.WARNING] else Severity.NOTE,
        span=rules[first].name_span if first < len(rules) else world.policy.deadline.span,
        message=f"it cannot be told {kind}: "
        + join([*names, f"{more} more rules"] if more else names),
        detail="their tests are too many, or too fine to compare, in the work the check allows itself",
        cure="a test under  tests:  that expects each of them would show it; fewer tests on one "
        "text, or lists in place of them, are compared in full",
    )
