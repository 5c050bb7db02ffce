"""What people paste: where it leads, and when two addresses are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.task import comment_address, video_address

VIDEO = "tiktok video 7301234567890123456"


@pytest.mark.parametrize(
    ("text", "platform", "key", "resolved"),
    [
        ("https://www.tiktok.com/@lumen/video/7301234567890123456", "tiktok", VIDEO, True),
        ("tiktok.com/@lumen/video/7301234567890123456?is_from=web", "tiktok", VIDEO, True),
        ("HTTP://M.TikTok.com/@lu.men/video/7301234567890123456/", "tiktok", VIDEO, True),
        ("https://www.tiktok.com/t/ZT8abc/", "tiktok", "tiktok short ZT8abc", False),
        ("vm.tiktok.com/ZM1", "tiktok", "tiktok short ZM1", False),
        ("https://vt.tiktok.com/ZS1/", "tiktok", "tiktok short ZS1", False),
        ("instagram.com/reel/Cx-1_y", "instagram", "instagram video Cx-1_y", True),
        ("https://www.instagram.com/lumen/reel/Cx1/", "instagram", "instagram video Cx1", True),
        ("https://www.instagram.com/p/Cx1/?img_index=1", "instagram", "instagram video Cx1", True),
        ("instagram.com/share/BAx/", "instagram", "instagram share BAx", False),
        ("instagram.com/share/reel/BAx", "instagram", "instagram share BAx", False),
    ],
)
def test_every_documented_form_is_read(text: str, platform: str, key: str, resolved: bool) -> None:
    """With or without a scheme, long or short; a short link leads nowhere that is known here."""
    address = video_address(text)

    assert (address.platform, address.key, address.resolved) == (platform, key, resolved)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no address"),
        ("see below", "no address"),
        ("tiktok", "no address"),
        ("https://[", "no address"),
        ("ftp://tiktok.com/@a/video/1", "only http"),
        ("https://youtube.com/watch?v=1", "neither TikTok nor Instagram"),
        ("https://tiktok.com@evil.example/@a/video/1", "evil.example is neither"),
        ("https://www.tiktok.com/@lumen", "does not lead to one video"),
        ("instagram.com/lumen/", "does not lead to one video"),
        ("vm.tiktok.com/", "does not lead to one video"),
        ("x" * 3000 + ".com", "no address"),
    ],
)
def test_what_leads_to_no_video_is_refused_with_a_sentence(text: str, why: str) -> None:
    """The sentence says what was found, and what would be right."""
    with pytest.raises(ValueError, match=why):
        video_address(text)


def test_the_link_of_a_comment_is_another_place_than_its_video() -> None:
    """Replies go by the comment; its video does not matter."""
    long = comment_address("https://www.tiktok.com/@a/video/1?share_comment_id=77&x=1")
    assert (long.key, long.resolved) == ("tiktok comment 77", True)
    assert not comment_address("tiktok.com/t/ZT8abc").resolved
    for wrong in ("tiktok.com/@a/video/1", "instagram.com/reel/Cx1", "tiktok.com/@a"):
        with pytest.raises(ValueError, match="one TikTok comment"):
            comment_address(wrong)


@given(st.text() | st.from_regex(r"(https?://)?[a-z.]{1,20}/[!-~]*", fullmatch=True))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    """Nothing else is ever raised."""
    for read in (video_address, comment_address):
        try:
            address = read(text)
        except ValueError:
            continue
        assert address.platform in ("tiktok", "instagram")
