"""Which facts a sensible review always states.

The API may one day leave out anything, and then no rule matches and a person is asked. But a checker
that warned of it everywhere would be read by nobody: warnings about the unknown are given only for
what really is unknown in the daily run (no attempt yet, a null that the API documents).
"""

from __future__ import annotations

from reviewbot.policy.fields import Fact

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
    """Say whether a sensible review always states `fact`."""
    if fact.name.startswith(_LOGGED):
        return fact.name not in _UNKNOWN_WITHOUT_CASES
    return fact.name in _STATED or not fact.nullable
