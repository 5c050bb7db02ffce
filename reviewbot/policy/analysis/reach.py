"""Rules that no review reaches, and reviews that no rule reaches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from reviewbot.policy.analysis.reads import compares_in, deciding
from reviewbot.policy.analysis.search import TooHardError, Wish
from reviewbot.policy.analysis.truth import FALSE, NOT_TRUE, TRUE
from reviewbot.policy.analysis.words import join, say_example, say_rule
from reviewbot.policy.analysis.world import Doubt, World
from reviewbot.policy.findings import Finding, Severity
from reviewbot.policy.model import Rule

NEVER_BY_ITSELF = "P201"
NEVER_BECAUSE_OF_EARLIER = "P202"
UNDOCUMENTED = "P212"
UNCOVERED = "P205"

CAN_MATCH = "whether it can ever match"
ALL_COVERED = "whether every task is covered"

MOST_NAMED = 3
"""Earlier rules that are named as taking all tasks of a rule."""


def unreachable_rules(world: World) -> tuple[list[Finding], frozenset[int]]:
    """Find the rules that can never match, and give their numbers as well.

    Those that only a review beyond the API's documents could match are found too, but can match.
    """
    found: list[Finding] = []
    dead: set[int] = set()
    for number, rule in enumerate(world.policy.rules):
        if rule.rollout == 0:
            dead.add(number)
            continue
        try:
            finding = _reach(world, number, rule)
        except TooHardError:
            world.doubts.append(Doubt(CAN_MATCH, number))
            continue
        if finding is not None:
            found.append(finding)
            if finding.code != UNDOCUMENTED:
                dead.add(number)
    return found, frozenset(dead)


def _reach(world: World, number: int, rule: Rule) -> Finding | None:
    own: Wish = (world.rules[number], TRUE)
    earlier = [i for i, _ in deciding(world.policy) if i < number]
    wishes = [own, *((world.rules[i], NOT_TRUE) for i in earlier)]
    if world.possible(wishes, documented=True):
        return None
    if world.possible(wishes):
        return _beyond_the_documents(rule)
    if not world.possible([own]):
        return Finding(
            code=NEVER_BY_ITSELF,
            severity=Severity.WARNING,
            span=rule.name_span,
            message=f'rule "{rule.name}" can never match: its own conditions exclude each other',
            cure="change or drop one of its conditions",
        )
    eaters = _smallest(world, own, earlier)
    named = [(i, world.policy.rules[i]) for i in eaters[:MOST_NAMED]]
    more = f" (and {len(eaters) - len(named)} more)" if len(eaters) > len(named) else ""
    return Finding(
        code=NEVER_BECAUSE_OF_EARLIER,
        severity=Severity.WARNING,
        span=rule.name_span,
        message=f'rule "{rule.name}" can never match: every task it would take is taken before by '
        + join(say_rule(i, eater) for i, eater in named)
        + more,
        cure=f'move "{rule.name}" up, make the earlier one narrower, or drop this one',
        related=tuple(("", eater.name_span, "takes its tasks") for _, eater in named),
    )


def _beyond_the_documents(rule: Rule) -> Finding:
    return Finding(
        code=UNDOCUMENTED,
        severity=Severity.WARNING,
        span=rule.name_span,
        message=f'rule "{rule.name}" is for tasks that the API\'s documents do not know: '
        "all others are taken before, or excluded by its own conditions",
        detail="values beyond the documented ranges are kept as they come, so it may match all the same",
        cure="keep it if that is meant; else change its conditions or drop it",
        see="reviewbot policy facts",
    )


def _smallest(world: World, own: Wish, earlier: list[int]) -> list[int]:
    """Drop earlier rules that are not needed to leave nothing over: by halves, then one by one."""
    kept = list(earlier)
    size = max(1, len(kept) // 2)
    while size:
        end = len(kept)
        while end > 0:
            start = max(0, end - size)
            rest = kept[:start] + kept[end:]
            if _still_nothing(world, own, rest):
                kept = rest
            end = start
        size //= 2
    return kept


def _still_nothing(world: World, own: Wish, earlier: list[int]) -> bool:
    try:
        return not world.possible([own, *((world.rules[i], NOT_TRUE) for i in earlier)])
    except TooHardError:
        return False


def uncovered(world: World) -> Iterator[Finding]:
    """Find a review for which no rule is made, if there is one."""
    nodes = [world.rules[i] for i, _ in deciding(world.policy)]
    doubt = Doubt(ALL_COVERED, len(world.policy.rules) - 1)
    found = None
    certain = False
    with suppress(TooHardError):
        found = world.example([(node, FALSE) for node in nodes])
        certain = found is not None
    found = found or world.surely([(node, NOT_TRUE) for node in nodes], doubt)
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
