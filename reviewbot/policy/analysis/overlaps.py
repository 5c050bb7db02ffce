"""Rules that meet on the same review, of which one pays and one sends back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reviewbot.domain.decision import Action
from reviewbot.policy.analysis.attempts import realistic
from reviewbot.policy.analysis.reads import compares_in, deciding
from reviewbot.policy.analysis.search import TooHardError, Wish
from reviewbot.policy.analysis.truth import NOT_TRUE, TRUE
from reviewbot.policy.analysis.words import say_example, say_rule
from reviewbot.policy.analysis.world import Doubt, Found, World
from reviewbot.policy.findings import Finding, Severity
from reviewbot.policy.model import Rule

PAYS_AND_SENDS_BACK = "P203"
OTHER = "P204"

MEETS = {
    Severity.WARNING: "whether it meets an earlier rule that pays where it sends back, or the reverse",
    Severity.NOTE: "whether it meets an earlier rule that does something else",
}

MOST_NAMED = 100
"""Pairs of each severity that are named; who has that many mends those first."""


def overlaps(
    world: World, dead: frozenset[int], *, notes: bool = True, every: bool
) -> Iterator[Finding]:
    """Find pairs of rules that some ordinary review meets both of, the first of which wins.

    Pairs of which one pays and one sends back are warnings. Others are notes; a guard (a person or
    time first, then the rest) is how policies are written and is told only with `every`.
    """
    rules = [(i, rule) for i, rule in deciding(world.policy) if i not in dead]
    named: Counter[Severity] = Counter()
    none_before: list[Wish] = [(world.rules[i], NOT_TRUE) for i, _ in rules]
    for place, (j, later) in enumerate(rules):
        earlier = rules[:place]
        for at, (i, first) in enumerate(earlier):
            severity = _severity(first, later, every=every)
            if severity is None or (severity is Severity.NOTE and not notes):
                continue
            if world.apart(i, j):
                continue
            if named[severity] >= MOST_NAMED:
                world.doubts.append(Doubt(MEETS[severity], j))
                break
            try:
                found = meet(world, i, j, none_before[:at])
            except TooHardError:
                world.doubts.append(Doubt(MEETS[severity], j))
                continue
            if found is not None:
                named[severity] += 1
                yield _finding(world, (i, first), (j, later), found, severity)


def meet(world: World, i: int, j: int, before: list[Wish]) -> Found | None:
    """Find an ordinary review that both rules match and none of `before` takes.

    Raises TooHardError when it cannot be told.
    """
    both: list[Wish] = [(world.rules[i], TRUE), (world.rules[j], TRUE)]
    if before and world.example(both) is None:
        return None
    found = world.example([*both, *before])
    if found is not None and not realistic(world, found):
        raise TooHardError
    return found


def _severity(first: Rule, later: Rule, *, every: bool) -> Severity | None:
    a, b = first.then.action, later.then.action
    if (a.pays and b.sends_back) or (a.sends_back and b.pays):
        return Severity.WARNING
    if a is b or later.when is None:
        return None
    guard = a in (Action.ESCALATE, Action.WAIT)
    return Severity.NOTE if every or not guard else None


def _finding(
    world: World, first: tuple[int, Rule], later: tuple[int, Rule], found: Found, severity: Severity
) -> Finding:
    names = [name for _, rule in (first, later) if rule.when for name, _ in compares_in(rule.when)]
    verb = first[1].then.action
    return Finding(
        code=PAYS_AND_SENDS_BACK if severity is Severity.WARNING else OTHER,
        severity=severity,
        span=later[1].name_span,
        message=f"some tasks match both {say_rule(*first)} ({verb}) "
        f"and {say_rule(*later)} ({later[1].then.action})",
        under=f'"{first[1].name}" stands first and wins: {verb}',
        detail="for example " + say_example(world, found, names),
        cure=f'if that is not meant, add to "{later[1].name}" or to "{first[1].name}" '
        "a condition that keeps them apart",
        related=(("", first[1].name_span, "stands first and wins"),),
    )
