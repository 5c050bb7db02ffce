"""Limits that save nothing: what they keep back, the fallback included, is paid by silence."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.domain.decision import Action
from reviewbot.policy.analysis.world import World
from reviewbot.policy.findings import NOWHERE, Finding, Severity
from reviewbot.policy.model import Cap, Guardrails

SILENCE_PAYS = "P325"


def limits_that_end_in_silence(world: World) -> Iterator[Finding]:
    """Find the limits that, once full, leave a task to the timer: they hold the fallback as well."""
    guards = world.policy.guardrails
    if guards.fallback_exempt:
        return
    fallbacks = [fallback.then.action for fallback in world.policy.deadline.fallbacks]
    caps: list[tuple[str, Cap]] = []
    if any(action.pays or action is Action.ESCALATE for action in fallbacks):
        caps += _named(guards, "money approved", "approvals")
    if any(action.sends_back for action in fallbacks):
        caps += _named(guards, "disputes", "disputes per account", "dispute share")
    caps = [(name, cap) for name, cap in caps if cap.amount > 0]
    if not caps:
        return
    acts = any(action.pays or action.sends_back for action in fallbacks)
    (name, first), *others = caps
    then = "a person is asked" if guards.when_over == "escalate" else "it is tried again"
    yield Finding(
        code=SILENCE_PAYS,
        severity=Severity.WARNING,
        span=first.span,
        message=f"once  {name}:  is full, silence pays: this limit saves no money",
        under="it holds the fallback too" if acts else "the fallback decides nothing",
        detail=f"{then}, and where that comes to nothing before the deadline, the manager is paid all the same",
        cure="write  fallback exempt: yes  under  guardrails:"
        if acts
        else "let  if undecided:  decide, and write  fallback exempt: yes  under  guardrails:",
        related=tuple(
            ("", cap.span, f"{other}:  as well") for other, cap in others if cap.span != NOWHERE
        ),
    )


def _named(guards: Guardrails, *names: str) -> list[tuple[str, Cap]]:
    return [(name, cap) for name in names for cap in getattr(guards, name.replace(" ", "_"))]
