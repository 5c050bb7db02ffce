"""Review one thing: look, judge, write down, act.

Theory of operation. Judging is pure and repeatable, so a review may judge as often as it looks. What
counts is the last look: a write leaves only on a thing seen, and evidence fetched, at most
`freshness` ago, with the same status, epoch, deadline and version as those it was judged by. Where
something is older it is seen again and judged again; nothing is sent on what used to be true.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from reviewbot.domain.decision import Action, Decision, Mode
from reviewbot.domain.errors import (
    ApiError,
    CannotConnect,
    Forbidden,
    Halted,
    KeyRefused,
    NotFound,
    NotRecordable,
    RateLimited,
    ReviewbotError,
)
from reviewbot.domain.faultpoints import fault_point
from reviewbot.domain.lifecycle import OPEN, State
from reviewbot.domain.review import ReviewItem
from reviewbot.ports import Logged
from reviewbot.service.app import App, Bench, Trouble
from reviewbot.service.guards import gate
from reviewbot.service.judging import (
    DEAD_LETTER,
    LONGEST_PAUSE,
    Judged,
    Known,
    at_the_deadline,
    look_and_judge,
)
from reviewbot.service.look import see_again
from reviewbot.service.outlook import shadow
from reviewbot.service.perform import perform
from reviewbot.service.telling.notices import tell_dead_letter, tell_late, tell_question
from reviewbot.service.verdict import Verdict, cannot_send, kept_back, no_trace
from reviewbot.service.writing import decide, differs

LOOKS = 3
"""How often one review sees a thing again before it leaves it to the next pass."""
FIRST_PAUSE = 5.0
"""Seconds that a thing whose review failed is left alone; doubled each time, up to the longest."""


class Outcome(StrEnum):
    """How a review ended that left no new state in the log."""

    UNCHANGED = "unchanged"
    CLAIMED = "acted on before"
    VANISHED = "no longer waiting"
    POSTPONED = "postponed"


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """How one review ended: the verdict where there is one, and the state or outcome."""

    item: ReviewItem
    outcome: State | Outcome
    verdict: Verdict | None = None
    latest: Logged | None = None


def review(app: App, bench: Bench, item: ReviewItem, known: Known) -> Reviewed:
    """Review one thing that waits, to its end or to where it must wait.

    Raises KeyRefused, CannotConnect and RateLimited (nothing else can go on either), and LedgerError;
    what of one thing cannot be written down (NotRecordable) is that thing's own trouble.
    """
    if item.epoch in known.memory.claimed:
        return Reviewed(item=item, outcome=Outcome.CLAIMED, latest=known.memory.latest)
    trouble = bench.troubles.get(item.id)
    if trouble is not None and app.clock.monotonic() < trouble.until:
        return Reviewed(item=item, outcome=Outcome.POSTPONED)
    try:
        reviewed = _review(app, bench, item, known)
    except (KeyRefused, CannotConnect, RateLimited):
        raise
    except (NotFound, Forbidden) as gone:
        _note_trouble(app, bench, item, gone)
        return Reviewed(item=item, outcome=Outcome.VANISHED)
    except ApiError as error:
        if not app.stopping():
            app.failed_reads += 1
            _note_trouble(app, bench, item, error)
        return Reviewed(item=item, outcome=Outcome.POSTPONED)
    except NotRecordable as odd:
        _note_trouble(app, bench, item, odd)
        return Reviewed(item=item, outcome=Outcome.POSTPONED)
    if bench.troubles.get(item.id) is trouble:
        bench.troubles.pop(item.id, None)
    return reviewed


def _review(app: App, bench: Bench, item: ReviewItem, known: Known) -> Reviewed:
    judged = look_and_judge(app, bench, item, known)
    fault_point("review.judged")
    if not _sends(app, bench, judged):
        return _hold(app, bench, judged, known)
    return _carry_out(app, bench, judged, known)


def _carry_out(app: App, bench: Bench, judged: Judged, known: Known) -> Reviewed:
    """Send what is to be sent, on a look that is fresh."""
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
                return Reviewed(item=seen, outcome=Outcome.VANISHED, verdict=judged.verdict)
            seen = again
        judged = look_and_judge(app, bench, seen, known, fresh=True)
        if not _sends(app, bench, judged):
            return _hold(app, bench, judged, known)
    return Reviewed(item=judged.item, outcome=Outcome.POSTPONED, verdict=judged.verdict)


def _sends(app: App, bench: Bench, judged: Judged) -> bool:
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


def _seen_lately(app: App, bench: Bench, item: ReviewItem) -> bool:
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


def _is_fresh(app: App, bench: Bench, judged: Judged) -> bool:
    held = judged.evidence
    if held is not None and app.clock.monotonic() - held.at > app.limits.freshness:
        return False
    return _seen_lately(app, bench, judged.item)


def _act(app: App, bench: Bench, judged: Judged, known: Known) -> Reviewed:
    decision = decide(app, judged.item, judged.facts, judged.verdict, judged.evidence)
    seen_ago = app.clock.monotonic() - bench.sights[judged.item.id].at
    try:
        state = perform(app, bench, decision)
    except Halted as halted:
        return _kept_back(app, bench, judged, known, halted)
    if state is None:
        return Reviewed(item=judged.item, outcome=Outcome.CLAIMED, verdict=judged.verdict)
    _say(app, decision, state, round(seen_ago, 3))
    shadow.answer(app, bench, judged, known, decision)
    return Reviewed(item=judged.item, outcome=state, verdict=judged.verdict)


def _kept_back(app: App, bench: Bench, judged: Judged, known: Known, halted: Halted) -> Reviewed:
    """Hold it, unless the deadline decides what the policy's own guardrails still keep back."""
    instead = at_the_deadline(app, bench, judged, known, halted)
    if instead is None:
        return _hold(app, bench, judged, known, halted)
    if not _sends(app, bench, instead):
        return _hold(app, bench, instead, known)
    return _carry_out(app, bench, instead, known)


def _hold(
    app: App, bench: Bench, judged: Judged, known: Known, halted: Halted | None = None
) -> Reviewed:
    """Write down a decision that sends nothing, when it differs from the last one of its round."""
    item, verdict = judged.item, judged.verdict
    if halted is not None:
        gate.keep_back(app, halted, item)
        verdict = kept_back(verdict, halted)
    if verdict.action.writes and (why := cannot_send(item)) is not None:
        verdict = replace(verdict, action=Action.ESCALATE, reason=why, until=None, trace=no_trace)
    state = State.DRY_RUN if app.mode is Mode.DRY_RUN else State.HELD
    if not differs(verdict, item, state, known.memory.latest):
        return Reviewed(item=item, outcome=Outcome.UNCHANGED, verdict=verdict)
    decision = decide(app, item, judged.facts, verdict, judged.evidence)
    app.ledger.record(decision, state)
    _say(app, decision, state)
    if state is State.HELD and decision.action is Action.ESCALATE:
        tell_question(app, decision)
    shadow.answer(app, bench, judged, known, decision)
    return Reviewed(item=item, outcome=state, verdict=verdict)


def _say(app: App, decision: Decision, state: State, seen_ago: float | None = None) -> None:
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


def _is_late(app: App, decision: Decision) -> bool:
    """Whether too little time is left to find out about an unclear answer and to try again."""
    left = None if decision.deadline_at is None else decision.deadline_at - decision.decided_at
    return decision.action.writes and left is not None and left <= app.limits.quarantine


def _note_trouble(app: App, bench: Bench, item: ReviewItem, error: ReviewbotError) -> None:
    before = bench.troubles.get(item.id)
    tries = 1 if before is None else before.tries + 1
    pause = min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
    bench.troubles[item.id] = Trouble(tries=tries, until=app.clock.monotonic() + pause)
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
