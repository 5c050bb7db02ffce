"""Room: whether one policy's own guards let an action through at a moment, and when they do again.

Theory of operation. Those are the caps, probation, and what the policy pauses by a condition. What
was sent counts, and what is planned by then: whoever asks plans the most urgent things first, so a
later one never takes the place of an earlier one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import Halted
from reviewbot.policy.facts import NO_FLEET, Fleet
from reviewbot.ports import Limit
from reviewbot.service.checks import HOUR, Tries, share_of
from reviewbot.service.guards import probation
from reviewbot.service.guards.guardrails import (
    check_pauses,
    is_exempt,
    limits_for,
    looks_at_the_checker,
    pauses_of,
)
from reviewbot.service.guards.holds import By
from reviewbot.service.guards.probation import Trial
from reviewbot.service.outlook.slots import Track

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge

PROBATION = f"probation: {probation.AN_HOUR} approvals an hour by new and changed rules"


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
        self._tracks: dict[str | None, dict[str, Track]] = {}
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

    def _track(self, limit: Limit) -> Track:
        tracks = self._tracks.setdefault(limit.account_id, {})
        if limit.name not in tracks:
            tracks[limit.name] = track = Track(limit)
            of_all = limit.account_id is None
            for account in tuple(self._taken) if of_all else (limit.account_id,):
                for at, decision in self._taken.get(account, ()):
                    if _counts(limit, decision):
                        self._add(track, at, decision)
        return tracks[limit.name]

    def _add(self, track: Track, at: datetime, decision: Decision) -> None:
        track.add(
            at,
            decision.amount_micros,
            sends_back=decision.action.sends_back,
            exempt=is_exempt(self._policy, decision.rule),
        )

    def _on_probation(self, now: datetime) -> Track | None:
        trial = self._house.trial
        if trial is None or trial.is_over(now):
            return None
        limit = Limit(
            name=PROBATION,
            policy=self._policy.name,
            actions=frozenset(),
            measure="count",
            at_most=probation.AN_HOUR,
            seconds=probation.HOUR / timedelta(seconds=1),
        )
        track = Track(limit, frees_after=probation.AN_HOUR)
        for at in trial.sent:
            track.add(at, None)
        return track

    def _is_tried(self, wish: Decision) -> bool:
        trial = self._house.trial
        return trial is not None and wish.action.pays and wish.rule in trial.rules


def _counts(limit: Limit, decision: Decision) -> bool:
    return decision.action in limit.actions and limit.account_id in (None, decision.account_id)
