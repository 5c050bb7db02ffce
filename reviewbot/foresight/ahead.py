"""Ahead: follows every open round through time, to what becomes of it if nobody steps in.

Theory of operation. A function of values: the open rounds with what was last known of them, and how
things stand. Facts stay as they are and only time goes on, so the policy's answers change at known
moments. A round is followed through them as the loop would: the first answer that nothing keeps
back is sent, and takes its room under the caps. The most urgent come first, as in a pass; where the
limits keep no room for the fallback, what comes first in time does. Pauses,
breakers, brakes and probation keep a thing back until they end. In the place of a rule that a cap or
a pause of the policy's own keeps back, the deadline decides from `decide by` on; until then a
question that a full cap asked stays with its person. What is never sent is paid by silence.

It takes for granted that no new tasks come, that nobody answers, and that what holds without an end
goes on to hold.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from reviewbot.core import refusals
from reviewbot.core.pipeline import NEAR
from reviewbot.domain.decision import (
    ACTIONS_OF,
    DEADLINE,
    DONE,
    OPEN,
    Action,
    Decision,
    Mode,
    State,
)
from reviewbot.domain.errors import ReviewbotError
from reviewbot.foresight.budget import TOO_LATE, too_late
from reviewbot.foresight.future import Future, Kept, Key, Room, RoundAhead, Standing, Stop, end_by
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.explain.what_if import over_time
from reviewbot.ports.ledger import Logged
from reviewbot.safety.limits import REACHED, decide_by, stays_with_person
from reviewbot.safety.pauses import Hold

if TYPE_CHECKING:
    from reviewbot.policy.engine.judge import Judge


FAR = timedelta(days=400)
"""Stands for a deadline that the API does not state, or that was only an estimate and has passed."""


def futures(rounds: Sequence[RoundAhead], standing: Standing) -> dict[Key, Future]:
    """Say of every open round what becomes of it, in the order given."""
    answers = {one.key: _answers(one, standing.now) for one in rounds}
    ahead = _Ahead(standing)
    found: dict[Key, Future] = {}
    coming: list[tuple[datetime, int, Key, Steps]] = []

    def go_on(place: int, key: Key, steps: Steps) -> None:
        try:
            at = next(steps)
        except StopIteration as done:
            found[key] = done.value
        else:
            heapq.heappush(coming, (standing.pass_at(at), place, key, steps))

    for place, one in enumerate(_in_turn(rounds, answers, standing.now)):
        steps = ahead.future(one, answers[one.key])
        if _keeps_room(one):
            found[one.key] = _to_its_end(steps)
        else:
            go_on(place, one.key, steps)
    while coming:
        go_on(*heapq.heappop(coming)[1:])
    found |= too_late(found, standing)
    return {one.key: found[one.key] for one in rounds}


Steps = Generator[datetime, None, Future]
"""A round on its way: the moments at which it tries, and in the end what becomes of it."""


def _to_its_end(steps: Steps) -> Future:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: Future = done.value
            return found


def _keeps_room(one: RoundAhead) -> bool:
    """Whether the limits keep room for what is more urgent: then it goes to its end before others.

    Where the fallback needs none of it, who is first in time takes it.
    """
    return one.judge is None or not one.judge.policy.guardrails.fallback_exempt


class _Answers(NamedTuple):
    """What a policy says of a round from now on; from `wanting` on evidence is that is not at hand."""

    said: tuple[tuple[datetime, Evaluation], ...] = ()
    wanting: datetime | None = None
    broke: bool = False


def _answers(one: RoundAhead, now: datetime) -> _Answers:
    if one.judge is None or one.facts is None or _is_over(one, now):
        return _Answers()
    try:
        return _said(one, one.judge, now)
    except (ReviewbotError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - a policy that breaks on one thing asks a person about that one
        return _Answers(broke=True)


def _said(one: RoundAhead, judge: Judge, now: datetime) -> _Answers:
    assert one.facts is not None
    facts = replace(one.facts, now=now)
    said = tuple(over_time(judge, facts, _end_of(one, now)))
    if one.complete or not judge.ever_needs_evidence:
        return _Answers(said)
    wanting = (at for at, _ in said if judge.triage(replace(facts, now=at)) is None)
    first = next(wanting, None)
    if first is None:
        return _Answers(said)
    return _Answers(tuple(answer for answer in said if answer[0] < first), first)


def _in_turn(
    rounds: Iterable[RoundAhead], answers: Mapping[Key, _Answers], now: datetime
) -> list[RoundAhead]:
    """The most urgent first, and what was refused last while it can wait, as in a pass.

    Under a share of disputes what pays comes before what sends back, for the share is of both.
    """

    def turn(one: RoundAhead) -> tuple[bool, bool, bool, float]:
        sent = [made.action for _, made in answers[one.key].said if _is_sent(made)]
        back = _has_share(one) and bool(sent) and sent[0].sends_back
        deadline = one.deadline_at
        refused = one.latest is not None and _refusal(one.latest) is not None
        ill = refused and (deadline is None or deadline > now + NEAR)
        return back, ill, deadline is None, 0.0 if deadline is None else deadline.timestamp()

    return sorted(rounds, key=turn)


def _has_share(one: RoundAhead) -> bool:
    return one.judge is not None and bool(one.judge.policy.guardrails.dispute_share)


def _is_sent(answer: Evaluation) -> bool:
    return answer.action.writes and answer.until is None


def _is_over(one: RoundAhead, now: datetime) -> bool:
    return not one.deadline_is_estimate and one.deadline_at is not None and one.deadline_at <= now


def _end_of(one: RoundAhead, now: datetime) -> datetime:
    """Up to when something may be sent."""
    deadline = one.deadline_at
    return now + FAR if deadline is None or deadline <= now else deadline


class _Ahead:
    """Follows rounds one after the other; the room that one takes is gone for the next."""

    def __init__(self, standing: Standing) -> None:
        self._standing, self._now = standing, standing.now
        self._rooms = {name: Room(one, standing.now) for name, one in standing.houses.items()}
        self._unseen = 0

    def future(self, one: RoundAhead, answers: _Answers) -> Steps:
        """Follow one round to its end."""
        found = yield from self._end(one, answers)
        if found.is_over:
            return found
        if found.why is None and one.latest is not None:
            found = replace(found, why=_refusal(one.latest))
        found = replace(found, answers=answers.said, asked_at=self._asked_at(found, answers))
        return replace(found, answerable_at=self._answerable_at(found))

    def _end(self, one: RoundAhead, answers: _Answers) -> Steps:
        latest = one.latest
        if latest is not None and self._is_done(one, latest):
            return _done(one, latest)
        if latest is not None and latest.state in OPEN:
            return (yield from self._perhaps_done(one, answers, latest))
        if _is_over(one, self._now):
            return replace(self._timer(one, _OVER), is_over=True)
        if one.unsendable is not None:
            return self._timer(one, one.unsendable)
        if one.facts is None:
            return (
                self._at_its_turn(one) if latest is None else self._nobody_knows(one, _UNREADABLE)
            )
        if one.judge is None or answers.broke:
            return self._timer(one, _NOT_COVERED if one.judge is None else _BROKE)
        return (yield from self._follow(one, one.judge, answers, self._tried_from(one, one.judge)))

    def _tried_from(self, one: RoundAhead, judge: Judge) -> datetime:
        """From when on it is reviewed: what was refused is left alone for a while."""
        if one.latest is None or one.facts is None or not refusals.is_question(one.latest):
            return self._now
        since, due = one.latest.state_at, decide_by(judge, one.facts)
        pause = refusals.left_alone_for(since, one.deadline_at, due)
        return max(self._now, since + timedelta(seconds=pause))

    def _is_done(self, one: RoundAhead, latest: Logged) -> bool:
        """Whether it was really done: what the list goes on showing was not, whatever the log says."""
        if latest.state is State.OVERTAKEN:
            return not one.listed
        lingers = latest.state_at + self._standing.quarantine > self._now
        return latest.state in DONE and (lingers or not one.listed)

    def _timer(self, one: RoundAhead, why: str | None, kept: Kept | None = None) -> Future:
        """Nothing more of ours comes: the timer pays it, left to it as it may be by the log."""
        if _was_left(one):
            return Future(round=one, end="left", at=one.deadline_at, kept=kept)
        return self._silence(one, why, kept)

    def _silence(self, one: RoundAhead, why: str | None, kept: Kept | None) -> Future:
        """The timer pays, unless nobody knows when."""
        at = one.deadline_at
        if at is None or (one.deadline_is_estimate and at <= self._now):
            return Future(round=one, end="unknown", at=None, why=why, kept=kept)
        return Future(round=one, end="silence", at=at, why=why, kept=kept)

    def _perhaps_done(self, one: RoundAhead, answers: _Answers, latest: Logged) -> Steps:
        """A write that may have arrived: it did, or the policy goes on once that is known."""
        decision, began = latest.decision, latest.intended_at or latest.state_at
        known_at = max(began + self._standing.quarantine, self._now)
        end = end_by(decision.action, decision.rule)
        in_time = known_at < _end_of(one, self._now) and not _is_over(one, self._now)
        if in_time and one.judge is not None and one.facts is not None:
            again = yield from self._follow(one, one.judge, answers, known_at)
            if again.end == end:
                return replace(again, why=_UNCLEAR)
        if decision.policy in self._rooms:
            self._rooms[decision.policy].take(decision, began)
        return Future(round=one, end="unknown", at=one.deadline_at, why=_UNCLEAR)

    def _at_its_turn(self, one: RoundAhead) -> Future:
        """What is decided then nobody knows; only whether its turn comes in time."""
        standing, end = self._standing, _end_of(one, self._now)
        turn_at = self._now
        if standing.per_minute is not None:
            turn_at += timedelta(minutes=self._unseen / standing.per_minute)
        self._unseen += 1
        if (stopped := self._stopped(one)) is not None:
            return stopped
        if (hold := self._holding_all(one)) is not None:
            turn_at = max(turn_at, min(hold.until or end, end))
        elif turn_at >= end:
            return replace(self._timer(one, TOO_LATE), late=True, turn_at=turn_at)
        return Future(round=one, end="unknown", at=None, why=_UNSEEN, turn_at=turn_at)

    def _nobody_knows(self, one: RoundAhead, why: str, kept: Kept | None = None) -> Future:
        """What the policy says then is not known; it does not matter where nothing is sent anyway."""
        unknown = Future(round=one, end="unknown", at=None, why=why, kept=kept)
        return self._stopped(one, kept) or unknown

    def _stopped(self, one: RoundAhead, kept: Kept | None = None) -> Future | None:
        """What becomes of it where nothing can be sent for it, whatever the policy says."""
        hold, end = self._holding_all(one), _end_of(one, self._now)
        if hold is None or (hold.until is not None and hold.until < end):
            return None
        return None if _may_leave(one.judge, hold) else self._timer(one, hold.sentence, kept)

    def _follow(self, one: RoundAhead, judge: Judge, answers: _Answers, ready: datetime) -> Steps:
        """Through the policy's answers, to the first that is sent."""
        kept: Kept | None = None
        stop: Stop | None = None
        said: Evaluation | None = None
        passed = self._standing.pass_at
        for start, until, answer in _stretches(answers, _end_of(one, self._now)):
            at = max(start, ready)
            if passed(at) >= until:
                continue  # no pass is made while this is the answer
            said, stop = answer, None
            wish = _wish(one, judge, answer.action, answer.rule)
            if (due := _with_a_person_until(one, judge, wish)) is not None and at < due:
                kept, at = kept or _by_cap(one, wish, at), due
            while _is_sent(answer) and passed(at) < until:
                yield at
                stop = self._stop(judge, wish, at, until)
                if stop is None:
                    return self._sent(one, judge, wish, at, kept)
                kept = kept or _kept(stop, wish, at)
                instead, then = self._meanwhile(one, judge, wish, stop, at, until)
                if instead is not None:
                    return self._sent(one, judge, instead, at, kept)
                at = then or until
        if answers.wanting is not None:
            return replace(self._nobody_knows(one, _WANTING, kept), turn_at=answers.wanting)
        if self._is_left(one, judge, said, stop):
            return Future(round=one, end="left", at=one.deadline_at, kept=kept)
        return self._silence(one, None if kept is None else kept.sentence, kept)

    def _meanwhile(
        self, one: RoundAhead, judge: Judge, wish: Decision, stop: Stop, at: datetime, end: datetime
    ) -> tuple[Decision | None, datetime | None]:
        """What the deadline sends in its place at `at`, or when to try again (None: not before `end`)."""
        assert one.facts is not None
        due = None if wish.rule == DEADLINE else decide_by(judge, one.facts)
        if stop.by not in ("cap", "guardrail") or due is None:
            return None, stop.free_at
        if at < due:
            return None, due if stop.asks or stop.free_at is None else min(stop.free_at, due)
        answer = judge.fallback(replace(one.facts, now=at))
        if answer is None or not answer.action.writes:
            return None, stop.free_at
        instead = _wish(one, judge, answer.action, DEADLINE)
        other = self._stop(judge, instead, at, end)
        if other is None:
            return instead, None
        moments = [stop.free_at, other.free_at]
        return None, min((moment for moment in moments if moment and moment > at), default=None)

    def _stop(self, judge: Judge, wish: Decision, at: datetime, end: datetime) -> Stop | None:
        """What keeps it back at `at`; of what holds whatever the policy, that which lasts longest."""
        holds = [one for one in self._standing.holds if one.stops(wish.action, wish.policy, at)]
        if holds:
            hold = max(holds, key=_lasting)
            return Stop(hold.by, hold.sentence, hold.until)
        return self._room(judge).stop(wish, at, end)

    def _room(self, judge: Judge) -> Room:
        return self._rooms[judge.policy.name]

    def _sent(
        self, one: RoundAhead, judge: Judge, wish: Decision, at: datetime, kept: Kept | None
    ) -> Future:
        at = self._standing.pass_at(at)
        self._room(judge).take(wish, at)
        return Future(
            round=one,
            end=end_by(wish.action, wish.rule),
            at=at,
            action=wish.action,
            rule=wish.rule,
            why=None if kept is None else kept.sentence,
            kept=None if kept is None else replace(kept, until=at),
        )

    def _is_left(
        self, one: RoundAhead, judge: Judge, said: Evaluation | None, stop: Stop | None
    ) -> bool:
        """Whether the last pass leaves it to the timer; what the log says of it where there is none."""
        assert one.facts is not None
        if said is None or any(hold.by == "bot" for hold in self._standing.holds):
            return _was_left(one)
        end, due = _end_of(one, self._now), decide_by(judge, one.facts)
        decides = due is not None and self._standing.pass_at(due) < end and said.rule != DEADLINE
        if stop is None or stop.by not in ("cap", "guardrail") or not decides:
            return said.action is Action.LEAVE
        answer = judge.fallback(replace(one.facts, now=end - timedelta(microseconds=1)))
        return answer is not None and answer.action is Action.LEAVE

    # People ----------------------------------------------------------------------------------

    def _asked_at(self, found: Future, answers: _Answers) -> datetime | None:
        one, moments = found.round, []
        if found.why in _ASKS or (one.latest is not None and _is_question(one.latest)):
            moments.append(self._now)
        if found.kept is not None and found.kept.asked:
            moments.append(found.kept.since)
        moments += [at for at, said in answers.said if said.action is Action.ESCALATE]
        first = min(moments, default=None)
        if first is None or found.at is None or self._standing.pass_at(first) < found.at:
            return first
        return None

    def _answerable_at(self, found: Future) -> datetime | None:
        """When pauses and brakes let a person's answer through, before the round ends."""
        at, end = self._now, found.at or _end_of(found.round, self._now)
        if found.round.latest is not None and found.round.latest.state in OPEN:
            return None
        while (hold := self._stopping_people(at)) is not None:
            if hold.until is None:
                return None
            at = hold.until
        return at if at < end else None

    def _stopping_people(self, at: datetime) -> Hold | None:
        return next((hold for hold in self._standing.holds if hold.stops_people(at)), None)

    def _holding_all(self, one: RoundAhead) -> Hold | None:
        """What keeps back whatever may be decided of it, the longest lasting."""
        policy = "" if one.judge is None else one.judge.policy.name
        acts = [action for action in ACTIONS_OF[one.review] if action.writes]
        holds = [
            hold
            for hold in self._standing.holds
            if all(hold.stops(action, policy, self._now) for action in acts)
        ]
        return max(holds, key=_lasting, default=None)


_OVER = "its deadline has passed"
_NOT_COVERED = "no running policy covers it"
_BROKE = "the policy cannot be evaluated on it"
_UNCLEAR = "a write may have been carried out already; that is found out by reading"
_UNREADABLE = "what the log holds of it cannot be read"
_UNSEEN = "it is not reviewed yet"
_WANTING = "what decides it then needs evidence that is not fetched yet"
_ASKS = frozenset({_NOT_COVERED, _BROKE})


def _done(one: RoundAhead, latest: Logged) -> Future:
    decision = latest.decision
    at = latest.settled_at or latest.state_at
    return Future(
        round=one,
        end="acted on",
        at=at,
        action=decision.action,
        rule=decision.rule,
        is_over=True,
    )


def _refusal(latest: Logged) -> str | None:
    """What the API said no to, where that is why it is still open."""
    words = latest.note if latest.state in (State.VOID, State.REFUSED) else latest.decision.held_by
    return words if words is not None and words.startswith(refusals.NOTE) else None


def _may_leave(judge: Judge | None, hold: Hold) -> bool:
    """Whether a bot that judges, though it sends nothing, may leave it to the timer on purpose."""
    if judge is None or hold.by == "bot":
        return False
    policy = judge.policy
    said = [rule.then.action for rule in policy.rules]
    said += [case.then.action for case in policy.deadline.fallbacks]
    return Action.LEAVE in said


def _lasting(hold: Hold) -> tuple[bool, float]:
    return hold.until is None, 0.0 if hold.until is None else hold.until.timestamp()


def _was_left(one: RoundAhead) -> bool:
    return one.latest is not None and one.latest.decision.action is Action.LEAVE


def _is_question(latest: Logged) -> bool:
    return latest.decision.action is Action.ESCALATE


def _stretches(answers: _Answers, end: datetime) -> Iterator[tuple[datetime, datetime, Evaluation]]:
    """Each answer with the time for which it stands: from, and until when."""
    ends = [at for at, _ in answers.said[1:]] + [answers.wanting or end]
    # None was said yet where evidence is wanting from the beginning.
    for (start, answer), until in zip(answers.said, ends, strict=False):
        yield start, until, answer


def _with_a_person_until(one: RoundAhead, judge: Judge, wish: Decision) -> datetime | None:
    """Until when the question that a full cap asked of this very wish stays with its person."""
    last = None if one.latest is None else one.latest.decision
    if last is None or one.facts is None or not stays_with_person(last, wish, one.epoch):
        return None
    return decide_by(judge, one.facts)


def _by_cap(one: RoundAhead, wish: Decision, at: datetime) -> Kept:
    assert one.latest is not None
    what = (one.latest.decision.held_by or "").removeprefix(REACHED)
    return _kept(Stop("cap", what, None, asks=True), wish, at)


def _kept(stop: Stop, wish: Decision, at: datetime) -> Kept:
    return Kept(
        by=stop.by,
        what=stop.what,
        policy=wish.policy,
        action=wish.action,
        rule=wish.rule,
        since=at,
        asked=stop.asks,
    )


def _wish(one: RoundAhead, judge: Judge, action: Action, rule: str) -> Decision:
    """The decision as the guards would see it."""
    return Decision(
        id="",
        review=one.review,
        task_id=one.task_id,
        round=one.round,
        epoch=one.epoch,
        action=action,
        rule=rule,
        policy=judge.policy.name,
        revision=judge.policy.revision,
        mode=Mode.LIVE,
        decided_at=datetime.min.replace(tzinfo=UTC),
        account_id=one.account_id,
        amount_micros=one.amount_micros,
    )
