"""Ready-made worlds: each a name, a population, and a history that was really lived through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from reviewbot.simulator import accounts
from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.clock import HOUR, VirtualClock, WorldClock
from reviewbot.simulator.model import Actor, Bundle, Choices, Task
from reviewbot.simulator.people import Managers
from reviewbot.simulator.seed_data import add_account, arrivals, order, plant_waiting, populate
from reviewbot.simulator.world import World

START = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)
"""A Monday morning, for scenarios that are asked for no other moment."""
HISTORY = 110 * HOUR
"""How long a world has lived when a scenario begins."""


def build(
    name: str = "default",
    *,
    seed: int = 0,
    now: datetime = START,
    clock: WorldClock | None = None,
    choices: Choices | None = None,
    effects_kept: int | None = None,
    requests_kept: int | None = 0,
    retention: float | None = None,
    **options: Any,
) -> World:
    """Make the world of a scenario, as it is at `now`; a given `clock` must show the same moment.

    `options` are what the scenario itself takes. Raises ValueError for a name that is no scenario.
    """
    fill = SCENARIOS.get(name)
    if fill is None:
        raise ValueError(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    followed = clock or VirtualClock(now)
    world = World(
        datetime.fromtimestamp(followed.time - HISTORY, UTC),
        seed=seed,
        choices=choices,
        clock=followed,
        people=Managers(),
        effects_kept=effects_kept,
        requests_kept=requests_kept,
        retention=retention,
    )
    populate(world)
    fill(world, world.now + HISTORY, **options)
    world.run_until(max(followed.time, world.now))
    world.effects.clear()
    return world


def fill_empty(world: World, now: float) -> None:
    """Accounts and managers, and no task at all."""


def fill_backlog(
    world: World, now: float, *, tasks: int = 230, soonest: float = 2.0, latest: float = 71.0
) -> None:
    """`tasks` tasks wait; their deadlines lie `soonest` to `latest` hours ahead; nothing arrives."""
    for number in range(tasks):
        ahead = soonest + (latest - soonest) * (number + 0.5) / max(1, tasks)
        plant_waiting(world, now - (72 - ahead) * HOUR)


def fill_week(world: World, now: float, *, per_hour: float = 10.0, waiting: int = 12) -> None:
    """Tasks are ordered all the time, `per_hour` an hour; some wait already; accounts too."""
    fill_backlog(world, now, tasks=waiting, soonest=6.0)
    world.at(now, arrivals, world, per_hour)
    _plant_accounts(world, now)


def fill_default(world: World, now: float, *, per_hour: float = 2.0, waiting: int = 48) -> None:
    """Tasks in every status, dozens of them waiting, and several accounts in review."""
    arrivals(world, per_hour)
    fill_backlog(world, now, tasks=waiting, soonest=0.5, latest=71.5)
    for hours in (0.4, 0.3, 0.2):
        world.at(now - hours * HOUR, _dispute_one, world)
    world.at(now - 2 * HOUR, _cancel_one, world)
    world.at(now - HOUR, _add_bystanders, world)
    _plant_accounts(world, now)


def fill_demo(world: World, now: float) -> None:
    """A lively week: two dozen tasks wait, six more are ordered every hour, accounts are in review."""
    arrivals(world, 6.0)
    fill_backlog(world, now, tasks=24, soonest=3.0)
    _plant_accounts(world, now)


SCENARIOS: dict[str, Callable[..., None]] = {
    "default": fill_default,
    "empty": fill_empty,
    "backlog": fill_backlog,
    "week": fill_week,
    "demo": fill_demo,
}
"""Every scenario by name."""


def _dispute_one(world: World) -> None:
    waiting = world.waiting()
    if waiting:
        reason = "The comment under the video does not match the text."
        tasks_module.dispute(world, waiting[0], reason, Actor(by="stranger"))


def _cancel_one(world: World) -> None:
    pending: list[Task] = world.board.tasks("pending")
    if pending:
        tasks_module.cancel(world, pending[0], Actor(by="stranger"))


def _add_bystanders(world: World) -> None:
    foreign = add_account(world, username="someone.else", owned=False)
    order(world, foreign, led=True)
    add_account(world, username="between.managers", habit=None)


def _plant_accounts(world: World, now: float) -> None:
    def at(hours_ago: float, action: Callable[[Bundle], None], bundle: Bundle) -> None:
        world.at(now - hours_ago * HOUR, action, bundle)

    def ordered(platform: str, diligence: float = 0.7) -> Bundle:
        return accounts.random_bundle(world, platform, diligence=diligence)

    def delivered(**differing: str | None) -> Callable[[Bundle], None]:
        def act(bundle: Bundle) -> None:
            accounts.deliver(world, bundle, accounts.make_account(world, bundle, **differing))

        return act

    def sent_back(comment: str, fields: dict[str, str]) -> Callable[[Bundle], None]:
        def act(bundle: Bundle) -> None:
            accounts.send_back(world, bundle, comment, fields, Actor())

        return act

    at(10, delivered(), ordered("tiktok"))
    at(30, delivered(biography="hello i am new here"), ordered("tiktok"))
    at(60, delivered(link_in_bio=None), ordered("instagram"))
    patient = ordered("tiktok", diligence=1.0)
    at(70, delivered(visible_name="user 3391", profile_picture_url=None), patient)
    wish = {"visible_name": "Use the requested name, please."}
    at(48, sent_back("The name is not the one we asked for.", wish), patient)
    careless = ordered("instagram", diligence=0.0)
    at(68, delivered(biography="."), careless)
    at(44, sent_back("The biography is missing.", {"biography": "As requested."}), careless)
    waiting = ordered("tiktok")
    at(20, delivered(username="lumen_backup_2"), waiting)
    at(1, sent_back("Wrong username.", {"username": "As requested."}), waiting)
    at(105, delivered(), ordered("tiktok"))
    ordered("instagram")
