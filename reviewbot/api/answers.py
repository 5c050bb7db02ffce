"""What each operation answers, as values under the API's names."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from reviewbot.domain.accounts import Profile
from reviewbot.domain.comments import CommentTask, Moment
from reviewbot.ports import Unread

T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A 2xx with a JSON body that is yet to be read."""

    status: int
    body: bytes
    request_id: str | None = None
    replayed: bool = False


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list. `total` and `total_pages` are None where the API did not say.

    `per_page` is how many rows it could hold; `unread` are those that could not be read at all.
    """

    rows: tuple[T, ...]
    page: int
    per_page: int = 100
    total: int | None = None
    total_pages: int | None = None
    unread: tuple[Unread, ...] = ()

    @property
    def size(self) -> int:
        """How many rows it has, readable or not."""
        return len(self.rows) + len(self.unread)


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A row that a create call refused: the API's reason, and its echo of the row."""

    reason: str | None = None
    raw: dict[str, Any] | None = None


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """What a create call made, refused and cost."""

    created: tuple[CommentTask, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    created_count: int | None = None
    rejected_count: int | None = None
    credits_charged: float | None = None
    request_id: str | None = None
    replayed: bool = False


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """A cancelled task, and what came back."""

    id: str
    status: str | None = None
    credits_refunded: float | None = None
    request_id: str | None = None


class Acted(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A clear yes to an act, with the thing as it is now."""

    thing: T
    request_id: str | None = None
    replayed: bool = False


class NewTask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of a create call."""

    saved_account_id: str
    target_video_url: str | None = None
    comment_text: str
    brief_id: str | None = None
    target_type: str | None = None
    target_comment_url: str | None = None


class DeliveredAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A delivered account: the one that can post, with its actual profile."""

    id: str
    platform: str | None = None
    profile: Profile = Profile()
    country: str | None = None
    profile_url: str | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the key belongs to."""

    email: str | None = None
    credits: float | None = None
