"""Strangers: people in the dashboard and other tools on the same key, who also review."""

from __future__ import annotations

from reviewbot.simulator import comments, delivery
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.model import Actor, Bundle, Task
from reviewbot.simulator.world import World

_REASONS = (
    "I cannot find this comment under the video.",
    "Please post it from the right account.",
    "The text differs from what we ordered.",
)

_WISH = {"biography": "Something about the city, please."}


def strangers(world: World, per_hour: float) -> None:
    """Let somebody else decide what waits now and then, so many an hour."""

    def act() -> None:
        decide_one(world)
        world.after(world.rng.expovariate(per_hour / HOUR), act)

    if per_hour > 0:
        world.after(world.rng.expovariate(per_hour / HOUR), act)


def decide_one(world: World) -> str | None:
    """Somebody else decides one waiting task or account; gives its id."""
    tasks = [task for task in world.waiting() if task.owned and task.account.covered]
    accounts = [
        bundle
        for bundle in world.bundles.values()
        if bundle.owned and bundle.account_status == "in_review"
    ]
    waiting: list[Task | Bundle] = [*tasks, *accounts]
    if not waiting:
        return None
    chosen = world.rng.choice(waiting)
    if isinstance(chosen, Bundle):
        decide_account(world, chosen)
    elif world.rng.random() < 0.5:
        comments.approve(world, chosen, Actor(by="stranger"))
    else:
        comments.dispute(world, chosen, world.rng.choice(_REASONS), Actor(by="stranger"))
    return chosen.id


def decide_account(world: World, bundle: Bundle) -> None:
    """Somebody else accepts an account in review, or asks for corrections."""
    if world.rng.random() < 0.5:
        delivery.finalize(world, bundle, Actor(by="stranger"))
    else:
        delivery.send_back(world, bundle, "Please look again.", _WISH, Actor(by="stranger"))
