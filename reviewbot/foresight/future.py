"""Future: what becomes of one open round if nobody steps in. Values only; `ahead.py` works them out.

Every screen that says what will become of an open task words one of these, and computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from reviewbot.core import guard_state
from reviewbot.core.checks import HOUR, Tries, share_of
from reviewbot.core.guard_state import Trial
from reviewbot.domain.decision import DEADLINE, Action, Decision
from reviewbot.domain.errors import Halted
from reviewbot.domain.review import ReviewKind
from reviewbot.foresight.slots import LimitTrack
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.facts import NO_FLEET, Facts, Fleet
from reviewbot.ports.ledger import Limit, Logged
from reviewbot.safety.limits import (
    check_pauses,
    is_exempt,
    limits_for,
    looks_at_the_checker,
    pauses_of,
)
from reviewbot.safety.pauses import By, Hold

if TYPE_CHECKING:
    from reviewbot.policy.engine.judge import Judge


Paid = Literal["rule", "fallback", "silence", "left", "sent back", "acted on", "unknown"]
"""How a round ends: paid in four ways, sent back, done already, or nobody can tell."""
Key = tuple[str, str]
"""(review, id) of a thing."""


class RoundAhead(msgspec.Struct, frozen=True, kw_only=True):
    """A round that has not ended, with what was last known of it.

    `facts` are None where nobody has looked at it yet, `judge` where no running policy covers it.
    `listed` says that the API shows it as waiting right now. `complete` says that evidence is at hand, or that it was asked for and cannot be had. `latest` is
    the newest decision of this very round, `unsendable` why nothing can be sent for it.
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

    @property
    def key(self) -> Key:
        """Which thing this is."""
        return (self.review, self.task_id)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand at a moment: everything but the rounds that their future depends on.

    `houses` are the policies that run, by name; `quarantine` is how long a write without a clear
    answer may still arrive, `per_minute` how many decisions the request budget lets the bot send
    (None: any number), `every` the seconds between two passes, the last of which was at `passed_at`.
    """

    now: datetime
    holds: tuple[Hold, ...] = ()
    houses: Mapping[str, House] = {}
    quarantine: timedelta = timedelta(minutes=15)
    per_minute: float | None = None
    every: float = 60.0
    passed_at: datetime | None = None

    def pass_at(self, moment: datetime) -> datetime:
        """When the first pass begins that finds this moment come."""
        every = timedelta(seconds=self.every)
        first = self.now if self.passed_at is None else max(self.now, self.passed_at + every)
        return first + max(0, -((first - moment) // every)) * every


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What first keeps something back that is due: what wants to act, from when, until when.

    `until` is when the round is sent after all, by whatever then may; None where it never is.
    `asked` says that a person is asked meanwhile.
    """

    by: By | Literal["guardrail", "probation", "cap"]
    what: str
    policy: str
    action: Action
    rule: str
    since: datetime
    until: datetime | None = None
    asked: bool = False

    @property
    def sentence(self) -> str:
        """What keeps it back, in words."""
        return f"the cap {self.what}" if self.by == "cap" else self.what


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


# ------------------------------------------------------------------------------------------------
# Room: whether one policy's own guards let an action through at a moment, and when they do again.
#
# Theory of operation. Those are the caps, probation, and what the policy pauses by a condition. What
# was sent counts, and what is planned by then: whoever asks plans the most urgent things first, so a
# later one never takes the place of an earlier one.


PROBATION = f"probation: {guard_state.AN_HOUR} approvals an hour by new and changed rules"


class Spent(NamedTuple):
    """A decision that takes room from the moment of its intent on."""

    at: datetime
    decision: Decision


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards of one policy rest on: what it sent in the last day, its trial, the fleet."""

    judge: Judge
    spent: Sequence[Spent] = ()
    trial: Trial | None = None
    fleet: Fleet = NO_FLEET
    tries: Tries = {}
    """The verifier's, of the last hour, where the policy pauses something by them: they grow old."""


class Stop(NamedTuple):
    """What keeps an action back at a moment, and from when on it no longer does; None: not before the end.

    `asks` says that a person is asked meanwhile.
    """

    by: By | Literal["guardrail", "probation", "cap"]
    what: str
    free_at: datetime | None
    asks: bool = False


class Room:
    """What one policy's guards have let through, and what is planned by it."""

    def __init__(self, house: House, now: datetime) -> None:
        self._house, self._policy = house, house.judge.policy
        self._pauses = pauses_of(house.judge)
        self._sees_tries = looks_at_the_checker(self._policy)
        self._asks = self._policy.guardrails.when_over == "escalate"
        self._tracks: dict[str | None, dict[str, LimitTrack]] = {}
        self._taken: dict[str | None, list[Spent]] = {}
        for one in house.spent:
            self._taken.setdefault(one.decision.account_id, []).append(one)
        self._probation = self._on_probation(now)

    def stop(self, wish: Decision, at: datetime, end: datetime) -> Stop | None:
        """What keeps `wish` back at `at`; room is looked for up to `end`. None where nothing does."""
        if (paused := self._paused(wish, at)) is not None:
            return Stop("guardrail", paused, self._unpaused(wish, at, end))
        if self._probation is not None and self._is_tried(wish):
            free_at = self._probation.room(at, end, wish.amount_micros)
            if free_at != at:
                return Stop("probation", PROBATION, free_at)
        return self._full(wish, at, end)

    def take(self, wish: Decision, at: datetime) -> None:
        """Plan a decision at a moment."""
        self._taken.setdefault(wish.account_id, []).append(Spent(at, wish))
        for account in {None, wish.account_id}:
            for track in self._tracks.get(account, {}).values():
                if _counts(track.limit, wish):
                    self._add(track, at, wish)
        if self._probation is not None and self._is_tried(wish):
            self._add(self._probation, at, wish)

    def _paused(self, wish: Decision, at: datetime) -> str | None:
        if self._pauses is None or is_exempt(self._policy, wish.rule):
            return None
        try:
            check_pauses(self._pauses, wish.action, self._fleet(at), at)
        except Halted as halted:
            return str(halted)
        return None

    def _fleet(self, at: datetime) -> Fleet:
        """As it was last known; but of the verifier's tries only those of the hour before count."""
        fleet = self._house.fleet
        if not self._sees_tries:
            return fleet
        return replace(fleet, scrape_failed_share_1h=share_of(self._house.tries, at))

    def _unpaused(self, wish: Decision, at: datetime, end: datetime) -> datetime | None:
        """When enough tries are older than an hour, if there are no new ones."""
        if not self._sees_tries:
            return None
        moments = sorted({tried_at + HOUR for _, tried_at in self._house.tries})
        return next(
            (t for t in moments if at < t < end and self._paused(wish, t) is None),
            None,
        )

    def _full(self, wish: Decision, at: datetime, end: datetime) -> Stop | None:
        """The cap without room that keeps it back the longest."""
        try:
            limits = limits_for(self._policy, wish, ())
        except Halted as halted:
            return Stop("cap", str(halted), None, halted.asks)
        found: Stop | None = None
        for track in map(self._track, limits):
            free_at = track.room(at, end, wish.amount_micros)
            if free_at == at:
                continue
            if found is None or free_at is None or (found.free_at or end) < free_at:
                found = Stop("cap", track.limit.name, free_at, self._asks)
            if free_at is None:
                break
        return found

    def _track(self, limit: Limit) -> LimitTrack:
        tracks = self._tracks.setdefault(limit.account_id, {})
        if limit.name not in tracks:
            tracks[limit.name] = track = LimitTrack(limit)
            of_all = limit.account_id is None
            for account in tuple(self._taken) if of_all else (limit.account_id,):
                for at, decision in self._taken.get(account, ()):
                    if _counts(limit, decision):
                        self._add(track, at, decision)
        return tracks[limit.name]

    def _add(self, track: LimitTrack, at: datetime, decision: Decision) -> None:
        track.add(
            at,
            decision.amount_micros,
            sends_back=decision.action.sends_back,
            exempt=is_exempt(self._policy, decision.rule),
        )

    def _on_probation(self, now: datetime) -> LimitTrack | None:
        trial = self._house.trial
        if trial is None or trial.is_over(now):
            return None
        limit = Limit(
            name=PROBATION,
            policy=self._policy.name,
            actions=frozenset(),
            measure="count",
            at_most=guard_state.AN_HOUR,
            seconds=guard_state.HOUR / timedelta(seconds=1),
        )
        track = LimitTrack(limit, frees_after=guard_state.AN_HOUR)
        for at in trial.sent:
            track.add(at, None)
        return track

    def _is_tried(self, wish: Decision) -> bool:
        trial = self._house.trial
        return trial is not None and wish.action.pays and wish.rule in trial.rules


def _counts(limit: Limit, decision: Decision) -> bool:
    return decision.action in limit.actions and limit.account_id in (None, decision.account_id)
