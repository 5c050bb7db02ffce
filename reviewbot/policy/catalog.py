"""The catalogue: every fact that a rule may name, with its type, its range and one sentence.

Ranges are the API's stated ones (None: none is stated); a value outside its range keeps its value
and is reported once. Nothing else in reviewbot lists facts: the checker, the schema, `policy
facts`, the compiler and the docs all read this table.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from reviewbot.domain.account import CORRECTABLE_FIELDS, PROFILE_FIELDS
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import OUTCOME_KINDS, PLATFORMS, TASK_STATUSES
from reviewbot.policy.fact_rows import Fact as Fact
from reviewbot.policy.fact_rows import FactType as FactType
from reviewbot.policy.fact_rows import (
    Row,
    choice,
    count,
    duration,
    moment,
    money,
    names,
    reader,
    score,
    share,
    tally,
    text,
    yes_no,
)
from reviewbot.policy.fact_rows import Source as Source
from reviewbot.policy.facts import length, plus_one, since
from reviewbot.policy.text_forms import listed

_ATTEMPT: dict[str, Row] = {
    "attempt_n": count(
        "which try of the checker on this task it was, counted from 1",
        "at least 2",
        low=1,
        with_attempt=True,
    ),
    "scraped_at": moment(
        "when the checker read the comments under the video", "after 2026-12-01", with_attempt=True
    ),
    "outcome_kind": choice(
        "what the checker concluded",
        "couldnt_verify",
        values=OUTCOME_KINDS,
        with_attempt=True,
        internal=True,
    ),
    "verified": yes_no("whether the checker found the comment", "yes", with_attempt=True),
    "match_score": score(
        "how alike the best comment was, 0 (nothing) to 1 (the same)",
        "at least 0.92",
        low=0,
        high=1,
        with_attempt=True,
        internal=True,
    ),
    "found_comment_id": text(
        "the platform's id of the best matching comment", "known", internal=True
    ),
    "reason": text(
        "the checker's own tag, such as no_candidate_found or scrape_failed_timeout",
        "starts with scrape_failed",
        internal=True,
    ),
    "comments_scraped": count(
        "how many comments the checker read; 100 means the page was cut, 0 that it saw nothing",
        "between 1 and 99",
        low=0,
        high=100,
    ),
    "platform": choice("the platform at the time of the check", "tiktok", values=PLATFORMS),
}

ATTEMPT_FACTS = {name: row(name) for name, row in _ATTEMPT.items()}
"""The names inside `any check`, `every check` and `no check`."""


def _last(fact: Fact, name: str) -> Fact:
    return msgspec.structs.replace(
        fact,
        name=name,
        paths=(name,),
        read=reader((name,), None, fact.values),
        source="evidence",
        sentence=f"{fact.sentence}; on its last try of this round",
    )


_NOW = moment("the moment of judging", "in hours desk", of="now", source="clock", nullable=False)


def _counted(suffix: str, span: str) -> dict[str, Row]:
    """What our log counts of an account over a span of time."""
    return {
        f"account.decisions{suffix}": tally(
            f"decisions {span} for this account in our log", "at least 10"
        ),
        f"account.disputes{suffix}": tally(
            f"disputes {span} for this account in our log", "at least 3"
        ),
        f"account.approvals{suffix}": tally(
            f"approvals {span} for this account in our log", "at least 20"
        ),
        f"account.dispute_share{suffix}": share(
            f"disputes among the decisions {span}; unknown without decisions",
            "more than 35%",
            low=0,
            high=1,
            ours=True,
        ),
        f"account.paid{suffix}": money(
            f"what our approvals {span} paid for this account", "more than 20 USD", low=0, ours=True
        ),
        f"account.overruled{suffix}": tally(
            f"how often a person decided otherwise than the policy had, in decisions {span}",
            "at least 1",
        ),
    }


def _shares(name: str, what: str, example: str) -> dict[str, Row]:
    """A share of the checker's tries of the last hour, on all platforms and on each."""
    where = {"": "", **{f"_{platform}": f" on {platform}" for platform in PLATFORMS}}
    return {
        f"fleet.{name}{suffix}": share(
            f"{what} among all tries of the checker{on} that we saw in the last hour",
            example,
            low=0,
            high=1,
            ours=True,
        )
        for suffix, on in where.items()
    }


_COMMENTS: dict[str, Row] = {
    "now": _NOW,
    "task.id": text("the task's id", "starts with 0d8b", longest=36, nullable=False, internal=True),
    "task.status": choice(
        "the task's status; manually_confirmed while it waits for us",
        "manually_confirmed",
        values=TASK_STATUSES,
        internal=True,
    ),
    "task.platform": choice("where the comment was ordered", "tiktok", values=PLATFORMS),
    "task.saved_account_id": text(
        "the account that comments", "in list watched", longest=36, internal=True
    ),
    "task.target_video_url": text("the video to comment on", "contains /reel/"),
    "task.target_author_handle": text(
        "who posted the video, where the address says it", "in list partners"
    ),
    "task.comment_text": text(
        "the exact text that was to be posted", "contains promo", longest=2200
    ),
    "task.comment_length": tally(
        "how many characters the ordered text has",
        "at most 3",
        of=(length, "task.comment_text"),
        high=2200,
    ),
    "task.cm_payout_amount": money(
        "what the manager is paid for this task; may still change while it waits",
        "at most 0.30 USD",
        low=0,
    ),
    "task.submitted_at": moment("when the manager said it was posted", "after 2026-12-01"),
    "task.verified_at": moment(
        "when the checker found it; unknown while it was not found", "unknown"
    ),
    "task.manually_confirmed_at": moment(
        "when the manager insisted that it is posted: our time to decide starts here",
        "before 2026-12-01",
    ),
    "task.client_dispute_deadline_at": moment(
        "from this moment on the manager is paid without a decision", "before 2026-12-01"
    ),
    "task.finalized_at": moment("when the payout was locked", "unknown"),
    "task.correction_required": text(
        "what the manager was asked to mend, where the API still shows it", "known"
    ),
    "task.deadline_at": moment("until when the comment had to be posted", "after 2026-12-01"),
    "task.created_at": moment("when the task was ordered", "after 2026-12-01"),
    "task.updated_at": moment("when the API last changed the task", "after 2026-12-01"),
    "task.target_type": choice(
        "whether it comments on a video or answers a comment", "video", values=("video", "comment")
    ),
    "task.target_comment_url": text("the comment to answer, where it answers one", "known"),
    "task.execution_blocked": yes_no(
        "whether the account's Coverage is inactive, so that approve and dispute are refused", "yes"
    ),
    "task.execution_block_reason": text("why it is blocked", "known", internal=True),
    "task.times_disputed": tally(
        "how often our log shows it as sent back, by a rule or by a person through this tool",
        "at least 1",
        of="past.disputes",
        source="history",
    ),
    "task.sent_back_before": count(
        "how many rounds of it our log saw end by a dispute, ours or anybody's",
        "at least 2",
        of="past.sent_back_before",
        source="history",
        low=0,
    ),
    "task.round": count(
        "sent_back_before plus 1",
        "1",
        of=(plus_one, "past.sent_back_before"),
        source="history",
        low=1,
        ours=True,
    ),
    "task.waiting_for": duration(
        "how long ago the manager insisted",
        "at least 6h",
        of=(since, "now", "task.manually_confirmed_at"),
        source="clock",
        low=0,
    ),
    "task.time_left": duration(
        "how long until the manager is paid without a decision",
        "less than 12h",
        of=(since, "task.client_dispute_deadline_at", "now"),
        source="clock",
    ),
    "task.posted_ago": duration(
        "how long ago the manager said it was posted",
        "more than 2d",
        of=(since, "now", "task.submitted_at"),
        source="clock",
        low=0,
    ),
    "task.confirm_took": duration(
        "how long the manager took from saying that it was posted to insisting on it",
        "less than 5m",
        of=(since, "task.manually_confirmed_at", "task.submitted_at"),
    ),
    **{f"last.{field}": partial(_last, fact) for field, fact in ATTEMPT_FACTS.items()},
    "last.age": duration(
        "how long ago the checker last tried",
        "more than 6h",
        of=(since, "now", "last.scraped_at"),
        low=0,
        with_attempt=True,
    ),
    "checks.count": tally("how often the checker tried in this round", "at least 2"),
    "checks.failed": tally("how many of those tries could not read the video (scrape_failed)", "0"),
    "checks.best_score": score(
        "the highest match score of this round", "less than 0.5", low=0, high=1, internal=True
    ),
    "checks.most_comments": count(
        "the most comments read by one try of this round", "at least 50", low=0, high=100
    ),
    "checks.fewest_comments": count(
        "the fewest comments read by one try of this round", "at least 20", low=0, high=100
    ),
    "account.handle": text(
        "the account's user name, from the API's list of accounts",
        "in list partners",
        longest=24,
        source="directory",
    ),
    "account.display_name": text(
        "the account's visible name, from the API's list of accounts",
        "contains studio",
        longest=30,
        source="directory",
    ),
    "account.country": text(
        "the account's country, from the API's list of accounts", "DE", source="directory"
    ),
    "account.finalized_total": tally(
        "how many of its tasks the API counts as finalized, ours and those from before our log",
        "at least 20",
        source="total",
    ),
    **_counted("_30d", "of the last 30 days"),
    **_counted("_ever", "since our log began"),
    "fleet.open_tasks": tally("how many tasks wait for a decision now", "more than 500"),
    **_shares("scrape_failed_share_1h", "failed tries", "more than 30%"),
    **_shares("blind_share_1h", "tries that failed or read no comment at all", "more than 60%"),
    "fleet.escalated": tally("how many tasks wait for a person now", "more than 50"),
}

_PROFILE = {
    "username": ("the requested user name", 24),
    "visible_name": ("the requested visible name", 30),
    "biography": ("the requested biography", 80),
    "profile_picture_url": ("the requested profile picture's address", None),
    "link_in_bio": ("the requested link in the biography (Instagram only)", None),
}
"""Sentence and the longest value the API's account configuration takes."""


def _profile(field: str) -> Iterator[tuple[str, Row]]:
    sentence, longest = _PROFILE[field]
    path, size = f"profile.{field}", f"how many characters {sentence} has"
    yield path, text(sentence, "known", longest=longest)
    yield f"{path}_length", tally(size, "at least 1", of=(length, path), high=longest)


_ACCOUNTS: dict[str, Row] = {
    "now": _NOW,
    **{path: fact for field in PROFILE_FIELDS for path, fact in _profile(field)},
    "profile.differs": names(
        "the fields in which the delivered account differs from the request; a field that only one side states is in doubt",
        "contains username",
        values=PROFILE_FIELDS,
        of="differs",
        source="evidence",
        doubtful="uncompared",
    ),
    "bundle.id": text(
        "the bundle's id", "starts with bnd_", longest=36, nullable=False, internal=True
    ),
    "bundle.platform": choice("the platform of the account", "tiktok", values=PLATFORMS),
    "bundle.country": text("the country of the account", "PT"),
    "bundle.title": text("the bundle's title", "contains spring"),
    "bundle.external_ref": text("our own reference of the bundle", "starts with campaign-7"),
    "bundle.created_at": moment("when the bundle was ordered", "after 2026-12-01"),
    "feedback.corrections_requested": tally("how often corrections were asked for", "at least 1"),
    "feedback.corrections_applied": tally("how often corrections were made", "at least 1"),
    "feedback.last_type": choice(
        "what the newest entry of the feedback history is; unknown without one",
        "corrections_applied",
        values=("corrections_requested", "corrections_applied", "finalized"),
    ),
    "feedback.last_fields": names(
        "the fields that the last request for corrections named; unknown without one",
        "contains username",
        values=CORRECTABLE_FIELDS,
    ),
    "feedback.changed_since_request": names(
        "the fields that were changed since the last request; unknown without a request",
        "not contains biography",
        values=CORRECTABLE_FIELDS,
    ),
    "review.round": count(
        "corrections made plus 1",
        "1",
        of=(plus_one, "feedback.corrections_applied"),
        low=1,
        ours=True,
    ),
    "review.waiting_for": duration(
        "how long ago we first saw it in review (an estimate: the API states no time)",
        "at least 6h",
        of=(since, "now", "started_at"),
        source="clock",
        low=0,
    ),
    "review.time_left": duration(
        "how long until it is finalized by itself (an estimate, 72h from first sight)",
        "less than 12h",
        of=(since, "deadline_at", "now"),
        source="clock",
    ),
}

CATALOGUE: dict[ReviewKind, dict[str, Fact]] = {
    "comments": {name: row(name) for name, row in _COMMENTS.items()},
    "accounts": {name: row(name) for name, row in _ACCOUNTS.items()},
}
"""Every fact by its full name, per kind of review."""


def described(fact: Fact) -> str:
    """Say a fact's type with its range or values, for a sentence."""
    if fact.type is FactType.CHOICE:
        return f"one of {listed(fact.values)}"
    words = str(fact.type)
    if fact.low is not None and fact.high is not None:
        return f"{words}, {fact.low:g} to {fact.high:g}"
    if fact.type is FactType.DURATION:
        return f"{words} such as 6h"
    if fact.type is FactType.MONEY:
        return f"{words} in USD"
    if fact.type is FactType.SHARE:
        return f"{words} such as 35%"
    return words
