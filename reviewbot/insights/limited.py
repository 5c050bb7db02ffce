"""Limited: what the limits of a policy make of the past, review by review in the order of time.

Theory of operation. The loop sends a decision when its limits have room; where they have none a
person is asked or it is held, and from `decide by` on the deadline decides what they still keep back.
The same is done here with recorded reviews: each comes at its own moment and takes the first room
that there is. What finds none before its deadline is paid by silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from reviewbot.domain.decision import DEADLINE, Action, Decision
from reviewbot.foresight.future import RoundAhead
from reviewbot.foresight.room import House, Room, Stop
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.testing.compare import Impact, Timed, Wish
from reviewbot.safety.limits import is_exempt

SILENCE = "silence"
"""What becomes of a review whose action found no room before its deadline."""
_PAUSED = Stop("guardrail", "its own pause by a condition", None)
_EVER = datetime.min.replace(tzinfo=UTC)


class KeptBack(msgspec.Struct, frozen=True):
    """How many decisions one limit kept back: put off, asked of people, left to the deadline or silence,
    or passed on to the rules below."""

    limit: str
    count: int
    later: int
    asked: int
    by_deadline: int
    silence: int
    passed_over: int = 0


class Said(NamedTuple):
    """What becomes of a review: the action, or silence, and by which rule."""

    action: str
    rule: str


def hold_against_limits(
    impact: Impact, old: Judge, new: Judge
) -> tuple[tuple[KeptBack, ...], tuple[KeptBack, ...]]:
    """Count the timed reviews of an impact; give what the old and the new limits kept back."""
    walked = [(_Walk(old), [review.old for review in impact.timed])]
    if new is not old:
        walked.append((_Walk(new), [review.new for review in impact.timed]))
    said = [_in_order(walk, impact.timed, wishes) for walk, wishes in walked]
    for review, before, after in zip(impact.timed, said[0], said[-1], strict=True):
        impact.add(before, after, review.id, review.account_id, review.amount_micros)
    impact.timed.clear()
    return walked[0][0].kept, walked[-1][0].kept


def _in_order(walk: _Walk, timed: Sequence[Timed], wishes: Sequence[Wish]) -> list[Said]:
    """What becomes of each review, in the order given, walked in the order of time."""
    said: dict[int, Said] = {}
    for place in sorted(range(len(wishes)), key=lambda place: wishes[place].at):
        said[place] = walk.says(timed[place], wishes[place])
    return [said[place] for place in range(len(wishes))]


class _Walk:
    """Goes through reviews in time by one policy."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._room = Room(House(judge=judge), _EVER)
        self._kept: dict[str, Counter[str]] = {}

    @property
    def kept(self) -> tuple[KeptBack, ...]:
        """What each limit kept back, the one that kept most first."""
        found = [
            KeptBack(
                limit,
                how.total(),
                how["later"],
                how["asked"],
                how["deadline"],
                how[SILENCE],
                how["below"],
            )
            for limit, how in self._kept.items()
        ]
        return tuple(sorted(found, key=lambda kept: -kept.count))

    def says(self, review: Timed, wish: Wish) -> Said:
        """What becomes of one review."""
        said = Said(wish.action.value, wish.rule)
        if not wish.action.writes:
            return said
        wanted = _round(review).wish(self._judge, wish.action, wish.rule)
        stop = self._stop(wanted, wish, wish.at, review.end)
        if stop is None:
            self._room.take(wanted, wish.at)
            return said
        if stop.skips and wish.below is not None:
            self._kept.setdefault(stop.what, Counter())["below"] += 1
            return self.says(review, wish.below)
        what, said = self._kept_back(review, wish, wanted, stop, said)
        self._kept.setdefault(stop.what, Counter())[what] += 1
        return said

    def _kept_back(
        self, review: Timed, wish: Wish, wanted: Decision, stop: Stop, said: Said
    ) -> tuple[str, Said]:
        due = None if wish.due is None else max(wish.due, wish.at)
        if stop.free_at is not None and not stop.asks and (due is None or stop.free_at <= due):
            self._room.take(wanted, stop.free_at)
            return "later", said
        instead = self._at_the_deadline(review, wish, wanted, due)
        if stop.asks:
            return "asked", Said(Action.ESCALATE.value, wish.rule)
        if instead is not None:
            return "deadline", instead
        if stop.free_at is None:
            return SILENCE, Said(SILENCE, wish.rule)
        self._room.take(wanted, stop.free_at)
        return "later", said

    def _at_the_deadline(
        self, review: Timed, wish: Wish, wanted: Decision, due: datetime | None
    ) -> Said | None:
        """What is sent from `decide by` on, and takes its room then."""
        if due is None or due >= review.end:
            return None
        if self._stop(wanted, wish, due, review.end) is None:
            self._room.take(wanted, due)
            return Said(wish.action.value, wish.rule)
        if wish.fallback is None or not wish.fallback.writes:
            return None
        instead = _round(review).wish(self._judge, wish.fallback, DEADLINE)
        if self._stop(instead, wish, due, review.end) is not None:
            return None
        self._room.take(instead, due)
        return Said(wish.fallback.value, DEADLINE)

    def _stop(self, wanted: Decision, wish: Wish, at: datetime, end: datetime) -> Stop | None:
        exempt = is_exempt(self._judge.policy, wanted.rule)
        if wish.paused and wanted.action is wish.action and not exempt:
            return _PAUSED
        return self._room.stop(wanted, at, end)


def _round(review: Timed) -> RoundAhead:
    return RoundAhead(
        review=review.review,
        task_id=review.id,
        epoch=None,
        deadline_at=review.end,
        account_id=review.account_id,
        amount_micros=review.amount_micros,
    )
