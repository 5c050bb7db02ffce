"""The catalogue: every fact that a rule may name, with its type, its range and one sentence.

`read` is the Python expression by which compiled rules fetch the fact from `facts.Facts`; it gives
None where the fact is unknown. Ranges are the API's stated ones (None: none is stated); a value
outside its range keeps its value and is reported once. Nothing else in reviewbot lists facts: the
checker, the schema, `policy facts`, the compiler and the docs all read this table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from reviewbot.domain.account import CORRECTABLE_FIELDS, PROFILE_FIELDS
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import OUTCOME_KINDS, PLATFORMS, TASK_STATUSES
from reviewbot.policy.text_forms import listed


class FactType(StrEnum):
    """What kind of value a fact has, in the words that messages use."""

    COUNT = "a whole number"
    SCORE = "a number"
    MONEY = "an amount of money"
    SHARE = "a share"
    DURATION = "a length of time"
    MOMENT = "a moment"
    TEXT = "a text"
    CHOICE = "one of"
    YES_NO = "yes or no"
    NAMES = "a list of names"


_FROM_0 = (0.0, None)


_FROM_1 = (1.0, None)


_A_SHARE = (0.0, 1.0)
"""What our own counts and shares cannot leave."""


Source = Literal["row", "evidence", "history", "account", "fleet", "clock"]
"""What must be at hand: the listed thing itself, evidence fetched on demand, our log's memory of
the thing, of its account, or of all; `clock` needs the row and the time."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. `low`, `high` and `longest` (characters) bound it where the API states a bound.

    What the API sends is kept as it comes, also beyond these. `sure` are the ends that no value can
    pass, because we count it ourselves; only they may be called impossible.

    `unit` is in words (durations are written `6h`); `values` is the closed list of a choice or of
    the names a list may hold. `with_attempt` marks attempt fields that are known as soon as there
    is an attempt, so that a test on a neighbour proves them known.
    """

    name: str
    type: FactType
    sentence: str
    read: str
    source: Source = "row"
    low: float | None = None
    high: float | None = None
    longest: int | None = None
    sure: tuple[float | None, float | None] = (None, None)
    values: tuple[str, ...] = ()
    nullable: bool = True
    with_attempt: bool = False
    example: str = ""
    doubtful: str = ""
    """For a list of names: the expression for those of which nobody can tell whether they belong."""


_ATTEMPT: tuple[Fact, ...] = (
    Fact(
        name="attempt_n",
        type=FactType.COUNT,
        low=1,
        sentence="which try of the checker on this task it was, counted from 1",
        read="attempt.attempt_n",
        with_attempt=True,
        example="at least 2",
    ),
    Fact(
        name="scraped_at",
        type=FactType.MOMENT,
        sentence="when the checker read the comments under the video",
        read="attempt.scraped_at",
        with_attempt=True,
        example="after 2026-12-01",
    ),
    Fact(
        name="outcome_kind",
        type=FactType.CHOICE,
        values=OUTCOME_KINDS,
        sentence="what the checker concluded",
        read="attempt.outcome_kind",
        with_attempt=True,
        example="couldnt_verify",
    ),
    Fact(
        name="verified",
        type=FactType.YES_NO,
        sentence="whether the checker found the comment",
        read="attempt.verified",
        with_attempt=True,
        example="yes",
    ),
    Fact(
        name="match_score",
        type=FactType.SCORE,
        low=0,
        high=1,
        sentence="how alike the best comment was, 0 (nothing) to 1 (the same)",
        read="attempt.match_score",
        with_attempt=True,
        example="at least 0.92",
    ),
    Fact(
        name="found_comment_id",
        type=FactType.TEXT,
        sentence="the platform's id of the best matching comment",
        read="attempt.found_comment_id",
        example="known",
    ),
    Fact(
        name="reason",
        type=FactType.TEXT,
        sentence="the checker's own tag, such as no_candidate_found or scrape_failed_timeout",
        read="attempt.reason",
        example="starts with scrape_failed",
    ),
    Fact(
        name="comments_scraped",
        type=FactType.COUNT,
        low=0,
        high=100,
        sentence="how many comments the checker read; 100 means the page was cut, 0 that it saw nothing",
        read="attempt.comments_scraped",
        example="between 1 and 99",
    ),
    Fact(
        name="platform",
        type=FactType.CHOICE,
        values=PLATFORMS,
        sentence="the platform at the time of the check",
        read="attempt.platform",
        example="tiktok",
    ),
)


ATTEMPT_FACTS: dict[str, Fact] = {fact.name: fact for fact in _ATTEMPT}
"""The names inside `any check`, `every check` and `no check`."""


def _last(fact: Fact) -> Fact:
    return msgspec.structs.replace(
        fact,
        name=f"last.{fact.name}",
        read=fact.read.replace("attempt.", "last."),
        source="evidence",
        sentence=f"{fact.sentence}; on its last try of this round",
    )


_COMMENTS: tuple[Fact, ...] = (
    Fact(
        name="task.id",
        type=FactType.TEXT,
        longest=36,
        nullable=False,
        sentence="the task's id",
        read="task.id",
        example="starts with 0d8b",
    ),
    Fact(
        name="task.status",
        type=FactType.CHOICE,
        values=TASK_STATUSES,
        sentence="the task's status; manually_confirmed while it waits for us",
        read="task.status",
        example="manually_confirmed",
    ),
    Fact(
        name="task.platform",
        type=FactType.CHOICE,
        values=PLATFORMS,
        sentence="where the comment was ordered",
        read="task.platform",
        example="tiktok",
    ),
    Fact(
        name="task.saved_account_id",
        type=FactType.TEXT,
        longest=36,
        sentence="the account that comments",
        read="task.saved_account_id",
        example="in list watched",
    ),
    Fact(
        name="task.target_video_url",
        type=FactType.TEXT,
        sentence="the video to comment on",
        read="task.target_video_url",
        example="contains /reel/",
    ),
    Fact(
        name="task.target_author_handle",
        type=FactType.TEXT,
        sentence="who posted the video, where the address says it",
        read="task.target_author_handle",
        example="in list partners",
    ),
    Fact(
        name="task.comment_text",
        type=FactType.TEXT,
        longest=2200,
        sentence="the exact text that was to be posted",
        read="task.comment_text",
        example="contains promo",
    ),
    Fact(
        name="task.comment_length",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        high=2200,
        sentence="how many characters the ordered text has",
        read="_length(task.comment_text)",
        example="at most 3",
    ),
    Fact(
        name="task.cm_payout_amount",
        type=FactType.MONEY,
        low=0,
        sentence="what the manager is paid for this task; may still change while it waits",
        read="task.cm_payout_amount",
        example="at most 0.30 USD",
    ),
    Fact(
        name="task.submitted_at",
        type=FactType.MOMENT,
        sentence="when the manager said it was posted",
        read="task.submitted_at",
        example="after 2026-12-01",
    ),
    Fact(
        name="task.verified_at",
        type=FactType.MOMENT,
        sentence="when the checker found it; unknown while it was not found",
        read="task.verified_at",
        example="unknown",
    ),
    Fact(
        name="task.manually_confirmed_at",
        type=FactType.MOMENT,
        sentence="when the manager insisted that it is posted: our time to decide starts here",
        read="task.manually_confirmed_at",
        example="before 2026-12-01",
    ),
    Fact(
        name="task.client_dispute_deadline_at",
        type=FactType.MOMENT,
        sentence="from this moment on the manager is paid without a decision",
        read="task.client_dispute_deadline_at",
        example="before 2026-12-01",
    ),
    Fact(
        name="task.finalized_at",
        type=FactType.MOMENT,
        sentence="when the payout was locked",
        read="task.finalized_at",
        example="unknown",
    ),
    Fact(
        name="task.correction_required",
        type=FactType.TEXT,
        sentence="what the manager was asked to mend, where the API still shows it",
        read="task.correction_required",
        example="known",
    ),
    Fact(
        name="task.deadline_at",
        type=FactType.MOMENT,
        sentence="until when the comment had to be posted",
        read="task.deadline_at",
        example="after 2026-12-01",
    ),
    Fact(
        name="task.created_at",
        type=FactType.MOMENT,
        sentence="when the task was ordered",
        read="task.created_at",
        example="after 2026-12-01",
    ),
    Fact(
        name="task.updated_at",
        type=FactType.MOMENT,
        sentence="when the API last changed the task",
        read="task.updated_at",
        example="after 2026-12-01",
    ),
    Fact(
        name="task.target_type",
        type=FactType.CHOICE,
        values=("video", "comment"),
        sentence="whether it comments on a video or answers a comment",
        read="task.target_type",
        example="video",
    ),
    Fact(
        name="task.target_comment_url",
        type=FactType.TEXT,
        sentence="the comment to answer, where it answers one",
        read="task.target_comment_url",
        example="known",
    ),
    Fact(
        name="task.execution_blocked",
        type=FactType.YES_NO,
        sentence="whether the account's Coverage is inactive, so that approve and dispute are refused",
        read="task.execution_blocked",
        example="yes",
    ),
    Fact(
        name="task.execution_block_reason",
        type=FactType.TEXT,
        sentence="why it is blocked",
        read="task.execution_block_reason",
        example="known",
    ),
    Fact(
        name="task.times_disputed",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        source="history",
        sentence="how often our log shows it as sent back, by a rule or by a person through this tool",
        read="past.disputes",
        example="at least 1",
    ),
    Fact(
        name="task.sent_back_before",
        type=FactType.COUNT,
        low=0,
        source="history",
        sentence="how many rounds of it our log saw end by a dispute, ours or anybody's",
        read="past.sent_back_before",
        example="at least 2",
    ),
    Fact(
        name="task.round",
        type=FactType.COUNT,
        sure=_FROM_1,
        low=1,
        source="history",
        sentence="sent_back_before plus 1",
        read="_plus_one(past.sent_back_before)",
        example="1",
    ),
    Fact(
        name="task.waiting_for",
        type=FactType.DURATION,
        low=0,
        source="clock",
        sentence="how long ago the manager insisted",
        read="_since(now, task.manually_confirmed_at)",
        example="at least 6h",
    ),
    Fact(
        name="task.time_left",
        type=FactType.DURATION,
        source="clock",
        sentence="how long until the manager is paid without a decision",
        read="_since(task.client_dispute_deadline_at, now)",
        example="less than 12h",
    ),
    Fact(
        name="task.posted_ago",
        type=FactType.DURATION,
        low=0,
        source="clock",
        sentence="how long ago the manager said it was posted",
        read="_since(now, task.submitted_at)",
        example="more than 2d",
    ),
    *(_last(fact) for fact in _ATTEMPT),
    Fact(
        name="last.age",
        type=FactType.DURATION,
        low=0,
        source="evidence",
        with_attempt=True,
        sentence="how long ago the checker last tried",
        read="_since(now, last.scraped_at)",
        example="more than 6h",
    ),
    Fact(
        name="checks.count",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        source="evidence",
        sentence="how often the checker tried in this round",
        read="checks.count",
        example="at least 2",
    ),
    Fact(
        name="checks.failed",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        source="evidence",
        sentence="how many of those tries could not read the video (scrape_failed)",
        read="checks.failed",
        example="0",
    ),
    Fact(
        name="checks.best_score",
        type=FactType.SCORE,
        low=0,
        high=1,
        source="evidence",
        sentence="the highest match score of this round",
        read="checks.best_score",
        example="less than 0.5",
    ),
    Fact(
        name="checks.most_comments",
        type=FactType.COUNT,
        low=0,
        high=100,
        source="evidence",
        sentence="the most comments read by one try of this round",
        read="checks.most_comments",
        example="at least 50",
    ),
    Fact(
        name="checks.fewest_comments",
        type=FactType.COUNT,
        low=0,
        high=100,
        source="evidence",
        sentence="the fewest comments read by one try of this round",
        read="checks.fewest_comments",
        example="at least 20",
    ),
    Fact(
        name="account.decisions_30d",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        source="account",
        sentence="decisions of the last 30 days for this account in our log",
        read="account.decisions_30d",
        example="at least 10",
    ),
    Fact(
        name="account.disputes_30d",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        source="account",
        sentence="disputes of the last 30 days for this account in our log",
        read="account.disputes_30d",
        example="at least 3",
    ),
    Fact(
        name="account.approvals_30d",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        source="account",
        sentence="approvals of the last 30 days for this account in our log",
        read="account.approvals_30d",
        example="at least 20",
    ),
    Fact(
        name="account.dispute_share_30d",
        type=FactType.SHARE,
        sure=_A_SHARE,
        low=0,
        high=1,
        source="account",
        sentence="disputes among the decisions of the last 30 days; unknown without decisions",
        read="account.dispute_share_30d",
        example="more than 35%",
    ),
    Fact(
        name="account.paid_30d",
        type=FactType.MONEY,
        sure=_FROM_0,
        low=0,
        source="account",
        sentence="what our approvals of the last 30 days paid for this account",
        read="account.paid_30d",
        example="more than 20 USD",
    ),
    Fact(
        name="account.overruled_30d",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        source="account",
        sentence="how often in 30 days a person decided otherwise than the policy had",
        read="account.overruled_30d",
        example="at least 1",
    ),
    Fact(
        name="fleet.open_tasks",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        source="fleet",
        sentence="how many tasks wait for a decision now",
        read="fleet.open_tasks",
        example="more than 500",
    ),
    Fact(
        name="fleet.scrape_failed_share_1h",
        type=FactType.SHARE,
        sure=_A_SHARE,
        low=0,
        high=1,
        source="fleet",
        sentence="failed tries among all tries of the checker that we saw in the last hour",
        read="fleet.scrape_failed_share_1h",
        example="more than 30%",
    ),
    Fact(
        name="fleet.escalated",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        source="fleet",
        sentence="how many tasks wait for a person now",
        read="fleet.escalated",
        example="more than 50",
    ),
)


_PROFILE_SENTENCES = {
    "username": ("the requested user name", 24),
    "visible_name": ("the requested visible name", 30),
    "biography": ("the requested biography", 80),
    "profile_picture_url": ("the requested profile picture's address", None),
    "link_in_bio": ("the requested link in the biography (Instagram only)", None),
}
"""Sentence and the longest value the API's account configuration takes."""


def _profile(field: str) -> tuple[Fact, Fact]:
    sentence, longest = _PROFILE_SENTENCES[field]
    return (
        Fact(
            name=f"profile.{field}",
            type=FactType.TEXT,
            longest=longest,
            sentence=sentence,
            read=f"profile.{field}",
            example="known",
        ),
        Fact(
            name=f"profile.{field}_length",
            type=FactType.COUNT,
            sure=_FROM_0,
            low=0,
            high=longest,
            sentence=f"how many characters {sentence} has",
            read=f"_length(profile.{field})",
            example="at least 1",
        ),
    )


_ACCOUNTS: tuple[Fact, ...] = (
    *(fact for field in PROFILE_FIELDS for fact in _profile(field)),
    Fact(
        name="profile.differs",
        type=FactType.NAMES,
        values=PROFILE_FIELDS,
        source="evidence",
        sentence="the fields in which the delivered account differs from the request;"
        " a field that only one side states is in doubt",
        read="differs",
        doubtful="uncompared",
        example="contains username",
    ),
    Fact(
        name="bundle.id",
        type=FactType.TEXT,
        longest=36,
        nullable=False,
        sentence="the bundle's id",
        read="bundle.id",
        example="starts with bnd_",
    ),
    Fact(
        name="bundle.platform",
        type=FactType.CHOICE,
        values=PLATFORMS,
        sentence="the platform of the account",
        read="bundle.platform",
        example="tiktok",
    ),
    Fact(
        name="bundle.country",
        type=FactType.TEXT,
        sentence="the country of the account",
        read="bundle.country",
        example="PT",
    ),
    Fact(
        name="bundle.title",
        type=FactType.TEXT,
        sentence="the bundle's title",
        read="bundle.title",
        example="contains spring",
    ),
    Fact(
        name="bundle.external_ref",
        type=FactType.TEXT,
        sentence="our own reference of the bundle",
        read="bundle.external_ref",
        example="starts with campaign-7",
    ),
    Fact(
        name="bundle.created_at",
        type=FactType.MOMENT,
        sentence="when the bundle was ordered",
        read="bundle.created_at",
        example="after 2026-12-01",
    ),
    Fact(
        name="feedback.corrections_requested",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        sentence="how often corrections were asked for",
        read="feedback.corrections_requested",
        example="at least 1",
    ),
    Fact(
        name="feedback.corrections_applied",
        type=FactType.COUNT,
        sure=_FROM_0,
        low=0,
        sentence="how often corrections were made",
        read="feedback.corrections_applied",
        example="at least 1",
    ),
    Fact(
        name="feedback.last_type",
        type=FactType.CHOICE,
        values=("corrections_requested", "corrections_applied", "finalized"),
        sentence="what the newest entry of the feedback history is; unknown without one",
        read="feedback.last_type",
        example="corrections_applied",
    ),
    Fact(
        name="feedback.last_fields",
        type=FactType.NAMES,
        values=CORRECTABLE_FIELDS,
        sentence="the fields that the last request for corrections named; unknown without one",
        read="feedback.last_fields",
        example="contains username",
    ),
    Fact(
        name="feedback.changed_since_request",
        type=FactType.NAMES,
        values=CORRECTABLE_FIELDS,
        sentence="the fields that were changed since the last request; unknown without a request",
        read="feedback.changed_since_request",
        example="not contains biography",
    ),
    Fact(
        name="review.round",
        type=FactType.COUNT,
        sure=_FROM_1,
        low=1,
        sentence="corrections made plus 1",
        read="_plus_one(feedback.corrections_applied)",
        example="1",
    ),
    Fact(
        name="review.waiting_for",
        type=FactType.DURATION,
        low=0,
        source="clock",
        sentence="how long ago we first saw it in review (an estimate: the API states no time)",
        read="_since(now, first_seen)",
        example="at least 6h",
    ),
    Fact(
        name="review.time_left",
        type=FactType.DURATION,
        source="clock",
        sentence="how long until it is finalized by itself (an estimate, 72h from first sight)",
        read="_since(deadline, now)",
        example="less than 12h",
    ),
)


CATALOGUE: dict[ReviewKind, dict[str, Fact]] = {
    "comments": {fact.name: fact for fact in _COMMENTS},
    "accounts": {fact.name: fact for fact in _ACCOUNTS},
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
        return f"{words} such as 0.24 USD"
    if fact.type is FactType.SHARE:
        return f"{words} such as 35%"
    return words
