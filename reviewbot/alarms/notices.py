"""Notices: what one review, as it happens, makes people know."""

from __future__ import annotations

from datetime import timedelta

from reviewbot.core.notifier import Notifier
from reviewbot.core.questions import seen_of
from reviewbot.domain.alarm import EACH_TIME, HOUR, Alarm, AlarmKind, round_name
from reviewbot.domain.decision import Decision, State
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.review import ReviewItem, ReviewKind, named, noun_of
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.ports.ledger import Ending, Ledger
from reviewbot.ports.queue import Clock, Listing, Receipt, UnreadRow

RETOLD = timedelta(days=3)
"""How far back a new process looks for silence that nobody may have been told of."""


def tell_question(notifier: Notifier, decision: Decision) -> None:
    """Bring a question to the people that its rule names."""
    question = decision.reason or f"escalated by {decision.rule}"
    until = "" if decision.deadline_at is None else f" (until {_deadline(notifier, decision)})"
    notifier.notify(
        AlarmKind.QUESTION,
        f"{_about(decision)} waits for a person{until}: {question}",
        subject=round_name(decision.task_id, decision.epoch),
        to=decision.to,
        urgency="warning" if decision.to else "info",
        again=EACH_TIME,
        task_id=decision.task_id,
        rule=decision.rule,
        zone=_zone(notifier, decision),
        deadline_at=decision.deadline_at,
        seen=seen_of(decision, State.HELD),
    )


def tell_over(notifier: Notifier, asked: Decision, how: str) -> None:
    """Tell where messages can be brought up to date that a question needs nobody any more."""
    notifier.alarms.tell(
        Alarm(
            kind=AlarmKind.QUESTION,
            sentence=f"{_about(asked)} needs nobody any more: {how}",
            at=notifier.clock.now(),
            subject=round_name(asked.task_id, asked.epoch),
            urgency="info",
            to=asked.to,
            again=EACH_TIME,
            facts={"task_id": asked.task_id, "rule": asked.rule},
            mended=True,
        )
    )


def tell_late(notifier: Notifier, decision: Decision, state: State) -> None:
    """A decision was made with too little time left to find out about an unclear answer."""
    notifier.notify(
        AlarmKind.LATE,
        f"{_about(decision)}: {decision.action} by {decision.rule!r} came late, shortly before its"
        f" deadline ({_deadline(notifier, decision)}), and is {state.value}",
        subject=round_name(decision.task_id, decision.epoch),
        urgency="warning",
        again=EACH_TIME,
        task_id=decision.task_id,
        deadline_at=decision.deadline_at,
    )


def _zone(notifier: Notifier, decision: Decision) -> str:
    return notifier.zone(review=decision.review, policy=decision.policy)


def _deadline(notifier: Notifier, decision: Decision) -> str:
    assert decision.deadline_at is not None
    about = "about " if decision.deadline_is_estimate else ""
    return f"{about}{format_moment(decision.deadline_at, _zone(notifier, decision))}"


def tell_forbidden(notifier: Notifier, decision: Decision, why: str) -> None:
    """A person's answer was refused because a statement of the policy forbids it."""
    until = "" if decision.deadline_at is None else f" at {_deadline(notifier, decision)}"
    notifier.notify(
        AlarmKind.STATEMENT,
        f"{_about(decision)}: {safe_line(str(decision.decided_by))} answered {decision.action}, and"
        f" {why}. Nothing was sent; where nobody answers otherwise, silence pays it{until}",
        subject=round_name(decision.task_id, decision.epoch),
        urgency="warning",
        again=EACH_TIME,
        task_id=decision.task_id,
        deadline_at=decision.deadline_at,
    )


def tell_stale_effect(notifier: Notifier, decision: Decision, receipt: Receipt) -> None:
    """An approval landed in another round than it was decided for."""
    notifier.notify(
        AlarmKind.STALE,
        f"{_about(decision)}: an approval took effect in another round than it was decided for;"
        " a person should look at it",
        subject=round_name(decision.task_id, decision.epoch),
        again=EACH_TIME,
        decision=decision.id,
        task_id=decision.task_id,
        landed_in=receipt.epoch,
    )


def tell_silence(clock: Clock, notifier: Notifier, ending: Ending) -> None:
    """A round was paid although nobody decided it; that somebody got this is kept for a while."""
    what = named(ending.review, ending.task_id, ending.amount_micros)
    at = format_moment(ending.at, notifier.zone(review=ending.review))
    notifier.notify(
        AlarmKind.SILENCE,
        f"{what} was paid by silence ({at}): {ending.note}",
        subject=round_name(ending.task_id, ending.epoch),
        again=None,
        keep_until=clock.now() + RETOLD,
        task_id=ending.task_id,
        amount_micros=ending.amount_micros,
    )


def tell_silences_again(ledger: Ledger, clock: Clock, notifier: Notifier) -> None:
    """After a start: what the last process wrote down, and perhaps could no longer tell anybody."""
    for ending in ledger.endings(clock.now() - RETOLD):
        if ending.by == "silence":
            tell_silence(clock, notifier, ending)


def tell_dead_letter(notifier: Notifier, item: ReviewItem, error: ReviewbotError) -> None:
    """The review of one thing keeps failing."""
    notifier.notify(
        AlarmKind.DEAD_LETTER,
        f"{named(item.review, item.id, item.amount_micros)} cannot be reviewed, it fails again and"
        f" again: {error}",
        subject=round_name(item.id, item.epoch),
        again=24 * HOUR,
        task_id=item.id,
        deadline_at=item.deadline_at,
        request_id=getattr(error, "request_id", None),
    )


def tell_count(notifier: Notifier, review: ReviewKind, listing: Listing) -> None:
    """The list of what waits contradicts the API's own count, or no longer does."""
    what = noun_of([review])
    if listing.counted is None:
        notifier.alarms.mended(
            AlarmKind.LIST,
            f"The list of waiting {what}s agrees with its count again",
            subject=review,
        )
        return
    found = len(listing.items) + len(listing.unread)
    notifier.notify(
        AlarmKind.LIST,
        f"The list of waiting {what}s contradicts itself: the API counts {listing.counted}, and its"
        f" pages hold others; {found} were found, also by smaller pages. A {what} that is in no list"
        " is not reviewed, and silence pays for it: compare with the dashboard",
        subject=review,
        review=review,
        counted=listing.counted,
        found=found,
    )


def tell_unread(notifier: Notifier, review: ReviewKind, row: UnreadRow) -> None:
    """A row of the list of what waits cannot be read, so nobody reviews it."""
    what = noun_of([review])
    name = f"no. {row.place}" if row.id is None else f"no. {row.place}, {safe_line(row.id)}"
    notifier.notify(
        AlarmKind.LIST,
        f"A waiting {what} ({name} of the list) cannot be read, so it is not reviewed and silence"
        f" pays for it: {safe_line(row.why)}; decide it in the dashboard",
        subject=f"{review} {row.id or row.place}",
        review=review,
        place=row.place,
        task_id=row.id,
    )


def tell_drift(notifier: Notifier, review: str, what: str) -> None:
    """The API's answers no longer have the shape that we use."""
    notifier.notify(
        AlarmKind.DRIFT,
        f"The API's answers have changed their shape: {what}",
        subject=f"{review} {what}",
        again=24 * HOUR,
    )


def tell_new_value(notifier: Notifier, review: str, what: str) -> bool:
    """A used field holds a value that nobody has documented; give whether that was news."""
    return notifier.notify(
        AlarmKind.DRIFT,
        f"The API says something new: {safe_line(what)}. No rule that names the documented values"
        " matches it; see what it means, and whether the policy should speak of it",
        subject=f"{review} value {what}",
        urgency="warning",
        again=None,
    )


def _about(decision: Decision) -> str:
    return named(decision.review, decision.task_id, decision.amount_micros)
