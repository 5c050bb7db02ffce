"""Deadlines: which rounds nobody has decided, so that silence would pay for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.lifecycle import DONE, State
from reviewbot.domain.review import ReviewItem
from reviewbot.ports import Logged, Sighting
from reviewbot.service.look import deadline_of
from reviewbot.service.review import Outcome, Reviewed


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
    started_at: datetime | None = None
    amount_micros: int | None = None
    policy: str = ""


NOT_REVIEWED = "not reviewed yet"
"""The outcome of a round that waits for its turn in this pass."""


def most_urgent_first(found: Iterable[Undecided]) -> tuple[Undecided, ...]:
    """What expires first comes first; what nobody knows the deadline of comes last."""
    return tuple(sorted(found, key=lambda one: (one.deadline_at is None, one.deadline_at or 0)))


def is_open(one: Reviewed) -> bool:
    """Whether a review left its round to silence, as things stand."""
    if one.outcome is Outcome.VANISHED:
        return False
    if one.outcome is Outcome.CLAIMED:
        # Where somebody was first while it was reviewed, nobody knows yet what becomes of that.
        return one.latest is None or one.latest.state not in DONE
    if one.verdict is None:
        return True
    return one.verdict.undecided or one.outcome in ("unknown", "void", "refused", "postponed")


def describe(one: Reviewed) -> Undecided:
    """The round of a review; where it was not judged, as its newest decision left it."""
    if one.verdict is None and one.latest is not None:
        return _as_left(unreviewed(one.item), one.latest)
    verdict = one.verdict
    return msgspec.structs.replace(
        unreviewed(one.item),
        action=None if verdict is None else verdict.action.value,
        rule=None if verdict is None else verdict.rule,
        outcome=one.outcome.value,
        policy="" if verdict is None else verdict.policy,
    )


def unreviewed(item: ReviewItem) -> Undecided:
    """The round of a thing whose turn has not come."""
    return Undecided(
        review=item.review,
        task_id=item.id,
        epoch=item.epoch,
        deadline_at=item.deadline_at,
        deadline_is_estimate=item.deadline_is_estimate,
        action=None,
        rule=None,
        outcome=NOT_REVIEWED,
        started_at=item.started_at,
        amount_micros=item.amount_micros,
    )


def from_log(sighting: Sighting, last: Logged | None) -> Undecided | None:
    """The round as the log knows it, for when the API cannot be asked; None where it is decided."""
    if last is not None and _decided(last):
        return None
    seen = Undecided(
        review=sighting.review,
        task_id=sighting.task_id,
        epoch=sighting.epoch,
        deadline_at=deadline_of(sighting),
        deadline_is_estimate=sighting.deadline_at is None,
        action=None,
        rule=None,
        outcome=NOT_REVIEWED,
        started_at=sighting.first_seen_at,
        amount_micros=sighting.amount_micros,
    )
    return seen if last is None else _as_left(seen, last)


def _as_left(one: Undecided, last: Logged) -> Undecided:
    """A round as its newest decision left it."""
    return msgspec.structs.replace(
        one,
        action=last.decision.action.value,
        rule=last.decision.rule,
        outcome=last.state.value,
        policy=last.decision.policy,
    )


def _decided(last: Logged) -> bool:
    decision = last.decision
    if decision.action is Action.LEAVE:
        return True
    if last.state is State.DRY_RUN:
        return decision.action.writes and decision.until is None
    return last.state in (State.PERFORMED, State.SETTLED, State.OVERTAKEN)
