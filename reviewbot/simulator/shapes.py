"""The shapes on the wire: a task, an attempt, an account, a bundle, as JSON-ready values."""

from __future__ import annotations

from typing import Any

import msgspec

from reviewbot.simulator import comments
from reviewbot.simulator.model import Attempt, Bundle, SavedAccount, Task
from reviewbot.simulator.moments import iso_or_none
from reviewbot.simulator.world import World

_ENCODER = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """Write JSON."""
    return _ENCODER.encode(value)


def task_wire(world: World, task: Task) -> msgspec.Raw:
    """A task as JSON text, kept until something about it changes."""
    if task.wire is None:
        task.wire = encode(task_shape(world, task))
    return msgspec.Raw(task.wire)


def task_shape(world: World, task: Task) -> dict[str, Any]:
    """Every field of a task that the API shows."""
    ms = world.choices.milliseconds
    shown = comments.shown_status(world, task)
    blocked = not task.account.covered
    return {
        "id": task.id,
        "status": shown,
        "platform": task.account.platform,
        "saved_account_id": task.account.id,
        "target_video_url": task.video.url,
        "target_author_handle": task.video.author,
        "comment_text": task.text,
        "cm_payout_amount": task.payout,
        "submitted_at": iso_or_none(task.submitted_at, ms),
        "verified_at": iso_or_none(task.verified_at, ms),
        "manually_confirmed_at": iso_or_none(task.confirmed_at, ms),
        "client_dispute_deadline_at": iso_or_none(task.review_until, ms),
        "finalized_at": iso_or_none(task.finalized_at, ms),
        "correction_required": task.correction if shown == "pending_corrections" else None,
        "deadline_at": iso_or_none(task.deadline_at, ms),
        "created_at": iso_or_none(task.created_at, ms),
        "updated_at": iso_or_none(task.updated_at, ms),
        "target_type": task.target_type,
        "target_comment_url": task.target_comment_url,
        "execution_blocked": blocked,
        "execution_block_reason": "coverage_inactive" if blocked else None,
    }


def attempt_shape(world: World, attempt: Attempt) -> dict[str, Any]:
    """One attempt of the verifier."""
    return {
        "attempt_n": attempt.attempt_n,
        "scraped_at": world.iso(attempt.scraped_at),
        "outcome_kind": attempt.outcome_kind,
        "verified": attempt.outcome_kind == "verified",
        "match_score": attempt.match_score,
        "found_comment_id": attempt.found_comment_id,
        "reason": attempt.reason,
        "comments_scraped": attempt.comments_scraped,
        "platform": attempt.platform,
    }


def saved_account_shape(world: World, account: SavedAccount) -> dict[str, Any]:
    """A delivered account, with its profile as it is."""
    host = "www.tiktok.com/@" if account.platform == "tiktok" else "www.instagram.com/"
    return {
        "id": account.id,
        "platform": account.platform,
        "username": account.username,
        "visible_name": account.visible_name,
        "biography": account.biography,
        "profile_picture_url": account.profile_picture_url,
        "country": account.country,
        "link_in_bio": account.link_in_bio,
        "profile_url": f"https://{host}{account.username}",
        "tokmail_email": f"{account.username}@tokmail.example.com",
        "created_at": world.iso(account.created_at),
        "updated_at": world.iso(account.updated_at),
    }


def bundle_shape(world: World, bundle: Bundle) -> dict[str, Any]:
    """A bundle without its account."""
    return {
        "id": bundle.id,
        "bundle_type": bundle.bundle_type,
        "platform": bundle.platform,
        "country": bundle.country,
        "title": bundle.title,
        "status": bundle.status,
        "external_ref": bundle.external_ref,
        "videos_quantity": bundle.videos_quantity,
        "created_at": world.iso(bundle.created_at),
        "saved_account_id": bundle.saved_account_id,
        "is_published": bundle.status not in ("draft", "pending_setup", "cancelled"),
        "account_configured": bundle.account_status != "pending",
        "videos_configured_count": 0,
        "account_status": bundle.account_status,
    }


def bundle_account_shape(world: World, bundle: Bundle) -> dict[str, Any]:
    """The account of a bundle: the profile asked for, and the review so far."""
    shown: Bundle | SavedAccount = bundle
    if world.choices.bundle_account_profile == "delivered" and bundle.saved_account_id:
        shown = world.accounts[bundle.saved_account_id]
    return {
        "status": bundle.account_status,
        "username": shown.username,
        "visible_name": shown.visible_name,
        "biography": shown.biography,
        "profile_picture_url": shown.profile_picture_url,
        "link_in_bio": shown.link_in_bio,
        "niche_warming_instructions": bundle.niche_warming_instructions,
        "configured_at": world.iso(bundle.configured_at),
        "finalized_at": iso_or_none(bundle.finalized_at, world.choices.milliseconds),
        "corrections": bundle.corrections,
        "feedback_history": bundle.history,
    }
