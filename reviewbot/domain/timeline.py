"""What the verifier saw: the attempts on one task."""

from __future__ import annotations

import msgspec

from reviewbot.domain.comments import Moment

OUTCOME_KINDS = ("verified", "wrong_text", "wrong_account", "couldnt_verify", "scrape_failed")
"""Every documented outcome of an attempt (API: comments-verifications)."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the verifier. None means not known, as in `CommentTask`."""

    attempt_n: int | None = None
    scraped_at: Moment | None = None
    outcome_kind: str | None = None
    verified: bool | None = None
    match_score: float | None = None
    found_comment_id: str | None = None
    reason: str | None = None
    comments_scraped: int | None = None
    platform: str | None = None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Every attempt on one task, in the order the API sent them (which promises none)."""

    task_id: str
    status: str | None = None
    attempts: tuple[Attempt, ...] = ()
