"""Bites: where the caps of a policy will keep something back, put together from what becomes of each round."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.review import ReviewKind
from reviewbot.foresight.future import Future, Kept


class LimitHeld(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that a cap will keep back. `until` is None where it finds no room."""

    review: ReviewKind
    task_id: str
    amount_micros: int | None
    kept: Kept

    @property
    def action(self) -> Action:
        """What was to be done."""
        return self.kept.action

    @property
    def rule(self) -> str:
        """By which rule."""
        return self.kept.rule

    @property
    def until(self) -> datetime | None:
        """Until when it is kept back; None where it finds no room before its deadline."""
        return self.kept.until


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


class LimitHit(msgspec.Struct, frozen=True, kw_only=True):
    """One cap that will keep something back, and what, the most urgent first."""

    policy: str
    cap: str
    held: tuple[LimitHeld, ...]

    @property
    def to_silence(self) -> tuple[LimitHeld, ...]:
        """Those that silence pays before there is room."""
        return tuple(one for one in self.held if one.until is None)

    @property
    def summary(self) -> Capped:
        """The same in figures."""
        return Capped(
            policy=self.policy,
            cap=self.cap,
            review=self.held[0].review,
            count=len(self.held),
            micros=sum(one.amount_micros or 0 for one in self.held),
            since=min(one.kept.since for one in self.held),
            until=max((one.until for one in self.held if one.until is not None), default=None),
            to_silence=len(self.to_silence),
            asked=any(one.kept.asked for one in self.held),
        )


def bites_of(found: Iterable[Future]) -> tuple[LimitHit, ...]:
    """The caps and probations that keep something back, the first to bite first."""
    held: dict[tuple[str, str], list[LimitHeld]] = {}
    for one in found:
        if one.kept is not None and one.kept.by in ("cap", "probation"):
            held.setdefault((one.kept.policy, one.kept.what), []).append(
                LimitHeld(
                    review=one.round.review,
                    task_id=one.round.task_id,
                    amount_micros=one.round.amount_micros,
                    kept=one.kept,
                )
            )
    bites = [
        LimitHit(policy=policy, cap=cap, held=tuple(those)) for (policy, cap), those in held.items()
    ]
    return tuple(sorted(bites, key=lambda bite: (bite.summary.since, -len(bite.held))))
