"""Addresses: what clients paste is understood or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.simulator.videos import parse_comment_url, parse_video_url

CANONICAL = "https://www.tiktok.com/@lumen/video/7301"


@pytest.mark.parametrize(
    ("pasted", "canonical"),
    [
        (CANONICAL, CANONICAL),
        ("tiktok.com/@lumen/video/7301?lang=en", CANONICAL),
        ("http://m.tiktok.com/@lumen/video/7301/", CANONICAL),
        ("https://www.instagram.com/reel/Dq7/", "https://www.instagram.com/reel/Dq7/"),
        ("instagram.com/p/Dq7", "https://www.instagram.com/reel/Dq7/"),
        ("instagram.com/share/reel/Dq7", "https://www.instagram.com/reel/Dq7/"),
    ],
)
def test_an_address_becomes_canonical(pasted: str, canonical: str) -> None:
    """Without scheme, with queries, from the phone."""
    target = parse_video_url(pasted)
    assert target is not None
    assert target.url == canonical


@pytest.mark.parametrize("short", ["vm.tiktok.com/ZM1/", "https://www.tiktok.com/t/ZM1/"])
def test_a_short_link_always_leads_to_the_same_video(short: str) -> None:
    """Whichever host it is written with."""
    assert parse_video_url(short) == parse_video_url("vt.tiktok.com/ZM1")


@pytest.mark.parametrize(
    "text",
    ["", "hello", "https://example.com/@a/video/1", "ftp://tiktok.com/@a/video/1", "http://["],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """None, never an exception."""
    assert parse_video_url(text) is None
    assert parse_comment_url(text) is None


@given(text=st.text())
def test_any_text_can_be_read(text: str) -> None:
    """No text makes the parser fail."""
    target = parse_video_url(text)
    assert target is None or target.platform in ("tiktok", "instagram")


def test_a_comment_link_needs_its_comment() -> None:
    """A plain video is no comment."""
    assert parse_comment_url(CANONICAL) is None
    target = parse_comment_url(f"{CANONICAL}?share_comment_id=5")
    assert target is not None
    assert target.url == CANONICAL
