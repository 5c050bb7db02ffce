"""Otherwise: what happens to a question that nobody answers, by the policy that asked it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from reviewbot.domain.decision import Action, Decision, Mode
from reviewbot.domain.review import ReviewKind
from reviewbot.policy.facts import Facts
from reviewbot.policy.future import over_time
from reviewbot.ports import Ledger
from reviewbot.service.guards.guardrails import decide_by
from reviewbot.service.guards.holds import Hold
from reviewbot.service.outlook.plan import Paid, end_of
from reviewbot.service.records import facts_from_json
from reviewbot.service.revisions import Revisions


class Otherwise(msgspec.Struct, frozen=True, kw_only=True):
    """How a round ends if nobody answers, and when. `why` says what keeps the policy from acting."""

    end: Paid
    at: datetime | None
    why: str | None = None


def otherwise(
    ledger: Ledger,
    decision: Decision,
    revisions: Revisions,
    now: datetime,
    *,
    holds: tuple[Hold, ...] = (),
) -> Otherwise:
    """What the policy that asked does with the round from now on, on the facts it asked by.

    What is held back now is taken as held until its end, or for good where it has none. Where a full
    cap asked, the policy tries again when its fallback is due, and not before.
    """
    deadline = decision.deadline_at
    if decision.mode is Mode.DRY_RUN:
        return Otherwise(end="silence", at=deadline, why="the bot only rehearses")
    judge = revisions.judge(decision.revision)
    facts = facts_of(ledger, decision)
    if judge is None or facts is None:
        return Otherwise(end="silence", at=deadline)
    goes_on, why = now, None
    if decision.action is Action.ESCALATE and decision.held_by is not None:
        due = decide_by(judge, facts)
        if due is not None and due > now:
            goes_on, why = due, f"{decision.held_by}; if it still is then, the deadline decides"
    answers = over_time(judge, msgspec.structs.replace(facts, now=goes_on), deadline or goes_on)
    end, at = end_of(answers, deadline)
    found = Otherwise(end=end, at=at, why=why)
    return held_back(found, deadline, decision.review, decision.policy, holds)


def facts_of(ledger: Ledger, decision: Decision) -> Facts | None:
    """The facts that a decision was made by; None where they cannot be read."""
    logged = ledger.decision(decision.id)
    try:
        return None if logged is None else facts_from_json(logged.decision.facts)
    except (ValueError, KeyError, msgspec.MsgspecError):
        return None


def held_back(
    found: Otherwise,
    deadline: datetime | None,
    review: ReviewKind,
    policy: str,
    holds: tuple[Hold, ...],
) -> Otherwise:
    """The same with what is held back taken into account."""
    action = _ACTS_AS[review].get(found.end)
    for hold in holds:
        if action is None or found.at is None or not hold.stops(action, policy):
            continue
        if hold.until is None or (deadline is not None and hold.until >= deadline):
            return Otherwise(end="silence", at=deadline, why=hold.sentence)
        if hold.until > found.at:
            found = Otherwise(end=found.end, at=hold.until, why=hold.sentence)
    return found


_ACTS_AS: dict[ReviewKind, dict[Paid, Action]] = {
    "comments": {
        "rule": Action.APPROVE,
        "fallback": Action.APPROVE,
        "sent back": Action.DISPUTE,
    },
    "accounts": {
        "rule": Action.FINALIZE,
        "fallback": Action.FINALIZE,
        "sent back": Action.REQUEST_CORRECTIONS,
    },
}
"""The action by which a round ends so."""
