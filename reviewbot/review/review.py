"""Review one thing: look, judge, write down, act.

Theory of operation. Judging is pure and repeatable, so a review may judge as often as it looks. What
counts is the last look: a write leaves only on a thing seen, and evidence fetched, at most
`freshness` ago, with the same status, epoch, deadline and version as those it was judged by. Where
something is older it is seen again and judged again; nothing is sent on what used to be true. What
was refused is tried again, ever later, and at the latest when the fallback is due; what is refused
again and again, or by a code that is about this very thing, is a person's question meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from reviewbot.alarms.notices import tell_dead_letter, tell_late, tell_question
from reviewbot.core import refusals
from reviewbot.core.context import BotContext
from reviewbot.core.log_text import CANCELLED, SEALED
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import (
    Background,
    Backoff,
    Events,
    Judged,
    Reviewed,
    ReviewOutcome,
    ReviewPipeline,
)
from reviewbot.core.verdict import kept_back
from reviewbot.domain.decision import OPEN, Action, Decision, Mode, State
from reviewbot.domain.errors import (
    AlreadyIntended,
    ApiError,
    CannotConnect,
    CapReached,
    Halted,
    KeyRefused,
    NotRecordable,
    RateLimited,
    ReviewbotError,
)
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.round_state import cannot_send
from reviewbot.policy.engine.judge import Judge
from reviewbot.ports.ledger import Logged
from reviewbot.ports.queue import Clock
from reviewbot.review import shadow
from reviewbot.review.execute import decide, differs, perform
from reviewbot.review.fetch import see_again
from reviewbot.review.judge import DEAD_LETTER, Judging, judged_otherwise
from reviewbot.review.recover import Recovery
from reviewbot.safety import gate, limits, seal

LOOKS = 3
"""How often one review sees a thing again before it leaves it to the next pass."""


def review(app: BotContext, bench: ReviewPipeline, item: ReviewItem, known: Background) -> Reviewed:
    """Review one thing that waits, to its end or to where it must wait.

    Raises KeyRefused, CannotConnect and RateLimited (nothing else can go on either), and LedgerError;
    what of one thing cannot be written down (NotRecordable) is that thing's own trouble.
    """
    memory = known.memory
    if item.epoch in memory.claimed:
        latest = memory.latest
        ours = latest is not None and latest.decision.epoch == item.epoch
        if latest is None or not ours or not Recovery(app, bench, latest).reopen():
            return Reviewed(item=item, outcome=ReviewOutcome.CLAIMED, latest=memory.latest)
        known = replace(known, memory=replace(memory, claimed=memory.claimed - {item.epoch}))
    trouble = bench.troubles.get(item.id)
    if _is_left_alone(app.clock, bench, item, known):
        latest = memory.latest
        if latest is not None and latest.decision.epoch != item.epoch:
            latest = None
        return Reviewed(item=item, outcome=ReviewOutcome.POSTPONED, latest=latest)
    try:
        reviewed = _Review(app, bench, known).timed(item)
    except (KeyRefused, CannotConnect, RateLimited):
        raise
    except AlreadyIntended:  # a person answered while it was judged here
        return Reviewed(item=item, outcome=ReviewOutcome.CLAIMED)
    except ApiError as error:
        if not app.stopping():
            app.contact.failed_reads += 1
            _note_trouble(app.clock, app.events, app.notifier, bench, item, error)
        return Reviewed(item=item, outcome=ReviewOutcome.POSTPONED)
    except NotRecordable as odd:
        _note_trouble(app.clock, app.events, app.notifier, bench, item, odd)
        return Reviewed(item=item, outcome=ReviewOutcome.POSTPONED)
    if bench.troubles.get(item.id) is trouble:
        bench.troubles.pop(item.id, None)
    return reviewed


@dataclass(frozen=True, slots=True)
class _Review:
    """One review: what is known of the thing when it begins, and the acts that lead to its end."""

    app: BotContext
    bench: ReviewPipeline
    known: Background

    def timed(self, item: ReviewItem) -> Reviewed:
        """Run it, and note what it came to and how long it took."""
        with self.app.spans.span("decide", review=item.review, task_id=item.id) as span:
            reviewed = self.run(item)
            span.note(outcome=reviewed.outcome.value)
            verdict = reviewed.verdict
            assert verdict is not None  # what was judged has one, however it ends
            span.note(action=verdict.action.value, rule=verdict.rule)
            span.note(policy=verdict.policy, revision=verdict.revision)
        return reviewed

    def run(self, item: ReviewItem) -> Reviewed:
        judged = self._judging.look(item)
        fault_point("review.judged")
        return self._decide(judged)

    @property
    def _judging(self) -> Judging:
        app = self.app
        return Judging(app.clock, app.contact, app.events, app.limits, self.bench, self.known)

    def _decide(self, judged: Judged) -> Reviewed:
        """Carry out what is due and forbidden by no statement; hold the rest, or ask about it."""
        if (halted := self._forbidden(judged)) is not None:
            return self._kept_back(judged, halted)
        if not self._sends(judged):
            return self._hold(judged)
        return self._carry_out(judged)

    def _forbidden(self, judged: Judged) -> Halted | None:
        """The statement that forbids what is to be done now, also what is left to silence."""
        verdict = judged.verdict
        if not verdict.due and (verdict.action is not Action.LEAVE or verdict.held_by is not None):
            return None
        return gate.forbids(self.known.judge, judged.facts, verdict)

    def _carry_out(self, judged: Judged) -> Reviewed:
        """Send what is to be sent, on a look that is fresh."""
        if self.bench.refused_writes >= refusals.IN_A_ROW:
            return Reviewed(
                item=judged.item, outcome=ReviewOutcome.POSTPONED, verdict=judged.verdict
            )
        if (
            halted := gate.foresee(self.app.guard_post, self.bench, judged, self.known)
        ) is not None:
            return self._kept_back(judged, halted)
        if (halted := self._cancelled(judged)) is not None:
            return self._kept_back(judged, halted)
        if (sealed := self._sealed(judged)) is not None:
            try:
                return self._hold(sealed, limited=True)
            except Halted as full:
                return self._kept_back(judged, full)
        for _ in range(LOOKS):
            if self.app.wait_turn is not None:
                self.app.wait_turn()
            if self._is_fresh(judged):
                return self._act(judged)
            seen = judged.item
            if not self._seen_lately(seen):
                again = see_again(self.app.clock, self.bench, seen)
                if again is None:
                    return Reviewed(
                        item=seen, outcome=ReviewOutcome.VANISHED, verdict=judged.verdict
                    )
                seen = again
            judged = self._judging.look(seen, fresh=True)
            if (
                self._forbidden(judged) is not None
                or not self._sends(judged)
                or self._sealed(judged) is not None
            ):
                return self._decide(judged)
        return Reviewed(item=judged.item, outcome=ReviewOutcome.POSTPONED, verdict=judged.verdict)

    def _sends(self, judged: Judged) -> bool:
        """Whether this verdict is carried out now, by us."""
        verdict, item = judged.verdict, judged.item
        if self.bench.desk is None or self.app.mode is not Mode.LIVE or not verdict.due:
            return False
        if cannot_send(item) is not None:
            return False
        return not _too_late(item, self.app.clock.now())

    def _sealed(self, judged: Judged) -> Judged | None:
        """The same sealed, where its rule holds what it decides for a while; None where it may go."""
        judge, item, verdict = self.known.judge, judged.item, judged.verdict
        hold = None if judge is None else seal.hold_of(judge.policy, verdict.rule)
        if judge is None or hold is None:
            return None
        since = seal.begun(self.known.memory.latest, verdict, item.epoch)
        due = limits.decide_by(judge, item)
        until = seal.sealed_until(hold, since, self.app.clock.now(), due)
        if until is None:
            return None
        held = replace(verdict, until=until, held_by=seal.words_of(hold))
        return replace(judged, verdict=held)

    def _cancelled(self, judged: Judged) -> Halted | None:
        """Who cancelled it while it lay sealed, where that may be."""
        judge, latest = self.known.judge, self.known.memory.latest
        held_by = "" if latest is None else latest.decision.held_by or ""
        was_sealed = held_by.startswith((SEALED, CANCELLED))
        if judge is None or not (was_sealed or seal.hold_of(judge.policy, judged.verdict.rule)):
            return None
        item = judged.item
        at = (item.review, item.id, item.epoch)
        return seal.cancelled_in(self.app.ledger, *at, judged.verdict.rule)

    def _seen_lately(self, item: ReviewItem) -> bool:
        sight = self.bench.sights.get(item.id)
        if sight is None or self.app.clock.monotonic() - sight.at > self.app.limits.freshness:
            return False
        now = sight.item
        return (now.status, now.epoch, now.deadline_at, now.version) == (
            item.status,
            item.epoch,
            item.deadline_at,
            item.version,
        )

    def _is_fresh(self, judged: Judged) -> bool:
        held = judged.evidence
        if held is not None and self.app.clock.monotonic() - held.at > self.app.limits.freshness:
            return False
        return self._seen_lately(judged.item)

    def _act(self, judged: Judged) -> Reviewed:
        decision = decide(
            self.app.mode, self.app.skew, judged.item, judged.facts, judged.verdict, judged.evidence
        )
        seen_ago = self.app.clock.monotonic() - self.bench.sights[judged.item.id].at
        try:
            state = perform(self.app, self.bench, decision, judged.facts, self.known.judge)
        except Halted as halted:
            return self._kept_back(judged, halted)
        if state is None:
            return Reviewed(item=judged.item, outcome=ReviewOutcome.CLAIMED, verdict=judged.verdict)
        self._say(decision, state, round(seen_ago, 3))
        self._ask_shadows(judged, decision)
        if state in (State.VOID, State.REFUSED):
            logged = self.app.ledger.decision(decision.id)
            if logged is not None and refusals.was_refused(logged):
                return self._refused(judged, logged)
        return Reviewed(item=judged.item, outcome=state, verdict=judged.verdict)

    def _refused(self, judged: Judged, logged: Logged) -> Reviewed:
        """Leave it alone for a while; ask a person where the refusal says that one is needed.

        A deadline that decides in its place must not act on the first word: it may pay, and the refusal
        may have been a mistake of a moment. So it acts where this was a question before.
        """
        _leave_alone(
            self.app.clock,
            self.bench,
            judged.item,
            self.known.judge,
            long=logged.state is State.REFUSED,
        )
        if logged.state is not State.REFUSED:
            return Reviewed(item=judged.item, outcome=logged.state, verdict=judged.verdict)
        halted = Halted(str(logged.note), by="refusal", asks=True)
        if _was_asked(self.known, judged.item):
            return self._kept_back(judged, halted)
        return self._hold(judged, halted)

    def _kept_back(self, judged: Judged, halted: Halted) -> Reviewed:
        """Hold it, unless the deadline decides what the policy's own guardrails still keep back.

        Where the limit of a rule is full and passes it over, the rules below are asked.
        """
        if halted.skips:
            known = replace(self.known, full=(*self.known.full, judged.verdict.rule))
            return _Review(self.app, self.bench, known).run(judged.item)
        instead = self._judging.at_the_deadline(judged, halted)
        if instead is None or self._forbidden(instead) is not None:
            return self._hold(judged, halted)
        if not self._sends(instead):
            return self._hold(instead)
        return self._carry_out(instead)

    def _hold(
        self, judged: Judged, halted: Halted | None = None, *, limited: bool = False
    ) -> Reviewed:
        """Write down a decision that sends nothing, when it differs from the last one of its round.

        Raises Halted where it is `limited` and a limit has no room for it now.
        """
        item, verdict = judged.item, judged.verdict
        if halted is not None:
            gate.keep_back(self.app.guard, halted, item)
            verdict = kept_back(verdict, halted)
        if (why := cannot_send(item)) is not None:
            # Said whatever is decided: a look ahead goes by this line until there is another.
            verdict = replace(verdict, reason=why, trace=None)
            if verdict.action.writes:
                verdict = replace(verdict, action=Action.ESCALATE, until=None)
        state = State.DRY_RUN if self.app.mode is Mode.DRY_RUN else State.HELD
        is_news = differs(verdict, item, state, self.known.memory.latest)
        refused = halted is not None and halted.by == "refusal"
        if not is_news and not refused:
            return Reviewed(item=item, outcome=ReviewOutcome.UNCHANGED, verdict=verdict)
        if verdict.action is Action.ESCALATE:
            seen = self._judging.with_what_was_seen(replace(judged, verdict=verdict))
            if (again := judged_otherwise(self.known.judge, judged, seen)) is not None:
                return self._decide(again)
            judged, verdict = seen, seen.verdict
        decision = decide(
            self.app.mode, self.app.skew, item, judged.facts, verdict, judged.evidence
        )
        try:
            met = limits.limits_met(self.app.guard, self.bench, decision) if limited else ()
            self.app.ledger.record(decision, state, met)
        except CapReached as cap:
            raise gate.full(self.app.guard, self.bench, decision, cap) from cap
        self._say(decision, state)
        if state is State.HELD and decision.action is Action.ESCALATE and is_news:
            tell_question(self.app.notifier, decision)
        self._ask_shadows(judged, decision)
        return Reviewed(item=item, outcome=state, verdict=verdict)

    def _ask_shadows(self, judged: Judged, decision: Decision) -> None:
        app = self.app
        shadow.answer(app.ledger, app.clock, app.events, self.bench, judged, self.known, decision)

    def _say(self, decision: Decision, state: State, seen_ago: float | None = None) -> None:
        self.app.events(
            "decision",
            level="warning" if state in OPEN or state is State.REFUSED else "info",
            id=decision.id,
            review=decision.review,
            task_id=decision.task_id,
            round=decision.round,
            epoch=decision.epoch,
            action=decision.action.value,
            rule=decision.rule,
            until=decision.until,
            held_by=decision.held_by,
            deadline_at=decision.deadline_at,
            deadline_is_estimate=decision.deadline_is_estimate,
            late=self._is_late(decision),
            policy=decision.policy,
            revision=decision.revision[:8],
            state=state.value,
            seen_ago=seen_ago,
        )
        if state is not State.DRY_RUN and self._is_late(decision):
            tell_late(self.app.notifier, decision, state)

    def _is_late(self, decision: Decision) -> bool:
        """Whether too little time is left to find out about an unclear answer and to try again."""
        left = None if decision.deadline_at is None else decision.deadline_at - decision.decided_at
        return decision.action.writes and left is not None and left <= self.app.limits.quarantine


def _too_late(item: ReviewItem, now: datetime) -> bool:
    """From the deadline on silence has paid, or is about to: nothing of ours may cross it."""
    return (
        item.deadline_at is not None and not item.deadline_is_estimate and now >= item.deadline_at
    )


def _was_asked(known: Background, item: ReviewItem) -> bool:
    """Whether a person is asked about this round already because the API refused our answer."""
    latest = known.memory.latest
    return (
        latest is not None and latest.decision.epoch == item.epoch and refusals.is_question(latest)
    )


def _is_left_alone(
    clock: Clock, bench: ReviewPipeline, item: ReviewItem, known: Background
) -> bool:
    now = clock.monotonic()
    troubles = (bench.troubles.get(item.id), bench.refused.get(item.id))
    if any(trouble is not None and now < trouble.until for trouble in troubles):
        return True
    latest = known.memory.latest
    if item.id in bench.refused or latest is None or not _was_asked(known, item):
        return False
    # This process has not tried; the one before it has, and a person is asked.
    due = _fallback_at(item, known.judge)
    pause = refusals.left_alone_for(latest.state_at, item.deadline_at, due)
    return (clock.now() - latest.state_at).total_seconds() < pause


def _leave_alone(
    clock: Clock, bench: ReviewPipeline, item: ReviewItem, judge: Judge | None, *, long: bool
) -> None:
    """After a refusal: ever longer, or at once for long."""
    before = bench.refused.get(item.id)
    tries = 1 if before is None else before.tries + 1
    pause = refusals.LONGEST_PAUSE if long else refusals.pause_after(tries)
    due = _fallback_at(item, judge)
    pause = refusals.left_alone_for(clock.now(), item.deadline_at, due, pause)
    bench.refused[item.id] = Backoff(tries=tries, until=clock.monotonic() + pause)


def _fallback_at(item: ReviewItem, judge: Judge | None) -> datetime | None:
    return None if judge is None else limits.decide_by(judge, item)


def _note_trouble(
    clock: Clock,
    events: Events,
    notifier: Notifier,
    bench: ReviewPipeline,
    item: ReviewItem,
    error: ReviewbotError,
) -> None:
    before = bench.troubles.get(item.id)
    tries = 1 if before is None else before.tries + 1
    until = clock.monotonic() + refusals.pause_after(tries)
    bench.troubles[item.id] = Backoff(tries=tries, until=until)
    events(
        "review failed" if tries != DEAD_LETTER else "review keeps failing",
        level="warning" if tries < DEAD_LETTER else "error",
        task_id=item.id,
        tries=tries,
        error=str(error),
        request_id=getattr(error, "request_id", None),
        deadline_at=item.deadline_at,
    )
    if tries == DEAD_LETTER:
        tell_dead_letter(notifier, item, error)
