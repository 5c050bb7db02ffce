"""Who posts, who checks, and what is true of it: the worlds in which policies are measured.

Nothing here knows a policy. A population is a share of habits among the managers of 24 accounts, and a
checker; its tasks arrive by chance for as long as it is asked to live. The truth of a round is read from
the world at the moment the round begins, before anybody has judged it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.model import Choices, Habit, Task
from reviewbot.simulator.people import (
    ABSENT,
    HONEST,
    LIAR,
    POPULATION,
    SLOPPY,
    SLOW,
    WRONG_ACCOUNT,
    Managers,
)
from reviewbot.simulator.scenarios import START
from reviewbot.simulator.seed_data import add_account, arrivals
from reviewbot.simulator.verifier import HANDLES, WINDOW
from reviewbot.simulator.world import World

SHORT_READS = 0.03
"""Share of scrapes that stop early, so that the checker misses what is there."""
ACCOUNTS = 24
RUN_IN = timedelta(hours=110)
"""How long a world has lived when its first round is judged."""


@dataclass(frozen=True, kw_only=True)
class Population:
    """Managers by habit, and how many hours of every five days the checker sees nothing."""

    about: str
    habits: Mapping[Habit, float]
    blind_hours: float = 0.0


POPULATIONS: Mapping[str, Population] = {
    "mixed": Population(about="as a client sees them: half of them honest", habits=POPULATION),
    "honest": Population(
        about="nine in ten post as ordered, one in ten carelessly",
        habits={HONEST: 0.7, SLOW: 0.2, SLOPPY: 0.1},
    ),
    "sloppy": Population(
        about="most mistype the text or post from another account",
        habits={SLOPPY: 0.5, WRONG_ACCOUNT: 0.25, HONEST: 0.25},
    ),
    "absent": Population(
        about="most do not show up, and few come back after a dispute",
        habits={ABSENT: 0.6, HONEST: 0.2, LIAR: 0.2},
    ),
    "ring": Population(
        about="six in ten post nothing, insist at once and insist again",
        habits={LIAR: 0.6, HONEST: 0.3, SLOPPY: 0.1},
    ),
    "blind checker": Population(
        about="mixed, with a checker that reads no comment in two days of five",
        habits=POPULATION,
        blind_hours=48.0,
    ),
}


def world_of(population: Population, *, seed: int, per_hour: float) -> World:
    """A world of these people in which `per_hour` tasks an hour are ordered, some days old."""
    world = World(
        START - RUN_IN,
        seed=seed,
        choices=Choices(short_reads=SHORT_READS),
        clock=VirtualClock(START - RUN_IN),
        people=Managers(),
        requests_kept=0,
    )
    for handle, habit in zip(world.rng.sample(HANDLES, ACCOUNTS), _drawn(population), strict=True):
        add_account(world, username=handle, habit=habit)
    arrivals(world, per_hour)
    if population.blind_hours:
        _go_blind(world, population.blind_hours)
    world.advance_to(START)
    world.effects.clear()
    return world


def _drawn(population: Population) -> list[Habit]:
    """A habit for each account, in the shares of the population to the nearest account."""
    habits: list[Habit] = []
    owed = 0.0
    for habit, share in population.habits.items():
        owed += share / sum(population.habits.values()) * ACCOUNTS
        habits += [habit] * (round(owed) - len(habits))
    return habits


def _go_blind(world: World, hours: float) -> None:
    world.checker = "blind"
    world.after(hours * HOUR, _see_again, world, hours)


def _see_again(world: World, hours: float) -> None:
    world.checker = "well"
    world.after((120 - hours) * HOUR, _go_blind, world, hours)


class Kind(StrEnum):
    """What is true of a round, by what stands under the video and what the checker could read."""

    HONEST = "honest"
    """The comment stands there as ordered: this account, this text, not removed."""
    PROVABLE = "provable miss"
    """It does not, and the newest check read comments, and fewer than it reads at most: all of them."""
    OPEN = "open miss"
    """It does not, and nobody could know: the checker failed, read nothing, a full page, or no count."""


def kind_of(world: World, task: Task) -> Kind:
    """What is true of the round in which a task waits."""
    truth = world.truth(task.id)
    if truth.deserved and not truth.removed:
        return Kind.HONEST
    read = task.attempts[-1].comments_scraped if task.attempts else None
    return Kind.PROVABLE if read is not None and 1 <= read < WINDOW else Kind.OPEN
