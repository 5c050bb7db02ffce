"""A decision: what was decided for one round of one thing, on which grounds."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum

import msgspec

from reviewbot.domain.review import ReviewKind


class Action(StrEnum):
    """What a rule, a person or the deadline can decide. The values are the words of a policy."""

    APPROVE = "approve"
    DISPUTE = "dispute"
    FINALIZE = "finalize"
    REQUEST_CORRECTIONS = "request corrections"
    ESCALATE = "escalate"
    WAIT = "wait"
    LEAVE = "leave"

    # An action is found in tables at every decision; the enum's own hash is a Python call.
    __hash__ = str.__hash__

    @property
    def writes(self) -> bool:
        """Whether carrying it out sends something to the API."""
        return self in WRITES

    @property
    def pays(self) -> bool:
        """Whether it ends the review in the other side's favour, for good."""
        return self in (Action.APPROVE, Action.FINALIZE)

    @property
    def sends_back(self) -> bool:
        """Whether it opens another round, with a text that a person reads."""
        return self in (Action.DISPUTE, Action.REQUEST_CORRECTIONS)


WRITES = frozenset({Action.APPROVE, Action.DISPUTE, Action.FINALIZE, Action.REQUEST_CORRECTIONS})

ACTIONS_OF: dict[ReviewKind, tuple[Action, ...]] = {
    "comments": (Action.APPROVE, Action.DISPUTE, Action.ESCALATE, Action.WAIT, Action.LEAVE),
    "accounts": (
        Action.FINALIZE,
        Action.REQUEST_CORRECTIONS,
        Action.ESCALATE,
        Action.WAIT,
        Action.LEAVE,
    ),
}

NO_RULE = "no rule"

DEADLINE = "deadline"
"""The two answers in place of a rule's name."""


class Mode(StrEnum):
    """Whether decisions are sent."""

    DRY_RUN = "dry-run"
    LIVE = "live"


def decision_id(review: str, task_id: str, epoch: str | None, action: str) -> str:
    """Name a decision: the same action in the same round always has the same id."""
    text = "\x1f".join((review, task_id, epoch or "", action))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def idempotency_key(decision_id: str, tries: int) -> str:
    """The Idempotency-Key of the so-manieth try to carry a decision out, counted from 1.

    Each try after one that was not done has a key of its own: a server that keeps its answers would
    otherwise repeat the failure of the first for ever, or refuse other words under the same key.
    """
    return decision_id if tries == 1 else f"{decision_id}-{tries}"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, before anything is sent. Written to the ledger in full.

    `text` is what the other side will read: the reason of a dispute, the comment of corrections.
    `trace` and `facts` are JSON (bytes) so that the log needs no knowledge of either.
    """

    id: str
    review: ReviewKind
    task_id: str
    round: int
    epoch: str | None = None
    """The round in the API's own terms; None where that could not be told, and nothing was sent."""
    action: Action
    rule: str
    reason: str | None = None
    """The text for the other side, the question for a person, or why nothing is done."""
    fields: dict[str, str] | None = None
    """Corrections only: field → text."""
    until: datetime | None = None
    to: tuple[str, ...] = ()
    cannot_tell: tuple[str, ...] = ()
    policy: str
    revision: str
    mode: Mode
    decided_at: datetime
    deadline_at: datetime | None = None
    deadline_is_estimate: bool = False
    account_id: str | None = None
    amount_micros: int | None = None
    evidence_hash: str | None = None
    trace: bytes = b"null"
    facts: bytes = b"null"
    decided_by: str | None = None
    """A person's name where a person decided; None for the policy."""
    held_by: str | None = None
    """What kept back an action that was due: a pause, a breaker, a cap, probation. Where the policy
    then asks a person, `action` is escalate and `rule` still the rule that wanted to act."""
    clock_ahead: float | None = None
    """How far the API's clock was ahead of this machine's as it was decided, in seconds; writes only."""
    wanted: Action | None = None
    """What that rule wanted to do, where a person is asked instead, or where its guardrail kept it
    back up to the moment from which the deadline decides."""

    @property
    def key(self) -> tuple[str, str | None]:
        """Which round of which thing it is about."""
        return (self.task_id, self.epoch)

    @property
    def meant(self) -> Action:
        """What it does or, where it asks a person instead, what its rule wanted to do."""
        return self.action if self.action.writes else self.wanted or self.action


# ------------------------------------------------------------------------------------------------
# How a recorded decision ages: its outcomes, and which may follow which.
#
# Theory of operation. A decision that sends nothing is `held` (or `dry-run`) and stays so until the
# round ends or another decision takes its place. One that sends something is first an `intent`, on
# disk before the request leaves. The answer turns it into `performed`, `refused`, `void` or `unknown`,
# and only reading the API into `settled` or `overtaken`; only reading settles an `unknown`. What was
# `void` or `refused` was not done, and may be tried again. At most one decision per (task, epoch) is in
# a state of `CLAIMED`; the database enforces it. What the log calls done or overtaken while the list
# goes on showing its round was not: reading makes it `void`, for silence would pay it all the same.


class State(StrEnum):
    """Where a decision stands; `log show` calls it the outcome (an open intent shows as `unknown`)."""

    HELD = "held"
    DRY_RUN = "dry-run"
    INTENT = "intent"
    PERFORMED = "performed"
    SETTLED = "settled"
    VOID = "void"
    OVERTAKEN = "overtaken"
    REFUSED = "refused"
    UNKNOWN = "unknown"


NEXT_STATES: dict[State | None, frozenset[State]] = {
    None: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.HELD: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.DRY_RUN: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.INTENT: frozenset(
        {State.PERFORMED, State.REFUSED, State.OVERTAKEN, State.VOID, State.UNKNOWN, State.SETTLED}
    ),
    State.UNKNOWN: frozenset({State.SETTLED, State.OVERTAKEN, State.VOID}),
    State.VOID: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.REFUSED: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.PERFORMED: frozenset({State.VOID}),
    State.SETTLED: frozenset({State.VOID}),
    State.OVERTAKEN: frozenset({State.VOID}),
}
"""None is a decision that is not recorded yet."""

CLAIMED = frozenset({State.INTENT, State.UNKNOWN, State.PERFORMED, State.SETTLED, State.OVERTAKEN})
"""The states of an intent that may have ended its round: at most one per (task, epoch)."""

OPEN = frozenset({State.INTENT, State.UNKNOWN})
"""Sent, or perhaps sent, and not yet known to be done or not done."""

DONE = frozenset({State.PERFORMED, State.SETTLED})
"""Known to be done by us."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the append-only log: a decision took on a state. Never changed afterwards."""

    seq: int
    at: datetime
    decision_id: str
    state: State
    note: str | None = None
    request_id: str | None = None
