"""Future: what becomes of one open round if nobody steps in. Values only; `ahead.py` works them out.

Every screen that says what will become of an open task words one of these, and computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from reviewbot.domain.decision import ACTIONS_OF, DEADLINE, Action, Decision, Mode
from reviewbot.domain.review import ReviewKind
from reviewbot.foresight.room import House, Stop
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.facts import Facts
from reviewbot.ports.ledger import Logged
from reviewbot.safety.limits import FULL, REACHED, decide_by, stays_with_person
from reviewbot.safety.pauses import Hold

Paid = Literal["rule", "fallback", "silence", "left", "sent back", "acted on", "unknown"]
"""How a round ends: paid in four ways, sent back, done already, or nobody can tell."""
Key = tuple[str, str]
"""(review, id) of a thing."""

FAR = timedelta(days=400)
"""Stands for a deadline that the API does not state, or that was only an estimate and has passed."""


class RoundAhead(msgspec.Struct, frozen=True, kw_only=True):
    """A round that has not ended, with what was last known of it.

    `facts` are None where nobody has looked at it yet, `judge` where no running policy covers it.
    `listed` says that the API shows it as waiting right now, `complete` that evidence is at hand, or
    was asked for and cannot be had. `latest` is the newest decision of this very round,
    `unsendable` why nothing can be sent for it.
    """

    review: ReviewKind
    task_id: str
    epoch: str | None
    deadline_at: datetime | None
    deadline_is_estimate: bool = False
    account_id: str | None = None
    amount_micros: int | None = None
    round: int = 1
    judge: Judge | None = None
    facts: Facts | None = None
    complete: bool = True
    listed: bool = False
    latest: Logged | None = None
    unsendable: str | None = None
    cancelled: Stop | None = None
    """Who keeps back what a rule decides of it; the deadline still decides."""

    @property
    def key(self) -> Key:
        """Which thing this is."""
        return (self.review, self.task_id)

    def is_over(self, now: datetime) -> bool:
        """Whether its deadline has passed for certain."""
        deadline = self.deadline_at
        return not self.deadline_is_estimate and deadline is not None and deadline <= now

    def ends_by(self, now: datetime) -> datetime:
        """Up to when something may be sent."""
        deadline = self.deadline_at
        return now + FAR if deadline is None or deadline <= now else deadline

    def wish(self, judge: Judge, action: Action, rule: str) -> Decision:
        """A decision of this policy on it, as the guards would see it."""
        return Decision(
            id="",
            review=self.review,
            task_id=self.task_id,
            round=self.round,
            epoch=self.epoch,
            action=action,
            rule=rule,
            policy=judge.policy.name,
            revision=judge.policy.revision,
            mode=Mode.LIVE,
            decided_at=datetime.min.replace(tzinfo=UTC),
            account_id=self.account_id,
            amount_micros=self.amount_micros,
        )


HURRY = 60.0
"""Seconds between passes at most, while something undecided expires before the next."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand at a moment: everything but the rounds that their future depends on.

    `houses` are the policies that run, by name; `quarantine` is how long a write without a clear
    answer may still arrive, `per_minute` how many decisions the request budget lets the bot send
    (None: any number), `every` the seconds between two passes, the last of which was at `passed_at`;
    `ends` are the deadlines of all rounds, for which passes may come sooner.
    """

    now: datetime
    holds: tuple[Hold, ...] = ()
    houses: Mapping[str, House] = {}
    quarantine: timedelta = timedelta(minutes=15)
    per_minute: float | None = None
    every: float = 60.0
    passed_at: datetime | None = None
    ends: tuple[datetime, ...] = ()

    def pass_at(self, moment: datetime, end: datetime) -> datetime:
        """When the first pass begins that finds this moment come.

        `end` is when silence ends what waits for it: where the next pass would come too late for it,
        they are `HURRY` seconds apart.
        """
        every = timedelta(seconds=self.every)
        first = self.now if self.passed_at is None else max(self.now, self.passed_at + every)
        regular = first + max(0, -((first - moment) // every)) * every
        if regular < end or self.every <= HURRY:
            return regular
        last = first - every if first >= end else first + ((end - first) // every) * every
        if last == end:
            last -= every
        hurry = timedelta(seconds=HURRY)
        start = max(moment, self.now, last + hurry)
        return min(regular, last - ((last - start) // hurry) * hurry)

    def holding_all(self, ahead: RoundAhead) -> Hold | None:
        """What keeps back whatever may be decided of a round, the longest lasting."""
        policy = "" if ahead.judge is None else ahead.judge.policy.name
        acts = [action for action in ACTIONS_OF[ahead.review] if action.writes]
        holds = [
            hold
            for hold in self.holds
            if all(hold.stops(action, policy, self.now) for action in acts)
        ]
        return max(holds, key=Hold.lasting, default=None)


class Kept(NamedTuple):
    """What first keeps something back that is due, what wants to act, and since when.

    `until` is when the round is sent after all, by whatever then may; None where it never is.
    """

    stop: Stop
    wish: Decision
    since: datetime
    until: datetime | None = None

    @property
    def sentence(self) -> str:
        """What keeps it back, in words."""
        return f"the cap {self.stop.what}" if self.stop.by == "cap" else self.stop.what


class Future(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one round. `at` is when it ends so; None where that cannot be said.

    `action` and `rule` are what decides, None where nothing does. `why` says what keeps the policy
    from deciding it, or why nobody can tell. `answers` is what the policy says from now on.
    """

    round: RoundAhead
    end: Paid
    at: datetime | None
    action: Action | None = None
    rule: str | None = None
    why: str | None = None
    kept: Kept | None = None
    asked_at: datetime | None = None
    """From when on a person is asked, where one is before it ends."""
    answerable_at: datetime | None = None
    """From when on an answer of a person can be sent; None where none can before it ends."""
    turn_at: datetime | None = None
    """When it will be read, for the first time or for evidence, where what decides it rests on that."""
    is_over: bool = False
    """Whether there is nothing to decide any more: it was done, or its deadline has passed."""
    late: bool = False
    """Whether the request budget is too small to reach it in time."""
    answers: tuple[tuple[datetime, Evaluation], ...] = ()

    @property
    def is_unread(self) -> bool:
        """Whether it is paid on nobody's word, as far as anybody can tell."""
        return self.end in ("fallback", "silence") or (self.end == "unknown" and not self.turn_at)


def end_by(action: Action, rule: str) -> Paid:
    """How a round ends by an answer that is sent."""
    if not action.pays:
        return "sent back"
    return "fallback" if rule == DEADLINE else "rule"


def with_a_person_until(ahead: RoundAhead, judge: Judge, wish: Decision) -> datetime | None:
    """Until when the question that a full cap asked of this very wish stays with its person."""
    last = None if ahead.latest is None else ahead.latest.decision
    if last is None or ahead.facts is None or not stays_with_person(last, wish, ahead.epoch):
        return None
    return decide_by(judge, ahead.facts)


def kept_by_cap(ahead: RoundAhead, wish: Decision, at: datetime) -> Kept:
    """What the question of a full cap keeps back, as the log says it."""
    assert ahead.latest is not None
    what = (ahead.latest.decision.held_by or "").removeprefix(REACHED).removeprefix(FULL)
    return Kept(Stop("cap", what, None, asks=True), wish, at)
