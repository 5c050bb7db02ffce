"""Room: whether one policy's own guards let an action through at a moment, and when they do again.

Those are the caps, probation, and what the policy pauses by a condition. What was sent counts, and
what is planned by then: whoever asks plans the most urgent things first, so a later one never takes
the place of an earlier one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from reviewbot.core import guard_state
from reviewbot.core.checks import HOUR, Tries, shares_of
from reviewbot.core.guard_state import Trial
from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import Halted
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import NO_FLEET, Fleet
from reviewbot.ports.ledger import Limit
from reviewbot.safety.limits import (
    check_pauses,
    is_exempt,
    limits_for,
    looks_at_the_checker,
    pauses_of,
    rule_named,
)
from reviewbot.safety.pauses import By

StoppedBy = By | Literal["guardrail", "probation", "cap", "cancelled", "sealed"]
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

    `asks` says that a person is asked meanwhile, `skips` that the rules below are.
    """

    by: StoppedBy
    what: str
    free_at: datetime | None
    asks: bool = False
    skips: bool = False


class Room:
    """What one policy's guards have let through, and what is planned by it."""

    def __init__(self, house: House, now: datetime) -> None:
        self._house, self._policy = house, house.judge.policy
        self._pauses = pauses_of(house.judge)
        self._sees_tries = looks_at_the_checker(self._policy)
        self._tracks: dict[str | None, dict[str, LimitTrack]] = {}
        self._taken: dict[str | None, list[Spent]] = {}
        for spent in house.spent:
            self._taken.setdefault(spent.decision.account_id, []).append(spent)
        self._probation = self._on_probation(now)

    def stop(
        self, wish: Decision, at: datetime, end: datetime, *, sealed: bool = False
    ) -> Stop | None:
        """What keeps `wish` back at `at`; room is looked for up to `end`. None where nothing does.

        While it lies `sealed` it meets no limit.
        """
        if (paused := self._paused(wish, at)) is not None:
            return Stop("guardrail", paused, self._unpaused(wish, at, end))
        if self._probation is not None and self._is_tried(wish):
            free_at = self._probation.room(at, end, wish.amount_micros)
            if free_at != at:
                return Stop("probation", PROBATION, free_at)
        return None if sealed else self._full(wish, at, end)

    def take(self, wish: Decision, at: datetime) -> None:
        """Plan a decision at a moment."""
        self._taken.setdefault(wish.account_id, []).append(Spent(at, wish))
        for account in {None, wish.account_id}:
            for track in self._tracks.get(account, {}).values():
                if _counts(track.limit, wish):
                    self._add(track, at, wish)
        if self._probation is not None and self._is_tried(wish):
            self._add(self._probation, at, wish)

    def forget(self, before: datetime) -> None:
        """Let go of what lies before a moment: of nothing in whose window that lies is asked again."""
        of_accounts = self._taken.items()
        kept = {name: [use for use in taken if use.at >= before] for name, taken in of_accounts}
        self._taken = {name: taken for name, taken in kept.items() if taken}
        for account, tracks in tuple(self._tracks.items()):
            for track in tracks.values():
                track.forget(before)
            if account is not None and account not in self._taken:
                del self._tracks[account]

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
        return replace(fleet, **shares_of(self._house.tries, at))

    def _unpaused(self, wish: Decision, at: datetime, end: datetime) -> datetime | None:
        """When enough tries are older than an hour, if there are no new ones."""
        if not self._sees_tries:
            return None
        moments = sorted({tried_at + HOUR for _, tried_at in self._house.tries})
        return next((t for t in moments if at < t < end and self._paused(wish, t) is None), None)

    def _full(self, wish: Decision, at: datetime, end: datetime) -> Stop | None:
        """The limit without room that keeps it back the longest, of those alike to the first."""
        try:
            limits = limits_for(self._policy, wish, ())
        except Halted as halted:
            return Stop("cap", str(halted), None, halted.asks)
        found: Stop | None = None
        for track in map(self._track, limits):
            free_at = track.room(at, end, wish.amount_micros)
            if free_at == at:
                continue
            over = self._over(track.limit)
            stop = Stop("cap", track.limit.name, free_at, over == "escalate", over == "skip")
            if found is None or (
                (stop.asks, stop.skips) == (found.asks, found.skips)
                and (free_at is None or (found.free_at or end) < free_at)
            ):
                found = stop
            if found.free_at is None:
                break
        return found

    def _over(self, limit: Limit) -> str:
        """What follows where a limit is full."""
        rule = None if limit.rule is None else rule_named(self._policy, limit.rule)
        return self._policy.guardrails.when_over if rule is None else rule.when_over

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
    own = limit.rule is None or (limit.rule == decision.rule and decision.decided_by is None)
    return (
        own and decision.action in limit.actions and limit.account_id in (None, decision.account_id)
    )


def room_left(limit: Limit, spent: Sequence[Spent], now: datetime) -> float:
    """How much of a limit is left now: decisions, US dollars, or the part by which a share is below it.

    Below 0 where what was sent before a limit was lowered is more than it allows.
    """
    begins = limit.begins(now)
    counted = [use.decision for use in spent if use.at > begins and _counts(limit, use.decision)]
    if limit.measure == "share":
        part = sum(decision.action in limit.share_of for decision in counted)
        return limit.at_most / 1_000_000 - (part / len(counted) if counted else 0.0)
    if limit.measure == "count":
        return limit.at_most - len(counted)
    used = sum(decision.amount_micros or 0 for decision in counted)
    return (limit.at_most - used) / 1_000_000


class LimitTrack:
    """What counts against one limit: (when, how much, whether no room is kept for it), in order.

    Pure arithmetic, by the same reading of a cap as the log's own check: what lies within the hour or
    day of a moment counts, that moment included. A newcomer may overfill no window, neither
    the one that ends with it nor a later one that holds it and what was planned before.

    `frees_after` is for probation, which ends once so many have stood for the limit's time.
    """

    def __init__(self, limit: Limit, *, frees_after: int | None = None) -> None:
        self.limit = limit
        self._frees_after = frees_after
        self._taken: list[tuple[datetime, int, bool]] = []
        self._sent_back: list[datetime] = []
        self._found: dict[tuple[datetime, int], datetime | None] = {}

    def add(
        self,
        at: datetime,
        amount_micros: int | None,
        *,
        sends_back: bool = False,
        exempt: bool = False,
    ) -> None:
        """Take room at a moment; `exempt` does so whether there is any, and nothing waits for it."""
        insort(self._taken, (at, self._weight(amount_micros), exempt))
        if sends_back:
            insort(self._sent_back, at)

    def forget(self, before: datetime) -> None:
        """Let go of what lies before a moment."""
        del self._taken[: bisect_left(self._taken, (before,))]
        del self._sent_back[: bisect_left(self._sent_back, before)]
        self._found = {key: at for key, at in self._found.items() if key[0] >= before}

    def room(self, start: datetime, end: datetime, amount_micros: int | None) -> datetime | None:
        """The first moment from `start` on and before `end` that has room; None where none has."""
        weight = self._weight(amount_micros)
        # Room only shrinks, so what was found for the like of it before is the earliest still.
        key = (start, weight)
        at: datetime | None = self._found.get(key, start)
        find = self._share_room if self.limit.measure == "share" else self._count_room
        if at is not None:
            at = self._found[key] = find(at, weight)
        return at if at is not None and at < end else None

    def _weight(self, amount_micros: int | None) -> int:
        return amount_micros or 0 if self.limit.measure == "micros" else 1

    # Counts and money ------------------------------------------------------------------------

    def _count_room(self, at: datetime, weight: int) -> datetime | None:
        most = self.limit.at_most - weight
        if most < 0:
            return None
        while not self._is_over(at):
            first, last = self._between(self.limit.begins(at), at)
            used = sum(amount for _, amount, _ in self._taken[first:last])
            if used > most:
                while used > most:
                    used -= self._taken[first][1]
                    first += 1
                at = self.limit.frees(self._taken[first - 1][0])
                continue
            clash = self._clash(at, first, last, used, most)
            if clash is None:
                return at
            at = clash
        return at

    def _clash(self, at: datetime, first: int, last: int, used: int, most: int) -> datetime | None:
        """The first later moment whose window would be too full with a newcomer at `at` in it."""
        taken = self._taken
        frees = self.limit.frees(at)
        while last < len(taken) and taken[last][0] < frees:
            used += taken[last][1]
            while taken[first][0] <= self.limit.begins(taken[last][0]):
                used -= taken[first][1]
                first += 1
            if used > most and not taken[last][2]:
                return taken[last][0]
            last += 1
        return None

    def _is_over(self, at: datetime) -> bool:
        count = self._frees_after
        if count is None or len(self._taken) < count:
            return False
        return at >= self.limit.frees(self._taken[count - 1][0])

    def _between(self, after: datetime, until: datetime) -> tuple[int, int]:
        """The places of what lies in (after, until]."""
        highest = 1 << 62
        return (
            bisect_right(self._taken, (after, highest)),
            bisect_right(self._taken, (until, highest)),
        )

    # Shares ----------------------------------------------------------------------------------

    def _share_room(self, at: datetime, _: int) -> datetime | None:
        """As many decisions as now go on; a share gets room when others join or leave its window."""
        for _ in range(2 * len(self._taken) + 1):
            begins = self.limit.begins(at)
            first, last = self._between(begins, at)
            count = last - first
            part = bisect_right(self._sent_back, at) - bisect_right(self._sent_back, begins)
            if count < self.limit.after or (part + 1) * 1_000_000 <= self.limit.at_most * (
                count + 1
            ):
                return at
            changes = [self.limit.frees(self._taken[first][0])] if count else []
            changes += [self._taken[last][0]] if last < len(self._taken) else []
            if not changes:
                return None
            at = min(changes)
        return None
