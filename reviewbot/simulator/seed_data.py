"""Planting: accounts with managers, tasks that arrive by chance, and tasks led through a script."""

from __future__ import annotations

from reviewbot.simulator import people, tasks
from reviewbot.simulator.clock import HOUR, pick
from reviewbot.simulator.model import Habit, Manager, Posting, Reach, SavedAccount, Task, Video
from reviewbot.simulator.people import HONEST, LIAR, POPULATION, SLOPPY, SLOW, WRONG_ACCOUNT
from reviewbot.simulator.verifier import COUNTRIES, HANDLES, TASK_TEXTS
from reviewbot.simulator.videos import Target, add_video, video_at
from reviewbot.simulator.world import World

Script = tuple[Habit, Posting, Reach, float, bool]

SCRIPTS: dict[Script, float] = {
    (LIAR, "nothing", "open", 1.0, False): 0.34,
    (LIAR, "nothing", "unreachable", 1.0, False): 0.04,
    (HONEST, "exact", "unreachable", 1.0, False): 0.12,
    (HONEST, "exact", "failing", 1.0, False): 0.10,
    (HONEST, "exact", "open", 900.0, False): 0.14,
    (SLOW, "exact", "open", 1.0, True): 0.06,
    (SLOPPY, "near miss", "open", 0.5, False): 0.12,
    (WRONG_ACCOUNT, "other account", "open", 0.5, False): 0.06,
    (HONEST, "exact", "uncounted", 700.0, False): 0.02,
}
"""Ways to end up waiting for the client, by share: whose task it is, what was posted, how the video
can be seen, how many comments an hour it gets, and whether the platform removed the comment."""


def populate(world: World, *, accounts: int = 24) -> list[SavedAccount]:
    """Give the customer accounts, each with a manager; every habit is there at least once."""
    habits = list(POPULATION)
    chosen = habits + world.rng.choices(habits, tuple(POPULATION.values()), k=accounts)
    handles = world.rng.sample(HANDLES, max(len(habits), accounts))
    return [
        add_account(world, username=handle, habit=habit)
        for handle, habit in zip(handles, chosen, strict=False)
    ]


def add_account(
    world: World,
    *,
    username: str,
    habit: Habit | None = HONEST,
    platform: str | None = None,
    owned: bool = True,
    covered: bool = True,
) -> SavedAccount:
    """Put a delivered account into the world; without a habit it has no manager."""
    rng = world.rng
    now = world.stamp()
    account = SavedAccount(
        id=world.new_id(),
        platform=platform or rng.choice(("tiktok", "tiktok", "instagram")),
        username=username,
        visible_name=username.replace(".", " ").title(),
        biography="Small things, well lit.",
        profile_picture_url=f"https://cdn.example.com/p/{username}.jpg",
        link_in_bio=None,
        country=rng.choice(COUNTRIES),
        created_at=now,
        updated_at=now,
        manager=Manager(world.new_id(), habit) if habit else None,
        owned=owned,
        covered=covered,
    )
    world.accounts[account.id] = account
    return account


def order(
    world: World, account: SavedAccount, video: Video | None = None, *, led: bool = False
) -> Task:
    """Order a random comment from an account, under a video that nobody spoke of before."""
    target = random_target(world, account.platform)
    chosen = video or video_at(world, target)
    return tasks.create(world, account, chosen, world.rng.choice(TASK_TEXTS), led=led)


def arrivals(world: World, per_hour: float, *, until: float | None = None) -> None:
    """Let tasks be ordered by chance, so many an hour, on accounts that have a manager."""
    able = [account for account in world.accounts.values() if account.owned and account.manager]
    if not able or per_hour <= 0:
        return

    def arrive() -> None:
        order(world, world.rng.choice(able))
        again()

    def again() -> None:
        due = world.now + world.rng.expovariate(per_hour / HOUR)
        if until is None or due <= until:
            world.at(due, arrive)

    again()


def plant_waiting(world: World, confirmed_at: float, *, script: Script | None = None) -> None:
    """Let a task be waiting from `confirmed_at` on, by a story that happens before.

    The story takes at most 20 h, and must begin after the world's present moment.
    """
    rng = world.rng
    habit, posting, reach, rate, removed = script or pick(rng, SCRIPTS)
    account = rng.choice(_of_habit(world, habit))
    submitted_at = confirmed_at - rng.uniform(1.0, 16.0) * HOUR
    created_at = submitted_at - rng.uniform(1.2, 3.0) * HOUR

    def begin() -> None:
        video = add_video(
            world,
            random_target(world, account.platform),
            reach=reach,
            comments_before=rng.randrange(5, 160),
            comments_per_hour=rate,
        )
        task = order(world, account, video, led=True)
        post_at = submitted_at - HOUR
        world.at(post_at, lambda: people.post(world, task, posting, removed=removed))
        world.at(submitted_at, tasks.submit, world, task)
        if rng.random() < 0.4:
            recheck = rng.uniform(submitted_at + 60, confirmed_at - 60)
            world.at(recheck, tasks.submit, world, task)
        world.at(confirmed_at, tasks.confirm, world, task)

    world.at(created_at, begin)


def random_target(world: World, platform: str) -> Target:
    """The address of a video that nobody spoke of before."""
    rng = world.rng
    if platform == "tiktok":
        author = rng.choice(HANDLES)
        number = 7_300_000_000_000_000_000 + rng.randrange(10**15)
        return Target(platform, f"https://www.tiktok.com/@{author}/video/{number}", author)
    code = f"D{rng.getrandbits(56):x}"
    return Target(platform, f"https://www.instagram.com/reel/{code}/", None)


def _of_habit(world: World, habit: Habit) -> list[SavedAccount]:
    found = [
        account
        for account in world.accounts.values()
        if account.manager is not None and account.manager.habit is habit
    ]
    return found or [add_account(world, username=world.rng.choice(HANDLES), habit=habit)]
