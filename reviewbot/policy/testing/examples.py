"""The typical review that a policy's tests start from, and what a test gives put over it.

Theory of operation. Given values are put where they belong and the rest is arranged around them:
`checks.count: 3` makes three attempts, `task.waiting_for: 6h` moves the present. Afterwards every
given fact is read back; one that does not read as given cannot occur together with the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from reviewbot.domain.account import AccountReview, Profile
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import Attempt, CommentTask
from reviewbot.policy.catalog import CATALOGUE, Fact, FactType
from reviewbot.policy.facts import (
    UNKNOWN_ATTEMPT,
    AccountHistory,
    Facts,
    Feedback,
    Fleet,
    History,
    last_attempt,
    summarise,
)
from reviewbot.policy.operators import read_literal
from reviewbot.policy.values import Day

CONFIRMED = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)
"""A Tuesday at noon."""


_WINDOW = timedelta(hours=72)


_COMMENTS_READ = 60


_SCORE = 0.31


Given = Mapping[str, Any]


class Impossible(ValueError):
    """What a test gives cannot occur together; `fact` is the one that does not read as given."""

    def __init__(self, fact: str) -> None:
        super().__init__(f"{fact} cannot be as given together with the other facts of the test")
        self.fact = fact


def read_given(text: str, fact: Fact, zone: ZoneInfo) -> Any:
    """Read a value as a test writes it; None is `unknown`. Raises values.Misread."""
    if text == "unknown":
        return None
    if fact.type is FactType.NAMES:
        return tuple(name.strip() for name in text.strip("[]").split(",") if name.strip())
    value = read_literal(text, fact, zone)
    return value.begins if isinstance(value, Day) else value


def typical_facts(review: ReviewKind, given: Given, now: datetime | None = None) -> Facts:
    """Arrange the typical review around what is given. Raises Impossible."""
    facts = _comment_facts(given, now) if review == "comments" else _account_facts(given, now)
    for name, value in given.items():
        if not _alike(CATALOGUE[review][name].read(facts), value):
            raise Impossible(name)
    return facts


def _alike(found: Any, wanted: Any) -> bool:
    if isinstance(found, float) and isinstance(wanted, int | float):
        return abs(found - wanted) < 1e-6
    return bool(found == wanted)


def _comment_facts(given: Given, now: datetime | None) -> Facts:
    task = _task(given)
    started, deadline = task.manually_confirmed_at, task.client_dispute_deadline_at
    now = now or _present(given, "task", started, deadline)
    if given.get("task.time_left") is not None and "task.client_dispute_deadline_at" not in given:
        deadline = now + timedelta(seconds=given["task.time_left"])
        task = replace(task, client_dispute_deadline_at=deadline)
    if "task.posted_ago" in given:
        task = replace(task, submitted_at=_before(now, given["task.posted_ago"]))
    attempts = _attempts(given, now)
    return Facts(
        now=now,
        started_at=started,
        deadline_at=deadline,
        past=_past(given),
        task=task,
        attempts=attempts,
        last=last_attempt(attempts) if attempts else UNKNOWN_ATTEMPT,
        checks=summarise(attempts),
        account=AccountHistory(
            **_own(
                given,
                "account",
                {
                    "decisions_30d": 0,
                    "disputes_30d": 0,
                    "approvals_30d": 0,
                    "paid_30d": 0.0,
                    "overruled_30d": 0,
                },
            )
        ),
        fleet=Fleet(
            **_own(
                given,
                "fleet",
                {"open_tasks": 1, "scrape_failed_share_1h": 0.0, "escalated": 0},
            )
        ),
    )


def _task(given: Given) -> CommentTask:
    confirmed = given.get("task.manually_confirmed_at", CONFIRMED)
    if "task.waiting_for" in given and given["task.waiting_for"] is None:
        confirmed = None
    deadline = (confirmed or CONFIRMED) + _WINDOW
    if "task.time_left" in given and given["task.time_left"] is None:
        deadline = None
    fields = {
        "id": "00000000-0000-4000-8000-000000000001",
        "status": "manually_confirmed",
        "platform": "tiktok",
        "saved_account_id": "00000000-0000-4000-8000-00000000000a",
        "target_video_url": "https://www.tiktok.com/@maker/video/7301234567890123456",
        "target_author_handle": "maker",
        "comment_text": "The light in this one is unreal",
        "cm_payout_amount": 0.24,
        "submitted_at": CONFIRMED - timedelta(hours=4),
        "manually_confirmed_at": confirmed,
        "client_dispute_deadline_at": deadline,
        "deadline_at": CONFIRMED + timedelta(hours=60),
        "created_at": CONFIRMED - timedelta(hours=12),
        "updated_at": confirmed,
        "target_type": "video",
        "execution_blocked": False,
    }
    if "task.comment_length" in given and "task.comment_text" not in given:
        fields["comment_text"] = _of_length(given["task.comment_length"])
    own = _own(given, "task", fields)
    return CommentTask(**{key: own[key] for key in own if key in CommentTask.__struct_fields__})


def _attempts(given: Given, now: datetime) -> tuple[Attempt, ...] | None:
    """As many attempts as the given facts need, the last one as given."""
    if "checks.count" in given and given["checks.count"] is None:
        return None
    count = given.get("checks.count", _attempts_needed(given))
    if count == 0:
        return ()
    own = {name[5:]: value for name, value in given.items() if name.startswith("last.")}
    age = own.pop("age", ...)
    if age is not ... and "scraped_at" not in own:
        own["scraped_at"] = _before(now, age)
    number = own.get("attempt_n") or count
    last_at = own.get("scraped_at") or CONFIRMED - timedelta(hours=3)
    attempts = [
        Attempt(
            attempt_n=number - back,
            scraped_at=last_at - timedelta(hours=back),
            outcome_kind="couldnt_verify",
            verified=False,
            match_score=_SCORE,
            reason="no_candidate_found",
            comments_scraped=_COMMENTS_READ,
            platform=given.get("task.platform", "tiktok"),
        )
        for back in range(count - 1, -1, -1)
    ]
    attempts[-1] = replace(attempts[-1], **_consistent(own))
    _spread(attempts, "match_score", own, [given.get("checks.best_score", ...)])
    wanted = [given.get(f"checks.{which}_comments", ...) for which in ("most", "fewest")]
    _spread(attempts, "comments_scraped", own, wanted)
    _fail(attempts, given, fixed="outcome_kind" in own)
    return tuple(attempts)


def _attempts_needed(given: Given) -> int:
    failed = given.get("checks.failed") or 0
    own = given.get("last.outcome_kind", "scrape_failed" if failed else "couldnt_verify")
    needed = max(1, failed + (own != "scrape_failed" and failed > 0))
    most, fewest, best = (
        given.get(f"checks.{name}") for name in ("most_comments", "fewest_comments", "best_score")
    )
    read = given.get("last.comments_scraped")
    extremes = {value for value in (most, fewest, read) if value is not None}
    alone = best is None or given.get("last.match_score", best) == best
    return max(needed, len(extremes), 1 if alone else 2)


def _consistent(own: dict[str, Any]) -> dict[str, Any]:
    """What follows for the rest of an attempt from its outcome, where the test does not say."""
    follows: dict[str, dict[str, Any]] = {
        "verified": {"verified": True, "match_score": 0.97, "reason": "matched"},
        "wrong_text": {"match_score": 0.85, "reason": "wrong_text_same_handle"},
        "wrong_account": {"match_score": 0.95, "reason": "wrong_account"},
        "scrape_failed": {"match_score": None, "comments_scraped": 0, "reason": "scrape_failed"},
    }
    return follows.get(own.get("outcome_kind") or "", {}) | own


def _spread(attempts: list[Attempt], field: str, own: Mapping[str, Any], wanted: list[Any]) -> None:
    """Put wanted extremes (`...`: not given) on attempts that are free, and the rest between them."""
    asked = [value for value in wanted if value is not ...]
    if not asked:
        return
    free = list(range(len(attempts) - (field in own)))
    limits = [value for value in asked if value is not None]
    for place in free:
        value = getattr(attempts[place], field)
        if None in asked:
            value = None
        elif place < len(asked):
            value = asked[place]
        elif value is not None:
            value = min(max(value, min(limits) if len(wanted) > 1 else value), max(limits))
        attempts[place] = replace(attempts[place], **{field: value})


def _fail(attempts: list[Attempt], given: Given, *, fixed: bool) -> None:
    """Let as many attempts fail as `checks.failed` says, earlier ones first."""
    if not given.get("checks.failed"):
        return
    missing = given["checks.failed"] - sum(a.outcome_kind == "scrape_failed" for a in attempts)
    for place in range(len(attempts) - fixed):
        if missing > 0 and attempts[place].outcome_kind != "scrape_failed":
            attempts[place] = replace(attempts[place], outcome_kind="scrape_failed")
            missing -= 1


def _account_facts(given: Given, now: datetime | None) -> Facts:
    started: datetime | None = CONFIRMED
    if "review.waiting_for" in given and given["review.waiting_for"] is None:
        started = None
    deadline: datetime | None = CONFIRMED + _WINDOW
    now = now or _present(given, "review", started, deadline)
    if "review.time_left" in given:
        left = given["review.time_left"]
        deadline = None if left is None else now + timedelta(seconds=left)
    bundle = {
        "id": "00000000-0000-4000-8000-000000000002",
        "platform": "tiktok",
        "country": "PT",
        "title": "A typical account",
        "created_at": CONFIRMED - timedelta(days=10),
        "account_status": "in_review",
    }
    return Facts(
        now=now,
        started_at=started,
        deadline_at=deadline,
        past=History(disputes=given.get("feedback.corrections_requested", 0)),
        bundle=AccountReview(**_own(given, "bundle", bundle)),
        profile=_profile(given),
        feedback=_feedback(given),
        differs=given.get("profile.differs", ()),
    )


def _profile(given: Given) -> Profile:
    fields: dict[str, Any] = {
        "username": "maker.lisbon",
        "visible_name": "Maker",
        "biography": "Light, colours and small rooms",
        "profile_picture_url": "https://example.com/picture.jpg",
    }
    for name, value in given.items():
        field = name.removeprefix("profile.").removesuffix("_length")
        if name == f"profile.{field}_length" and f"profile.{field}" not in given:
            fields[field] = _of_length(value)
    own = _own(given, "profile", fields)
    return Profile(**{key: own[key] for key in own if key in Profile.__struct_fields__})


def _feedback(given: Given) -> Feedback:
    applied = _counted(given, "feedback.corrections_applied", "review.round", 1)
    return Feedback(
        **_own(given, "feedback", {"corrections_requested": 0}) | {"corrections_applied": applied}
    )


def _own(given: Given, part: str, typical: Mapping[str, Any]) -> dict[str, Any]:
    """The typical fields of one part under what is given of it."""
    prefix = f"{part}."
    return dict(typical) | {
        name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)
    }


def _present(
    given: Given, part: str, started: datetime | None, deadline: datetime | None
) -> datetime:
    """The moment of the test where it does not say one: given by its facts, else the beginning."""
    waited, left = given.get(f"{part}.waiting_for"), given.get(f"{part}.time_left")
    if waited is not None and started is not None:
        return started + timedelta(seconds=waited)
    if left is not None and deadline is not None:
        return deadline - timedelta(seconds=left)
    return started or CONFIRMED


def _before(now: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else now - timedelta(seconds=seconds)


def _past(given: Given) -> History:
    """Rounds before this one, typically ended by us."""
    before = _counted(given, "task.sent_back_before", "task.round", 1)
    ours = (
        _counted(given, "task.times_disputed", "", 0) if "task.times_disputed" in given else before
    )
    return History(disputes=ours, rounds_before=before or 0)


def _counted(given: Given, count: str, ordinal: str, first: int) -> int | None:
    """A count that may be given as such or as the ordinal that follows from it."""
    if count in given:
        value = given[count]
    elif ordinal in given:
        value = None if given[ordinal] is None else given[ordinal] - first
    else:
        value = 0
    return value if value is None else int(value)


def _of_length(length: int | None) -> str | None:
    return None if length is None else ("abcdefghi " * (length // 10 + 1))[:length]
