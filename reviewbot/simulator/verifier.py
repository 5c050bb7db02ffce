"""The verifier: reads the newest comments under a video and looks for the one that was asked for.

It sees what a scraper would see, not what really happened: a comment that 100 newer ones have pushed
down is as good as absent, and a video that cannot be reached shows nothing.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import pairwise

import msgspec

from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.model import Choices, Task, VerifierRun, Video

# ------------------------------------------------------------------------------------------------
# Words of the simulated world: comments asked for, comments of passers-by, names.


_OPENERS = (
    "The light in this one is unreal",
    "I did not expect the ending at all",
    "Saving this for the next rainy weekend",
    "Okay but the timing of that cut is perfect",
    "My grandmother made it exactly like this",
    "You explained in a minute what took me a year",
    "The colours remind me of autumn back home",
    "Trying this with my kids tomorrow morning",
    "This is the calmest thing I saw all week",
    "How long did the whole set-up take you",
    "That little laugh at the end made my day",
    "Finally somebody shows the boring part too",
)

_CLOSERS = (
    "",
    ", thank you for sharing",
    " and I will watch it twice",
    ", please make a second part",
    ". Where was this filmed?",
    ", sending it to my sister now",
    " honestly",
    ", the music fits so well",
)

TASK_TEXTS = tuple(opener + closer for opener in _OPENERS for closer in _CLOSERS)
"""What clients of this world ask to have posted."""

PASSERS_BY = (
    "first",
    "lol",
    "who else is here at 3am",
    "need part two asap",
    "the dog in the background though",
    "I have watched this ten times",
    "song name please",
    "wait what",
    "this is so underrated",
    "came here from the other video",
    "can you do a tutorial",
    "love from Porto",
    "not me crying over this",
    "the way he just stands there",
    "where did you get that jacket",
    "my cat approves",
    "algorithm did its job today",
    "this made my monday better",
    "how is this not viral",
    "I tried it and it works",
    "ok now do it blindfolded",
    "so satisfying to watch",
    "the comments are better than the video",
    "remember to drink water everyone",
    "that transition was smooth",
    "greetings from Osaka",
    "same energy as my uncle",
    "he really said that",
    "please never stop posting",
    "instructions unclear, I own a boat now",
    "the lighting is great",
    "day 12 of asking for a recipe",
)
"""What other people write under videos."""

_FIRST = ("lumen", "nora", "pixel", "tide", "amber", "koala", "velvet", "maple", "juno", "ember")
_LAST = ("cooks", "daily", "walks", "studio", "trips", "reads", "films", "garden", "lab", "notes")
FAN_HANDLES = tuple(f"fan.{first}{number}" for first in _FIRST for number in range(1, 41))
HANDLES = tuple(f"{first}.{last}" for first in _FIRST for last in _LAST)
COUNTRIES = ("US", "GB", "DE", "FR", "ES", "BR")
WINDOW = 100
"""How many of the newest comments a scrape returns at most."""
SAME_HANDLE = 0.95
"""Similarity from which a comment of the right account is the right comment."""
OTHER_HANDLE = 0.92
"""Similarity from which a comment of another account is the right comment in the wrong place."""
GRACE = 30.0
"""Seconds between the manager's click and the scrape."""


class ScrapedComment(msgspec.Struct):
    """A comment as the scraper sees it."""

    id: str
    handle: str
    text: str


class Scrape(msgspec.Struct):
    """The newest comments under a video. Passers-by are spans of their numbers, written out on demand."""

    video: Video
    posted: list[ScrapedComment]
    spans: list[range]
    total: int

    def comments(self) -> list[ScrapedComment]:
        """Every comment seen: the managers' first, then those of passers-by, newest first."""
        numbers = (number for span in self.spans for number in reversed(span))
        return [*self.posted, *(_passer_by(self.video, number) for number in numbers)]


def check(
    task: Task,
    now: float,
    choices: Choices,
    *,
    scrape_fails: bool,
    stops_early: bool = False,
    blind: bool = False,
) -> VerifierRun:
    """Scrape the task's video once and judge what was seen; a blind scraper finds no comment at all."""
    number = len(task.attempts) + 1
    platform = task.account.platform
    if scrape_fails or task.video.reach == "failing":
        count = choices.scrape_failed_count
        reason = "scrape_failed_timeout" if number % 2 else "scrape_failed_blocked"
        return VerifierRun(number, now, "scrape_failed", 0.0, None, reason, count, platform)
    seen = Scrape(task.video, [], [], 0) if blind else scrape(task.video, now)
    if stops_early and seen.total > 1:
        seen = _upper_half(seen)
    outcome, score, found, reason = _match(task, seen)
    scraped = None if task.video.reach == "uncounted" else seen.total
    return VerifierRun(number, now, outcome, round(score, 4), found, reason, scraped, platform)


def scrape(video: Video, now: float) -> Scrape:
    """The newest comments under a video; none when it cannot be reached."""
    if video.reach == "unreachable":
        return Scrape(video, [], [], 0)
    upper = passers_by(video, now)
    left = WINDOW
    posted: list[ScrapedComment] = []
    spans: list[range] = []
    visible = []
    for comment in reversed(video.posted):
        before = min(upper, passers_by(video, comment.posted_at))
        span = range(max(before, upper - left), upper)
        spans.append(span)
        left -= len(span)
        upper = before
        if not left:
            break
        visible.append(comment)
        if not comment.removed:
            posted.append(ScrapedComment(comment.id, comment.handle, comment.text))
            left -= 1
    spans.append(range(max(0, upper - left), upper))
    left -= len(spans[-1])
    # What 100 newer comments have pushed down never comes back up, so it need not be kept.
    video.posted = visible[::-1]
    return Scrape(video, posted, spans, WINDOW - left)


def _upper_half(seen: Scrape) -> Scrape:
    """A scrape that stopped early, before it came to what the managers posted."""
    left, spans = seen.total // 2, []
    for span in seen.spans:
        spans.append(range(max(span.start, span.stop - left), span.stop))
        left -= len(spans[-1])
    return Scrape(seen.video, [], spans, seen.total // 2 - left)


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
    total = sum(left.values()) + sum(right.values())
    if not total:
        return float(_plain(one) == _plain(other))
    both = left.keys() & right.keys()
    shared = sum(map(min, map(left.__getitem__, both), map(right.__getitem__, both)))
    return 2 * shared / total


def _match(task: Task, seen: Scrape) -> tuple[str, float, str | None, str]:
    handle = task.account.username.lower()
    own, own_score, other, other_score = None, -1.0, None, 0.0
    for comment in seen.posted:
        score = similarity(task.text, comment.text)
        if comment.handle.lower() == handle:
            if score > own_score:
                own, own_score = comment.id, score
        elif score > other_score:
            other, other_score = comment.id, score
    if own_score >= SAME_HANDLE:
        return "verified", own_score, own, "matched"
    if own is not None:
        return "wrong_text", own_score, own, "wrong_text_same_handle"
    for span in filter(None, seen.spans):
        score, phrase = _nearest_phrase(task.text, seen.video, span)
        if score > other_score:
            other_score = score
            other = _id_of(seen.video, span, phrase) if score >= OTHER_HANDLE else None
    if other_score >= OTHER_HANDLE:
        return "wrong_account", other_score, other, "wrong_account"
    return "couldnt_verify", max(own_score, other_score), None, "no_candidate_found"


def _passer_by(video: Video, number: int) -> ScrapedComment:
    handle = FAN_HANDLES[(number * 7 + video.offset) % len(FAN_HANDLES)]
    return ScrapedComment(f"{video.id}-{number}", handle, PASSERS_BY[_phrase(video, number)])


def _phrase(video: Video, number: int) -> int:
    return (number * _STRIDE + video.offset) % len(PASSERS_BY)


def _id_of(video: Video, span: range, phrase: int) -> str:
    newest = next(number for number in reversed(span) if _phrase(video, number) == phrase)
    return _passer_by(video, newest).id


def _nearest_phrase(text: str, video: Video, span: range) -> tuple[float, int]:
    """The most similar phrase of these passers-by: score and which.

    Phrases repeat with the period of their list, so a span of that length holds them all.
    """
    scores = _scores(text)
    if len(span) < len(PASSERS_BY):
        scores = [scores[_phrase(video, number)] for number in span]
    return max(scores)


@lru_cache(maxsize=1024)
def _scores(text: str) -> list[tuple[float, int]]:
    return [(similarity(text, phrase), n) for n, phrase in enumerate(PASSERS_BY)]


_STRIDE = 5
"""Has no divisor in common with the number of phrases, so that every phrase gets its turn."""


@lru_cache(maxsize=4096)
def _pairs(text: str) -> dict[tuple[str, str], int]:
    return dict(Counter(pairwise(_plain(text))))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
