"""The past as recorded reviews: each round of the decision log once, as it was first judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import msgspec

from reviewbot.domain.review import ReviewKind, Subject
from reviewbot.policy.facts import Facts
from reviewbot.ports import Logged
from reviewbot.service.outlook.replay import was_judged
from reviewbot.service.records import facts_from_json


class PastReview(msgspec.Struct, frozen=True, kw_only=True):
    """One round of the log: the facts its first decision was judged by."""

    logged: Logged
    seen: Facts

    @property
    def review(self) -> ReviewKind:
        """Which kind of review it was."""
        return self.logged.decision.review

    @property
    def subject(self) -> Subject:
        """The thing as it was seen."""
        return self.seen.task if self.seen.task.id else self.seen.bundle

    @property
    def amount_micros(self) -> int:
        """What an approval paid, or would have, in millionths of a US dollar."""
        return self.logged.decision.amount_micros or 0

    def facts(self, at: datetime) -> Facts:  # noqa: ARG002 - the log has the moment
        """The facts, as of the moment of that decision."""
        return self.seen


def past_reviews(
    decisions: Iterable[Logged], since: datetime, unread: Callable[[Logged], None]
) -> Iterator[PastReview]:
    """Give each round first decided since then, oldest first, from decisions in the log's order.

    What no policy judged is left out; what can no longer be read goes to `unread`.
    """
    met: set[tuple[str, str, str | None]] = set()
    for logged in decisions:
        decision = logged.decision
        key = (decision.review, decision.task_id, decision.epoch)
        if decision.decided_at < since or key in met or not was_judged(decision):
            continue
        met.add(key)
        review = read_past(logged)
        if review is None:
            unread(logged)
        else:
            yield review


def read_past(logged: Logged) -> PastReview | None:
    """One decision as a review to judge again; None where its facts can no longer be read."""
    try:
        return PastReview(logged=logged, seen=facts_from_json(logged.decision.facts))
    except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError):
        return None
