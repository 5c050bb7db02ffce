"""One checker for every run: what the API did, held against what the log says."""

from __future__ import annotations

from collections import Counter

from reviewbot.domain.decision import DONE, OPEN
from reviewbot.ports.ledger import Ledger
from reviewbot.simulator import accounts as accounts_module
from reviewbot.simulator.world import World

CLOCKS = 2.0
"""Seconds by which a client's idea of the API's clock may be off: `Date` counts whole seconds."""
ACTIONS = {"corrections": "request corrections"}
"""What the simulator calls otherwise than a policy does."""


def decision_of(key: str | None) -> str:
    """The decision that an idempotency key names, whichever of its tries it belongs to."""
    return (key or "").partition("-")[0]


def violations(
    world: World, ledger: Ledger, *, strangers: bool = False, accounts: bool = False
) -> list[str]:
    """Sentences on all that must not be, after a quiet end; empty when all is well.

    `accounts`: accounts are reviewed too, so none may be overlooked.
    """
    logged = {one.decision.id: one for one in ledger.decisions()}
    ours = [effect for effect in world.effects if effect.by == "client"]
    found = [
        f"{key} got {count} effects"
        for key, count in Counter((e.task_id, e.epoch) for e in ours).items()
        if count > 1
    ]
    for effect in ours:
        one = logged.get(decision_of(effect.idempotency_key))
        if one is None or one.intended_at is None:
            found.append(f"{effect} has no intent")
        elif one.decision.epoch != effect.epoch or one.decision.action.value != ACTIONS.get(
            effect.action, effect.action
        ):
            found.append(f"{effect} is not what was decided: {one.decision}")
        elif one.decision.decided_at.timestamp() > effect.at + CLOCKS:
            found.append(f"{effect} came before its intent")
        elif one.state not in DONE:
            found.append(f"{effect} stands in the log as {one.state}: {one.note}")
    keys = {decision_of(effect.idempotency_key) for effect in ours}
    for one in logged.values():
        if one.state in OPEN:
            found.append(f"{one.decision.task_id} is left {one.state}")
        if one.state in DONE and one.decision.id not in keys and not strangers:
            found.append(f"{one.decision.task_id} is {one.state} without an effect: {one.note}")
    judged = {(one.decision.task_id, one.decision.epoch) for one in logged.values()}
    for task in world.waiting():
        if (task.id, world.epoch(task)) not in judged:
            found.append(f"{task.id} waits and was never judged")
    for bundle in world.bundles.values():
        waits = bundle.owned and bundle.account_status == "in_review"
        if accounts and waits and (bundle.id, accounts_module.epoch(bundle)) not in judged:
            found.append(f"account {bundle.id} waits and was never judged")
    found += [f"silence paid {e.task_id}" for e in ledger.endings() if e.by == "silence"]
    found += ledger.verify().problems
    return found
