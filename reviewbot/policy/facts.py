"""The facts of one review at one moment: all that judging needs, so that judging needs no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from reviewbot.domain.account import (
    CORRECTABLE_FIELDS,
    PROFILE_FIELDS,
    AccountReview,
    FeedbackEntry,
    Profile,
)
from reviewbot.domain.review import Evidence, ReviewItem
from reviewbot.domain.task import Attempt, CommentTask, Timeline


class History(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What our log remembers of one thing. None means that it cannot be known."""

    disputes: Annotated[int, msgspec.Meta(ge=0)] | None = 0
    """How often we sent it back (performed or settled)."""
    last_dispute_at: datetime | None = None
    texts: tuple[str, ...] = ()
    """Every text we sent to the other side for it."""
    rounds_before: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How many earlier rounds of it our log saw, whoever ended them: only what is sent back comes again."""
    round_before_until: datetime | None = None
    """Until when the newest of them lasted at least; what was scraped by then is not of this round."""

    @property
    def sent_back_before(self) -> int | None:
        """How often it was sent back before this round, by us or by anybody, as far as we saw it."""
        return None if self.disputes is None else max(self.disputes, self.rounds_before)


NO_HISTORY = History()


class AccountHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What the API says of one account, and what our log remembers of it: over 30 days, and ever.

    None means that it could not be read, or that there is no log.
    """

    handle: str | None = None
    display_name: str | None = None
    country: str | None = None
    finalized_total: int | None = None
    decisions_30d: int | None = None
    disputes_30d: int | None = None
    approvals_30d: int | None = None
    dispute_share_30d: float | None = None
    paid_30d: float | None = None
    overruled_30d: int | None = None
    decisions_ever: int | None = None
    disputes_ever: int | None = None
    approvals_ever: int | None = None
    dispute_share_ever: float | None = None
    paid_ever: float | None = None
    overruled_ever: int | None = None


def as_told(counted: AccountHistory, told: AccountHistory) -> AccountHistory:
    """What our log counts of an account now, with what the API had said of it."""
    return replace(
        counted,
        handle=told.handle,
        display_name=told.display_name,
        country=told.country,
        finalized_total=told.finalized_total,
    )


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of all reviews together now. None means that it cannot be known."""

    open_tasks: int | None = None
    scrape_failed_share_1h: float | None = None
    scrape_failed_share_1h_tiktok: float | None = None
    scrape_failed_share_1h_instagram: float | None = None
    blind_share_1h: float | None = None
    blind_share_1h_tiktok: float | None = None
    blind_share_1h_instagram: float | None = None
    escalated: int | None = None


class AttemptSummary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The attempts of this round in figures."""

    count: int | None = None
    failed: int | None = None
    best_score: float | None = None
    most_comments: int | None = None
    fewest_comments: int | None = None


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """The feedback history of an account in figures and names."""

    corrections_requested: int | None = None
    corrections_applied: int | None = None
    last_type: str | None = None
    last_fields: tuple[str, ...] | None = None
    changed_since_request: tuple[str, ...] | None = None


UNKNOWN_ATTEMPT = Attempt()
UNKNOWN_CHECKS = AttemptSummary()
NO_CHECKS = AttemptSummary(count=0, failed=0)
NO_ACCOUNT_HISTORY = AccountHistory()
NO_FLEET = Fleet()
UNKNOWN_PROFILE = Profile()
UNKNOWN_FEEDBACK = Feedback()
UNKNOWN_TASK = CommentTask(id="")
_UNKNOWN_BUNDLE = AccountReview(id="")
_NEVER = datetime.min.replace(tzinfo=UTC)


class Facts(msgspec.Struct, frozen=True, gc=False):
    """Everything a policy can look at; the catalogue says where each fact stands.

    `attempts` are those of this round, oldest first; None means that the timeline is not at hand
    (not fetched, or unreadable), which makes every fact of source `evidence` unknown.
    """

    now: datetime
    started_at: datetime | None
    deadline_at: datetime | None
    past: History = NO_HISTORY
    task: CommentTask = UNKNOWN_TASK
    attempts: tuple[Attempt, ...] | None = None
    last: Attempt = UNKNOWN_ATTEMPT
    checks: AttemptSummary = UNKNOWN_CHECKS
    account: AccountHistory = NO_ACCOUNT_HISTORY
    fleet: Fleet = NO_FLEET
    bundle: AccountReview = _UNKNOWN_BUNDLE
    profile: Profile = UNKNOWN_PROFILE
    feedback: Feedback = UNKNOWN_FEEDBACK
    differs: tuple[str, ...] | None = None
    delivered: Profile | None = None
    """The delivered profile; None where it is not at hand."""
    uncompared: tuple[str, ...] = ()
    """Fields of the profile of which nobody can tell whether they differ, while others can be told."""
    full: tuple[str, ...] = ()
    """The rules whose own limit was full as it was judged; no fact of the policy's."""
    stages: tuple[tuple[str, float], ...] = ()
    """On which step each rule with a ladder stood as it was judged; no fact of the policy's either."""


def build_facts(
    item: ReviewItem,
    *,
    now: datetime,
    evidence: Evidence | None = None,
    past: History = NO_HISTORY,
    account: AccountHistory = NO_ACCOUNT_HISTORY,
    fleet: Fleet = NO_FLEET,
    full: tuple[str, ...] = (),
    stages: tuple[tuple[str, float], ...] = (),
) -> Facts:
    """Freeze what is known of one review at `now`. `evidence` None means: not at hand."""
    return Facts(
        now=now,
        started_at=item.started_at,
        deadline_at=item.deadline_at,
        past=past,
        account=account,
        fleet=fleet,
        full=full,
        stages=stages,
        **_ABOUT[item.review](item.subject, evidence, past),
    )


def about_task(task: CommentTask, attempts: tuple[Attempt, ...] | None) -> dict[str, Any]:
    """What is known of a task, for `Facts`."""
    return {
        "task": task,
        "attempts": attempts,
        "last": last_attempt(attempts),
        "checks": summarise(attempts),
    }


def about_account(bundle: AccountReview, delivered: Profile | None) -> dict[str, Any]:
    """What is known of an account, for `Facts`, with the delivered profile where it is at hand."""
    differs, uncompared = (
        (None, ()) if delivered is None else compare_profiles(bundle.profile, delivered)
    )
    return {
        "bundle": bundle,
        "profile": bundle.profile or UNKNOWN_PROFILE,
        "feedback": read_feedback(bundle.feedback_history),
        "delivered": delivered,
        "differs": differs,
        "uncompared": uncompared,
    }


def _about_task(task: Any, evidence: Evidence | None, past: History) -> dict[str, Any]:
    if not isinstance(evidence, Timeline):
        return about_task(task, None)
    return about_task(task, attempts_of_round(evidence.attempts, past))


def _about_account(bundle: Any, evidence: Evidence | None, _: History) -> dict[str, Any]:
    return about_account(bundle, evidence if isinstance(evidence, Profile) else None)


_ABOUT = {"comments": _about_task, "accounts": _about_account}


def attempts_of_round(attempts: Iterable[Attempt], past: History) -> tuple[Attempt, ...]:
    """Keep the attempts scraped after the newest earlier round had ended, oldest first.

    Whoever ended it: our dispute is known to the second; of what somebody else sent back is known
    until when it waited at least. All of them in round 1, or where no such moment is known. An attempt
    without a time is not known to be of this round, so it is left out of later rounds. Of a round that
    came and went while nothing could be read nothing is known: its attempts stay.
    """
    chosen = tuple(attempts)
    since = begin_of_round(past)
    if since is not None:
        chosen = tuple([a for a in chosen if a.scraped_at is not None and a.scraped_at > since])
    before = -math.inf
    for attempt in chosen:  # As they come they are mostly in order.
        number = attempt.attempt_n
        if number is None or number < before:
            return tuple(sorted(chosen, key=_number)) if len(chosen) > 1 else chosen
        before = number
    return chosen


def begin_of_round(past: History) -> datetime | None:
    """After which moment the checks of this round were made; None where it is the first, or unknown."""
    ours = past.last_dispute_at if past.disputes != 0 else None
    seen = past.round_before_until
    return max(ours, seen) if ours is not None and seen is not None else ours or seen


def _number(attempt: Attempt) -> float:
    return -math.inf if attempt.attempt_n is None else attempt.attempt_n


def last_attempt(attempts: tuple[Attempt, ...] | None) -> Attempt:
    """Find the newest attempt: the highest `attempt_n`.

    Everything of it is unknown when there is none, or when several stand there and one of them
    carries no number: any of them could then be the newest.
    """
    if not attempts or (len(attempts) > 1 and attempts[0].attempt_n is None):
        return UNKNOWN_ATTEMPT
    return attempts[-1]


def summarise(attempts: tuple[Attempt, ...] | None) -> AttemptSummary:
    """Put the attempts of a round into figures; nulls are skipped, nothing left is unknown."""
    if attempts is None:
        return UNKNOWN_CHECKS
    if not attempts:
        return NO_CHECKS
    failed = 0
    best: float | None = None
    most: int | None = None
    fewest: int | None = None
    for attempt in attempts:
        failed += attempt.outcome_kind == "scrape_failed"
        score, read = attempt.match_score, attempt.comments_scraped
        if score is not None and (best is None or score > best):
            best = score
        if read is not None:
            if most is None or read > most:
                most = read
            if fewest is None or read < fewest:
                fewest = read
    return AttemptSummary(
        count=len(attempts),
        failed=failed,
        best_score=best,
        most_comments=most,
        fewest_comments=fewest,
    )


def read_feedback(history: tuple[FeedbackEntry, ...] | None) -> Feedback:
    """Put the feedback history into figures and names; unknown as a whole where an entry is."""
    if history is None or any(entry.type is None for entry in history):
        return UNKNOWN_FEEDBACK
    history = in_order(history)
    requests = [i for i, entry in enumerate(history) if entry.type == "corrections_requested"]
    applied = sum(entry.type == "corrections_applied" for entry in history)
    last_fields: tuple[str, ...] | None = None
    changed: tuple[str, ...] | None = None
    if requests:
        asked = history[requests[-1]].fields
        last_fields = None if asked is None else _names(asked)
        changed = _changed_after(history[requests[-1] + 1 :])
    return Feedback(
        corrections_requested=len(requests),
        corrections_applied=applied,
        last_type=history[-1].type if history else None,
        last_fields=last_fields,
        changed_since_request=changed,
    )


def in_order(history: tuple[FeedbackEntry, ...]) -> tuple[FeedbackEntry, ...]:
    """The entries oldest first: by their moments, or as they stand where one has none.

    The API promises no order.
    """
    moments = [entry.happened_at for entry in history]
    if None in moments:
        return history
    return tuple(sorted(history, key=lambda entry: entry.happened_at or _NEVER))


def _changed_after(entries: tuple[FeedbackEntry, ...]) -> tuple[str, ...] | None:
    names: set[str] = set()
    for entry in entries:
        if entry.type != "corrections_applied":
            continue
        if entry.changes is None:
            return None
        names.update(entry.changes)
    return _names(names)


def _names(fields: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(map(correctable, fields))))


def correctable(field: str) -> str:
    """Name a field as corrections do (`profile_picture`)."""
    return "profile_picture" if field == "profile_picture_url" else field


assert set(map(correctable, PROFILE_FIELDS)) >= set(CORRECTABLE_FIELDS)


def compare_profiles(
    requested: Profile | None, delivered: Profile
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Name the fields in which the delivered profile differs from the requested one, and those
    that cannot be compared because a side does not state them.

    What both say is not set is alike. When nothing can be compared, what differs is unknown.
    """
    wanted = requested or UNKNOWN_PROFILE
    differs, uncompared = [], []
    for field in PROFILE_FIELDS:
        ours, theirs = getattr(wanted, field), getattr(delivered, field)
        if field in wanted.unset and field in delivered.unset:
            continue
        if ours is None or theirs is None:
            uncompared.append(field)
        elif ours != theirs:
            differs.append(field)
    compared = any(getattr(wanted, f) and f not in uncompared for f in PROFILE_FIELDS)
    return (tuple(differs), tuple(uncompared)) if compared else (None, ())


def since(later: datetime | None, earlier: datetime | None) -> float | None:
    """Seconds from `earlier` to `later`; None when either is unknown."""
    if later is None or earlier is None:
        return None
    return (later - earlier) / timedelta(seconds=1)


def plus_one(count: int | None) -> int | None:
    """The next whole number; None when the count is unknown."""
    return None if count is None else count + 1


def length(text: str | None) -> int | None:
    """Characters (code points); None when the text is unknown."""
    return None if text is None else len(text)


_PARTS = ("task", "checks", "account", "fleet", "bundle", "profile", "feedback")


def with_fact(facts: Facts, name: str, value: Any) -> Facts | None:
    """Change one fact. None where it is not one's own value but follows from time or others."""
    part, _, own = name.partition(".")
    match name:
        case "task.times_disputed":
            return replace(facts, past=replace(facts.past, disputes=value))
        case "task.sent_back_before":
            return replace(facts, past=_sent_back(facts.past, value))
        case "task.round":
            return replace(facts, past=_sent_back(facts.past, _minus_one(value)))
        case "review.round":
            part, own, value = "feedback", "corrections_applied", _minus_one(value)
        case "profile.differs":
            return replace(facts, differs=value)
    if part == "last":
        return _with_last(facts, own, value)
    if part not in _PARTS or not hasattr(getattr(facts, part), own):
        return None
    return replace(facts, **{part: replace(getattr(facts, part), **{own: value})})


def _minus_one(count: int | None) -> int | None:
    return None if count is None else count - 1


def _sent_back(past: History, before: int | None) -> History:
    """A past with so many rounds before; no more of them ended by us."""
    if before is None or past.disputes is None:
        return replace(past, disputes=before, rounds_before=before or 0)
    return replace(past, disputes=min(past.disputes, before), rounds_before=before)


def _with_last(facts: Facts, own: str, value: Any) -> Facts | None:
    if not facts.attempts or not hasattr(facts.last, own):
        return None
    last = replace(facts.last, **{own: value})
    attempts = (*facts.attempts[:-1], last)
    return replace(facts, attempts=attempts, last=last, checks=summarise(attempts))
