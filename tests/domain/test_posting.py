"""When a found comment was posted, read off its id only where that is plausible."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewbot.domain.task import posted_at
from tests.builders import CONFIRMED, an_attempt


def an_id(moment: float) -> str:
    """An id as TikTok makes them."""
    return str(int(moment) << 32 | 0x5A3C)


def test_a_tiktok_id_tells_the_second() -> None:
    """The upper 32 bits."""
    at = CONFIRMED - timedelta(hours=5)
    assert posted_at(an_attempt(found_comment_id=an_id(at.timestamp()))) == at


@pytest.mark.parametrize(
    "change",
    [
        {"platform": "instagram"},
        {"platform": None},
        {"found_comment_id": None},
        {"found_comment_id": "c17"},
        {"found_comment_id": "7"},
        {"found_comment_id": "٧" * 19},
        {"found_comment_id": an_id(CONFIRMED.timestamp())},
        {"found_comment_id": an_id(1_000_000_000)},
        {"found_comment_id": "9" * 40},
        {"scraped_at": None},
    ],
)
def test_what_is_not_plausible_tells_nothing(change: dict[str, object]) -> None:
    """Another platform, another form, a moment after the scrape or before there was a TikTok."""
    good = {"found_comment_id": an_id((CONFIRMED - timedelta(hours=5)).timestamp())}
    assert posted_at(an_attempt(**(good | change))) is None
