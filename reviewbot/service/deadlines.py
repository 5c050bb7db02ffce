"""Deadlines: what nobody has decided and is about to be paid by silence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from reviewbot.service.app import App, Bench
from reviewbot.service.review import Outcome, Reviewed

ALARM_HOURS = (1, 6, 24)
"""Hours before the deadline at which an undecided round is spoken of, nearest first."""


class Undecided(msgspec.Struct, frozen=True, kw_only=True):
    """A round that silence will end unless somebody acts."""

    review: str
    task_id: str
    epoch: str | None
    deadline_at: datetime | None
    deadline_is_estimate: bool
    action: str | None
    rule: str | None
    outcome: str


def undecided(reviewed: Iterable[Reviewed]) -> tuple[Undecided, ...]:
    """Of all that was just reviewed, what is still open, most urgent first."""
    found = [_describe(one) for one in reviewed if _is_open(one)]
    return tuple(sorted(found, key=lambda one: (one.deadline_at is None, one.deadline_at or 0)))


def remind(app: App, bench: Bench, open_rounds: Iterable[Undecided]) -> None:
    """Speak of each undecided round once as 24, 6 and 1 hours are left."""
    now = app.clock.now()
    for one in open_rounds:
        if one.deadline_at is None:
            continue
        left = one.deadline_at - now
        near = next((hours for hours in ALARM_HOURS if left <= timedelta(hours=hours)), None)
        if near is None or (one.task_id, one.epoch, near) in bench.reminded:
            continue
        bench.reminded.add((one.task_id, one.epoch, near))
        app.events(
            "undecided near its deadline",
            level="warning" if near > 1 else "error",
            task_id=one.task_id,
            epoch=one.epoch,
            hours_left=near,
            deadline_at=one.deadline_at,
            deadline_is_estimate=one.deadline_is_estimate,
            action=one.action,
            rule=one.rule,
            outcome=one.outcome,
            otherwise="paid by silence",
        )


def _is_open(one: Reviewed) -> bool:
    if one.outcome is Outcome.VANISHED:
        return False
    if one.outcome is Outcome.CLAIMED:
        latest = one.latest
        return latest is not None and latest.state in ("refused", "unknown", "intent")
    if one.verdict is None:
        return True
    return one.verdict.undecided or one.outcome in ("unknown", "void", "refused", "postponed")


def _describe(one: Reviewed) -> Undecided:
    verdict, item = one.verdict, one.item
    return Undecided(
        review=item.review,
        task_id=item.id,
        epoch=item.epoch,
        deadline_at=item.deadline_at,
        deadline_is_estimate=item.deadline_is_estimate,
        action=None if verdict is None else verdict.action.value,
        rule=None if verdict is None else verdict.rule,
        outcome=one.outcome.value,
    )
