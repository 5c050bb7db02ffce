"""Order: a comment to be posted, before it is a task; what is wrong with one, and which are the same."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Literal

import msgspec

from reviewbot.domain.task import COMMENT_LIMITS, Address, comment_address, video_address

LONGEST_ID = 200

TARGETS = ("video", "comment")


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a create call takes, under the API's own field names. Nothing is checked yet."""

    saved_account_id: str
    comment_text: str
    target_video_url: str | None = None
    brief_id: str | None = None
    target_type: str | None = None
    target_comment_url: str | None = None

    @property
    def address(self) -> str:
        """Where the comment is to stand, as it was written."""
        wanted = self.target_comment_url if self.kind == "comment" else self.target_video_url
        return wanted or ""

    @property
    def kind(self) -> Literal["video", "comment"]:
        """What is commented on: a video, or another comment."""
        return "comment" if self.target_type == "comment" else "video"


FIELDS = (
    "saved_account_id",
    "target_video_url",
    "comment_text",
    "brief_id",
    "target_type",
    "target_comment_url",
)
"""The API's names, in the order of its documents."""


def fault(order: Order) -> str | None:
    """Say what the API would certainly refuse; None where nothing can be told from here."""
    return _id_fault(order) or _target_fault(order) or _text_fault(order)


def address_of(order: Order) -> Address:
    """Where the comment is to stand. Raises ValueError for what is no such address."""
    read = comment_address if order.kind == "comment" else video_address
    return read(order.address)


def digest(order: Order) -> str:
    """Name what is ordered: two orders of the same text by the same account at the same place are one."""
    parts = (folded_id(order.saved_account_id), address_of(order).key, folded(order.comment_text))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def folded(text: str) -> str:
    """Write a text so that those which a reader takes for the same are equal."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def folded_id(text: str) -> str:
    """Write an id so that its two spellings are equal."""
    return text.strip().lower()


def _id_fault(order: Order) -> str | None:
    for name in ("saved_account_id", "brief_id"):
        text = getattr(order, name)
        if text is None:
            continue
        if not text.strip():
            return f"{name} is empty"
        if len(text) > LONGEST_ID or not text.isprintable() or " " in text.strip():
            return f"{name} is no id"
    return None


def _target_fault(order: Order) -> str | None:
    if order.target_type not in (None, *TARGETS):
        return f"target_type must be {' or '.join(TARGETS)}, not {order.target_type[:30]!r}"
    if order.target_comment_url and order.kind != "comment":
        return "target_comment_url needs target_type comment"
    name = f"target_{order.kind}_url"
    if not order.address.strip():
        return f"{name} is empty"
    try:
        address_of(order)
        if order.kind == "comment" and order.target_video_url:
            name = "target_video_url"
            video_address(order.target_video_url)
    except ValueError as wrong:
        return f"{name} {wrong}"
    return None


def _text_fault(order: Order) -> str | None:
    text = order.comment_text
    if not text.strip():
        return "comment_text is empty"
    platform = address_of(order).platform
    longest = COMMENT_LIMITS[platform]
    if len(text) > longest:
        return f"comment_text has {len(text)} characters; {platform} takes at most {longest}"
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\r\t":
            return f"comment_text holds the character U+{ord(char):04X}, which is no text"
    return None
