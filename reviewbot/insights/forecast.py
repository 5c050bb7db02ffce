"""Forecast: which open tasks will be paid although nobody has read them, if people keep their pace.

Theory of operation. What becomes of each task if nobody steps in is worked out elsewhere (`ahead.py`).
What is then paid by silence or by the policy's fallback is paid unread, unless people answer in time:
they take the most urgent question first, at the pace they kept lately (`pace.py`), and not while a
pause of everything stops their answers too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from reviewbot.core import refusals
from reviewbot.domain.decision import CLAIMED, Action
from reviewbot.domain.review import ReviewKind
from reviewbot.foresight.future import Future, Standing
from reviewbot.foresight.work import Job, Worker, work_off
from reviewbot.insights.limits_forecast import Capped, bites_of
from reviewbot.insights.plan import Failed
from reviewbot.ports.ledger import Ledger

# ------------------------------------------------------------------------------------------------
# Pace: how fast people answered lately, from the log alone.
#
# Theory of operation. Answers a day say little where most days have nothing to answer. So the answers
# are counted against the hours in which at least one question stood open: that is the pace people keep
# when there is something to do, nights and weekends of that time included. It is an average, so what
# is computed from it is an expectation, not a promise.


WINDOW = timedelta(days=7)
LEAST = timedelta(hours=6)
"""A pace is taken over at least so long: one quick answer says nothing about the next ninety."""
OUTSIDE = ""
"""Stands for whoever answered in TokPortal's dashboard, where our log knows no name."""


class ResponseTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Answers in the window, the time in which a question stood open, and who answered."""

    answers: int
    open_for: timedelta
    people: tuple[str, ...]

    @property
    def per_hour(self) -> float:
        """Answers an hour by all of them together, while there was something to answer."""
        return self.answers / (max(self.open_for, LEAST) / timedelta(hours=1))

    @property
    def each(self) -> timedelta | None:
        """How long one of them takes for one answer; None where nobody has answered."""
        if not self.people or self.per_hour <= 0:
            return None
        return timedelta(hours=len(self.people) / self.per_hour)


def pace(ledger: Ledger, now: datetime, window: timedelta = WINDOW) -> ResponseTimes:
    """How fast people answered in the `window` up to `now`."""
    since = now - window
    recent = ledger.decisions(since=since)
    ends: dict[tuple[str, str | None], datetime] = {}
    people: list[str] = []
    for logged in recent:
        decision = logged.decision
        if logged.state in CLAIMED:
            at = logged.intended_at or decision.decided_at
            ends[decision.task_id, decision.epoch] = at
            if decision.decided_by is not None and at >= since:
                people.append(decision.decided_by)
    asked = {
        (logged.decision.task_id, logged.decision.epoch): ledger.entries(logged.decision.id)[0].at
        for logged in recent
        if logged.decision.action is Action.ESCALATE
    }
    for ending in ledger.endings(since):
        key = (ending.task_id, ending.epoch)
        ends.setdefault(key, ending.at)
        if ending.by == "other" and key in asked:
            people.append(OUTSIDE)
    spans = [(max(start, since), min(ends.get(key, now), now)) for key, start in asked.items()]
    return ResponseTimes(
        answers=len(people), open_for=_covered(spans), people=tuple(sorted(set(people)))
    )


def _covered(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """How long at least one of the spans lasts."""
    total, end = timedelta(0), None
    for start, stop in sorted(spans):
        begin = start if end is None else max(start, end)
        if stop > begin:
            total += stop - begin
        end = stop if end is None else max(end, stop)
    return total


ENOUGH_ANSWERS = 5
"""From so many answers on, what more people would change is said."""
MOST_PEOPLE = 20
STEP = timedelta(minutes=15)
Why = Literal["people", "budget", "held", "policy", "refused", "unreadable"]


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """One task that will be paid unread: when, by what, and why nobody comes before that."""

    review: str
    task_id: str
    at: datetime | None
    by: Literal["fallback", "silence"]
    why: Why
    amount_micros: int | None = None
    note: str | None = None
    deadline_is_estimate: bool = False


class MorePeople(msgspec.Struct, frozen=True, kw_only=True):
    """How many more people, if they begin before a moment, bring it down to what no one can help."""

    count: int
    before: datetime
    left: int


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What will be paid unread, most urgent first, and what that rests on."""

    at: datetime
    open_tasks: int
    kinds: tuple[ReviewKind, ...] = ()
    """The kinds of review that these are."""
    unread: tuple[Unread, ...]
    questions: int
    """Tasks that wait for a person now."""
    questions_to_come: int
    not_reviewed: int = 0
    """Tasks of which nobody can say yet how they end: their turn, or their evidence, is still to come."""
    decisions: int
    """Decisions that the bot will send."""
    decisions_per_minute: float | None
    pace: ResponseTimes
    more_people: MorePeople | None = None
    holds: tuple[str, ...] = ()
    caps: tuple[Capped, ...] = ()
    """The caps that will keep something back."""

    @property
    def micros(self) -> int:
        """What they come to; unknown amounts count 0."""
        return sum(one.amount_micros or 0 for one in self.unread)


def forecast(
    found: Sequence[Future],
    standing: Standing,
    pace: ResponseTimes,
    *,
    unreadable: Sequence[Failed] = (),
) -> Forecast:
    """Work out what will be paid unread."""
    now = standing.now
    open_now = [one for one in found if not one.is_over]
    people = _staff(pace, now)
    asked = [one for one in open_now if one.asked_at is not None]
    questions = [job for one in asked if (job := _question(one, now)) is not None]
    answered = {job.name for job in questions} - work_off(questions, people)
    lost = [one for one in open_now if one.is_unread]
    unread = [_unread(one) for one in lost if _name(one) not in answered]
    unread += [_lost(one) for one in unreadable]
    return Forecast(
        at=now,
        open_tasks=len(open_now) + len(unreadable),
        kinds=tuple(
            dict.fromkeys(
                [one.round.review for one in open_now] + [one.item.review for one in unreadable]
            )
        ),
        unread=tuple(sorted(unread, key=lambda one: (one.at is None, one.at or now))),
        questions=sum(one.asked_at is not None and one.asked_at <= now for one in asked),
        questions_to_come=sum(one.asked_at is not None and one.asked_at > now for one in asked),
        not_reviewed=sum(one.turn_at is not None for one in open_now),
        decisions=sum(one.end in ("rule", "fallback", "sent back") for one in open_now),
        decisions_per_minute=standing.per_minute,
        pace=pace,
        more_people=_more_people(
            questions, {_name(one) for one in lost}, pace, people, now, len(unread)
        ),
        holds=tuple(hold.sentence for hold in standing.holds),
        caps=tuple(bite.summary for bite in bites_of(open_now)),
    )


def _name(one: Future) -> str:
    """Its name among the jobs."""
    return f"{one.round.review} {one.round.task_id}"


def _question(one: Future, now: datetime) -> Job | None:
    """What a person has to answer, from when on, and by when; None where no answer gets through."""
    if one.asked_at is None or one.answerable_at is None:
        return None
    due = one.at or one.round.deadline_at or now + timedelta(days=3)
    return Job(name=_name(one), start=max(one.asked_at, one.answerable_at), due=due)


def _unread(one: Future) -> Unread:
    return Unread(
        review=one.round.review,
        task_id=one.round.task_id,
        at=one.at or one.round.deadline_at,
        by="fallback" if one.end == "fallback" else "silence",
        why=_why(one),
        amount_micros=one.round.amount_micros,
        note=one.why,
        deadline_is_estimate=one.round.deadline_is_estimate,
    )


def _why(one: Future) -> Why:
    if one.late:
        return "budget"
    if one.asked_at is not None and one.answerable_at is not None:
        return "people"
    if one.why is not None and one.why.startswith(refusals.NOTE):
        return "refused"
    return "policy" if one.why is None else "held"


def _lost(one: Failed) -> Unread:
    """What could not be judged now may stay so: nobody knows how it ends."""
    return Unread(
        review=one.item.review,
        task_id=one.item.id,
        at=one.item.deadline_at,
        by="silence",
        why="unreadable",
        amount_micros=one.item.amount_micros,
        note=one.why,
        deadline_is_estimate=one.item.deadline_is_estimate,
    )


def _staff(pace: ResponseTimes, now: datetime) -> list[Worker]:
    return [] if pace.each is None else [Worker(opens=now, takes=pace.each) for _ in pace.people]


def _more_people(
    questions: list[Job],
    theirs: set[str],
    pace: ResponseTimes,
    staff: list[Worker],
    now: datetime,
    unread: int,
) -> MorePeople | None:
    """The fewest people more that bring it as low as people can, and by when they have to begin.

    They are taken to answer as fast as those who do. Nothing is said where too little is known, or
    where even many could not help in time.
    """
    each = pace.each
    if each is None or pace.answers < ENOUGH_ANSWERS:
        return None

    def missed(count: int, since: datetime) -> int:
        desks = [*staff, *(Worker(opens=since, takes=each) for _ in range(count))]
        return len(work_off(questions, desks) & theirs)

    now_missed, least = missed(0, now), missed(MOST_PEOPLE, now)
    if least == now_missed:
        return None
    count = next(n for n in range(1, MOST_PEOPLE + 1) if missed(n, now) == least)
    before = now
    last = max((job.due for job in questions), default=now)
    while before + STEP <= last and missed(count, before + STEP) == least:
        before += STEP
    return MorePeople(count=count, before=before, left=unread - now_missed + least)
