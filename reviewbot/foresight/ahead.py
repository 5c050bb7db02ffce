"""Ahead: follows every open round through time, to what becomes of it if nobody steps in.

Theory of operation. A function of values: the open rounds with what was last known of them, and how
things stand. Facts stay as they are and only time goes on, so the policy's answers change at known
moments. A round is followed through them as the loop would: the first answer that nothing keeps
back is sent, and takes its room under the caps. The most urgent come first, as in a pass; where the
limits keep no room for the fallback, what comes first in time does. Pauses,
breakers, brakes and probation keep a thing back until they end. In the place of a rule that a cap or
a pause of the policy's own keeps back, the deadline decides from `decide by` on; until then a
question that a full cap asked stays with its person. What is never sent is paid by silence. Passes come
sooner where something undecided expires; where an end hangs on whether one does for another round, and
it could be sent only for less than the time between two, nobody can tell.

It takes for granted that no new tasks come, that nobody answers, that what is decided meanwhile changes
no fact of another task (not even of one of the same account), and that what holds without an end goes
on to hold.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from reviewbot.core import refusals
from reviewbot.domain.decision import DEADLINE, DONE, OPEN, Action, Decision, State
from reviewbot.foresight.answers import AnswersAhead, Stretch, answers_of, stretches
from reviewbot.foresight.future import (
    FAR,
    HURRY,
    Future,
    Kept,
    Key,
    RoundAhead,
    Standing,
    end_by,
    kept_by_cap,
    with_a_person_until,
)
from reviewbot.foresight.room import Room, Stop
from reviewbot.foresight.turn import TOO_LATE, Turn, in_turn, is_sent, too_late
from reviewbot.foresight.way import Way, may_leave, sealed_in_log, was_left
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.ports.ledger import Logged
from reviewbot.safety.limits import decide_by, people_may_from

OVER = "its deadline has passed"
NOT_COVERED = "no running policy covers it"
BROKE = "the policy cannot be evaluated on it"
UNCLEAR = "a write may have been carried out already; that is found out by reading"
UNREADABLE = "what the log holds of it cannot be read"
UNSEEN = "it is not reviewed yet"
WANTING = "what decides it then needs evidence that is not fetched yet"
ROOM_UNCLEAR = "a write that may have been carried out takes room from it, or does not"
SHIFTS = "whether a pass comes in that short time hangs on what else expires"

Steps = Generator[datetime, None, Future]
"""A round on its way: the moments at which it tries, and in the end what becomes of it."""


def futures(rounds: Sequence[RoundAhead], standing: Standing) -> dict[Key, Future]:
    """Say of every open round what becomes of it, in the order given.

    Whether a write that may have arrived takes room under a limit is not known yet: where the end of
    another round hangs on that, nobody can tell.
    """
    answers = {ahead.key: answers_of(ahead, standing.now) for ahead in rounds}
    unclear = [ahead for ahead in rounds if _is_unclear(ahead)]
    clear = [ahead for ahead in rounds if not _is_unclear(ahead)]
    found = _followed(clear, answers, standing, arrived=unclear)
    if unclear:
        lost = _followed(rounds, answers, standing)
        for key, future in found.items():
            if future.end not in ("unknown", lost[key].end):
                at = future.round.deadline_at
                found[key] = replace(
                    future, end="unknown", at=at, action=None, rule=None, why=ROOM_UNCLEAR
                )
        found = {ahead.key: found.get(ahead.key, lost[ahead.key]) for ahead in rounds}
    return found


def _followed(
    rounds: Sequence[RoundAhead],
    answers: Mapping[Key, AnswersAhead],
    standing: Standing,
    *,
    arrived: Sequence[RoundAhead] = (),
) -> dict[Key, Future]:
    """Follow rounds; the writes of those that `arrived` have taken their room."""
    following = _Following(standing)
    following.take_unclear(arrived)
    found: dict[Key, Future] = {}
    coming: list[tuple[datetime, Turn, Key, Steps]] = []

    def go_on(turn: Turn, key: Key, steps: Steps, *, to_its_end: bool = False) -> None:
        try:
            at = next(steps)
            while to_its_end:
                next(steps)
        except StopIteration as done:
            found[key] = done.value
        else:
            heapq.heappush(coming, (at, turn, key, steps))

    for turn, ahead in in_turn(rounds, answers, standing):
        # Where the limits keep room for what is more urgent it goes to its end before others; where
        # the fallback needs none of it, who is first in time takes it.
        keeps_room = ahead.judge is None or not ahead.judge.policy.guardrails.fallback_exempt
        steps = following.future(ahead, answers[ahead.key])
        go_on(turn, ahead.key, steps, to_its_end=keeps_room)
    while coming:
        _, turn, key, steps = heapq.heappop(coming)
        go_on(turn._replace(refused=False), key, steps)  # the log says something else of it by then
    found |= too_late(found, standing)
    return {ahead.key: found[ahead.key] for ahead in rounds}


def _is_unclear(ahead: RoundAhead) -> bool:
    """Whether a write of it may have arrived."""
    return ahead.latest is not None and ahead.latest.state in OPEN


class _Following:
    """Follows rounds one after the other; the room that one takes is gone for the next."""

    def __init__(self, standing: Standing) -> None:
        self._standing, self._now = standing, standing.now
        self._rooms = {name: Room(house, standing.now) for name, house in standing.houses.items()}
        self._unseen = 0

    def take_unclear(self, rounds: Iterable[RoundAhead]) -> None:
        """Let each write that may have arrived have its room, which it took when it began."""
        for latest in (ahead.latest for ahead in rounds):
            if latest is not None and latest.decision.policy in self._rooms:
                began = latest.intended_at or latest.state_at
                self._rooms[latest.decision.policy].take(latest.decision, began)

    def future(self, ahead: RoundAhead, answers: AnswersAhead) -> Steps:
        """Follow one round to its end."""
        future = yield from self._end(ahead, answers)
        if future.is_over:
            return future
        if future.why is None and ahead.latest is not None:
            future = replace(future, why=refusals.refusal(ahead.latest))
        future = replace(future, answers=answers.said, asked_at=self._asked_at(future, answers))
        return replace(future, answerable_at=self._answerable_at(future))

    def _end(self, ahead: RoundAhead, answers: AnswersAhead) -> Steps:
        latest = ahead.latest
        if latest is not None and self._is_done(ahead, latest):
            decision, at = latest.decision, latest.settled_at or latest.state_at
            return Future(
                round=ahead,
                end="acted on",
                at=at,
                action=decision.action,
                rule=decision.rule,
                is_over=True,
            )
        if latest is not None and latest.state in OPEN:
            return (yield from self._perhaps_done(ahead, answers, latest))
        if ahead.is_over(self._now):
            return replace(self._timer(ahead, OVER), is_over=True)
        if ahead.unsendable is not None:
            return self._timer(ahead, ahead.unsendable)
        if ahead.facts is None:
            if latest is None:
                return self._at_its_turn(ahead)
            return self._nobody_knows(ahead, UNREADABLE)
        if ahead.judge is None or answers.broke:
            return self._timer(ahead, NOT_COVERED if ahead.judge is None else BROKE)
        ready = self._tried_from(ahead, ahead.judge)
        return (yield from self._follow(ahead, ahead.judge, answers, ready))

    def _tried_from(self, ahead: RoundAhead, judge: Judge) -> datetime:
        """From when on it is reviewed: what was refused is left alone for a while."""
        if ahead.latest is None or ahead.facts is None or not refusals.is_question(ahead.latest):
            return self._now
        since, due = ahead.latest.state_at, decide_by(judge, ahead.facts)
        pause = refusals.left_alone_for(since, ahead.deadline_at, due)
        return max(self._now, since + timedelta(seconds=pause))

    def _is_done(self, ahead: RoundAhead, latest: Logged) -> bool:
        """Whether it was really done: what the list goes on showing was not, whatever the log says."""
        if latest.state is State.OVERTAKEN:
            return not ahead.listed
        lingers = latest.state_at + self._standing.quarantine > self._now
        return latest.state in DONE and (lingers or not ahead.listed)

    def _timer(self, ahead: RoundAhead, why: str | None, kept: Kept | None = None) -> Future:
        """Nothing more of ours comes: the timer pays it, left to it as it may be by the log."""
        if was_left(ahead):
            return Future(round=ahead, end="left", at=ahead.deadline_at, kept=kept)
        return self._silence(ahead, why, kept)

    def _silence(self, ahead: RoundAhead, why: str | None, kept: Kept | None) -> Future:
        """The timer pays, unless nobody knows when."""
        at = ahead.deadline_at
        if at is None or (ahead.deadline_is_estimate and at <= self._now):
            return Future(round=ahead, end="unknown", at=None, why=why, kept=kept)
        return Future(round=ahead, end="silence", at=at, why=why, kept=kept)

    def _perhaps_done(self, ahead: RoundAhead, answers: AnswersAhead, latest: Logged) -> Steps:
        """A write that may have arrived: where it did not, the policy goes on once that is known."""
        decision, began = latest.decision, latest.intended_at or latest.state_at
        known_at = max(began + self._standing.quarantine, self._now)
        in_time = known_at < ahead.ends_by(self._now) and not ahead.is_over(self._now)
        if in_time and ahead.judge is not None and ahead.facts is not None:
            again = yield from self._follow(ahead, ahead.judge, answers, known_at)
            if again.end == end_by(decision.action, decision.rule):
                return replace(again, why=UNCLEAR)
        return Future(round=ahead, end="unknown", at=ahead.deadline_at, why=UNCLEAR)

    def _at_its_turn(self, ahead: RoundAhead) -> Future:
        """What is decided then nobody knows; only whether its turn comes in time."""
        standing, end = self._standing, ahead.ends_by(self._now)
        turn_at = self._now
        if standing.per_minute is not None:
            turn_at += timedelta(minutes=self._unseen / standing.per_minute)
        self._unseen += 1
        if (stopped := self._stopped(ahead)) is not None:
            return stopped
        if (hold := self._standing.holding_all(ahead)) is not None:
            turn_at = max(turn_at, min(hold.until or end, end))
        elif turn_at >= end:
            return replace(self._timer(ahead, TOO_LATE), late=True, turn_at=turn_at)
        return Future(round=ahead, end="unknown", at=None, why=UNSEEN, turn_at=turn_at)

    def _nobody_knows(self, ahead: RoundAhead, why: str, kept: Kept | None = None) -> Future:
        """What the policy says then is not known; it does not matter where nothing is sent anyway."""
        unknown = Future(round=ahead, end="unknown", at=None, why=why, kept=kept)
        return self._stopped(ahead, kept) or unknown

    def _stopped(self, ahead: RoundAhead, kept: Kept | None = None) -> Future | None:
        """What becomes of it where nothing can be sent for it, whatever the policy says."""
        hold, end = self._standing.holding_all(ahead), ahead.ends_by(self._now)
        if hold is None or (hold.until is not None and hold.until < end):
            return None
        return None if may_leave(ahead.judge, hold) else self._timer(ahead, hold.sentence, kept)

    def _follow(
        self, ahead: RoundAhead, judge: Judge, answers: AnswersAhead, ready: datetime
    ) -> Steps:
        """Follow a round through the policy's answers, to the first that is sent."""
        way = Way(seal=sealed_in_log(ahead), rests=was_left(ahead))
        coming = stretches(answers, ahead.ends_by(self._now))
        sent = yield from self._walk(ahead, judge, coming, ready, way)
        if sent is not None:
            return sent
        if answers.wanting is not None:
            return replace(self._nobody_knows(ahead, WANTING, way.kept), turn_at=answers.wanting)
        return self._unsent(ahead, judge, way.said, way.stop, way.kept)

    def _walk(
        self, ahead: RoundAhead, judge: Judge, coming: Iterable[Stretch], ready: datetime, way: Way
    ) -> Generator[datetime, None, Future | None]:
        for start, until, answer in coming:
            at = max(start, ready)
            wish = ahead.wish(judge, answer.action, answer.rule)
            if self._passed(ahead, way, at) < until:  # else no pass finds this answer
                way.go_on(answer, is_sent=is_sent(answer))
                due = with_a_person_until(ahead, judge, wish) or at
                if at < due:
                    way.kept, at = way.kept or kept_by_cap(ahead, wish, at), due
            if is_sent(answer):
                found = yield from self._try(ahead, judge, wish, way, (at, until))
                if found is not None:
                    return found
        return None

    def _try(
        self,
        ahead: RoundAhead,
        judge: Judge,
        wish: Decision,
        way: Way,
        between: tuple[datetime, datetime],
    ) -> Generator[datetime, None, Future | None]:
        """Try to send it between two moments; None where nothing comes of that."""
        at, until = between
        while (tried := self._passed(ahead, way, at)) < until:
            yield tried
            sealed = way.is_sealed(wish, tried)
            stop = self._stop(judge, wish, tried, until, sealed=sealed)
            stop = way.stop = way.stopped(ahead, judge, wish, tried, stop)
            if stop is None:
                sent = self._sent(ahead, judge, wish, tried, way.kept)
                shifts = self._may_shift(ahead, way, at, until)
                return self._nobody_knows(ahead, SHIFTS, way.kept) if shifts else sent
            way.rests = stop.by == "rehearsal"
            if stop.skips:
                at = min(stop.free_at or until, until)
                sent_below = yield from self._below(ahead, judge, wish.rule, (tried, at), way)
                if sent_below is not None:
                    return sent_below
                continue
            way.kept = way.kept or Kept(stop, wish, at)
            instead, then = self._meanwhile(ahead, judge, wish, way, tried, until)
            if instead is not None:
                return self._sent(ahead, judge, instead, tried, way.kept)
            at = then or until
        if self._might_go(ahead, judge, wish, way, (at, until)):
            return self._nobody_knows(ahead, SHIFTS, way.kept)
        return None

    def _passed(self, ahead: RoundAhead, way: Way, at: datetime) -> datetime:
        """When the first pass is made from `at` on."""
        end = ahead.ends_by(self._now)
        return self._standing.pass_at(at, end + FAR if way.rests else end)

    def _might_go(
        self,
        ahead: RoundAhead,
        judge: Judge,
        wish: Decision,
        way: Way,
        between: tuple[datetime, datetime],
    ) -> bool:
        """Whether a pass that hurries for another round would send it between the two."""
        moment: datetime | None = between[0]
        until = between[1]
        while moment is not None and moment < until and self._may_shift(ahead, way, moment, until):
            stop = self._stop(judge, wish, moment, until)
            if stop is None:
                return True
            moment = None if stop.free_at == moment else stop.free_at
        return False

    def _may_shift(self, ahead: RoundAhead, way: Way, at: datetime, until: datetime) -> bool:
        """Whether a pass between the two hangs on passes that hurry for another round."""
        end, standing = ahead.ends_by(self._now), self._standing
        apart = HURRY if until >= end and not way.rests else standing.every
        if standing.every <= HURRY or (until - at).total_seconds() >= apart:
            return False
        if at <= self._now and self._passed(ahead, way, at) < until:
            return False  # the next pass of all finds it
        soon = until + timedelta(seconds=standing.every)
        return any(self._now < moment < soon and moment != end for moment in standing.ends)

    def _below(
        self,
        ahead: RoundAhead,
        judge: Judge,
        rule: str,
        between: tuple[datetime, datetime],
        way: Way,
    ) -> Generator[datetime, None, Future | None]:
        """What comes of the rules below one that is passed over while its limit is full."""
        assert ahead.facts is not None
        start, end = between
        facts = replace(ahead.facts, full=(*ahead.facts.full, rule))
        below = replace(ahead, facts=facts)
        answers = answers_of(below, start, end)
        if answers.wanting is not None and answers.wanting < end:
            return replace(self._nobody_knows(ahead, WANTING, way.kept), turn_at=answers.wanting)
        return (yield from self._walk(below, judge, stretches(answers, end), start, way))

    def _unsent(
        self,
        ahead: RoundAhead,
        judge: Judge,
        said: Evaluation | None,
        stop: Stop | None,
        kept: Kept | None,
    ) -> Future:
        """What becomes of a round of which nothing is sent before it ends."""
        if self._is_left(ahead, judge, said, stop):
            return Future(round=ahead, end="left", at=ahead.deadline_at, kept=kept)
        forbidden = said.note if said is not None and said.kept_by is not None else None
        return self._silence(ahead, kept.sentence if kept else forbidden, kept)

    def _meanwhile(
        self,
        ahead: RoundAhead,
        judge: Judge,
        wish: Decision,
        way: Way,
        at: datetime,
        end: datetime,
    ) -> tuple[Decision | None, datetime | None]:
        """What the deadline sends in its place at `at`, or when to try again (None: not before `end`)."""
        stop = way.stop
        assert ahead.facts is not None and stop is not None
        due = None if wish.rule == DEADLINE else decide_by(judge, ahead.facts)
        if stop.by not in ("cap", "guardrail", "cancelled") or due is None:
            return None, stop.free_at
        if at < due:
            return None, due if stop.asks or stop.free_at is None else min(stop.free_at, due)
        answer = judge.guarded_fallback(replace(ahead.facts, now=at))
        if answer is None or not answer.action.writes:
            way.rests = answer is not None and answer.action is Action.LEAVE
            return None, stop.free_at
        instead = ahead.wish(judge, answer.action, DEADLINE)
        other = self._stop(judge, instead, at, end)
        if other is None:
            return instead, None
        moments = [stop.free_at, other.free_at]
        return None, min((moment for moment in moments if moment and moment > at), default=None)

    def _stop(
        self, judge: Judge, wish: Decision, at: datetime, end: datetime, *, sealed: bool = False
    ) -> Stop | None:
        """What keeps it back at `at`; of what holds whatever the policy, that which lasts longest.

        A bot that only rehearses asks nothing else.
        """
        holds = [hold for hold in self._standing.holds if hold.stops(wish.action, wish.policy, at)]
        if holds:
            hold = max(holds, key=lambda hold: (hold.by == "rehearsal", hold.lasting()))
            return Stop(hold.by, hold.sentence, hold.until)
        return self._rooms[judge.policy.name].stop(wish, at, end, sealed=sealed)

    def _sent(
        self, ahead: RoundAhead, judge: Judge, wish: Decision, at: datetime, kept: Kept | None
    ) -> Future:
        self._rooms[judge.policy.name].take(wish, at)
        return Future(
            round=ahead,
            end=end_by(wish.action, wish.rule),
            at=at,
            action=wish.action,
            rule=wish.rule,
            why=None if kept is None else kept.sentence,
            kept=None if kept is None else kept._replace(until=at),
        )

    def _is_left(
        self, ahead: RoundAhead, judge: Judge, said: Evaluation | None, stop: Stop | None
    ) -> bool:
        """Whether the last pass leaves it to the timer; what the log says of it where there is none."""
        assert ahead.facts is not None
        if said is None or any(hold.by == "bot" for hold in self._standing.holds):
            return was_left(ahead)
        end, due = ahead.ends_by(self._now), decide_by(judge, ahead.facts)
        decides = (
            due is not None and self._standing.pass_at(due, end) < end and said.rule != DEADLINE
        )
        if stop is None or stop.by not in ("cap", "guardrail", "cancelled") or not decides:
            return said.action is Action.LEAVE
        answer = judge.guarded_fallback(replace(ahead.facts, now=end - timedelta(microseconds=1)))
        return answer is not None and answer.action is Action.LEAVE

    # People ----------------------------------------------------------------------------------

    def _asked_at(self, future: Future, answers: AnswersAhead) -> datetime | None:
        """From when on a person is asked, where that is before it ends."""
        latest, moments = future.round.latest, []
        is_question = latest is not None and latest.decision.action is Action.ESCALATE
        if is_question or future.why in (NOT_COVERED, BROKE):
            moments.append(self._now)
        if future.kept is not None and future.kept.stop.asks:
            moments.append(future.kept.since)
        moments += [at for at, answer in answers.said if answer.action is Action.ESCALATE]
        first = min(moments, default=None)
        end = future.round.ends_by(self._now)
        if first is None or future.at is None or self._standing.pass_at(first, end) < future.at:
            return first
        return None

    def _answerable_at(self, future: Future) -> datetime | None:
        """When pauses and brakes let a person's answer through, before the round ends."""
        at, end = self._now, future.at or future.round.ends_by(self._now)
        if future.round.latest is not None and future.round.latest.state in OPEN:
            return None
        holds = self._standing.holds
        while (hold := next((hold for hold in holds if hold.stops_people(at)), None)) is not None:
            if hold.until is None:
                return None
            at = hold.until
        judge = future.round.judge
        opens = at if judge is None else people_may_from(judge, at)
        return opens if opens is not None and opens < end else None
