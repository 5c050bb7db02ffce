"""When a found comment was posted, as far as its id tells.

The API does not say it. TikTok's ids begin with the moment of their creation: the upper 32 of their
64 bits are Unix seconds (arXiv 2504.13279, section on identifiers; not a promise of TikTok's, so a
moment that is not plausible counts as none). Instagram's comment ids tell nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from reviewbot.domain.timeline import Attempt

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
