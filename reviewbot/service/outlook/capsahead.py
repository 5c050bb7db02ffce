"""Caps ahead: which planned decisions the policy's caps will hold, until when, and who silence pays.

Theory of operation. Everything that waits gets its moment in the order in which the loop gives room:
the most urgent first. Each takes the first moment at which the policy wants to act and every cap has
room, beside what the log says was done and what more urgent things will need; so a later task never
takes the place of an earlier one. What finds no room before its deadline is paid by silence. Where a
full cap asks a person (`when over: escalate`), the task stays with them until the fallback is due;
then the deadline decides what a cap still keeps back.
It is an outlook: a live bot, no new tasks, nobody's answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from reviewbot.domain.decision import DEADLINE, Action, Decision, Mode
from reviewbot.domain.errors import Halted
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.policy.model import Policy
from reviewbot.ports import Ledger, Limit
from reviewbot.service.guards import probation
from reviewbot.service.guards.breaker import SENT
from reviewbot.service.guards.guardrails import decide_by, is_exempt, limits_for
from reviewbot.service.outlook.plan import Paid, Plan, Planned, end_by
from reviewbot.service.outlook.slots import Track

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge

DAY = timedelta(days=1)
"""The longest window of a cap."""
FAR = timedelta(days=400)
"""Stands for a deadline that the API does not state."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that a cap will keep back: from when, until when, and what becomes of it.

    `until` is None where there is no room before the deadline. `asked` says that a person is asked.
    """

    item: ReviewItem
    policy: str
    action: Action
    rule: str
    cap: str
    since: datetime
    until: datetime | None
    asked: bool

    @property
    def sentence(self) -> str:
        """What keeps it back."""
        return f"the cap {self.cap}"


class Bite(msgspec.Struct, frozen=True, kw_only=True):
    """One cap that will keep something back, and what, the most urgent first."""

    policy: str
    cap: str
    held: tuple[Held, ...]

    @property
    def to_silence(self) -> tuple[Held, ...]:
        """Those that silence pays before there is room."""
        return tuple(one for one in self.held if one.until is None)

    @property
    def summary(self) -> Capped:
        """The same in figures."""
        return Capped(
            policy=self.policy,
            cap=self.cap,
            review=self.held[0].item.review,
            count=len(self.held),
            micros=sum(one.item.amount_micros or 0 for one in self.held),
            since=min(one.since for one in self.held),
            until=max((one.until for one in self.held if one.until is not None), default=None),
            to_silence=len(self.to_silence),
            asked=any(one.asked for one in self.held),
        )


class Capped(msgspec.Struct, frozen=True, kw_only=True):
    """One cap in figures: how much it keeps back, from when, until when, and how much beyond help.

    `until` is when the last of those that find room has it, None where none does; `micros` counts
    unknown amounts as 0; `asked` says that people are asked.
    """

    policy: str
    cap: str
    review: ReviewKind
    count: int
    micros: int
    since: datetime
    until: datetime | None
    to_silence: int
    asked: bool


class CapsAhead(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as the caps will let it come true, and where they bite."""

    plan: Plan
    bites: tuple[Bite, ...] = ()

    @property
    def held(self) -> dict[tuple[str, str], Held]:
        """What is kept back, by (review, id)."""
        return {(one.item.review, one.item.id): one for bite in self.bites for one in bite.held}


def caps_ahead(plan: Plan, ledger: Ledger, judges: Iterable[Judge]) -> CapsAhead:
    """Hold a plan against the caps of the policies that made it. Raises `LedgerError`."""
    by_name = {judge.policy.name: _Room(judge, ledger, plan.at) for judge in judges}
    ends: dict[int, Planned] = {}
    held: dict[tuple[str, str], list[Held]] = {}
    for place in _in_turn(plan.planned):
        one = plan.planned[place]
        room = by_name.get(one.verdict.policy)
        if room is None or one.logged is not None:
            continue
        ends[place], kept = _one(room, one, plan.at)
        if kept is not None:
            held.setdefault((kept.policy, kept.cap), []).append(kept)
    planned = tuple(ends.get(place, one) for place, one in enumerate(plan.planned))
    bites = [Bite(policy=p, cap=cap, held=tuple(found)) for (p, cap), found in held.items()]
    return CapsAhead(
        plan=msgspec.structs.replace(plan, planned=planned),
        bites=tuple(sorted(bites, key=lambda bite: (bite.summary.since, -len(bite.held)))),
    )


def _in_turn(planned: Sequence[Planned]) -> list[int]:
    """The most urgent first; what pays before what sends back, for a share of disputes is of both."""

    def turn(place: int) -> tuple[bool, datetime]:
        one = planned[place]
        deadline = one.item.deadline_at
        return one.end == "sent back", deadline or one.facts.now + FAR

    return sorted(range(len(planned)), key=turn)


def _one(room: _Room, one: Planned, now: datetime) -> tuple[Planned, Held | None]:
    """Find the moment of one task; give it as it will end, and what kept it back, where anything did."""
    end = one.item.deadline_at or now + FAR
    first: Held | None = None
    ready = now
    for start, until, action, rule in _tries(one, now, end):
        if until <= ready:
            continue
        wish = _wish(one, action, rule, room.policy)
        at, cap = room.find(wish, max(start, ready), until)
        if first is None and cap is not None:
            asks = room.policy.guardrails.when_over == "escalate" and cap != PROBATION
            first = Held(
                item=one.item,
                policy=room.policy.name,
                action=action,
                rule=rule,
                cap=cap,
                since=max(start, ready),
                until=None,
                asked=asks,
            )
            if asks:
                due = decide_by(room.judge, one.item)
                ready = max(ready, due) if due is not None else end
                at = None if ready >= until else room.find(wish, max(start, ready), until)[0]
        if cap not in (None, PROBATION) and (
            fallback := _fallback(room, one, rule, max(start, ready), until)
        ):
            instead, moment = fallback
            if at is None or moment < at:
                wish, at, action, rule = instead, moment, instead.action, instead.rule
        if at is not None:
            room.take(wish, at)
            ending = end_by(action, rule)
            changed = msgspec.structs.replace(one, end=ending, end_at=at)
            return changed, first and msgspec.structs.replace(first, until=at)
    if first is None:
        return one, None
    return msgspec.structs.replace(one, end=_unsent(one), end_at=one.item.deadline_at), first


def _fallback(
    room: _Room, one: Planned, rule: str, start: datetime, until: datetime
) -> tuple[Decision, datetime] | None:
    """What the deadline decides of a rule's act that a cap still keeps back, and when it has room."""
    due = None if rule == DEADLINE else decide_by(room.judge, one.item)
    if due is None or (moment := max(start, due)) >= until:
        return None
    answer = room.judge.fallback(msgspec.structs.replace(one.facts, now=moment))
    if answer is None or not answer.action.writes:
        return None
    wish = _wish(one, answer.action, DEADLINE, room.policy)
    at, _ = room.find(wish, moment, until)
    return None if at is None else (wish, at)


def _unsent(one: Planned) -> Paid:
    return "unknown" if one.item.deadline_at is None else "silence"


def _tries(
    one: Planned, now: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, Action, str]]:
    """When the policy wants to send what: from, until, the action and its rule."""
    answers = [(now, one.verdict.action, one.verdict.rule, one.verdict.until)]
    answers += [(later.at, Action(later.action), later.rule, later.until) for later in one.later]
    if one.note is not None:
        return
    ends = [answer[0] for answer in answers[1:]] + [end]
    for (start, action, rule, held_until), until in zip(answers, ends, strict=True):
        if action.writes and held_until is None:
            yield start, until, action, rule


def _wish(one: Planned, action: Action, rule: str, policy: Policy) -> Decision:
    """The decision as the caps would see it."""
    return Decision(
        id="",
        review=one.item.review,
        task_id=one.item.id,
        round=one.round,
        action=action,
        rule=rule,
        policy=policy.name,
        revision=policy.revision,
        mode=Mode.LIVE,
        decided_at=one.facts.now,
        account_id=one.item.account_id,
        amount_micros=one.item.amount_micros,
    )


# The caps of one policy ----------------------------------------------------------------------

PROBATION = f"probation: {probation.AN_HOUR} approvals an hour by new and changed rules"


class _Room:
    """What one policy's caps have let through, and what is planned by it."""

    def __init__(self, judge: Judge, ledger: Ledger, now: datetime) -> None:
        self.judge, self.policy = judge, judge.policy
        self._tracks: dict[tuple[str, str | None], Track] = {}
        self._taken: list[tuple[datetime, Decision]] = []
        self._trial = probation.trial_on(ledger, self.policy)
        for logged in ledger.decided(self.policy.name, now - DAY):
            if logged.intended_at is not None and logged.state in SENT:
                self._taken.append((logged.intended_at, logged.decision))
        self._probation = self._on_probation(now)

    def find(
        self, wish: Decision, start: datetime, end: datetime
    ) -> tuple[datetime | None, str | None]:
        """The first moment with room under every cap, and the cap that put it off the longest."""
        try:
            tracks = [self._track(limit) for limit in limits_for(self.policy, wish, ())]
        except Halted:
            return None, "money approved, where the API does not say how much this pays"
        if self._probation is not None and self._is_tried(wish):
            tracks.append(self._probation)
        at, kept_by, longest = start, None, timedelta(0)
        while True:
            for track in tracks:
                found = track.room(at, end, wish.amount_micros)
                if found == at:
                    continue
                if found is None:
                    return None, track.limit.name
                if found - at > longest:
                    kept_by, longest = track.limit.name, found - at
                at = found
                break
            else:
                return at, kept_by

    def take(self, wish: Decision, at: datetime) -> None:
        """Plan a decision at a moment."""
        self._taken.append((at, wish))
        for track in self._tracks.values():
            if _counts(track.limit, wish):
                self._add(track, at, wish)
        if self._probation is not None and self._is_tried(wish):
            self._add(self._probation, at, wish)

    def _track(self, limit: Limit) -> Track:
        key = (limit.name, limit.account_id)
        if key not in self._tracks:
            self._tracks[key] = track = Track(limit)
            for at, decision in self._taken:
                if _counts(limit, decision):
                    self._add(track, at, decision)
        return self._tracks[key]

    def _add(self, track: Track, at: datetime, decision: Decision) -> None:
        track.add(
            at,
            decision.amount_micros,
            sends_back=decision.action.sends_back,
            exempt=is_exempt(self.policy, decision.rule),
        )

    def _on_probation(self, now: datetime) -> Track | None:
        if self._trial is None or self._trial.is_over(now):
            return None
        limit = Limit(
            name=PROBATION,
            policy=self.policy.name,
            actions=frozenset(),
            measure="count",
            at_most=probation.AN_HOUR,
            seconds=probation.HOUR.total_seconds(),
        )
        track = Track(limit, frees_after=probation.AN_HOUR)
        for at in self._trial.sent:
            track.add(at, None)
        return track

    def _is_tried(self, wish: Decision) -> bool:
        return (
            self._trial is not None
            and wish.action.pays
            and wish.rule in self._trial.rules
            and not is_exempt(self.policy, wish.rule)
        )


def _counts(limit: Limit, decision: Decision) -> bool:
    return decision.action in limit.actions and limit.account_id in (None, decision.account_id)
