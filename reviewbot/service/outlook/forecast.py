"""Forecast: which open tasks will be paid although nobody has read them, if things go on as they do.

Theory of operation. The plan says what the policy does with each task over time. Three things can
keep that from being enough: a task is asked of people and they are too slow, the request budget is
too small for what is due, or something holds the action back: a pause, a breaker, or a cap without
room (`capsahead.py`). What is then paid, by silence or by the policy's fallback, is paid unread. The
forecast takes for granted that a live bot runs by these
policies until then, that no new tasks come, and that people keep their pace (`pace.py`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.lifecycle import State
from reviewbot.domain.review import ReviewKind
from reviewbot.service.guards.holds import Hold
from reviewbot.service.outlook.capsahead import Capped, CapsAhead, Held
from reviewbot.service.outlook.desks import Desk, Job, work_off
from reviewbot.service.outlook.pace import Pace
from reviewbot.service.outlook.plan import Plan, Planned
from reviewbot.service.people.otherwise import Otherwise, held_back

REQUESTS_A_DECISION = 2
"""The timeline and the write."""
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
    decisions: int
    """Decisions that the bot will send."""
    decisions_per_minute: float
    pace: Pace
    more_people: MorePeople | None = None
    holds: tuple[str, ...] = ()
    caps: tuple[Capped, ...] = ()
    """The caps that will keep something back."""

    @property
    def micros(self) -> int:
        """What they come to; unknown amounts count 0."""
        return sum(one.amount_micros or 0 for one in self.unread)


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """One open task: how it ends without people, and from when on people are asked."""

    planned: Planned
    ends: Otherwise
    asked_at: datetime | None = None
    capped: Held | None = None

    @property
    def id(self) -> str:
        """Its name among the jobs."""
        return f"{self.planned.item.review} {self.planned.item.id}"

    @property
    def is_paid_unread(self) -> bool:
        """Whether it is paid on nobody's word, if nobody answers."""
        return self.ends.end in ("fallback", "silence", "unknown")


def forecast(
    ahead: CapsAhead,
    pace: Pace,
    *,
    requests_per_minute: float,
    every: float,
    holds: tuple[Hold, ...] = (),
) -> Forecast:
    """Work out what will be paid unread."""
    plan, now, capped = ahead.plan, ahead.plan.at, ahead.held
    fates = [
        _fate(one, now, holds, capped.get((one.item.review, one.item.id)))
        for one in plan.planned
        if one.logged in (None, State.REFUSED)
    ]
    people = _staff(pace, now)
    jobs = [_question(one, now) for one in fates if one.asked_at is not None]
    unanswered = work_off(jobs, people).missed
    answered = {job.name for job in jobs} - unanswered
    per_minute = _decisions_per_minute(requests_per_minute, every, len(fates))
    sends = [
        job for one in fates if one.id not in answered if (job := _send(one, every)) is not None
    ]
    bot = Desk(opens=now, takes=timedelta(minutes=1 / per_minute))
    late = work_off(sends, [bot]).missed
    unread = [_unread(one, late) for one in fates if _is_unread(one, answered, late)] + _unreadable(
        plan
    )
    return Forecast(
        at=now,
        open_tasks=len(fates) + len(plan.failed),
        kinds=plan.kinds,
        unread=tuple(sorted(unread, key=lambda one: (one.at is None, one.at or now))),
        questions=sum(one.asked_at is not None and one.asked_at <= now for one in fates),
        questions_to_come=sum(one.asked_at is not None and one.asked_at > now for one in fates),
        decisions=len(sends),
        decisions_per_minute=per_minute,
        pace=pace,
        more_people=_more_people(
            [_question(one, now) for one in fates if one.asked_at is not None],
            {one.id for one in fates if one.is_paid_unread and one.id not in late},
            pace,
            people,
            now,
            len(unread),
        ),
        holds=tuple(hold.sentence for hold in holds),
        caps=tuple(bite.summary for bite in ahead.bites),
    )


# One task ------------------------------------------------------------------------------------


def _fate(one: Planned, now: datetime, holds: tuple[Hold, ...], capped: Held | None) -> Fate:
    if one.logged is State.REFUSED:
        ends = Otherwise(end="silence", at=one.item.deadline_at, why="refused")
        return Fate(planned=one, ends=ends)
    ends = held_back(
        Otherwise(end=one.end, at=one.end_at, why=None if capped is None else capped.sentence),
        one.item.deadline_at,
        one.item.review,
        one.verdict.policy,
        holds,
    )
    asked_at = _asked_at(one, now, ends.at)
    if asked_at is None and capped is not None and capped.asked:
        asked_at = capped.since
    return Fate(planned=one, ends=ends, asked_at=asked_at, capped=capped)


def _asked_at(one: Planned, now: datetime, ends_at: datetime | None) -> datetime | None:
    """From when on a person is asked, where one is before the task ends."""
    if one.verdict.action is Action.ESCALATE:
        return now
    asked = (later.at for later in one.later if later.action == Action.ESCALATE.value)
    return next((at for at in asked if ends_at is None or at < ends_at), None)


def _question(one: Fate, now: datetime) -> Job:
    due = one.ends.at or one.planned.item.deadline_at
    return Job(name=one.id, start=one.asked_at or now, due=due or now + timedelta(days=3))


def _send(one: Fate, every: float) -> Job | None:
    """What the bot has to send for a task, and by when."""
    start, deadline = one.ends.at, one.planned.item.deadline_at
    if one.ends.end not in ("rule", "fallback", "sent back") or start is None or deadline is None:
        return None
    if one.ends.end != "rule" or one.planned.later:
        start += timedelta(seconds=every)
    return Job(name=one.id, start=start, due=deadline)


def _is_unread(one: Fate, answered: set[str], late: frozenset[str]) -> bool:
    return one.id in late or (one.is_paid_unread and one.id not in answered)


def _unread(one: Fate, late: frozenset[str]) -> Unread:
    item, ends = one.planned.item, one.ends
    silent = one.id in late or ends.end != "fallback"
    return Unread(
        review=item.review,
        task_id=item.id,
        at=item.deadline_at if silent else ends.at,
        by="silence" if silent else "fallback",
        why=_why(one, late),
        amount_micros=item.amount_micros,
        note=ends.why if ends.why != "refused" else None,
    )


def _why(one: Fate, late: frozenset[str]) -> Why:
    if one.id in late:
        return "budget"
    if one.ends.why == "refused":
        return "refused"
    if one.capped is not None and one.planned.end == "silence":
        return "people" if one.asked_at is not None else "held"
    if one.ends.why is not None and one.ends.end == "silence" and one.planned.end != "silence":
        return "held"
    return "policy" if one.asked_at is None else "people"


def _unreadable(plan: Plan) -> list[Unread]:
    """What could not be judged now may stay so: nobody knows how it ends."""
    return [
        Unread(
            review=one.item.review,
            task_id=one.item.id,
            at=one.item.deadline_at,
            by="silence",
            why="unreadable",
            amount_micros=one.item.amount_micros,
            note=one.why,
        )
        for one in plan.failed
    ]


# The bot and the people ----------------------------------------------------------------------


def _decisions_per_minute(requests_per_minute: float, every: float, tasks: int) -> float:
    """What is left of the budget once the list is read at each poll, in decisions."""
    pages = max(1, -(-tasks // 100))
    listing = (pages if pages == 1 else 2 * pages) * 60 / every
    return max(requests_per_minute - listing, requests_per_minute / 2) / REQUESTS_A_DECISION


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
