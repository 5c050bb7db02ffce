"""The catalogue: every fact that a rule may name, with its type, its range and one sentence.

Ranges are the API's stated ones (None: none is stated); a value outside its range keeps its value
and is reported once. Nothing else in reviewbot lists facts: the checker, the schema, `policy
facts`, the compiler and the docs all read this table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import Any, Literal

import msgspec

from reviewbot.domain.account import CORRECTABLE_FIELDS, PROFILE_FIELDS
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import OUTCOME_KINDS, PLATFORMS, TASK_STATUSES
from reviewbot.policy.facts import length, plus_one, since
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


Source = Literal["row", "evidence", "history", "account", "fleet", "clock"]
"""What must be at hand: the listed thing itself, evidence fetched on demand, our log's memory of
the thing, of its account, or of all; `clock` needs the row and the time."""

_SOURCES: dict[str, Source] = {
    "last": "evidence",
    "checks": "evidence",
    "account": "account",
    "fleet": "fleet",
}


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. `low`, `high` and `longest` (characters) bound it where the API states a bound.

    What the API sends is kept as it comes, also beyond these. `sure` are the ends that no value can
    pass, because we count it ourselves; only they may be called impossible.

    `values` is the closed list of a choice or of the names a list may hold. `with_attempt` marks
    attempt fields that are known as soon as there is an attempt, so that a test on a neighbour
    proves them known.
    """

    name: str
    type: FactType
    sentence: str
    example: str
    paths: tuple[str, ...]
    """Where it stands on `Facts`, or what it is worked out from; `attempt.…` is the attempt's own."""
    work: Callable[..., Any] | None = None
    """How it is worked out from what stands at `paths`."""
    read: Callable[[Any], Any]
    """What it is for the facts of a review, or for an attempt; None where that is unknown."""
    source: Source = "row"
    low: float | None = None
    high: float | None = None
    longest: int | None = None
    sure: tuple[float | None, float | None] = (None, None)
    values: tuple[str, ...] = ()
    nullable: bool = True
    with_attempt: bool = False
    internal: bool = False
    """Whether it means something to us alone: an id, a score, a tag."""
    doubtful: str = ""
    """For a list of names: where those stand of which nobody can tell whether they belong."""


Row = Callable[[str], Fact]
"""A fact that waits for its name."""


def _fact(
    kind: FactType,
    sentence: str,
    example: str,
    *,
    of: str | tuple[Any, ...] = "",
    values: tuple[str, ...] = (),
    source: Source | None = None,
    low: float | None = None,
    high: float | None = None,
    longest: int | None = None,
    ours: bool = False,
    nullable: bool = True,
    with_attempt: bool = False,
    internal: bool = False,
    doubtful: str = "",
) -> Row:
    """A row stands at its name, or is `of` another path or a function with its paths.

    What is `ours` is counted by us, so that it cannot lie outside its range.
    """

    def named(name: str) -> Fact:
        own = name if "." in name else f"attempt.{name}"
        work, *paths = of if isinstance(of, tuple) else (None, of or own)
        return Fact(
            name=name,
            type=kind,
            sentence=sentence,
            example=example,
            paths=tuple(paths),
            work=work,
            read=_reader(paths, work, values if kind is FactType.CHOICE else ()),
            source=source or _SOURCES.get(name.partition(".")[0], "row"),
            low=low,
            high=high,
            longest=longest,
            sure=(float(low or 0), 1.0 if kind is FactType.SHARE else None)
            if ours
            else (None, None),
            values=values,
            nullable=nullable,
            with_attempt=with_attempt,
            internal=internal,
            doubtful=doubtful,
        )

    return named


def _reader(
    paths: Sequence[str], work: Callable[..., Any] | None, values: tuple[str, ...]
) -> Callable[[Any], Any]:
    read: Callable[[Any], Any] = attrgetter(*(path.removeprefix("attempt.") for path in paths))
    if work is not None:
        single = len(paths) == 1
        return lambda facts: work(read(facts)) if single else work(*read(facts))
    if values:
        return lambda facts: value if (value := read(facts)) in values else None
    return read


count = partial(_fact, FactType.COUNT)
tally = partial(_fact, FactType.COUNT, low=0, ours=True)
score = partial(_fact, FactType.SCORE)
money = partial(_fact, FactType.MONEY)
share = partial(_fact, FactType.SHARE)
duration = partial(_fact, FactType.DURATION)
moment = partial(_fact, FactType.MOMENT)
text = partial(_fact, FactType.TEXT)
choice = partial(_fact, FactType.CHOICE)
yes_no = partial(_fact, FactType.YES_NO)
names = partial(_fact, FactType.NAMES)
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
        read=_reader((name,), None, fact.values),
        source="evidence",
        sentence=f"{fact.sentence}; on its last try of this round",
    )


_NOW = moment("the moment of judging", "in hours desk", of="now", source="clock", nullable=False)

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
        "the highest match score of this round",
        "less than 0.5",
        low=0,
        high=1,
        internal=True,
    ),
    "checks.most_comments": count(
        "the most comments read by one try of this round", "at least 50", low=0, high=100
    ),
    "checks.fewest_comments": count(
        "the fewest comments read by one try of this round", "at least 20", low=0, high=100
    ),
    "account.decisions_30d": tally(
        "decisions of the last 30 days for this account in our log", "at least 10"
    ),
    "account.disputes_30d": tally(
        "disputes of the last 30 days for this account in our log", "at least 3"
    ),
    "account.approvals_30d": tally(
        "approvals of the last 30 days for this account in our log", "at least 20"
    ),
    "account.dispute_share_30d": share(
        "disputes among the decisions of the last 30 days; unknown without decisions",
        "more than 35%",
        low=0,
        high=1,
        ours=True,
    ),
    "account.paid_30d": money(
        "what our approvals of the last 30 days paid for this account",
        "more than 20 USD",
        low=0,
        ours=True,
    ),
    "account.overruled_30d": tally(
        "how often in 30 days a person decided otherwise than the policy had", "at least 1"
    ),
    "fleet.open_tasks": tally("how many tasks wait for a decision now", "more than 500"),
    "fleet.scrape_failed_share_1h": share(
        "failed tries among all tries of the checker that we saw in the last hour",
        "more than 30%",
        low=0,
        high=1,
        ours=True,
    ),
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
