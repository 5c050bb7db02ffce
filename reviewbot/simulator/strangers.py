"""Strangers: people in the dashboard and other tools on the same key, who also review."""

from __future__ import annotations

from reviewbot.simulator import comments, delivery
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.model import Actor
from reviewbot.simulator.world import World

_REASONS = (
    "I cannot find this comment under the video.",
    "Please post it from the right account.",
    "The text differs from what we ordered.",
)


def strangers(world: World, per_hour: float) -> None:
    """Let somebody else decide a waiting task now and then, so many an hour."""

    def act(_: object) -> None:
        decide_one(world)
        world.after(world.rng.expovariate(per_hour / HOUR), act)

    if per_hour > 0:
        world.after(world.rng.expovariate(per_hour / HOUR), act)


def decide_one(world: World) -> str | None:
    """Somebody else decides one waiting task; gives its id."""
    waiting = [task for task in world.waiting() if task.owned and task.account.covered]
    if not waiting:
        return None
    task = world.rng.choice(waiting)
    if world.rng.random() < 0.5:
        comments.approve(world, task, Actor(by="stranger"))
    else:
        comments.dispute(world, task, world.rng.choice(_REASONS), Actor(by="stranger"))
    return task.id


def decide_account(world: World, bundle_id: str) -> None:
    """Somebody else accepts an account in review."""
    delivery.finalize(world, world.bundles[bundle_id], Actor(by="stranger"))
