"""Refusals: what a "no" of the API to a write says about the very thing that was to be decided.

Theory of operation. What waits is open, whatever was answered: no refusal ends a round. A code that
the API documents for such a write is about this thing, so a person is asked, with what the API said.
A 409 or 404 claims that somebody was first, or that the thing is gone; only reading tells whether
that is so, and what a page of something in between is worth. Everything else is about something
between us and the thing: it was not done, and is tried again, ever later, by a key of its own.
Refused again and again it becomes a question too.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from reviewbot.domain.decision import Action, State
from reviewbot.domain.errors import (
    ApiError,
    ApiRefusal,
    Intercepted,
    InvalidStatus,
    NotFound,
    TaskBlocked,
)
from reviewbot.ports.ledger import Ledger, Logged

NOTE = "refused: "
"""How the note of an outcome begins that a refusal brought."""

TRIES = 4
"""Refusals of one decision, by whatever code, after which a person is asked."""

IN_A_ROW = 3
"""Refusals in a row that are about none of the things, after which nothing more is sent in a turn."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 15 * 60.0
"""Seconds that a thing whose review failed is left alone at first, and at most."""


class Says(Enum):
    """What a refusal says about the thing."""

    NOTHING = "nothing: it was not done, and is tried again"
    ASK = "that it cannot be done so: a person is asked"
    LOOK = "that it stands otherwise: reading tells"


_BY_CODE = {
    "COMMENT_INVALID_STATUS": Says.LOOK,
    "COMMENT_TASK_NOT_FOUND": Says.LOOK,
    "BUNDLE_INVALID_STATUS": Says.LOOK,
    "BUNDLE_NOT_FOUND": Says.LOOK,
    "ACCOUNT_INVALID_STATUS": Says.LOOK,
    "ACCOUNT_NOT_FOUND": Says.LOOK,
    "INVALID_STATUS": Says.LOOK,
    "INVALID_STATUS_TRANSITION": Says.LOOK,
    "COMMENT_TASK_NOT_OWNED": Says.ASK,
    "BUNDLE_NOT_OWNED": Says.ASK,
    "SAVED_ACCOUNT_NOT_OWNED": Says.ASK,
    "MANAGED_ACCOUNT_TASK_BLOCKED": Says.ASK,
    "COMMENT_ACCOUNT_NOT_MANAGED": Says.ASK,
    "ACCOUNT_NOT_CONFIGURED": Says.ASK,
    "COMMENT_DISPUTE_REASON_REQUIRED": Says.ASK,
    "MISSING_COMMENT": Says.ASK,
    "MISSING_FIELDS": Says.ASK,
    "INVALID_FIELD": Says.ASK,
    "UNKNOWN_FIELD": Says.ASK,
    "DRY_RUN_ID_IN_LIVE_REQUEST": Says.ASK,
}
"""Every code that the API documents for approving, disputing, finalizing and correcting."""


def meaning(error: ApiRefusal | Intercepted) -> Says:
    """What it says about the thing: by its code, or failing that by its kind."""
    if (known := _BY_CODE.get(error.code or "")) is not None:
        return known
    match error:
        case TaskBlocked():
            return Says.ASK
        case InvalidStatus() | NotFound() | Intercepted():
            return Says.LOOK
    return Says.NOTHING


def words_of(error: ApiError) -> str:
    """What the API said, without the call that it said it to."""
    call, _, said = str(error).partition(": ")
    return said or call


def earlier(ledger: Ledger, decision_id: str) -> int:
    """How often this decision was refused before."""
    return sum((entry.note or "").startswith(NOTE) for entry in ledger.entries(decision_id))


def was_refused(logged: Logged | None) -> bool:
    """Whether its newest outcome is a refusal."""
    return logged is not None and (logged.note or "").startswith(NOTE)


def refusal(latest: Logged) -> str | None:
    """What the API said no to, where that is why a thing is still open; `latest` is its newest decision."""
    words = latest.note if latest.state in (State.VOID, State.REFUSED) else latest.decision.held_by
    return words if words is not None and words.startswith(NOTE) else None


def is_question(logged: Logged) -> bool:
    """Whether a person is asked because the API refused our answer."""
    decision = logged.decision
    return decision.action is Action.ESCALATE and (decision.held_by or "").startswith(NOTE)


def pause_after(tries: int) -> float:
    """For how many seconds a thing is left alone that has failed so often: ever longer."""
    return min(FIRST_PAUSE * 2.0 ** min(tries - 1, 10), LONGEST_PAUSE)


def left_alone_for(
    at: datetime, deadline_at: datetime | None, due: datetime | None, pause: float = LONGEST_PAUSE
) -> float:
    """For how many seconds what was refused is: not past `due`, its fallback, and less near the end."""
    if due is not None and due > at:
        pause = min(pause, (due - at).total_seconds())
    if deadline_at is not None:
        pause = min(pause, max(FIRST_PAUSE, (deadline_at - at).total_seconds() / 4))
    return pause
