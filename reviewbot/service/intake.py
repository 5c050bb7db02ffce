"""Intake: list completely, most urgent first, and give each thing what the log knows about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reviewbot.domain.decision import Action
from reviewbot.domain.faultpoints import fault_point
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.facts import NO_ACCOUNT_HISTORY, NO_FLEET, AccountHistory, Fleet
from reviewbot.ports import Listing, Memory, Odd
from reviewbot.service.app import App, Bench
from reviewbot.service.checks import fleet_now
from reviewbot.service.judging import Known
from reviewbot.service.look import forget_all_but, note_sights, with_window
from reviewbot.service.rounds import memories_of
from reviewbot.service.telling.notices import (
    tell_count,
    tell_drift,
    tell_new_value,
    tell_unread,
)

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge
    from reviewbot.policy.model import Policy

_FAR = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


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
        about = {} if listing.counted is None else {"counted": listing.counted}
        app.events("list did not settle", level="warning", review=bench.review, **about)
    tell_count(app, bench.review, listing)
    for row in listing.unread:
        app.events(
            "row cannot be read",
            level="error",
            review=bench.review,
            place=row.place,
            task_id=row.id,
            error=row.why,
        )
        tell_unread(app, bench.review, row)
    hear(app, bench, listing.odd)


def hear(app: App, bench: Bench, odd: Odd) -> None:
    """Take in what was odd in answers: for the guards, for the log and for people."""
    bench.drift, bench.drift_on = odd.drift, odd.drift_on
    for what in odd.drift:
        app.events("schema drift", level="error", review=bench.review, what=what)
        tell_drift(app, bench.review, what)
    for what in odd.new_values:
        if tell_new_value(app, bench.review, what):
            app.events("new value", level="warning", review=bench.review, what=what)


def with_memories(
    app: App, bench: Bench, items: Sequence[ReviewItem], judges: tuple[Judge, ...]
) -> Iterable[tuple[ReviewItem, Known]]:
    """Give each item what the log knows about it, read for all of them at once."""
    if not items:
        return
    memories = memories_of(app.ledger, bench.review, items)
    accounts = _accounts(app, bench, items, judges)
    fleet = _fleet(app, bench, items, memories, judges)
    for item in items:
        yield (
            item,
            Known(
                memory=memories[item.id],
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
