"""What a thing's present state says about a round: does it still wait, and if not, what happened?

The API has no history of a task, so a round is read off its traces: its status, whether its epoch is
still there, when it was finalized, and the text that the other side was shown. The kinds of review
differ only in the table `WORDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

import msgspec

from reviewbot.domain.account import ACCOUNT_WAITING_STATUS, AccountReview
from reviewbot.domain.decision import Action, Decision, State
from reviewbot.domain.order import folded
from reviewbot.domain.review import ReviewItem, ReviewKind, Subject
from reviewbot.domain.task import WAITING_STATUS, CommentTask
from reviewbot.domain.text import safe_line

NOTHING_CAME = "not done: nothing arrived within the quarantine"
"""The note of an ambiguous write that was given up as not done. It was perhaps only slow."""

UNSEEN = timedelta(hours=1)
"""So much earlier than we saw a round it may have begun, where the API does not say when it did."""


class RoundState(Enum):
    """What became of one round."""

    WAITING = "still waits"
    PAID = "ended in the other side's favour"
    SENT_BACK = "was sent back"
    MOVED_ON = "was sent back, and has moved on since"
    GONE = "ended without us"
    UNREADABLE = "is in a status we do not know"


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The statuses of one kind of review, and where it shows the text that sent it back."""

    waiting: frozenset[str]
    paid: frozenset[str]
    sent_back: frozenset[str]
    moved_on: frozenset[str]
    gone: frozenset[str]
    shown_text: Callable[[Subject], str | None]


def _correction(subject: Subject) -> str | None:
    assert isinstance(subject, CommentTask)
    return subject.correction_required


def _last_request(subject: Subject) -> str | None:
    assert isinstance(subject, AccountReview)
    for entry in reversed(subject.feedback_history or ()):
        if entry.type == "corrections_requested":
            return entry.comment
    return None


WORDS: dict[ReviewKind, Words] = {
    "comments": Words(
        waiting=frozenset({WAITING_STATUS}),
        paid=frozenset({"finalized"}),
        sent_back=frozenset({"pending_corrections"}),
        moved_on=frozenset({"pending", "submitted", "verified_auto"}),
        gone=frozenset({"cancelled", "rejected"}),
        shown_text=_correction,
    ),
    "accounts": Words(
        waiting=frozenset({ACCOUNT_WAITING_STATUS}),
        paid=frozenset({"finalized"}),
        sent_back=frozenset({"corrections_requested", "pending_corrections"}),
        moved_on=frozenset({"pending", "configured", "published"}),
        gone=frozenset({"cancelled"}),
        shown_text=_last_request,
    ),
}


def waits(item: ReviewItem) -> bool:
    """Whether it waits for our decision."""
    return item.status in WORDS[item.review].waiting


def elsewhere(review: ReviewKind, status: str | None) -> str | None:
    """Say which other status it is in; None where it waits, or where that is not known."""
    if status is None or status in WORDS[review].waiting:
        return None
    return f"its status is {safe_line(status, 60)!r}"


def cannot_send(item: ReviewItem) -> str | None:
    """Why nothing can be sent for this thing; None when it can."""
    return unsendable(item.review, item.status, item.epoch, item.deadline_at)


def unsendable(
    review: ReviewKind, status: str | None, epoch: str | None, deadline_at: datetime | None
) -> str | None:
    """Why nothing can be sent for what the API says so much of; None when it can."""
    missing = [
        name
        for name, value in (
            ("status", status),
            ("start of its round", epoch),
            ("deadline", deadline_at),
        )
        if value is None
    ]
    if missing:
        return f"the API did not say its {' and '.join(missing)}, so nothing can be sent"
    found = elsewhere(review, status)
    return None if found is None else f"{found}, so nothing can be sent"


def lacks_its_end(item: ReviewItem) -> bool:
    """Whether it was paid, and this answer does not say when or in which round."""
    paid = item.status in WORDS[item.review].paid
    return paid and (item.epoch is None or item.subject.finalized_at is None)


def fate(item: ReviewItem, epoch: str | None) -> RoundState:
    """Tell what became of the round `epoch`, from the thing as it stands now."""
    words, status = WORDS[item.review], item.status
    same = item.epoch is not None and item.epoch == epoch
    if status in words.waiting and item.epoch is not None:
        return RoundState.WAITING if same else RoundState.MOVED_ON
    if status in words.paid:
        return RoundState.PAID if same else RoundState.MOVED_ON
    if status in words.sent_back:
        return RoundState.SENT_BACK
    if status in words.moved_on:
        return RoundState.MOVED_ON
    return RoundState.GONE if status in words.gone else RoundState.UNREADABLE


def by_silence(item: ReviewItem, deadline: datetime | None, *, estimated: bool = False) -> bool:
    """Whether it was finalized by nobody: at or after the moment from which silence pays.

    An estimate comes later than that moment, by as long as the round was there before we saw it.
    """
    finalized = item.subject.finalized_at
    if finalized is None or deadline is None:
        return False
    # One answer writes a moment with a fraction of its second, the next without.
    deadline = deadline.replace(microsecond=0)
    return finalized >= (deadline - UNSEEN if estimated else deadline)


def fits(action: Action, review: ReviewKind, status: str) -> bool:
    """Whether a thing in this status can have just undergone the action."""
    words = WORDS[review]
    if action.pays:
        return status in words.paid
    return status not in words.waiting | words.paid | words.gone


def settle(decision: Decision, item: ReviewItem) -> tuple[State, str] | None:
    """Tell what became of a write of ours that got no clear answer, and why we think so.

    None while the round still waits (nothing has happened yet) or its state cannot be read.
    """
    found = fate(item, decision.epoch)
    if found in (RoundState.WAITING, RoundState.UNREADABLE):
        return None
    if found is RoundState.GONE:
        return State.OVERTAKEN, f"it is {item.status} now"
    if decision.action.pays:
        return _settle_payment(found, decision, item)
    return _settle_return(found, decision, item)


def _settle_payment(found: RoundState, decision: Decision, item: ReviewItem) -> tuple[State, str]:
    if found is not RoundState.PAID:
        return State.OVERTAKEN, f"someone else sent it back (it is {item.status} now)"
    if by_silence(item, decision.deadline_at) and not decision.deadline_is_estimate:
        return State.OVERTAKEN, "it was finalized at its deadline, by silence"
    return State.SETTLED, f"it is {item.status}, as we asked"


def _settle_return(found: RoundState, decision: Decision, item: ReviewItem) -> tuple[State, str]:
    if found is RoundState.PAID:
        estimated = decision.deadline_is_estimate
        silent = by_silence(item, decision.deadline_at, estimated=estimated)
        how = "by silence" if silent else "by someone else"
        return State.OVERTAKEN, f"it was finalized {how}"
    match shows_our_text(decision, item):
        case True:
            return State.SETTLED, "our text stands there"
        case False:
            return State.OVERTAKEN, "another text than ours stands there"
    if found is RoundState.SENT_BACK:
        return State.SETTLED, f"it is {item.status}, as we asked"
    return State.SETTLED, "the round has moved on, and our text can no longer be seen"


def shows_our_text(decision: Decision, item: ReviewItem) -> bool | None:
    """Whether the text shown to the other side holds ours; None when no text is shown."""
    shown = WORDS[item.review].shown_text(item.subject)
    if shown is None or not decision.reason:
        return None
    return folded(decision.reason) in folded(shown)
