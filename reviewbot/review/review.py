"""Review one thing: look, judge, write down, act.

Theory of operation. Judging is pure and repeatable, so a review may judge as often as it looks. What
counts is the last look: a write leaves only on a thing seen, and evidence fetched, at most
`freshness` ago, with the same status, epoch, deadline and version as those it was judged by. Where
something is older it is seen again and judged again; nothing is sent on what used to be true. What
was refused is tried again, ever later, and at the latest when the fallback is due; what is refused
again and again, or by a code that is about this very thing, is a person's question meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from reviewbot.alarms.notices import tell_dead_letter, tell_late, tell_question
from reviewbot.core import refusals
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import (
    Background,
    Backoff,
    Judged,
    Reviewed,
    ReviewOutcome,
    ReviewPipeline,
)
from reviewbot.core.verdict import cannot_send, kept_back, no_trace
from reviewbot.domain.decision import OPEN, Action, Decision, Mode, State
from reviewbot.domain.errors import (
    AlreadyIntended,
    ApiError,
    CannotConnect,
    Halted,
    KeyRefused,
    NotRecordable,
    RateLimited,
    ReviewbotError,
)
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewItem
from reviewbot.ports.ledger import Logged
from reviewbot.review import shadow
from reviewbot.review.execute import decide, differs, perform
from reviewbot.review.fetch import see_again
from reviewbot.review.judge import DEAD_LETTER, at_the_deadline, look_and_judge, with_what_was_seen
from reviewbot.review.recover import reopen
from reviewbot.safety import gate, limits

if TYPE_CHECKING:
    from reviewbot.policy.engine.judge import Judge


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
        if latest is None or not ours or not reopen(app, bench, latest):
            return Reviewed(item=item, outcome=ReviewOutcome.CLAIMED, latest=memory.latest)
        known = replace(known, memory=replace(memory, claimed=memory.claimed - {item.epoch}))
    trouble = bench.troubles.get(item.id)
    if _is_left_alone(app, bench, item, known):
        latest = memory.latest
        if latest is not None and latest.decision.epoch != item.epoch:
            latest = None
        return Reviewed(item=item, outcome=ReviewOutcome.POSTPONED, latest=latest)
    try:
        reviewed = _review(app, bench, item, known)
    except (KeyRefused, CannotConnect, RateLimited):
        raise
    except AlreadyIntended:  # a person answered while it was judged here
        return Reviewed(item=item, outcome=ReviewOutcome.CLAIMED)
    except ApiError as error:
        if not app.stopping():
            app.failed_reads += 1
            _note_trouble(app, bench, item, error)
        return Reviewed(item=item, outcome=ReviewOutcome.POSTPONED)
    except NotRecordable as odd:
        _note_trouble(app, bench, item, odd)
        return Reviewed(item=item, outcome=ReviewOutcome.POSTPONED)
    if bench.troubles.get(item.id) is trouble:
        bench.troubles.pop(item.id, None)
    return reviewed


def _review(
    app: BotContext, bench: ReviewPipeline, item: ReviewItem, known: Background
) -> Reviewed:
    judged = look_and_judge(app, bench, item, known)
    fault_point("review.judged")
    if not _sends(app, bench, judged):
        return _hold(app, bench, judged, known)
    return _carry_out(app, bench, judged, known)


def _carry_out(
    app: BotContext, bench: ReviewPipeline, judged: Judged, known: Background
) -> Reviewed:
    """Send what is to be sent, on a look that is fresh."""
    if bench.refused_writes >= refusals.IN_A_ROW:
        return Reviewed(item=judged.item, outcome=ReviewOutcome.POSTPONED, verdict=judged.verdict)
    if (halted := gate.foresee(app, bench, judged, known)) is not None:
        return _kept_back(app, bench, judged, known, halted)
    for _ in range(LOOKS):
        app.wait_turn()
        if _is_fresh(app, bench, judged):
            return _act(app, bench, judged, known)
        seen = judged.item
        if not _seen_lately(app, bench, seen):
            again = see_again(app, bench, seen)
            if again is None:
                return Reviewed(item=seen, outcome=ReviewOutcome.VANISHED, verdict=judged.verdict)
            seen = again
        judged = look_and_judge(app, bench, seen, known, fresh=True)
        if not _sends(app, bench, judged):
            return _hold(app, bench, judged, known)
    return Reviewed(item=judged.item, outcome=ReviewOutcome.POSTPONED, verdict=judged.verdict)


def _sends(app: BotContext, bench: ReviewPipeline, judged: Judged) -> bool:
    """Whether this verdict is carried out now, by us."""
    verdict, item = judged.verdict, judged.item
    if bench.desk is None or app.mode is not Mode.LIVE or not verdict.due:
        return False
    if cannot_send(item) is not None:
        return False
    return not _too_late(item, app.clock.now())


def _too_late(item: ReviewItem, now: datetime) -> bool:
    """From the deadline on silence has paid, or is about to: nothing of ours may cross it."""
    return (
        item.deadline_at is not None and not item.deadline_is_estimate and now >= item.deadline_at
    )


def _seen_lately(app: BotContext, bench: ReviewPipeline, item: ReviewItem) -> bool:
    sight = bench.sights.get(item.id)
    if sight is None or app.clock.monotonic() - sight.at > app.limits.freshness:
        return False
    now = sight.item
    return (now.status, now.epoch, now.deadline_at, now.version) == (
        item.status,
        item.epoch,
        item.deadline_at,
        item.version,
    )


def _is_fresh(app: BotContext, bench: ReviewPipeline, judged: Judged) -> bool:
    held = judged.evidence
    if held is not None and app.clock.monotonic() - held.at > app.limits.freshness:
        return False
    return _seen_lately(app, bench, judged.item)


def _act(app: BotContext, bench: ReviewPipeline, judged: Judged, known: Background) -> Reviewed:
    decision = decide(app, judged.item, judged.facts, judged.verdict, judged.evidence)
    seen_ago = app.clock.monotonic() - bench.sights[judged.item.id].at
    try:
        state = perform(app, bench, decision)
    except Halted as halted:
        return _kept_back(app, bench, judged, known, halted)
    if state is None:
        return Reviewed(item=judged.item, outcome=ReviewOutcome.CLAIMED, verdict=judged.verdict)
    _say(app, decision, state, round(seen_ago, 3))
    shadow.answer(app, bench, judged, known, decision)
    if state in (State.VOID, State.REFUSED):
        logged = app.ledger.decision(decision.id)
        if logged is not None and refusals.was_refused(logged):
            return _refused(app, bench, judged, known, logged)
    return Reviewed(item=judged.item, outcome=state, verdict=judged.verdict)


def _refused(
    app: BotContext, bench: ReviewPipeline, judged: Judged, known: Background, logged: Logged
) -> Reviewed:
    """Leave it alone for a while; ask a person where the refusal says that one is needed.

    A deadline that decides in its place must not act on the first word: it may pay, and the refusal
    may have been a mistake of a moment. So it acts where this was a question before.
    """
    _leave_alone(app, bench, judged.item, known.judge, long=logged.state is State.REFUSED)
    if logged.state is not State.REFUSED:
        return Reviewed(item=judged.item, outcome=logged.state, verdict=judged.verdict)
    halted = Halted(str(logged.note), by="refusal", asks=True)
    if _was_asked(known, judged.item):
        return _kept_back(app, bench, judged, known, halted)
    return _hold(app, bench, judged, known, halted)


def _was_asked(known: Background, item: ReviewItem) -> bool:
    """Whether a person is asked about this round already because the API refused our answer."""
    latest = known.memory.latest
    return (
        latest is not None and latest.decision.epoch == item.epoch and refusals.is_question(latest)
    )


def _kept_back(
    app: BotContext, bench: ReviewPipeline, judged: Judged, known: Background, halted: Halted
) -> Reviewed:
    """Hold it, unless the deadline decides what the policy's own guardrails still keep back."""
    instead = at_the_deadline(app, bench, judged, known, halted)
    if instead is None:
        return _hold(app, bench, judged, known, halted)
    if not _sends(app, bench, instead):
        return _hold(app, bench, instead, known)
    return _carry_out(app, bench, instead, known)


def _hold(
    app: BotContext,
    bench: ReviewPipeline,
    judged: Judged,
    known: Background,
    halted: Halted | None = None,
) -> Reviewed:
    """Write down a decision that sends nothing, when it differs from the last one of its round."""
    item, verdict = judged.item, judged.verdict
    if halted is not None:
        gate.keep_back(app, halted, item)
        verdict = kept_back(verdict, halted)
    if verdict.action.writes and (why := cannot_send(item)) is not None:
        verdict = replace(verdict, action=Action.ESCALATE, reason=why, until=None, trace=no_trace)
    state = State.DRY_RUN if app.mode is Mode.DRY_RUN else State.HELD
    is_news = differs(verdict, item, state, known.memory.latest)
    refused = halted is not None and halted.by == "refusal"
    if not is_news and not refused:
        return Reviewed(item=item, outcome=ReviewOutcome.UNCHANGED, verdict=verdict)
    if verdict.action is Action.ESCALATE:
        seen = with_what_was_seen(app, bench, replace(judged, verdict=verdict), known)
        judged, verdict = seen, seen.verdict
    decision = decide(app, item, judged.facts, verdict, judged.evidence)
    app.ledger.record(decision, state)
    _say(app, decision, state)
    if state is State.HELD and decision.action is Action.ESCALATE and is_news:
        tell_question(app, decision)
    shadow.answer(app, bench, judged, known, decision)
    return Reviewed(item=item, outcome=state, verdict=verdict)


def _say(app: BotContext, decision: Decision, state: State, seen_ago: float | None = None) -> None:
    app.events(
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
        late=_is_late(app, decision),
        policy=decision.policy,
        revision=decision.revision[:8],
        state=state.value,
        seen_ago=seen_ago,
    )
    if state is not State.DRY_RUN and _is_late(app, decision):
        tell_late(app, decision, state)


def _is_late(app: BotContext, decision: Decision) -> bool:
    """Whether too little time is left to find out about an unclear answer and to try again."""
    left = None if decision.deadline_at is None else decision.deadline_at - decision.decided_at
    return decision.action.writes and left is not None and left <= app.limits.quarantine


def _is_left_alone(
    app: BotContext, bench: ReviewPipeline, item: ReviewItem, known: Background
) -> bool:
    now = app.clock.monotonic()
    troubles = (bench.troubles.get(item.id), bench.refused.get(item.id))
    if any(one is not None and now < one.until for one in troubles):
        return True
    latest = known.memory.latest
    if item.id in bench.refused or latest is None or not _was_asked(known, item):
        return False
    # This process has not tried; the one before it has, and a person is asked.
    due = _fallback_at(item, known.judge)
    pause = refusals.left_alone_for(latest.state_at, item.deadline_at, due)
    return (app.clock.now() - latest.state_at).total_seconds() < pause


def _leave_alone(
    app: BotContext, bench: ReviewPipeline, item: ReviewItem, judge: Judge | None, *, long: bool
) -> None:
    """After a refusal: ever longer, or at once for long."""
    before = bench.refused.get(item.id)
    tries = 1 if before is None else before.tries + 1
    pause = refusals.LONGEST_PAUSE if long else refusals.pause_after(tries)
    due = _fallback_at(item, judge)
    pause = refusals.left_alone_for(app.clock.now(), item.deadline_at, due, pause)
    bench.refused[item.id] = Backoff(tries=tries, until=app.clock.monotonic() + pause)


def _fallback_at(item: ReviewItem, judge: Judge | None) -> datetime | None:
    return None if judge is None else limits.decide_by(judge, item)


def _note_trouble(
    app: BotContext, bench: ReviewPipeline, item: ReviewItem, error: ReviewbotError
) -> None:
    before = bench.troubles.get(item.id)
    tries = 1 if before is None else before.tries + 1
    until = app.clock.monotonic() + refusals.pause_after(tries)
    bench.troubles[item.id] = Backoff(tries=tries, until=until)
    app.events(
        "review failed" if tries != DEAD_LETTER else "review keeps failing",
        level="warning" if tries < DEAD_LETTER else "error",
        task_id=item.id,
        tries=tries,
        error=str(error),
        request_id=getattr(error, "request_id", None),
        deadline_at=item.deadline_at,
    )
    if tries == DEAD_LETTER:
        tell_dead_letter(app, item, error)
