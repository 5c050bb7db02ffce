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


def idle_lines(world: World) -> Iterator[Finding]:
    """Find the lines that hold, or fail, for every value that their fact can have."""
    for condition in conditions_of(world.policy):
        for name, line in compares_in(condition):
            fact = world.fact(name)
            if isinstance(line.test, IsKnown) and fact.nullable:
                continue
            answers = {
                mask for cell, mask in world.answers(name, line.test) if cell.value is not None
            }
            if answers in ({TRUE}, {FALSE}):
                yield _finding(fact, line, always=answers == {TRUE})


def _finding(fact: Fact, line: Compare, *, always: bool) -> Finding:
    verb = "is always true" if always else "is never true"
    return Finding(
        code=ALWAYS if always else NEVER,
        severity=Severity.WARNING,
        span=line.test_span,
        message=f'"{line.fact}: {line.text}" {verb}',
        detail=f"{fact.name} is {_range(fact)}",
        cure="delete this line, or write  known  if the fact only has to be there"
        if always
        else "change the value, or delete the rule",
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
