"""The usual review: the values an example takes where no rule asks for others, and what it states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from reviewbot.policy.catalog import Fact, FactType

HOUR = 3600.0
WINDOW = 72 * HOUR
"""From confirmation to the moment at which silence pays (API: lifecycle)."""

CONFIRMED = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)
"""A Tuesday at noon."""

_VALUES: dict[str, Any] = {
    "task.id": "3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e40",
    "task.status": "manually_confirmed",
    "task.platform": "tiktok",
    "task.saved_account_id": "c1a5f0d8-2b6e-4e39-b7a4-90d3e8f61c27",
    "task.target_video_url": "https://www.tiktok.com/@lumen/video/7301234567890123456",
    "task.target_author_handle": "lumen",
    "task.comment_text": "The light in this one is unreal",
    "task.comment_length": 31,
    "task.cm_payout_amount": 0.24,
    "task.submitted_at": CONFIRMED - timedelta(hours=4),
    "task.manually_confirmed_at": CONFIRMED,
    "task.client_dispute_deadline_at": CONFIRMED + timedelta(seconds=WINDOW),
    "task.target_type": "video",
    "task.execution_blocked": False,
    "task.times_disputed": 0,
    "task.sent_back_before": 0,
    "task.round": 1,
    "task.waiting_for": HOUR,
    "task.time_left": WINDOW - HOUR,
    "task.posted_ago": 5 * HOUR,
    "last.attempt_n": 1,
    "last.scraped_at": CONFIRMED - timedelta(hours=3),
    "last.outcome_kind": "couldnt_verify",
    "last.verified": False,
    "last.match_score": 0.31,
    "last.reason": "no_candidate_found",
    "last.comments_scraped": 60,
    "last.platform": "tiktok",
    "last.age": 4 * HOUR,
    "checks.count": 1,
    "checks.failed": 0,
    "checks.best_score": 0.31,
    "checks.most_comments": 60,
    "checks.fewest_comments": 60,
    "account.decisions_30d": 10,
    "account.disputes_30d": 1,
    "account.approvals_30d": 9,
    "account.dispute_share_30d": 0.1,
    "account.paid_30d": 2.16,
    "fleet.open_tasks": 20,
    "fleet.scrape_failed_share_1h": 0.02,
    "profile.username": "lumen.daily",
    "profile.username_length": 11,
    "profile.visible_name": "Lumen",
    "profile.visible_name_length": 5,
    "profile.biography": "Light, all day.",
    "profile.biography_length": 15,
    "bundle.id": "bnd_7c21",
    "bundle.platform": "tiktok",
    "bundle.country": "PT",
    "bundle.title": "Spring",
    "review.round": 1,
    "review.waiting_for": HOUR,
    "review.time_left": WINDOW - HOUR,
}

_BY_TYPE: dict[FactType, Any] = {
    FactType.COUNT: 0,
    FactType.SCORE: 0.5,
    FactType.MONEY: 1.0,
    FactType.SHARE: 0.1,
    FactType.DURATION: HOUR,
    FactType.MOMENT: CONFIRMED,
    FactType.TEXT: "example",
    FactType.YES_NO: False,
    FactType.NAMES: (),
}

STEPS: dict[FactType, float] = {
    FactType.COUNT: 1,
    FactType.SCORE: 0.01,
    FactType.MONEY: 0.01,
    FactType.SHARE: 0.01,
    FactType.DURATION: HOUR,
    FactType.MOMENT: 24 * HOUR,
}
"""How far beyond a threshold an example goes."""


def usual_value(fact: Fact) -> Any:
    """What `fact` is in the usual review."""
    value = _VALUES.get(fact.name)
    if value is not None:
        return value
    return fact.values[0] if fact.type is FactType.CHOICE else _BY_TYPE[fact.type]


_STATED = frozenset(
    f"task.{name}"
    for name in (
        "id",
        "status",
        "platform",
        "saved_account_id",
        "target_video_url",
        "comment_text",
        "comment_length",
        "cm_payout_amount",
        "submitted_at",
        "manually_confirmed_at",
        "client_dispute_deadline_at",
        "deadline_at",
        "created_at",
        "updated_at",
        "times_disputed",
        "sent_back_before",
        "round",
        "waiting_for",
        "time_left",
        "posted_ago",
    )
) | {
    "checks.count",
    "checks.failed",
    "bundle.id",
    "bundle.platform",
    "bundle.country",
    "bundle.created_at",
    "profile.username",
    "profile.username_length",
    "feedback.corrections_requested",
    "feedback.corrections_applied",
    "review.round",
    "review.waiting_for",
    "review.time_left",
}

_LOGGED = ("account.", "fleet.")
_UNKNOWN_WITHOUT_CASES = frozenset({"account.dispute_share_30d", "fleet.scrape_failed_share_1h"})


def ordinarily_known(fact: Fact) -> bool:
    """Whether a sensible review always states `fact`.

    The API may one day leave out anything, and then no rule matches and a person is asked. But a
    checker that warned of it everywhere would be read by nobody: warnings about the unknown are
    given only for what really is unknown in the daily run (no attempt yet, a null that the API
    documents).
    """
    if fact.name.startswith(_LOGGED):
        return fact.name not in _UNKNOWN_WITHOUT_CASES
    return fact.name in _STATED or not fact.nullable
