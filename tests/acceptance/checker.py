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
    logged = {entry.decision.id: entry for entry in ledger.decisions()}
    ours = [effect for effect in world.effects if effect.by == "client"]
    found = [
        f"{key} got {count} effects"
        for key, count in Counter((e.task_id, e.epoch) for e in ours).items()
        if count > 1
    ]
    for effect in ours:
        entry = logged.get(decision_of(effect.idempotency_key))
        if entry is None or entry.intended_at is None:
            found.append(f"{effect} has no intent")
        elif entry.decision.epoch != effect.epoch or entry.decision.action.value != ACTIONS.get(
            effect.action, effect.action
        ):
            found.append(f"{effect} is not what was decided: {entry.decision}")
        elif entry.decision.decided_at.timestamp() > effect.at + CLOCKS:
            found.append(f"{effect} came before its intent")
        elif entry.state not in DONE:
            found.append(f"{effect} stands in the log as {entry.state}: {entry.note}")
    keys = {decision_of(effect.idempotency_key) for effect in ours}
    for entry in logged.values():
        if entry.state in OPEN:
            found.append(f"{entry.decision.task_id} is left {entry.state}")
        if entry.state in DONE and entry.decision.id not in keys and not strangers:
            found.append(
                f"{entry.decision.task_id} is {entry.state} without an effect: {entry.note}"
            )
    judged = {(entry.decision.task_id, entry.decision.epoch) for entry in logged.values()}
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
