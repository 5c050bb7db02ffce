"""Forecast: which open tasks will be paid although nobody has read them, if people keep their pace.

Theory of operation. What becomes of each task if nobody steps in is worked out in `foresight`. What
is then paid by silence or by the policy's fallback is paid unread, unless people answer in time: they
take the most urgent question first, at the pace they kept lately, and not while a pause of everything
stops their answers too.

Answers a day say little where most days have nothing to answer. So the answers are counted against
the hours in which at least one question stood open: that is the pace people keep when there is
something to do, nights and weekends of that time included. It is an average, so what is computed
from it is an expectation, not a promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from reviewbot.core import refusals
from reviewbot.domain.decision import CLAIMED, Action
from reviewbot.domain.review import ReviewKind
from reviewbot.foresight.future import Future, Standing
from reviewbot.foresight.turn import Job, Worker, work_off
from reviewbot.insights.limits_forecast import Capped, bites_of
from reviewbot.insights.plan import Failed
from reviewbot.ports.ledger import Ledger

WINDOW = timedelta(days=7)
LEAST = timedelta(hours=6)
"""A pace is taken over at least so long: one quick answer says nothing about the next ninety."""
ENOUGH_ANSWERS = 5
"""From so many answers on, what more people would change is said."""
MOST_PEOPLE = 20
STEP = timedelta(minutes=15)
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
        return sum(task.amount_micros or 0 for task in self.unread)


def forecast(
    found: Sequence[Future],
    standing: Standing,
    pace: ResponseTimes,
    *,
    unreadable: Sequence[Failed] = (),
) -> Forecast:
    """Work out what will be paid unread."""
    now = standing.now
    open_now = [future for future in found if not future.is_over]
    asked_at = [future.asked_at for future in open_now if future.asked_at is not None]
    asked_now = sum(at <= now for at in asked_at)
    questions = [job for future in open_now if (job := _question(future, now)) is not None]
    people = _people(pace, now)
    answered = {job.name for job in questions} - work_off(questions, people)
    lost = [future for future in open_now if future.is_unread]
    unread = [_unread(future) for future in lost if _name(future) not in answered]
    unread += map(_unjudged, unreadable)
    reviews = [future.round.review for future in open_now]
    reviews += [failed.item.review for failed in unreadable]
    ends = Counter(future.end for future in open_now)
    return Forecast(
        at=now,
        open_tasks=len(reviews),
        kinds=tuple(dict.fromkeys(reviews)),
        unread=tuple(sorted(unread, key=lambda task: (task.at is None, task.at or now))),
        questions=asked_now,
        questions_to_come=len(asked_at) - asked_now,
        not_reviewed=sum(future.turn_at is not None for future in open_now),
        decisions=ends["rule"] + ends["fallback"] + ends["sent back"],
        decisions_per_minute=standing.per_minute,
        pace=pace,
        more_people=_more_people(questions, set(map(_name, lost)), pace, people, now, len(unread)),
        holds=tuple(hold.sentence for hold in standing.holds),
        caps=tuple(bite.summary for bite in bites_of(open_now)),
    )


def _people(pace: ResponseTimes, now: datetime) -> list[Worker]:
    return [] if pace.each is None else [Worker(opens=now, takes=pace.each) for _ in pace.people]


def _name(future: Future) -> str:
    """Its name among the jobs."""
    return f"{future.round.review} {future.round.task_id}"


def _question(future: Future, now: datetime) -> Job | None:
    """What a person has to answer, from when on, and by when; None where no answer gets through."""
    if future.asked_at is None or future.answerable_at is None:
        return None
    due = future.at or future.round.deadline_at or now + timedelta(days=3)
    return Job(name=_name(future), start=max(future.asked_at, future.answerable_at), due=due)


def _unread(future: Future) -> Unread:
    return Unread(
        review=future.round.review,
        task_id=future.round.task_id,
        at=future.at or future.round.deadline_at,
        by="fallback" if future.end == "fallback" else "silence",
        why=_why(future),
        amount_micros=future.round.amount_micros,
        note=future.why,
        deadline_is_estimate=future.round.deadline_is_estimate,
    )


def _why(future: Future) -> Why:
    if future.late:
        return "budget"
    if future.asked_at is not None and future.answerable_at is not None:
        return "people"
    if future.why is not None and future.why.startswith(refusals.NOTE):
        return "refused"
    return "policy" if future.why is None else "held"


def _unjudged(failed: Failed) -> Unread:
    """What could not be judged now may stay so: nobody knows how it ends."""
    item = failed.item
    return Unread(
        review=item.review,
        task_id=item.id,
        at=item.deadline_at,
        by="silence",
        why="unreadable",
        amount_micros=item.amount_micros,
        note=failed.why,
        deadline_is_estimate=item.deadline_is_estimate,
    )


def _more_people(
    questions: list[Job],
    theirs: set[str],
    pace: ResponseTimes,
    people: list[Worker],
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
        workers = [*people, *(Worker(opens=since, takes=each) for _ in range(count))]
        return len(work_off(questions, workers) & theirs)

    now_missed, least = missed(0, now), missed(MOST_PEOPLE, now)
    if least == now_missed:
        return None
    count = next(n for n in range(1, MOST_PEOPLE + 1) if missed(n, now) == least)
    before = now
    last = max((job.due for job in questions), default=now)
    while before + STEP <= last and missed(count, before + STEP) == least:
        before += STEP
    return MorePeople(count=count, before=before, left=unread - now_missed + least)
