"""The usual review: what a policy's tests start from, and what examples take where no rule asks.

Theory of operation. Given values are put where they belong and the rest is arranged around them:
`checks.count: 3` makes three attempts, `task.waiting_for: 6h` moves the present. Afterwards every
given fact is read back; one that does not read as given cannot occur together with the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
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
from reviewbot.policy.model import AppliesTo
from reviewbot.policy.operators import read_literal
from reviewbot.policy.values import Day

CONFIRMED = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)
"""A Tuesday at noon."""
HOUR = 3600.0
WINDOW = 72 * HOUR
"""From confirmation to the moment at which silence pays (API: lifecycle), in seconds."""
_WINDOW = timedelta(seconds=WINDOW)

Given = Mapping[str, Any]

SHARES = tuple(
    name
    for name, fact in CATALOGUE["comments"].items()
    if fact.source == "fleet" and fact.type is FactType.SHARE
)
"""The shares of the verifier's tries."""
_USUAL: Given = {
    "task.id": "00000000-0000-4000-8000-000000000001",
    "task.status": "manually_confirmed",
    "task.platform": "tiktok",
    "task.saved_account_id": "00000000-0000-4000-8000-00000000000a",
    "task.target_video_url": "https://www.tiktok.com/@maker/video/7301234567890123456",
    "task.target_author_handle": "maker",
    "task.comment_text": "The light in this one is unreal",
    "task.cm_payout_amount": 0.24,
    "task.submitted_at": CONFIRMED - timedelta(hours=4),
    "task.deadline_at": CONFIRMED + timedelta(hours=60),
    "task.created_at": CONFIRMED - timedelta(hours=12),
    "task.target_type": "video",
    "task.execution_blocked": False,
    "account.handle": "maker.lisbon",
    "account.display_name": "Maker",
    "account.country": "PT",
    "account.finalized_total": 0,
    **{
        f"account.{figure}_{span}": nothing
        for span in ("30d", "ever")
        for figure, nothing in (
            ("decisions", 0),
            ("disputes", 0),
            ("approvals", 0),
            ("paid", 0.0),
            ("overruled", 0),
        )
    },
    "fleet.open_tasks": 1,
    "fleet.escalated": 0,
    **dict.fromkeys(SHARES, 0.0),
    "bundle.id": "00000000-0000-4000-8000-000000000002",
    "bundle.platform": "tiktok",
    "bundle.country": "PT",
    "bundle.title": "A typical account",
    "bundle.created_at": CONFIRMED - timedelta(days=10),
    "bundle.account_status": "in_review",
    "profile.username": "maker.lisbon",
    "profile.visible_name": "Maker",
    "profile.biography": "Light, colours and small rooms",
    "profile.profile_picture_url": "https://example.com/picture.jpg",
    "feedback.corrections_requested": 0,
}
CHECKED_BEFORE = 3 * HOUR
"""How long before the confirmation the one check of the usual review was made."""
_CHECKED = CONFIRMED - timedelta(seconds=CHECKED_BEFORE)
_USUAL_ATTEMPT = Attempt(
    outcome_kind="couldnt_verify",
    verified=False,
    match_score=0.31,
    reason="no_candidate_found",
    comments_scraped=60,
)
_FOLLOWS: dict[str | None, dict[str, Any]] = {
    "verified": {"verified": True, "match_score": 0.97, "reason": "matched"},
    "wrong_text": {"match_score": 0.85, "reason": "wrong_text_same_handle"},
    "wrong_account": {"match_score": 0.95, "reason": "wrong_account"},
    "scrape_failed": {"match_score": None, "comments_scraped": 0, "reason": "scrape_failed"},
}
"""What follows for the rest of an attempt from its outcome, where a test does not say."""


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


def usual_facts(review: ReviewKind, given: Given, now: datetime | None = None) -> Facts:
    """Arrange the usual review around what is given. Raises Impossible."""
    facts = _comment_facts(given, now) if review == "comments" else _account_facts(given, now)
    for name, value in given.items():
        if not _alike(CATALOGUE[review][name].read(facts), value):
            raise Impossible(name)
    return facts


def _alike(found: Any, wanted: Any) -> bool:
    if isinstance(found, float) and isinstance(wanted, int | float):
        return abs(found - wanted) < 1e-6
    return bool(found == wanted)


def _confirmed(given: Given, part: str) -> datetime:
    """When the usual review was confirmed: the moment of a `now` that is given moves it along."""
    if given.get("now") is None:
        return CONFIRMED
    left = given.get(f"{part}.time_left")
    waited = given.get(f"{part}.waiting_for")
    if waited is None:
        waited = 0.0 if left is None else WINDOW - left
    moment: datetime = given["now"] - timedelta(seconds=waited)
    return moment


def _own(given: Given, part: str, moved: timedelta = timedelta()) -> dict[str, Any]:
    """The usual fields of one part of the facts, its moments `moved`, under what is given of it."""
    prefix = f"{part}."
    usual = ((n, v + moved if isinstance(v, datetime) else v) for n, v in _USUAL.items())
    fields = (*usual, *given.items())
    return {name.removeprefix(prefix): v for name, v in fields if name.startswith(prefix)}


def _comment_facts(given: Given, now: datetime | None) -> Facts:
    task = _task(given)
    started, deadline = task.manually_confirmed_at, task.client_dispute_deadline_at
    now = now or given.get("now") or _present(given, "task", started, deadline)
    if given.get("task.time_left") is not None and "task.client_dispute_deadline_at" not in given:
        deadline = now + timedelta(seconds=given["task.time_left"])
        task = replace(task, client_dispute_deadline_at=deadline)
    if "task.posted_ago" in given:
        task = replace(task, submitted_at=_before(now, given["task.posted_ago"]))
    attempts = _attempts(given, now)
    sent_back = _counted(given, "task.sent_back_before", "task.round")
    return Facts(
        now=now,
        started_at=started,
        deadline_at=deadline,
        past=History(  # rounds before this one are usually ended by us
            disputes=_counted(given, "task.times_disputed", otherwise=sent_back),
            rounds_before=sent_back or 0,
        ),
        task=task,
        attempts=attempts,
        last=last_attempt(attempts) if attempts else UNKNOWN_ATTEMPT,
        checks=summarise(attempts),
        account=AccountHistory(**_own(given, "account")),
        fleet=Fleet(**_own(given, "fleet")),
    )


def _task(given: Given) -> CommentTask:
    usual = _confirmed(given, "task")
    confirmed = given.get("task.manually_confirmed_at", usual)
    if given.get("task.waiting_for", 0) is None:
        confirmed = None
    deadline = (confirmed or usual) + _WINDOW
    fields = {
        "manually_confirmed_at": confirmed,
        "updated_at": confirmed,
        "client_dispute_deadline_at": None if given.get("task.time_left", 0) is None else deadline,
        **_own(given, "task", usual - CONFIRMED),
    }
    if "task.comment_length" in given and "task.comment_text" not in given:
        fields["comment_text"] = _of_length(given["task.comment_length"])
    return CommentTask(**{n: v for n, v in fields.items() if n in CommentTask.__struct_fields__})


def _attempts(given: Given, now: datetime) -> tuple[Attempt, ...] | None:
    """As many attempts as the given facts need, the last one as given."""
    count = given.get("checks.count", _attempts_needed(given))
    if not count:
        return None if count is None else ()
    own = {name[5:]: value for name, value in given.items() if name.startswith("last.")}
    age = own.pop("age", ...)
    if age is not ... and "scraped_at" not in own:
        own["scraped_at"] = _before(now, age)
    number = own.get("attempt_n") or count
    last_at = own.get("scraped_at") or _CHECKED + (_confirmed(given, "task") - CONFIRMED)
    platform = given.get("task.platform", _USUAL["task.platform"])
    attempts = [
        replace(
            _USUAL_ATTEMPT,
            attempt_n=number - back,
            scraped_at=last_at - timedelta(hours=back),
            platform=platform,
        )
        for back in range(count - 1, -1, -1)
    ]
    attempts[-1] = replace(attempts[-1], **_FOLLOWS.get(own.get("outcome_kind"), {}) | own)
    _spread(attempts, "match_score", own, [given.get("checks.best_score", ...)])
    wanted = [given.get(f"checks.{which}_comments", ...) for which in ("most", "fewest")]
    _spread(attempts, "comments_scraped", own, wanted)
    _fail(attempts, given.get("checks.failed") or 0, fixed="outcome_kind" in own)
    return tuple(attempts)


def _attempts_needed(given: Given) -> int:
    failed = given.get("checks.failed") or 0
    own = given.get("last.outcome_kind", "scrape_failed" if failed else "couldnt_verify")
    needed = max(1, failed + (own != "scrape_failed" and failed > 0))
    names = ("checks.most_comments", "checks.fewest_comments", "last.comments_scraped")
    extremes = {given[name] for name in names if given.get(name) is not None}
    best = given.get("checks.best_score")
    alone = best is None or given.get("last.match_score", best) == best
    return max(needed, len(extremes), 1 if alone else 2)


def _spread(attempts: list[Attempt], field: str, own: Given, wanted: list[Any]) -> None:
    """Put wanted extremes (`...`: not given) on attempts that are free, and the rest between them."""
    asked = [value for value in wanted if value is not ...]
    limits = [value for value in asked if value is not None]
    for place in range(len(attempts) - (field in own)) if asked else ():
        value = getattr(attempts[place], field)
        if None in asked:
            value = None
        elif place < len(asked):
            value = asked[place]
        elif value is not None:
            value = min(max(value, min(limits) if len(wanted) > 1 else value), max(limits))
        attempts[place] = replace(attempts[place], **{field: value})


def _fail(attempts: list[Attempt], wanted: int, *, fixed: bool) -> None:
    """Let as many attempts fail as are wanted, earlier ones first; the last one may be `fixed`."""
    missing = wanted - sum(attempt.outcome_kind == "scrape_failed" for attempt in attempts)
    for place, attempt in enumerate(attempts[: len(attempts) - fixed]):
        if missing > 0 and attempt.outcome_kind != "scrape_failed":
            attempts[place] = replace(attempt, outcome_kind="scrape_failed")
            missing -= 1


def _account_facts(given: Given, now: datetime | None) -> Facts:
    usual = _confirmed(given, "review")
    started = None if given.get("review.waiting_for", 0) is None else usual
    deadline: datetime | None = usual + _WINDOW
    now = now or given.get("now") or _present(given, "review", started, deadline)
    if "review.time_left" in given:
        left = given["review.time_left"]
        deadline = None if left is None else now + timedelta(seconds=left)
    applied = _counted(given, "feedback.corrections_applied", "review.round")
    return Facts(
        now=now,
        started_at=started,
        deadline_at=deadline,
        past=History(disputes=given.get("feedback.corrections_requested", 0)),
        bundle=AccountReview(**_own(given, "bundle", usual - CONFIRMED)),
        profile=_profile(given),
        feedback=Feedback(**_own(given, "feedback") | {"corrections_applied": applied}),
        differs=given.get("profile.differs", ()),
    )


def _profile(given: Given) -> Profile:
    fields = _own(given, "profile")
    for name, value in given.items():
        field = name.removeprefix("profile.").removesuffix("_length")
        if name == f"profile.{field}_length" and f"profile.{field}" not in given:
            fields[field] = _of_length(value)
    return Profile(**{n: v for n, v in fields.items() if n in Profile.__struct_fields__})


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


def _counted(
    given: Given, count: str, ordinal: str = "", *, otherwise: int | None = 0
) -> int | None:
    """A count that may be given as such or as the ordinal that is one more."""
    value = given.get(count, otherwise)
    if count not in given and ordinal in given:
        value = None if given[ordinal] is None else given[ordinal] - 1
    return value if value is None else int(value)


def _of_length(length: int | None) -> str | None:
    return None if length is None else ("abcdefghi " * (length // 10 + 1))[:length]


# What examples of the checker take ---------------------------------------------------------------

_IN_DAILY_WORK: Given = {
    "account.finalized_total": 30,
    **{
        f"account.{figure}_{span}": usual
        for span, times in (("30d", 1), ("ever", 2))
        for figure, usual in (
            ("decisions", 10 * times),
            ("disputes", times),
            ("approvals", 9 * times),
            ("dispute_share", 0.1),
            ("paid", 2.16 * times),
        )
    },
    "fleet.open_tasks": 20,
    **dict.fromkeys(SHARES, 0.02),
    "task.waiting_for": HOUR,
    "task.time_left": WINDOW - HOUR,
    "review.waiting_for": HOUR,
    "review.time_left": WINDOW - HOUR,
}
"""A test starts with an empty log as its round begins, an example in the middle of things."""
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
    """What `fact` is in the usual review; where that does not state it, a value of its type."""
    review: ReviewKind = "comments" if fact.name in CATALOGUE["comments"] else "accounts"
    value = fact.read(_daily_facts(review))
    if value is not None:
        return value
    return fact.values[0] if fact.type is FactType.CHOICE else _BY_TYPE[fact.type]


def narrowed(scope: AppliesTo) -> dict[str, Fact]:
    """The facts by which a policy says what it applies to: no other value of them is ever judged."""
    platform = "task.platform" if scope.review == "comments" else "bundle.platform"
    asked = {platform: scope.platform, "task.saved_account_id": scope.saved_account_id}
    facts = CATALOGUE[scope.review]
    return {
        name: replace(facts[name], type=FactType.CHOICE, values=values)
        for name, values in asked.items()
        if values and name in facts
    }


@cache
def _daily_facts(review: ReviewKind) -> Facts:
    names = CATALOGUE[review]
    return usual_facts(review, {n: v for n, v in _IN_DAILY_WORK.items() if n in names})


_STATED: dict[str, frozenset[str]] = {
    part: frozenset(names.split())
    for part, names in {
        "task": "id status platform saved_account_id target_video_url comment_text comment_length"
        " cm_payout_amount submitted_at manually_confirmed_at client_dispute_deadline_at deadline_at"
        " created_at updated_at times_disputed sent_back_before round waiting_for time_left posted_ago",
        "checks": "count failed",
        "bundle": "id platform country created_at",
        "profile": "username username_length",
        "feedback": "corrections_requested corrections_applied",
        "review": "round waiting_for time_left",
    }.items()
}
_UNKNOWN_WITHOUT_CASES = frozenset(
    {
        *("account.dispute_share_30d", "account.dispute_share_ever", *SHARES),
        # What the API does not answer.
        *("account.handle", "account.display_name", "account.country", "account.finalized_total"),
    }
)


def ordinarily_known(fact: Fact) -> bool:
    """Whether a sensible review always states `fact`.

    The API may one day leave out anything, and then no rule matches and a person is asked. But a
    checker that warned of it everywhere would be read by nobody: warnings about the unknown are
    given only for what really is unknown in the daily run (no attempt yet, a null that the API
    documents).
    """
    part, _, name = fact.name.partition(".")
    if part in ("account", "fleet"):
        return fact.name not in _UNKNOWN_WITHOUT_CASES
    return name in _STATED.get(part, ()) or not fact.nullable
