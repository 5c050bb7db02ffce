"""An account under review: its bundle, the requested and the delivered profile, and the feedback so far."""

from __future__ import annotations

from datetime import datetime

import msgspec

from reviewbot.domain.task import Moment

ACCOUNT_WAITING_STATUS = "in_review"

ACCOUNT_STATUSES = (
    "pending",
    "configured",
    "published",
    "in_review",
    "corrections_requested",
    "pending_corrections",
    "finalized",
)
"""`corrections_requested` and `pending_corrections` name the same detour in two generations of the API."""

PROFILE_FIELDS = ("username", "visible_name", "biography", "profile_picture_url", "link_in_bio")

CORRECTABLE_FIELDS = ("username", "visible_name", "biography", "profile_picture")
"""The keys `corrections` accepts; note `profile_picture`, not `profile_picture_url`."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile, as requested or as delivered. None means not known or not set.

    `unset` names the fields of which the API said that they are not set (a null, not a silence).
    """

    username: str | None = None
    visible_name: str | None = None
    biography: str | None = None
    profile_picture_url: str | None = None
    link_in_bio: str | None = None
    unset: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """What a correction made of one field; None means not known or not set."""

    before: str | None = None
    after: str | None = None


class FeedbackEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable entry of `feedback_history`."""

    type: str | None = None
    comment: str | None = None
    fields: dict[str, str] | None = None
    requested_at: Moment | None = None
    requested_by: str | None = None
    applied_at: Moment | None = None
    changes: dict[str, Change] | None = None
    """Field → what `corrections_applied` says it was and is."""
    finalized_at: Moment | None = None

    @property
    def happened_at(self) -> datetime | None:
        """When it was said, under whichever name its type gives the moment."""
        return self.requested_at or self.applied_at or self.finalized_at


class AccountReview(msgspec.Struct, frozen=True, kw_only=True):
    """One bundle whose account waits for, or went through, review."""

    id: str
    platform: str | None = None
    country: str | None = None
    title: str | None = None
    external_ref: str | None = None
    created_at: Moment | None = None
    saved_account_id: str | None = None
    account_status: str | None = None
    profile: Profile | None = None
    """The requested profile."""
    feedback_history: tuple[FeedbackEntry, ...] | None = None
    """None where the API did not say; an empty tuple where it said there is none."""
    finalized_at: Moment | None = None
