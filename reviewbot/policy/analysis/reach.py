"""Rules that no review reaches, and reviews that no rule reaches."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.analysis.reads import compares_in, deciding
from reviewbot.policy.analysis.search import TooHardError, Wish
from reviewbot.policy.analysis.truth import FALSE, NOT_TRUE, TRUE
from reviewbot.policy.analysis.words import join, say_example, say_rule
from reviewbot.policy.analysis.world import World
from reviewbot.policy.findings import Finding, Severity
from reviewbot.policy.model import Rule

NEVER_BY_ITSELF = "P201"
NEVER_BECAUSE_OF_EARLIER = "P202"
CANNOT_TELL = "P209"
UNCOVERED = "P205"


def unreachable_rules(world: World) -> tuple[list[Finding], frozenset[int]]:
    """Find the rules that can never match, and give their numbers as well."""
    found: list[Finding] = []
    dead: set[int] = set()
    for number, rule in enumerate(world.policy.rules):
        if rule.rollout == 0:
            dead.add(number)
            continue
        try:
            finding = _reach(world, number, rule)
        except TooHardError:
            found.append(_cannot_tell(number, rule))
            continue
        if finding is not None:
            found.append(finding)
            dead.add(number)
    return found, frozenset(dead)


def _reach(world: World, number: int, rule: Rule) -> Finding | None:
    own: Wish = (world.rules[number], TRUE)
    earlier = [i for i, _ in deciding(world.policy) if i < number]
    if world.possible([own, *((world.rules[i], NOT_TRUE) for i in earlier)]):
        return None
    if not world.possible([own]):
        return Finding(
            code=NEVER_BY_ITSELF,
            severity=Severity.WARNING,
            span=rule.name_span,
            message=f'rule "{rule.name}" can never match: its own conditions exclude each other',
            cure="change or drop one of its conditions",
        )
    eaters = _smallest(world, own, earlier)
    named = [(i, world.policy.rules[i]) for i in eaters]
    return Finding(
        code=NEVER_BECAUSE_OF_EARLIER,
        severity=Severity.WARNING,
        span=rule.name_span,
        message=f'rule "{rule.name}" can never match: every task it would take is taken before by '
        + join(say_rule(i, eater) for i, eater in named),
        cure=f'move "{rule.name}" up, make the earlier one narrower, or drop this one',
        related=tuple(("", eater.name_span, "takes its tasks") for _, eater in named),
    )


def _smallest(world: World, own: Wish, earlier: list[int]) -> list[int]:
    """Drop every earlier rule that is not needed to leave nothing over."""
    kept = list(earlier)
    for candidate in reversed(earlier):
        rest = [i for i in kept if i != candidate]
        try:
            needed = world.possible([own, *((world.rules[i], NOT_TRUE) for i in rest)])
        except TooHardError:
            needed = True
        if not needed:
            kept = rest
    return kept


def _cannot_tell(number: int, rule: Rule) -> Finding:
    return Finding(
        code=CANNOT_TELL,
        severity=Severity.NOTE,
        span=rule.name_span,
        message=f"whether {say_rule(number, rule)} can ever match cannot be told: "
        "its text tests are too many or too fine to compare",
        cure="a test in tests: that expects this rule would show it",
    )


def uncovered(world: World) -> Iterator[Finding]:
    """Find a review for which no rule is made, if there is one."""
    nodes = [world.rules[i] for i, _ in deciding(world.policy)]
    found = world.example([(node, FALSE) for node in nodes])
    certain = found is not None
    found = found or world.example([(node, NOT_TRUE) for node in nodes])
    if found is None:
        return
    what = "no rule covers some tasks" if certain else "for some tasks no rule can tell"
    names = [name for rule in world.policy.rules if rule.when for name, _ in compares_in(rule.when)]
    yield Finding(
        code=UNCOVERED,
        severity=Severity.NOTE,
        span=world.policy.rules[-1].name_span,
        message=f"{what}: they go to a person by  no rule",
        detail="for example " + say_example(world, found, names),
        cure="add a last rule with  always: yes  and  then: escalate  if that is meant",
    )
