"""Poll: one pass over all that waits. List completely, settle, then review the most urgent first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.errors import CannotConnect, KeyRefused, RateLimited, ReviewbotError
from reviewbot.domain.faultpoints import fault_point
from reviewbot.domain.lifecycle import State
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.facts import NO_ACCOUNT_HISTORY, NO_FLEET, NO_HISTORY, AccountHistory, Fleet
from reviewbot.ports import Ending, Listing, Memory
from reviewbot.service import gate, shadow
from reviewbot.service.adoption import adopt_accepted
from reviewbot.service.app import App, Bench
from reviewbot.service.deadlines import Undecided, most_urgent_first, undecided
from reviewbot.service.judging import Known
from reviewbot.service.look import fleet_now, forget_all_but, note_sights, with_window
from reviewbot.service.notices import tell_drift
from reviewbot.service.outage import went, went_wrong
from reviewbot.service.reconcile import reconcile
from reviewbot.service.resume import resume
from reviewbot.service.review import Outcome, Reviewed, review
from reviewbot.service.setbacks import BUDGET, Todo, api_is_away, ill_last
from reviewbot.service.watch import expect, note, now_and_then, watch

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge
    from reviewbot.policy.model import Policy

OUTAGE = 3
"""Writes in a row without a clear answer after which a pass stops: nothing more is put in doubt."""
LISTED_FOR = 15 * 60.0
"""Seconds of new reviews after which a pass reads the list again, and begins with the most urgent."""
_FAR = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
NEW = Memory(history=NO_HISTORY)
"""The memory of a thing that the log has not met."""


class PassSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass did and what it left.

    `actions` counts the verdicts of all that was reviewed; `outcomes` how each review ended (states
    of the log, or `unchanged`, `acted on before`, `no longer waiting`, `postponed`).
    """

    started_at: datetime
    ended_at: datetime
    waiting: int
    reviewed: int
    actions: dict[str, int]
    outcomes: dict[str, int]
    requests: int
    writes: int
    in_quarantine: int
    undecided: tuple[Undecided, ...]
    endings: tuple[Ending, ...]
    stopped: str | None = None
    """Why the pass ended before its time, where it did."""


class _Tally:
    """What a pass counts while it runs."""

    def __init__(self, app: App) -> None:
        self.started_at = app.clock.now()
        self.requests, self.writes = app.traffic.requests, app.traffic.writes
        self.waiting = self.in_quarantine = 0
        self.reviewed: list[Reviewed] = []
        self.undecided: list[Undecided] = []
        self.endings: list[Ending] = []
        self.stopped: str | None = None

    def summary(self, app: App) -> PassSummary:
        unclear = sum(one.outcome is State.UNKNOWN for one in self.reviewed)
        return PassSummary(
            started_at=self.started_at,
            ended_at=app.clock.now(),
            waiting=self.waiting,
            reviewed=len(self.reviewed),
            actions=Counter(one.verdict.action.value for one in self.reviewed if one.verdict),
            outcomes=Counter(one.outcome.value for one in self.reviewed),
            requests=app.traffic.requests - self.requests,
            writes=app.traffic.writes - self.writes,
            in_quarantine=self.in_quarantine + unclear,
            undecided=most_urgent_first(self.undecided),
            endings=tuple(self.endings),
            stopped=self.stopped,
        )


def poll_once(app: App) -> PassSummary:
    """Run one pass over every kind of review.

    Raises `ApiError` when a list cannot be read, KeyRefused at any call, and `LedgerError`. A pass
    that could read the list and then lost the API ends early and says so in `stopped`.
    """
    app.watched_at = app.clock.monotonic()
    try:
        summary = _pass(app)
    except ReviewbotError as error:
        went_wrong(app, error)
        raise
    else:
        went(app, summary.stopped)
    finally:
        watch(app)
        app.alarms.flush()
    fault_point("pass.done")
    return summary


def _pass(app: App) -> PassSummary:
    app.ledger.probe()
    tally = _Tally(app)
    app.failed_reads = app.doubtful_writes = 0
    adopt_accepted(app)
    shadow.begin(app)
    for bench in app.benches:
        _poll(app, bench, tally)
        if tally.stopped is not None:
            break
    return tally.summary(app)


def _poll(app: App, bench: Bench, tally: _Tally) -> None:
    judges = bench.judges
    reviewed: dict[str, Reviewed] = {}
    again = True
    while again:
        items, _ = look_at_all(app, bench)
        waiting = {item.id: item for item in items}
        in_quarantine = resume(app, bench, waiting)
        tally.endings += reconcile(app, bench, waiting, looks=app.limits.looks_per_pass)
        todo = list(with_memories(app, bench, items, judges))
        expect(bench, todo)
        gate.begin(app, bench, todo[0][1].fleet if todo else NO_FLEET)
        turn: list[Reviewed] = []
        tally.stopped = _review_all(app, bench, todo, turn, reviewed)
        gate.end(app, bench, turn)
        reviewed |= {one.item.id: one for one in turn}
        again = tally.stopped is None and len(turn) < len(todo)
    tally.waiting += len(items)
    tally.in_quarantine += in_quarantine
    tally.reviewed += reviewed.values()
    tally.undecided += undecided(reviewed.values())


def _review_all(
    app: App,
    bench: Bench,
    todo: Sequence[Todo],
    reviewed: list[Reviewed],
    before: Container[str],
) -> str | None:
    """Review in turn, as far as the API allows; give why it ended early, where it did.

    After a while of reviewing what was not reviewed `before` in this pass, it leaves the rest to a
    new list: what was undecided may be due meanwhile.
    """
    end: float | None = None
    turn, ill = ill_last(app, bench, todo)
    failing = 0.0
    for number, (item, known) in enumerate([*turn, *ill]):
        now_and_then(app)
        if app.stopping():
            return "a stop was asked for"
        if end is None and item.id not in before:
            end = app.clock.monotonic() + LISTED_FOR
        if end is not None and app.clock.monotonic() > end:
            return None
        if failing > BUDGET:
            if number < len(turn):
                return f"reviews that fail have taken {failing / 60:.0f} minutes"
            reviewed.append(Reviewed(item=item, outcome=Outcome.POSTPONED))
            continue
        began = app.clock.monotonic()
        try:
            reviewed.append(review(app, bench, item, known))
            note(bench, reviewed[-1])
            gate.reviewed(app, known.judge, reviewed[-1])
            if reviewed[-1].outcome is Outcome.POSTPONED:
                failing += app.clock.monotonic() - began
            if api_is_away(app, bench, item):
                return f"{app.failed_reads} reads in a row got no clear answer, nor did the list"
        except KeyRefused:
            raise
        except (CannotConnect, RateLimited) as error:
            return str(error)
        if app.doubtful_writes >= OUTAGE:
            return f"{app.doubtful_writes} writes in a row got no clear answer"
    return None


def look_at_all(app: App, bench: Bench, *, note: bool = True) -> tuple[list[ReviewItem], bool]:
    """List completely, and put the most urgent first; tell whether the readings of the list agreed.

    First sights are noted in the log, unless it is only read (`note`).
    """
    at = app.clock.monotonic()
    listing = bench.queue.waiting()
    fault_point("pass.listed")
    _say_what_is_odd(app, bench, listing)
    unseen = [item for item in listing.items if item.epoch and item.key not in bench.first_seen]
    if unseen:
        bench.first_seen.update(_first_sights(app, unseen, note))
    forget_all_but(bench, listing.items)
    items = [with_window(bench, item) for item in listing.items]
    note_sights(bench, items, at)
    return sorted(items, key=lambda item: item.deadline_at or _FAR), listing.agreed


def _first_sights(
    app: App, items: Sequence[ReviewItem], note: bool
) -> Mapping[tuple[str, str], datetime]:
    if note:
        return app.ledger.sight(items, app.clock.now())
    known = {
        (one.task_id, one.epoch): one.first_seen_at for one in app.ledger.unended(items[0].review)
    }
    now = app.clock.now()
    return {(i.id, i.epoch): known.get((i.id, i.epoch), now) for i in items if i.epoch}


def _say_what_is_odd(app: App, bench: Bench, listing: Listing) -> None:
    if not listing.agreed:
        app.events("list did not settle", level="warning", review=bench.review)
    bench.drift = listing.drift
    for what in listing.drift:
        app.events("schema drift", level="error", review=bench.review, what=what)
        tell_drift(app, bench.review, what)


def with_memories(
    app: App, bench: Bench, items: Sequence[ReviewItem], judges: tuple[Judge, ...]
) -> Iterable[tuple[ReviewItem, Known]]:
    """Give each item what the log knows about it, read for all of them at once."""
    if not items:
        return
    memories = app.ledger.memories(bench.review, [item.id for item in items])
    accounts = _accounts(app, bench, items, judges)
    fleet = _fleet(app, bench, items, memories, judges)
    for item in items:
        yield (
            item,
            Known(
                memory=memories.get(item.id, NEW),
                judge=judge_for(item, judges),
                account=accounts.get(item.account_id or "", NO_ACCOUNT_HISTORY),
                fleet=fleet,
            ),
        )


def judge_for(item: ReviewItem, judges: Iterable[Judge]) -> Judge | None:
    """The judge whose policy covers this thing; None when none does."""
    return next((judge for judge in judges if _covers(judge.policy, item)), None)


def _covers(policy: Policy, item: ReviewItem) -> bool:
    scope = policy.applies_to
    return (
        scope.review == item.review
        and (not scope.platform or item.subject.platform in scope.platform)
        and (not scope.saved_account_id or item.account_id in scope.saved_account_id)
    )


def _accounts(
    app: App, bench: Bench, items: Sequence[ReviewItem], judges: tuple[Judge, ...]
) -> dict[str, AccountHistory]:
    if not any(judge.needs_account for judge in judges):
        return {}
    ids = sorted({item.account_id for item in items if item.account_id})
    return dict(app.ledger.accounts(bench.review, ids, app.clock.now()))


def _fleet(
    app: App,
    bench: Bench,
    items: Sequence[ReviewItem],
    memories: Mapping[str, Memory],
    judges: tuple[Judge, ...],
) -> Fleet:
    if not any(judge.needs_fleet for judge in judges):
        return NO_FLEET
    escalated = sum(
        memory.latest is not None
        and memory.latest.decision.epoch == item.epoch
        and memory.latest.decision.action is Action.ESCALATE
        for item in items
        if (memory := memories.get(item.id)) is not None
    )
    return fleet_now(app, bench, waiting=len(items), escalated=escalated)
