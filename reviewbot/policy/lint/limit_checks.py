"""Limits that save nothing: what they keep back, the fallback included, is paid by silence."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import NOWHERE, Finding, Severity
from reviewbot.policy.lint.rule_checks import CAN_MATCH, MEETS
from reviewbot.policy.lint.solver import PolicyModel, join
from reviewbot.policy.model import Cap, Guardrails

SILENCE_PAYS = "P325"


def limits_that_end_in_silence(world: PolicyModel) -> Iterator[Finding]:
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


# ------------------------------------------------------------------------------------------------
# What was asked of a policy and could not be told: said as such, once for each kind of question.


CAN_IT_MATCH = "P209"


CANNOT_TELL = "P210"


MOST_NAMED = 3
"""Rules that are named for one kind of question."""


def untold(world: PolicyModel) -> Iterator[Finding]:
    """Name each kind of question that could not be told, with the rules it was asked of.

    Money that one rule pays and another sends back is worth a warning, the rest a note.
    """
    asked: dict[str, dict[int, None]] = {}
    for doubt in world.doubts:
        asked.setdefault(doubt.kind, {})[doubt.rule] = None
    for kind, numbers in asked.items():
        yield _finding(world, kind, list(numbers))


def _finding(world: PolicyModel, kind: str, numbers: list[int]) -> Finding:
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
