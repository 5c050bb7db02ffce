"""Single lines that decide nothing: tests that always hold, and tests that never do."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.analysis.reads import compares_in, conditions_of
from reviewbot.policy.analysis.truth import FALSE, TRUE
from reviewbot.policy.analysis.words import say_value
from reviewbot.policy.analysis.world import World
from reviewbot.policy.fields import Fact
from reviewbot.policy.findings import Finding, Severity
from reviewbot.policy.model import Compare, IsKnown

ALWAYS = "P207"
NEVER = "P208"
BEYOND = "P211"


def idle_lines(world: World) -> Iterator[Finding]:
    """Find the lines that hold, or fail, for every value that their fact can have.

    Where that is so only within what the API documents it is said as such: other values are kept.
    """
    for condition in conditions_of(world.policy):
        for name, line in compares_in(condition):
            fact = world.fact(name)
            if isinstance(line.test, IsKnown) and fact.nullable:
                continue
            known = [one for one in world.answers(name, line.test) if one[0].value is not None]
            every = {mask for _, mask in known}
            documented = {mask for cell, mask in known if cell.documented}
            if documented == {TRUE}:
                yield _always(fact, line, sure=every == {TRUE})
            elif documented == {FALSE}:
                yield _never(fact, line) if every == {FALSE} else _beyond(fact, line)


def _always(fact: Fact, line: Compare, *, sure: bool) -> Finding:
    within = "" if sure else " of what the API documents"
    return Finding(
        code=ALWAYS,
        severity=Severity.WARNING,
        span=line.test_span,
        message=f'"{line.fact}: {line.text}" is always true{within}',
        detail=f"{fact.name} is {_range(fact)}",
        cure="delete this line, or write  known  if the fact only has to be there",
        see=f"reviewbot policy facts {fact.name}",
    )


def _never(fact: Fact, line: Compare) -> Finding:
    return Finding(
        code=NEVER,
        severity=Severity.WARNING,
        span=line.test_span,
        message=f'"{line.fact}: {line.text}" is never true',
        detail=f"{fact.name} is {_range(fact)}",
        cure="change the value, or delete the rule",
        see=f"reviewbot policy facts {fact.name}",
    )


def _beyond(fact: Fact, line: Compare) -> Finding:
    return Finding(
        code=BEYOND,
        severity=Severity.WARNING,
        span=line.test_span,
        message=f'"{line.fact}: {line.text}" lies beyond what the API documents',
        under=f"the vendor says {_range(fact)}",
        detail="a value beyond is kept as it comes, so this may be true all the same",
        cure="keep it if that is meant; else change the value",
        see=f"reviewbot policy facts {fact.name}",
    )


def _range(fact: Fact) -> str:
    """What values the fact can have, in words."""
    if fact.values:
        return f"{fact.type} {', '.join(fact.values)}"
    if fact.low is not None and fact.high is not None:
        return f"{fact.type} from {say_value(fact, fact.low)} to {say_value(fact, fact.high)}"
    if fact.low is not None:
        return f"{fact.type} of at least {say_value(fact, fact.low)}"
    return str(fact.type.value) if fact.nullable else f"{fact.type}, and never unknown"
