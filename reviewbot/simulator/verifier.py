"""The verifier: reads the newest comments under a video and looks for the one that was asked for.

It sees what a scraper would see, not what really happened: a comment that 100 newer ones have pushed
down is as good as absent, and a video that cannot be reached shows nothing.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from reviewbot.simulator.choices import Choices
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.corpus import FAN_HANDLES, PASSERS_BY
from reviewbot.simulator.model import Attempt, Task, Video

WINDOW = 100
"""How many of the newest comments a scrape returns at most."""
SAME_HANDLE = 0.95
"""Similarity from which a comment of the right account is the right comment."""
OTHER_HANDLE = 0.92
"""Similarity from which a comment of another account is the right comment in the wrong place."""
GRACE = 30.0
"""Seconds between the manager's click and the scrape."""


class Seen(NamedTuple):
    """A comment as the scraper sees it."""

    id: str
    handle: str
    text: str


def check(task: Task, now: float, choices: Choices, *, scrape_fails: bool) -> Attempt:
    """Scrape the task's video once and judge what was seen."""
    number = len(task.attempts) + 1
    platform = task.account.platform
    if scrape_fails or task.video.reach == "failing":
        count = choices.scrape_failed_count
        reason = "scrape_failed_timeout" if number % 2 else "scrape_failed_blocked"
        return Attempt(number, now, "scrape_failed", 0.0, None, reason, count, platform)
    seen = scrape(task.video, now)
    outcome, score, found, reason = _match(task, seen, choices)
    scraped = None if task.video.reach == "uncounted" else len(seen)
    return Attempt(number, now, outcome, round(score, 4), found, reason, scraped, platform)


def scrape(video: Video, now: float) -> list[Seen]:
    """The newest comments under a video, newest first; none when it cannot be reached."""
    if video.reach == "unreachable":
        return []
    total = passers_by(video, now)
    seen: list[Seen] = []
    upper = total
    still_visible = []
    for comment in reversed(video.posted):
        before = min(upper, passers_by(video, comment.posted_at))
        _add_passers_by(seen, video, before, upper)
        upper = before
        if len(seen) >= WINDOW:
            break
        still_visible.append(comment)
        if not comment.removed:
            seen.append(Seen(comment.id, comment.handle, comment.text))
    _add_passers_by(seen, video, 0, upper)
    # What 100 newer comments have pushed down never comes back up, so it need not be kept.
    video.posted = still_visible[::-1]
    return seen


def passers_by(video: Video, now: float) -> int:
    """How many comments of other people stand under a video by now."""
    hours = max(0.0, now - video.opened_at) / HOUR
    return video.comments_before + int(hours * video.comments_per_hour)


@lru_cache(maxsize=1 << 16)
def similarity(one: str, other: str) -> float:
    """Sørensen–Dice over pairs of neighbouring characters, letter case and spacing aside."""
    if one == other:
        return 1.0
    left, right = _pairs(one), _pairs(other)
    total = left.total() + right.total()
    if not total:
        return float(_plain(one) == _plain(other))
    return 2 * (left & right).total() / total


def _match(task: Task, seen: list[Seen], choices: Choices) -> tuple[str, float, str | None, str]:
    handle = task.account.username.lower()
    own, own_score, other, other_score = None, -1.0, None, 0.0
    for comment in seen:
        score = similarity(task.text, comment.text)
        if comment.handle.lower() == handle:
            if score > own_score:
                own, own_score = comment.id, score
        elif score > other_score:
            other, other_score = comment.id, score
    if own_score >= SAME_HANDLE:
        return "verified", own_score, own, "matched"
    if own is not None and own_score >= choices.wrong_text_floor:
        return "wrong_text", own_score, own, "wrong_text_same_handle"
    if other_score >= OTHER_HANDLE:
        return "wrong_account", other_score, other, "wrong_account"
    best = max(own_score, other_score) if choices.score_without_match == "best" else 0.0
    return "couldnt_verify", best, None, "no_candidate_found"


def _add_passers_by(seen: list[Seen], video: Video, lower: int, upper: int) -> None:
    lower = max(lower, upper - (WINDOW - len(seen)))
    offset, texts, handles = video.offset, len(PASSERS_BY), len(FAN_HANDLES)
    seen.extend(
        Seen(
            f"{video.id}-{n}",
            FAN_HANDLES[(n * 7 + offset) % handles],
            PASSERS_BY[(n * 5 + offset) % texts],
        )
        for n in range(upper - 1, lower - 1, -1)
    )


@lru_cache(maxsize=4096)
def _pairs(text: str) -> Counter[tuple[str, str]]:
    return Counter(pairwise(_plain(text)))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
