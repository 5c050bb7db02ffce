"""What is wrong with an order, and which orders are the same."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reviewbot.domain.order import Order, digest, fault


def an_order(**changes: Any) -> Order:
    """An order that the API would take."""
    fields: dict[str, Any] = {
        "saved_account_id": "c1a5f0d8-2b6e-4e39-b7a4-90d3e8f61c27",
        "target_video_url": "https://www.tiktok.com/@lumen/video/7301234567890123456",
        "comment_text": "The light in this one is unreal",
    }
    return Order(**(fields | changes))


REPLY = {
    "target_type": "comment",
    "target_comment_url": "https://www.tiktok.com/@a/video/1?share_comment_id=77",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"comment_text": "x" * 150},
        {"target_video_url": "instagram.com/reel/Cx1", "comment_text": "x" * 2200},
        {"brief_id": "b1", "target_type": "video"},
        {"comment_text": "two\nlines\tand a tab 👀"},
        REPLY,
        {**REPLY, "target_video_url": None},
    ],
)
def test_a_good_order_has_no_fault(changes: dict[str, Any]) -> None:
    """Up to the very limits."""
    assert fault(an_order(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"saved_account_id": ""}, "saved_account_id is empty"),
        ({"saved_account_id": "a b"}, "saved_account_id is no id"),
        ({"brief_id": "x" * 201}, "brief_id is no id"),
        ({"target_video_url": None}, "target_video_url is empty"),
        ({"target_video_url": "youtube.com/x"}, "target_video_url youtube.com is neither"),
        ({"comment_text": " \n"}, "comment_text is empty"),
        ({"comment_text": "x" * 151}, "151 characters; tiktok takes at most 150"),
        (
            {"target_video_url": "instagram.com/reel/Cx1", "comment_text": "x" * 2201},
            "2201 characters; instagram takes at most 2200",
        ),
        ({"comment_text": "a\x00b"}, r"U\+0000"),
        ({"comment_text": "a\ud800b"}, r"U\+D800"),
        ({"target_type": "profile"}, "target_type must be video or comment"),
        ({"target_comment_url": "tiktok.com/t/x"}, "needs target_type comment"),
        ({"target_type": "comment"}, "target_comment_url is empty"),
        ({**REPLY, "target_video_url": "tiktok.com/@a"}, "target_video_url does not lead"),
        ({**REPLY, "target_comment_url": "vm.tiktok.com/x"}, "one TikTok comment"),
    ],
)
def test_what_the_api_would_refuse_is_said_beforehand(changes: dict[str, Any], why: str) -> None:
    """Each with the field and the reason."""
    found = fault(an_order(**changes))
    assert found is not None
    assert re.search(why, found), found


@pytest.mark.parametrize(
    "changes",
    [
        {"target_video_url": "tiktok.com/@renamed/video/7301234567890123456?x=1"},
        {"comment_text": "  The light in  this one is unreal\n"},
        {"saved_account_id": "C1A5F0D8-2B6E-4E39-B7A4-90D3E8F61C27"},
        {"brief_id": "other"},
    ],
)
def test_the_same_by_account_place_and_text_is_one_order(changes: dict[str, Any]) -> None:
    """However the address, the id or the spaces are written."""
    assert digest(an_order(**changes)) == digest(an_order())


@pytest.mark.parametrize(
    "changes",
    [
        {"target_video_url": "tiktok.com/@lumen/video/7301234567890123457"},
        {"target_video_url": "vm.tiktok.com/ZM1"},
        {"comment_text": "the light in this one is unreal"},
        {"saved_account_id": "other"},
        REPLY,
    ],
)
def test_another_account_place_or_text_is_another_order(changes: dict[str, Any]) -> None:
    """One of the three is enough."""
    assert digest(an_order(**changes)) != digest(an_order())
