"""Seal: what a rule with `hold:` decides lies in the log for a while before it is sent.

Theory of operation. Where nothing else keeps a due decision back, it is recorded as held with the
moment up to which it is sealed; the first pass after that moment judges it anew and sends it. The
seal is a line of the log, so whichever process comes sends it, and a restart begins no new one. It
shrinks towards `decide by`: from then on nothing is sealed. It begins where the limits have room for
what it lies for, and takes that room when it ends. What keeps it back (a pause; a limit that is full as
a seal begins or ends) takes the place of the seal, and when that ends a new one begins.

A person cancels by a word on the round, whatever revision decides it by then. The word is looked at
before and after the intent, and who cancels looks for the intent after their word: one sees the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reviewbot.core.log_text import CANCELLED, SEALED
from reviewbot.core.questions import Round, answered_in, open_rounds
from reviewbot.core.verdict import Verdict
from reviewbot.domain.decision import DEADLINE, Decision, State
from reviewbot.domain.errors import Halted, UsageError
from reviewbot.domain.text import safe_line
from reviewbot.policy.engine.templates import duration
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import Ledger, Logged, LogNote
from reviewbot.safety.limits import rule_named

TOPIC = "seal"
"""Who cancelled the decision on which round."""
LONGEST_REASON = 300


def hold_of(policy: Policy, rule: str) -> timedelta | None:
    """For how long this rule's decisions are sealed; None where it sends at once."""
    found = rule_named(policy, rule)
    seconds = None if found is None else found.hold
    return None if seconds is None else timedelta(seconds=seconds)


def words_of(hold: timedelta) -> str:
    """What the log says keeps it back."""
    return f"{SEALED}its rule holds it for {duration(hold.total_seconds())} before it is sent"


def is_sealed(logged: Logged | None) -> bool:
    """Whether a decision lies sealed."""
    return (
        logged is not None
        and logged.state is State.HELD
        and (logged.decision.held_by or "").startswith(SEALED)
    )


def begun(latest: Logged | None, wish: Decision | Verdict, epoch: str | None) -> datetime | None:
    """Up to when this very wish is sealed already; None where a seal has yet to begin.

    What its rule tried before has had its seal; what a person tried has had none.
    """
    if latest is None:
        return None
    last = latest.decision
    if (last.epoch, last.action, last.rule) != (epoch, wish.action, wish.rule):
        return None
    if latest.state in (State.VOID, State.REFUSED):
        return latest.state_at if last.decided_by is None else None
    return last.until if is_sealed(latest) else None


def sealed_until(
    hold: timedelta | None, since: datetime | None, now: datetime, due: datetime | None
) -> datetime | None:
    """Up to when it is sealed, never past `due`; None where it may be sent now.

    `since` is what `begun` says.
    """
    if hold is None or due is None or now >= due:
        return None
    until = min(now + hold if since is None else since, due)
    return until if now < until else None


def cancelled_in(
    ledger: Ledger, review: str, task_id: str, epoch: str | None, rule: str
) -> Halted | None:
    """Who cancelled what a rule decides of a round, as what keeps it back; the deadline still decides."""
    words = () if rule == DEADLINE else ledger.story(TOPIC, subject(review, task_id, epoch))
    return cancelled(words[-1]) if words else None


def check(ledger: Ledger, decision: Decision) -> None:
    """Raise Halted where a person cancelled what a rule decided."""
    at = (decision.review, decision.task_id, decision.epoch)
    if (halted := cancelled_in(ledger, *at, decision.rule)) is not None:
        raise halted


# People ------------------------------------------------------------------------------------------


def sealed_rounds(ledger: Ledger) -> Iterator[Round]:
    """Every open round whose decision lies sealed and is not cancelled."""
    cancelled = cancelled_rounds(ledger)
    for round_ in open_rounds(ledger):
        seen = round_.sighting
        if (
            is_sealed(round_.latest)
            and subject(seen.review, seen.task_id, seen.epoch) not in cancelled
        ):
            yield round_


def cancel(ledger: Ledger, chosen: Round, *, who: str, reason: str, now: datetime) -> None:
    """Keep a sealed decision from being sent: a person is asked in its place, at the next pass.

    Raises UsageError where nothing is sealed, where it was sent meanwhile, or without a reason.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise UsageError(f"say why, in 1 to {LONGEST_REASON} characters")
    if not is_sealed(chosen.latest):
        raise UsageError("nothing of it is sealed: there is nothing to cancel")
    decision = chosen.decision
    value = {
        "who": who,
        "reason": reason,
        "action": decision.action.value,
        "rule": decision.rule,
        "task_id": decision.task_id,
    }
    ledger.note(TOPIC, subject(decision.review, decision.task_id, decision.epoch), value, now)
    sent = answered_in(ledger, decision.task_id, decision.epoch)
    if sent is not None:
        raise UsageError(f"too late: {sent.decision.action.value} was on its way already")


def subject(review: str, task_id: str, epoch: str | None) -> str:
    """The round that a word is on."""
    return f"{review}:{task_id}:{epoch}"


def cancelled_rounds(ledger: Ledger) -> dict[str, LogNote]:
    """Every word that cancels, by the round it is on."""
    return {note.subject: note for note in ledger.notes(TOPIC)}


def cancelled(note: LogNote) -> Halted:
    """What a cancelled decision comes to: a question."""
    who, reason = safe_line(str(note.value["who"]), 80), safe_line(str(note.value["reason"]))
    return Halted(f"{CANCELLED}{who}: {reason}", by="cancelled", asks=True)
