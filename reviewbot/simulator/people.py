"""The managers: people with habits, who post or do not, fix, insist, or give up.

A habit is a set of chances and delays. Queues look real because they come from such people, and a
policy can be graded because `World.truth` knows what each of them really did.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from reviewbot.simulator import accounts as accounts_module
from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.clock import HOUR, pick
from reviewbot.simulator.model import Actor, Bundle, Habit, Posting, Task, VideoComment
from reviewbot.simulator.verifier import HANDLES, SAME_HANDLE, similarity
from reviewbot.simulator.world import People, World

MINUTE = 60.0
HONEST = Habit(name="honest", posting={"exact": 1.0}, fixes=1.0, answers=(0.85, 0.15, 0.0))
SLOPPY = Habit(
    name="sloppy", posting={"exact": 0.4, "near miss": 0.6}, fixes=0.5, answers=(0.7, 0.2, 0.1)
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


class Managers(People):
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
            world.after(rng.uniform(0.2, 5) * HOUR, tasks_module.submit, world, task)
        elif rng.random() < habit.insists:
            world.after(rng.uniform(0.1, 16) * HOUR, tasks_module.confirm, world, task)

    def answer_dispute(self, world: World, task: Task) -> None:
        """The manager reads the client's reason: fixes it, insists again, or gives up."""
        habit, rng = _habit(task), world.rng
        unchecked = world.choices.insists_unchecked
        if unchecked and rng.random() < unchecked:
            hours = rng.uniform(*habit.answer_hours)
            world.after(hours * HOUR, tasks_module.confirm, world, task)
            return
        (answer,) = rng.choices(("fix", "insist", "give up"), habit.answers)
        if answer == "fix":
            self._fix_later(world, task)
        elif answer == "insist":
            hours = rng.uniform(*habit.answer_hours)
            world.after(hours * HOUR, tasks_module.submit, world, task)

    def _post_first(self, world: World, task: Task) -> None:
        if task.status != "pending":
            return
        how = pick(world.rng, _habit(task).posting)
        post(world, task, how, removed=world.rng.random() < FILTERED)
        lag = world.rng.uniform(0.5, 40) * MINUTE
        world.after(lag, tasks_module.submit, world, task)

    def _fix_later(self, world: World, task: Task) -> None:
        hours = world.rng.uniform(*_habit(task).answer_hours)
        world.after(hours * HOUR, self._fix, world, task)

    def _fix(self, world: World, task: Task) -> None:
        if task.status != "pending_corrections":
            return
        post(world, task, "exact")
        tasks_module.submit(world, task)


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


# ------------------------------------------------------------------------------------------------
# Strangers: people in the dashboard and other tools on the same key, who also review.


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
        tasks_module.approve(world, chosen, Actor(by="stranger"))
    else:
        tasks_module.dispute(world, chosen, world.rng.choice(_REASONS), Actor(by="stranger"))
    return chosen.id


def decide_account(world: World, bundle: Bundle) -> None:
    """Somebody else accepts an account in review, or asks for corrections."""
    if world.rng.random() < 0.5:
        accounts_module.finalize(world, bundle, Actor(by="stranger"))
    else:
        accounts_module.send_back(world, bundle, "Please look again.", _WISH, Actor(by="stranger"))
