"""Money that moves only because an earlier rule could not tell."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.analysis.attempts import realistic
from reviewbot.policy.analysis.reads import compares_in, deciding
from reviewbot.policy.analysis.search import TooHardError, Wish
from reviewbot.policy.analysis.truth import FALSE, NOT_TRUE, TRUE, UNKNOWN
from reviewbot.policy.analysis.words import join, say_example, say_rule
from reviewbot.policy.analysis.world import COUNT, EXISTS, Doubt, Found, World
from reviewbot.policy.findings import Finding, Severity
from reviewbot.policy.model import IsKnown, Rule

BY_NOT_KNOWING = "P206"

PAST_UNKNOWN = "whether it takes tasks of which an earlier rule could not tell"


def reached_by_not_knowing(world: World, dead: frozenset[int]) -> Iterator[Finding]:
    """Find approvals and disputes that a task reaches past a rule that might have stopped it."""
    rules = [(i, rule) for i, rule in deciding(world.policy) if i not in dead]
    unsure = {i for i, _ in rules if world.may_come_to(world.rules[i]) & UNKNOWN}
    for place, (i, rule) in enumerate(rules):
        if not (rule.then.action.pays or rule.then.action.sends_back):
            continue
        for j, earlier in rules[:place]:
            if earlier.then.action is rule.then.action or j not in unsure:
                continue
            try:
                found = _found(world, rules[:place], (i, rule), j)
            except TooHardError:
                world.doubts.append(Doubt(PAST_UNKNOWN, i))
                break
            if found is not None:
                yield _finding(world, (i, rule), (j, earlier), found)
                break


def _found(
    world: World, before: list[tuple[int, Rule]], target: tuple[int, Rule], j: int
) -> Found | None:
    wishes: list[Wish] = [
        (world.rules[target[0]], TRUE),
        (world.rules[j], UNKNOWN),
        *((world.rules[k], NOT_TRUE) for k, _ in before if k != j),
    ]
    for scenario in _scenarios(world):
        found = world.example([*wishes, *scenario])
        if found is not None and _might_have_matched(world, found, target[1], j):
            if not realistic(world, found):
                raise TooHardError
            return found
    return None


def _scenarios(world: World) -> list[list[Wish]]:
    """With an attempt and without one; a rule that asks for either is not surprised by it."""
    if not world.reads(COUNT):
        return [[]]
    exists = world.meets(COUNT, EXISTS)
    return [[(exists, TRUE)], [(exists, FALSE)]]


def _might_have_matched(world: World, found: Found, rule: Rule, j: int) -> bool:
    """Whether the earlier rule could match once more were known, with all else as the rule asked."""
    fixed: list[Wish] = []
    lines = list(compares_in(rule.when)) if rule.when is not None else []
    for name, line in lines:
        if found.facts[name] is not None or isinstance(line.test, IsKnown):
            fixed.append((world.lies_in(name, 1 << found.cells[name]), TRUE))
    return world.example([(world.rules[j], TRUE), *fixed]) is not None


def _finding(
    world: World, rule: tuple[int, Rule], earlier: tuple[int, Rule], found: Found
) -> Finding:
    asked = [name for name, _ in compares_in(earlier[1].when)] if earlier[1].when else []
    missing = [name for name in dict.fromkeys(asked) if found.facts[name] is None]
    own = [name for name, _ in compares_in(rule[1].when)] if rule[1].when else []
    return Finding(
        code=BY_NOT_KNOWING,
        severity=Severity.WARNING,
        span=rule[1].name_span,
        message=f'"{rule[1].name}" ({rule[1].then.action}) takes tasks of which '
        f"{say_rule(*earlier)} ({earlier[1].then.action}) could not tell",
        under=f"{join(missing)} may be unknown" if missing else None,
        detail="for example " + say_example(world, found, [*own, *asked]),
        cure=f'ask here too for what "{earlier[1].name}" needs'
        + (f", such as  {missing[0]}: known" if missing else ""),
        related=(("", earlier[1].name_span, "cannot tell"),),
    )
