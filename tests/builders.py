"""Builders: each makes a valid thing; a test changes the one field it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from reviewbot.domain.account import AccountReview, FeedbackEntry, Profile
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.task import Attempt, CommentTask
from reviewbot.domain.text import iso

CONFIRMED = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)
"""A Tuesday at noon."""


def a_task(**changes: Any) -> CommentTask:
    """A TikTok task that waits for our decision, confirmed on a Tuesday at noon."""
    confirmed = changes.get("manually_confirmed_at", CONFIRMED)
    fields: dict[str, Any] = {
        "id": "3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e40",
        "status": "manually_confirmed",
        "platform": "tiktok",
        "saved_account_id": "c1a5f0d8-2b6e-4e39-b7a4-90d3e8f61c27",
        "target_video_url": "https://www.tiktok.com/@lumen/video/7301234567890123456",
        "target_author_handle": "lumen",
        "comment_text": "The light in this one is unreal",
        "cm_payout_amount": 0.24,
        "submitted_at": CONFIRMED - timedelta(hours=4),
        "manually_confirmed_at": confirmed,
        "client_dispute_deadline_at": confirmed + timedelta(hours=72) if confirmed else None,
        "deadline_at": CONFIRMED + timedelta(hours=60),
        "created_at": CONFIRMED - timedelta(hours=12),
        "updated_at": confirmed,
    }
    return CommentTask(**(fields | changes))


def an_attempt(**changes: Any) -> Attempt:
    """One check that read 60 comments and could not verify."""
    fields: dict[str, Any] = {
        "attempt_n": 1,
        "scraped_at": CONFIRMED - timedelta(hours=3),
        "outcome_kind": "couldnt_verify",
        "verified": False,
        "match_score": 0.31,
        "found_comment_id": None,
        "reason": "no_candidate_found",
        "comments_scraped": 60,
        "platform": "tiktok",
    }
    return Attempt(**(fields | changes))


def an_item(**changes: Any) -> ReviewItem:
    """The review of `a_task()`; `changes` are the task's."""
    task = a_task(**changes)
    return ReviewItem(
        review="comments",
        id=task.id,
        epoch=iso(task.manually_confirmed_at) if task.manually_confirmed_at else None,
        status=task.status,
        started_at=task.manually_confirmed_at,
        deadline_at=task.client_dispute_deadline_at,
        version=iso(task.updated_at) if task.updated_at else None,
        account_id=task.saved_account_id,
        amount_micros=240_000,
        subject=task,
    )


def an_account(**changes: Any) -> AccountReview:
    """A TikTok account in review, delivered, with no feedback so far."""
    fields: dict[str, Any] = {
        "id": "bnd_abc123",
        "platform": "tiktok",
        "country": "PT",
        "title": "Lumen",
        "created_at": CONFIRMED - timedelta(days=10),
        "saved_account_id": "c1a5f0d8-2b6e-4e39-b7a4-90d3e8f61c27",
        "account_status": "in_review",
        "profile": a_profile(),
        "feedback_history": (),
    }
    return AccountReview(**(fields | changes))


def a_profile(**changes: Any) -> Profile:
    """A complete TikTok profile."""
    fields: dict[str, Any] = {
        "username": "lumen.cooks",
        "visible_name": "Lumen Cooks",
        "biography": "One pan, one city: Lisbon.",
        "profile_picture_url": "https://cdn.example.com/p/lumen.jpg",
        "unset": ("link_in_bio",),
    }
    return Profile(**(fields | changes))


def an_account_item(**changes: Any) -> ReviewItem:
    """The review of `an_account()`, first seen on a Tuesday at noon; `changes` are the account's."""
    account = an_account(**changes)
    history: tuple[FeedbackEntry, ...] = account.feedback_history or ()
    applied = sum(entry.type == "corrections_applied" for entry in history)
    return ReviewItem(
        review="accounts",
        id=account.id,
        epoch=str(applied + 1),
        status=account.account_status,
        started_at=CONFIRMED,
        deadline_at=CONFIRMED + timedelta(hours=72),
        deadline_is_estimate=True,
        version="1",
        account_id=account.saved_account_id,
        subject=account,
    )
