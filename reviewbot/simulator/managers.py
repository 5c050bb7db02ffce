"""The managers: people with habits, who post or do not, fix, insist, or give up.

A habit is a set of chances and delays. Queues look real because they come from such people, and a
policy can be graded because `World.truth` knows what each of them really did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random  # noqa: TID251 - a seeded one comes in with the world

from reviewbot.simulator import comments
from reviewbot.simulator.chance import pick
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.corpus import HANDLES
from reviewbot.simulator.model import Posting, Task, VideoComment
from reviewbot.simulator.verifier import SAME_HANDLE, similarity
from reviewbot.simulator.world import World

MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Habit:
    """How one kind of manager behaves; chances from 0 to 1, spans in hours."""

    name: str
    shows_up: float = 1.0
    posting: Mapping[Posting, float]
    pickup: tuple[float, float] = (0.2, 8.0)
    retries: int = 1
    insists: float = 0.9
    fixes: float = 0.6
    """Chance of repairing what the verifier found, instead of insisting."""
    answers: tuple[float, float, float] = (0.6, 0.3, 0.1)
    """After a dispute: fix and re-check, insist again, give up."""
    answer_hours: tuple[float, float] = (0.5, 10.0)


HONEST = Habit(name="honest", posting={"exact": 1.0}, fixes=1.0, answers=(0.85, 0.15, 0.0))
SLOPPY = Habit(
    name="sloppy",
    posting={"exact": 0.4, "near miss": 0.6},
    fixes=0.5,
    answers=(0.7, 0.2, 0.1),
)
WRONG_ACCOUNT = Habit(
    name="wrong account",
    posting={"exact": 0.3, "other account": 0.7},
    fixes=0.4,
    answers=(0.6, 0.25, 0.15),
)
ABSENT = Habit(name="absent", shows_up=0.1, posting={"exact": 1.0}, answers=(0.2, 0.0, 0.8))
LIAR = Habit(
    name="liar",
    posting={"nothing": 0.9, "exact": 0.1},
    retries=0,
    insists=0.95,
    fixes=0.1,
    answers=(0.3, 0.5, 0.2),
)
SLOW = Habit(
    name="slow",
    posting={"exact": 1.0},
    pickup=(20.0, 80.0),
    retries=2,
    fixes=0.9,
    answer_hours=(6.0, 40.0),
)
POPULATION: Mapping[Habit, float] = {
    HONEST: 0.5,
    SLOPPY: 0.15,
    WRONG_ACCOUNT: 0.08,
    ABSENT: 0.05,
    LIAR: 0.14,
    SLOW: 0.08,
}
"""Who works here, by share."""

FILTERED = 0.04
"""Share of posted comments that the platform removes again."""


class Managers:
    """Everybody's managers: each task goes to its account's manager, who acts by habit."""

    def take_on(self, world: World, task: Task) -> None:
        """Somebody picks the task up some hours later, or nobody does."""
        manager = task.account.manager
        if manager is None or world.rng.random() >= manager.habit.shows_up:
            return
        task.retries = manager.habit.retries
        hours = world.rng.uniform(*manager.habit.pickup)
        world.after(hours * HOUR, self._post_first, world, task)

    def react(self, world: World, task: Task, outcome: str) -> None:
        """The manager sees what the verifier found: repairs it, tries again, or insists."""
        habit, rng = _habit(task), world.rng
        if outcome == "verified":
            return
        if outcome in ("wrong_text", "wrong_account") and rng.random() < habit.fixes:
            self._fix_later(world, task)
        elif task.retries > 0:
            task.retries -= 1
            world.after(rng.uniform(0.2, 5) * HOUR, comments.submit, world, task)
        elif rng.random() < habit.insists:
            world.after(rng.uniform(0.1, 16) * HOUR, comments.confirm, world, task)

    def answer_dispute(self, world: World, task: Task) -> None:
        """The manager reads the client's reason: fixes it, insists again, or gives up."""
        habit, rng = _habit(task), world.rng
        unchecked = world.choices.insists_unchecked
        if unchecked and rng.random() < unchecked:
            hours = rng.uniform(*habit.answer_hours)
            world.after(hours * HOUR, comments.confirm, world, task)
            return
        (answer,) = rng.choices(("fix", "insist", "give up"), habit.answers)
        if answer == "fix":
            self._fix_later(world, task)
        elif answer == "insist":
            hours = rng.uniform(*habit.answer_hours)
            world.after(hours * HOUR, comments.submit, world, task)

    def _post_first(self, world: World, task: Task) -> None:
        if task.status != "pending":
            return
        how = pick(world.rng, _habit(task).posting)
        post(world, task, how, removed=world.rng.random() < FILTERED)
        lag = world.rng.uniform(0.5, 40) * MINUTE
        world.after(lag, comments.submit, world, task)

    def _fix_later(self, world: World, task: Task) -> None:
        hours = world.rng.uniform(*_habit(task).answer_hours)
        world.after(hours * HOUR, self._fix, world, task)

    def _fix(self, world: World, task: Task) -> None:
        if task.status != "pending_corrections":
            return
        post(world, task, "exact")
        comments.submit(world, task)


def post(world: World, task: Task, how: Posting, *, removed: bool = False) -> None:
    """Put the manager's comment under the video, in place of an earlier one for the same task."""
    if task.comment is not None and task.comment in task.video.posted:
        task.video.posted.remove(task.comment)
    task.comment = None
    if how == "nothing":
        return
    handle, text = task.account.username, task.text
    if how == "other account":
        handle = world.rng.choice([other for other in HANDLES if other != handle])
    if how == "near miss":
        text = near_miss(text, world.rng)
    number = world.number()
    id_ = str(int(world.now) << 32 | number) if task.account.platform == "tiktok" else f"c{number}"
    comment = VideoComment(id_, handle, text, world.now, removed)
    task.comment = comment
    task.video.posted.append(comment)


def near_miss(text: str, rng: Random) -> str:
    """The text as a careless person types it: similar, but under the verifier's threshold."""
    words = text.split()
    for _ in range(20):
        careless = [word for word in words if rng.random() > 0.2]
        if len(careless) > 1 and rng.random() < 0.5:
            spot = rng.randrange(len(careless))
            careless[spot] = careless[spot][::-1]
        typed = " ".join(careless).lower()
        if typed and similarity(text, typed) < SAME_HANDLE:
            return typed
    return text[: len(text) // 2].strip() or "…"


def _habit(task: Task) -> Habit:
    manager = task.account.manager
    return manager.habit if manager else ABSENT
