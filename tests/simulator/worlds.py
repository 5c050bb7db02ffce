"""Builders of small worlds: one account, tasks moved by hand, a client on the in-process transport."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx

from reviewbot.simulator import people as people_module
from reviewbot.simulator import tasks
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.faults import Faults
from reviewbot.simulator.model import Choices, Habit, Posting, Task
from reviewbot.simulator.people import Managers
from reviewbot.simulator.seed_data import add_account
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.videos import Target, add_video
from reviewbot.simulator.world import People, World

MORNING = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)
ROOT = "https://app.tokportal.com/api/ext"
TEXT = "The light in this one is unreal"


def a_world(*, people: People | None = None, choices: Choices | None = None, **more: Any) -> World:
    """An empty world on a Monday morning, in which nobody does anything by himself."""
    return World(MORNING, choices=choices, people=people, requests_kept=None, **more)


def a_task(
    world: World, *, text: str = TEXT, habit: Habit = people_module.HONEST, **video: Any
) -> Task:
    """A pending TikTok task under a quiet video of its own."""
    account = add_account(world, username=f"nora.{world.number()}", habit=habit, platform="tiktok")
    url = f"https://www.tiktok.com/@lumen/video/{7_000_000 + world.number()}"
    return tasks.create(
        world, account, add_video(world, Target("tiktok", url, "lumen"), **video), text
    )


def a_submitted_task(world: World, posting: Posting = "exact", **video: Any) -> Task:
    """A task whose manager has posted so, and clicked; the verifier comes in 30 s."""
    task = a_task(world, **video)
    people_module.post(world, task, posting)
    tasks.submit(world, task)
    return task


def a_waiting_task(world: World, posting: Posting = "nothing", **video: Any) -> Task:
    """A task that was checked once and waits for the client since this moment."""
    task = a_submitted_task(world, posting, **video)
    world.advance(60)
    tasks.confirm(world, task)
    return task


def a_client(
    world: World, *, faults: Faults | None = None, key: str = "sk_test", **more: Any
) -> httpx.Client:
    """A client of the world without latency, so that a test knows the moment of every request."""
    more = {"latency": 0.0} | more
    return httpx.Client(
        transport=SimulatorTransport(world, faults=faults, **more),
        base_url=ROOT,
        headers={"X-API-Key": key},
    )


def managed_world(**more: Any) -> World:
    """A world whose managers act by their habits."""
    return a_world(people=Managers(), **more)


__all__ = [
    "HOUR",
    "MORNING",
    "TEXT",
    "a_client",
    "a_submitted_task",
    "a_task",
    "a_waiting_task",
    "a_world",
    "managed_world",
]
