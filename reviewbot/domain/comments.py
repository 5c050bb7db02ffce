"""A comment task, under the API's own field names."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from reviewbot.domain.moments import iso

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


class CommentTask(msgspec.Struct, frozen=True, kw_only=True):
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
