"""Standing: in half a sentence each, how an undecided round stands and what will become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.calendar import calendars_of, resolver
from reviewbot.service.review import Outcome
from reviewbot.service.telling.deadlines import NOT_REVIEWED, Undecided
from reviewbot.service.telling.routing import moment, named

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge
    from reviewbot.policy.model import Policy

_PAYS = "silence pays it"
_TROUBLES = {
    "refused": "could not be carried out: the API refused",
    "unknown": "may or may not have been carried out",
    "intent": "may or may not have been carried out",
    "void": "was not carried out",
    "postponed": "could not be finished",
}
_FALLBACKS = {
    Action.APPROVE: "approves it",
    Action.DISPUTE: "sends it back",
    Action.FINALIZE: "accepts it",
    Action.REQUEST_CORRECTIONS: "sends it back",
    Action.LEAVE: "leaves it to the timer, which pays",
}


def standing(one: Undecided) -> str:
    """Which round, what it is worth, and why it is open."""
    return f"{named(one.review, one.task_id, one.amount_micros)} is undecided ({_why(one)})"


def otherwise(one: Undecided, judge: Judge | None) -> str:
    """What happens if nobody does anything."""
    if judge is None or one.outcome == "refused":
        return _PAYS
    fallback = _fallback(judge.policy)
    if fallback is None:
        return _PAYS
    policy = judge.policy
    find = resolver(policy.deadline.decide_by, calendars_of(policy))
    at = find(one.started_at, one.deadline_at)
    return f"the policy's fallback {fallback}" + ("" if at is None else f" from {moment(at)} on")


def _fallback(policy: Policy) -> str | None:
    """What the policy's deadline part does; None where it leaves it to silence."""
    actions = {case.then.action for case in policy.deadline.fallbacks}
    if actions <= {Action.ESCALATE}:
        return None
    if len(actions) > 1:
        return "decides it"
    return _FALLBACKS[actions.pop()]


def _why(one: Undecided) -> str:
    if one.outcome == Outcome.CLAIMED:
        return "it was acted on before, and that has not ended it yet"
    rule = safe_line(one.rule or "", 80)
    if one.outcome in _TROUBLES and one.action is not None:
        return f"{one.action} by {rule!r} {_TROUBLES[one.outcome]}"
    match one.action:
        case None:
            return NOT_REVIEWED
        case Action.ESCALATE if one.rule == DEADLINE:
            return "the policy leaves it to a person, and nobody has answered"
        case Action.ESCALATE:
            return f"{rule!r} asks a person, and nobody has answered"
        case Action.WAIT:
            return f"{rule!r} waits"
    return f"{rule!r} holds its {one.action} until it may go"
