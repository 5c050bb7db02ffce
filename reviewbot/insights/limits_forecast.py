"""Where the caps of a policy will keep something back, put together from what becomes of each round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.review import ReviewKind
from reviewbot.foresight.future import Future


class Capped(msgspec.Struct, frozen=True, kw_only=True):
    """One cap in figures: how much it keeps back, from when, until when, and how much beyond help.

    `until` is when the last of those that find room has it, None where none does; `micros` counts
    unknown amounts as 0; `asked` says that people are asked.
    """

    policy: str
    cap: str
    review: ReviewKind
    count: int
    micros: int
    since: datetime
    until: datetime | None
    to_silence: int
    asked: bool


class LimitHeld(NamedTuple):
    """One decision that a cap will keep back. `until` is None where it finds no room."""

    task_id: str
    action: Action
    rule: str
    until: datetime | None


class LimitHit(NamedTuple):
    """One cap that will keep something back, and what, the most urgent first."""

    summary: Capped
    held: tuple[LimitHeld, ...]

    @property
    def to_silence(self) -> tuple[LimitHeld, ...]:
        """Those that silence pays before there is room."""
        return tuple(wait for wait in self.held if wait.until is None)


def bites_of(futures: Iterable[Future]) -> tuple[LimitHit, ...]:
    """The caps and probations that keep something back, the first to bite first."""
    by_cap: dict[tuple[str, str], list[Future]] = defaultdict(list)
    for future in futures:
        if future.kept is not None and future.kept.stop.by in ("cap", "probation"):
            by_cap[future.kept.wish.policy, future.kept.stop.what].append(future)
    bites = [_bite(policy, cap, those) for (policy, cap), those in by_cap.items()]
    return tuple(sorted(bites, key=lambda bite: (bite.summary.since, -bite.summary.count)))


def _bite(policy: str, cap: str, those: list[Future]) -> LimitHit:
    kept = [(future.round, future.kept) for future in those if future.kept is not None]
    ends = [wait.until for _, wait in kept if wait.until is not None]
    summary = Capped(
        policy=policy,
        cap=cap,
        review=those[0].round.review,
        count=len(kept),
        micros=sum(ahead.amount_micros or 0 for ahead, _ in kept),
        since=min(wait.since for _, wait in kept),
        until=max(ends, default=None),
        to_silence=len(kept) - len(ends),
        asked=any(wait.stop.asks for _, wait in kept),
    )
    rows = (
        LimitHeld(ahead.task_id, wait.wish.action, wait.wish.rule, wait.until)
        for ahead, wait in kept
    )
    return LimitHit(summary, tuple(rows))
