"""Addresses that people paste: which platform they lead to, and when two lead to the same thing.

Theory of operation. The API reads addresses leniently and answers with a canonical one. A full
address names its video, so two of them can be compared by the video alone. A short link
(`vm.tiktok.com/…`, `tiktok.com/t/…`, `instagram.com/share/…`) names nothing until the platform has
followed it: it equals only itself, and what it leads to is not known here.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import msgspec

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
