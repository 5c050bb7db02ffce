"""A comment task, under the API's own field names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import msgspec

from reviewbot.domain.text import iso

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with a zone; one without a zone is not a moment we can use."""


def epoch_of(confirmed_at: datetime | None) -> str | None:
    """The name of a task's round: the second in which it began; None where that is not known.

    The API writes one moment in several ways: with or without fractions, `Z` or an offset, and not
    alike in a list, a read and the answer to an act. No task is confirmed twice within a second, so
    the second is what they agree on. A moment at the very edge of the calendar is none.
    """
    try:
        return None if confirmed_at is None else iso(confirmed_at.replace(microsecond=0))
    except OverflowError:
        return None


WAITING_STATUS = "manually_confirmed"

TASK_STATUSES = (
    "pending",
    "submitted",
    "verified_auto",
    "manually_confirmed",
    "pending_corrections",
    "finalized",
    "cancelled",
    "rejected",
    "needs_review",
)
"""Every status of the API's overview; the last two are internal to the vendor and tolerated."""

PLATFORMS = ("tiktok", "instagram")

COMMENT_LIMITS = {"tiktok": 150, "instagram": 2200}
"""The longest comment text a platform takes, in characters (API: create)."""


class CommentTask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One comment somebody was paid to post.

    None in any field means that we do not know it: the API sent null, nothing, or something of
    another type. Nothing here has a default that could be mistaken for a value.
    """

    id: str
    status: str | None = None
    platform: str | None = None
    saved_account_id: str | None = None
    target_video_url: str | None = None
    target_author_handle: str | None = None
    comment_text: str | None = None
    cm_payout_amount: float | None = None
    submitted_at: Moment | None = None
    verified_at: Moment | None = None
    manually_confirmed_at: Moment | None = None
    client_dispute_deadline_at: Moment | None = None
    finalized_at: Moment | None = None
    correction_required: str | None = None
    deadline_at: Moment | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    target_type: str | None = None
    target_comment_url: str | None = None
    execution_blocked: bool | None = None
    execution_block_reason: str | None = None


# ------------------------------------------------------------------------------------------------
# What the verifier saw: the attempts on one task.


OUTCOME_KINDS = ("verified", "wrong_text", "wrong_account", "couldnt_verify", "scrape_failed")
"""Every documented outcome of an attempt (API: comments-verifications)."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One run of the verifier. None means not known, as in `CommentTask`."""

    attempt_n: int | None = None
    scraped_at: Moment | None = None
    outcome_kind: str | None = None
    verified: bool | None = None
    match_score: float | None = None
    found_comment_id: str | None = None
    reason: str | None = None
    comments_scraped: int | None = None
    platform: str | None = None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Every attempt on one task, in the order the API sent them (which promises none)."""

    task_id: str
    status: str | None = None
    attempts: tuple[Attempt, ...] = ()


# ------------------------------------------------------------------------------------------------
# When a found comment was posted, as far as its id tells.
#
# The API does not say it. TikTok's ids begin with the moment of their creation: the upper 32 of their
# 64 bits are Unix seconds (arXiv 2504.13279, section on identifiers; not a promise of TikTok's, so a
# moment that is not plausible counts as none). Instagram's comment ids tell nothing.


_FIRST = datetime(2016, 9, 1, tzinfo=UTC).timestamp()
"""No comment is older than the platform."""


def posted_at(attempt: Attempt) -> datetime | None:
    """When the comment was posted that this try found; None where that cannot be told."""
    found, scraped = attempt.found_comment_id, attempt.scraped_at
    if attempt.platform != "tiktok" or found is None or scraped is None:
        return None
    if not (found.isascii() and found.isdigit() and 18 <= len(found) <= 20):
        return None
    seconds = int(found) >> 32
    if not _FIRST <= seconds <= scraped.timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC)


# ------------------------------------------------------------------------------------------------
# Addresses that people paste: which platform they lead to, and when two lead to the same thing.
#
# Theory of operation. The API reads addresses leniently and answers with a canonical one. A full
# address names its video, so two of them can be compared by the video alone. A short link
# (`vm.tiktok.com/…`, `tiktok.com/t/…`, `instagram.com/share/…`) names nothing until the platform has
# followed it: it equals only itself, and what it leads to is not known here.


LONGEST = 2000

_TIKTOK_HOSTS = ("tiktok.com", "m.tiktok.com")

_TIKTOK_LINKERS = ("vm.tiktok.com", "vt.tiktok.com")

_TIKTOK_VIDEO = re.compile(r"/@[\w.-]*/(?:video|photo)/(\d{1,25})/?")

_TIKTOK_SHORT = re.compile(r"/t/([\w-]+)/?")

_LINKER_PATH = re.compile(r"/([\w-]+)/?")

_INSTAGRAM_VIDEO = re.compile(r"/(?:[\w.]+/)?(?:reels?|p|tv)/([\w-]+)/?")

_INSTAGRAM_SHARE = re.compile(r"/share/(?:(?:reel|p)/)?([\w-]+)/?")

VIDEO_FORMS = (
    "tiktok.com/@NAME/video/NUMBER, tiktok.com/t/CODE, vm.tiktok.com/CODE, "
    "instagram.com/reel/CODE, /p/CODE or /share/CODE"
)

COMMENT_FORMS = "tiktok.com/t/CODE or tiktok.com/@NAME/video/NUMBER?share_comment_id=NUMBER"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where an address leads. Equal keys are the same thing; a short link is not `resolved`."""

    platform: str
    key: str
    resolved: bool = True


def video_address(text: str) -> Address:
    """Read the address of a video. Raises ValueError, with a sentence, when it is none."""
    host, path, _ = _parts(text)
    if host in _TIKTOK_HOSTS:
        if found := _TIKTOK_VIDEO.fullmatch(path):
            return _tiktok(f"video {found[1]}")
        if found := _TIKTOK_SHORT.fullmatch(path):
            return _tiktok(f"short {found[1]}", resolved=False)
    elif host in _TIKTOK_LINKERS:
        if found := _LINKER_PATH.fullmatch(path):
            return _tiktok(f"short {found[1]}", resolved=False)
    elif host == "instagram.com":
        if found := _INSTAGRAM_SHARE.fullmatch(path):
            return _instagram(f"share {found[1]}", resolved=False)
        if found := _INSTAGRAM_VIDEO.fullmatch(path):
            return _instagram(f"video {found[1]}")
    else:
        raise ValueError(f"{host} is neither TikTok nor Instagram; there is nothing else yet")
    raise ValueError(f"does not lead to one video; it should be like {VIDEO_FORMS}")


def comment_address(text: str) -> Address:
    """Read the deep link of one TikTok comment. Raises ValueError when it is none."""
    host, path, query = _parts(text)
    if host in _TIKTOK_HOSTS:
        if found := _TIKTOK_SHORT.fullmatch(path):
            return _tiktok(f"comment short {found[1]}", resolved=False)
        comments = parse_qs(query).get("share_comment_id", [])
        if _TIKTOK_VIDEO.fullmatch(path) and len(comments) == 1:
            return _tiktok(f"comment {comments[0]}")
    raise ValueError(f"does not lead to one TikTok comment; it should be like {COMMENT_FORMS}")


def _parts(text: str) -> tuple[str, str, str]:
    text = text.strip()
    if not text or len(text) > LONGEST or any(char.isspace() for char in text):
        raise ValueError("is no address")
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        raise ValueError("is no address") from None
    if parts.scheme.lower() not in ("http", "https"):
        raise ValueError(f"begins with {parts.scheme}://; only http and https lead to a video")
    if "." not in host:
        raise ValueError("is no address")
    return host, parts.path, parts.query


def _tiktok(name: str, *, resolved: bool = True) -> Address:
    return Address(platform="tiktok", key=f"tiktok {name}", resolved=resolved)


def _instagram(name: str, *, resolved: bool = True) -> Address:
    return Address(platform="instagram", key=f"instagram {name}", resolved=resolved)
