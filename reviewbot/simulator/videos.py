"""Videos: found by their canonical address, or come upon with a life of their own."""

from __future__ import annotations

from reviewbot.simulator.chance import pick
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.model import Reach, Video
from reviewbot.simulator.urls import Target
from reviewbot.simulator.world import World

_REACH: dict[Reach, float] = {"open": 0.86, "unreachable": 0.07, "failing": 0.05, "uncounted": 0.02}


def video_at(world: World, target: Target) -> Video:
    """The video at an address; one that nobody spoke of before gets a life by chance."""
    video = world.videos.get(target.url)
    if video is not None:
        return video
    rng = world.rng
    reach = pick(rng, _REACH)
    # Most videos are quiet; some are so busy that a comment leaves the newest 100 within minutes.
    rate = rng.uniform(200, 900) if rng.random() < 0.15 else rng.uniform(0.2, 6)
    return add_video(
        world, target, reach=reach, comments_before=rng.randrange(0, 180), comments_per_hour=rate
    )


def add_video(
    world: World,
    target: Target,
    *,
    reach: Reach = "open",
    comments_before: int = 40,
    comments_per_hour: float = 1.0,
) -> Video:
    """Put a video with a chosen life into the world."""
    video = Video(
        id=str(10_000_000 + world.number()),
        platform=target.platform,
        url=target.url,
        author=target.author,
        opened_at=world.now - 2 * HOUR,
        comments_before=comments_before,
        comments_per_hour=comments_per_hour,
        offset=world.rng.randrange(10_000),
        reach=reach,
    )
    world.videos[video.url] = video
    return video
