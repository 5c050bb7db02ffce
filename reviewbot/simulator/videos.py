"""Videos: found by their canonical address, or come upon with a life of their own."""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from reviewbot.simulator.clock import HOUR, pick
from reviewbot.simulator.model import Reach, Video
from reviewbot.simulator.world import World

# ------------------------------------------------------------------------------------------------
# Video addresses: the lenient reading of what clients paste, and the canonical form.


_TIKTOK_VIDEO = re.compile(r"^/@([\w.]+)/video/(\d+)/?$")
_TIKTOK_SHORT = re.compile(r"^/t/(\w+)/?$")
_INSTAGRAM = re.compile(r"^/(?:[\w.]+/)?(?:reels?|p|share(?:/reel)?)/([\w-]+)/?$")


class Target(NamedTuple):
    """A video that an address leads to."""

    platform: str
    url: str
    author: str | None


def parse_video_url(text: str) -> Target | None:
    """Read a video's address; None when it is none."""
    parts = _split(text)
    if parts is None:
        return None
    host, path = parts
    if host == "tiktok.com":
        if found := _TIKTOK_VIDEO.match(path):
            return _tiktok(found[1], found[2])
        if found := _TIKTOK_SHORT.match(path):
            return _resolve_short(found[1])
    if host in ("vm.tiktok.com", "vt.tiktok.com") and path.strip("/"):
        return _resolve_short(path.strip("/"))
    if host == "instagram.com" and (found := _INSTAGRAM.match(path)):
        return Target("instagram", f"https://www.instagram.com/reel/{found[1]}/", None)
    return None


def parse_comment_url(text: str) -> Target | None:
    """Read the deep link of one TikTok comment; gives its video, or None when it is no such link."""
    parts = _split(text)
    if parts is None or parts[0] != "tiktok.com":
        return None
    if found := _TIKTOK_SHORT.match(parts[1]):
        return _resolve_short(found[1])
    found = _TIKTOK_VIDEO.match(parts[1])
    if found and parse_qs(urlsplit(text).query).get("share_comment_id"):
        return _tiktok(found[1], found[2])
    return None


def _split(text: str) -> tuple[str, str] | None:
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    return host, parts.path


def _tiktok(handle: str, number: str) -> Target:
    return Target("tiktok", f"https://www.tiktok.com/@{handle}/video/{number}", handle)


def _resolve_short(code: str) -> Target:
    """Follow a short link: here every code leads to some video, always the same."""
    number = zlib.crc32(code.encode())
    return _tiktok(f"user{number % 9973}", str(7_300_000_000_000_000_000 + number))


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
