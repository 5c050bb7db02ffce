"""A comment task, under the API's own field names."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with a zone; one without a zone is not a moment we can use."""

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
