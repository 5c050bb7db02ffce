"""Policies that could send one review back for ever."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.analysis.paths import Path, sending_paths
from reviewbot.policy.analysis.reads import placeholders_in
from reviewbot.policy.analysis.search import Wish
from reviewbot.policy.analysis.truth import TRUE
from reviewbot.policy.analysis.world import Doubt, World
from reviewbot.policy.findings import Finding, Severity

FOR_EVER = "P240"

ENDS = "whether it could send a task back for ever"


def endless_rounds(world: World, dead: frozenset[int]) -> Iterator[Finding]:
    """Find what sends a review back however often that has been done before."""
    cells = world.cells_of(world.returns)
    beyond = sum(1 << i for i, c in enumerate(cells) if c.value is not None and c.high is None)
    late: Wish = (world.lies_in(world.returns, beyond), TRUE)
    endless = [
        path
        for path in sending_paths(world, dead)
        if path.variant_index == 0
        and world.surely([*path.any_variant, late], Doubt(ENDS, path.rule)) is not None
    ]
    if endless:
        yield _finding(world, endless)


def _finding(world: World, endless: list[Path]) -> Finding:
    path = endless[0]
    changing = any(p.repeats or placeholders_in(p.template) for p in endless)
    what = "a manager" if world.policy.applies_to.review == "comments" else "an account"
    return Finding(
        code=FOR_EVER,
        severity=Severity.WARNING,
        span=path.span,
        message=f"{path.what} can send {what} back again and again: no rule ends it",
        detail=None
        if changing
        else "its words never change, so from the second time on a person is asked instead",
        cure=f"put a rule before it such as  {world.returns}: at least 2  →  then: escalate",
        related=tuple(("", other.span, "can do so too") for other in endless[1:]),
    )
