"""Forecast: which open tasks will be paid although nobody has read them, if people keep their pace.

Theory of operation. What becomes of each task if nobody steps in is worked out elsewhere (`ahead.py`).
What is then paid by silence or by the policy's fallback is paid unread, unless people answer in time:
they take the most urgent question first, at the pace they kept lately (`pace.py`), and not while a
pause of everything stops their answers too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from reviewbot.domain.review import ReviewKind
from reviewbot.service import refusals
from reviewbot.service.outlook.bites import Capped, bites_of
from reviewbot.service.outlook.desks import Desk, Job, work_off
from reviewbot.service.outlook.future import Future, Standing
from reviewbot.service.outlook.pace import Pace
from reviewbot.service.outlook.plan import Failed

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
    pace: Pace
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
    pace: Pace,
    *,
    unreadable: Sequence[Failed] = (),
) -> Forecast:
    """Work out what will be paid unread."""
    now = standing.now
    open_now = [one for one in found if not one.is_over]
    people = _staff(pace, now)
    asked = [one for one in open_now if one.asked_at is not None]
    questions = [job for one in asked if (job := _question(one, now)) is not None]
    answered = {job.name for job in questions} - work_off(questions, people).missed
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


# One task ------------------------------------------------------------------------------------


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


# The people ----------------------------------------------------------------------------------


def _staff(pace: Pace, now: datetime) -> list[Desk]:
    return [] if pace.each is None else [Desk(opens=now, takes=pace.each) for _ in pace.people]


def _more_people(
    questions: list[Job],
    theirs: set[str],
    pace: Pace,
    staff: list[Desk],
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
        desks = [*staff, *(Desk(opens=since, takes=each) for _ in range(count))]
        return len(work_off(questions, desks).missed & theirs)

    now_missed, least = missed(0, now), missed(MOST_PEOPLE, now)
    if least == now_missed:
        return None
    count = next(n for n in range(1, MOST_PEOPLE + 1) if missed(n, now) == least)
    before = now
    last = max((job.due for job in questions), default=now)
    while before + STEP <= last and missed(count, before + STEP) == least:
        before += STEP
    return MorePeople(count=count, before=before, left=unread - now_missed + least)
