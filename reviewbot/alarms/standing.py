"""Standing: in half a sentence each, how an undecided round stands and what will become of it."""

from __future__ import annotations

from reviewbot.core.pipeline import NOT_REVIEWED, ReviewOutcome, Undecided
from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.review import named
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.foresight.future import Future

_PAYS = "silence pays it"

_TROUBLES = {
    "refused": "could not be carried out: the API refused",
    "unknown": "may or may not have been carried out",
    "intent": "may or may not have been carried out",
    "void": "was not carried out",
    "postponed": "could not be finished",
}

_DOES = {
    Action.APPROVE: "approves it",
    Action.DISPUTE: "sends it back",
    Action.FINALIZE: "accepts it",
    Action.REQUEST_CORRECTIONS: "sends it back",
}


def standing(seen: Undecided) -> str:
    """Which round, what it is worth, and why it is open."""
    return f"{named(seen.review, seen.task_id, seen.amount_micros)} is undecided ({_why(seen)})"


def otherwise(found: Future | None, zone: str = "UTC") -> str:
    """What happens if nobody does anything; moments are read in this zone."""
    if found is None:
        return "nobody can tell what becomes of it"
    why = f" ({safe_line(found.why, 200)})" if found.why else ""
    if found.action is not None and found.at is not None:
        rule = found.rule or ""
        who = "the policy's fallback" if rule == DEADLINE else repr(safe_line(rule, 80))
        return f"{who} {_DOES[found.action]} from {format_moment(found.at, zone)} on{why}"
    if found.end == "left":
        return "the policy leaves it to the timer, which pays"
    if found.end == "silence":
        return f"{_PAYS}{why}"
    turn = (
        "" if found.turn_at is None else f"; its turn comes at {format_moment(found.turn_at, zone)}"
    )
    return f"nobody can tell what becomes of it{turn}{why}"


def _why(seen: Undecided) -> str:
    if seen.outcome == ReviewOutcome.CLAIMED:
        return "it was acted on before, and that has not ended it yet"
    rule = safe_line(seen.rule or "", 80)
    if seen.outcome in _TROUBLES and seen.action is not None:
        return f"{seen.action} by {rule!r} {_TROUBLES[seen.outcome]}"
    match seen.action:
        case None:
            return NOT_REVIEWED
        case Action.ESCALATE if seen.rule == DEADLINE:
            return "the policy leaves it to a person, and nobody has answered"
        case Action.ESCALATE:
            return f"{rule!r} asks a person, and nobody has answered"
        case Action.WAIT:
            return f"{rule!r} waits"
    return f"{rule!r} holds its {seen.action} until it may go"
