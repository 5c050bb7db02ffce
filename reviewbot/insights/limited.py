"""Limited: what the limits of a policy make of the past, review by review in the order of time.

Theory of operation. The loop sends a decision when its limits have room; where they have none a
person is asked or it is held, and from `decide by` on the deadline decides what they still keep back.
The same is done here with recorded reviews: each comes at its own moment and takes the first room
that there is. What finds none before its deadline is paid by silence. Of reviews at the same moment
the one whose recorded words come first goes first, whatever the order in which they were read; they
wait in sorted runs (`spill.py`), so that no number of them needs more memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from reviewbot.domain.decision import DEADLINE, Action, Decision
from reviewbot.foresight.future import RoundAhead
from reviewbot.foresight.room import House, Room, Stop
from reviewbot.insights.spill import SortedRuns
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.testing.compare import ActionRule, Impact, Timed, Wish
from reviewbot.safety.limits import is_exempt

SILENCE = "silence"
"""What becomes of a review whose action found no room before its deadline."""
_PAUSED = Stop("guardrail", "its own pause by a condition", None)
_EVER = datetime.min.replace(tzinfo=UTC)
_LONGEST = timedelta(days=2)
"""More than the longest window of a limit, a calendar day with a change of clocks."""
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_TIMED = msgspec.json.Decoder(Timed).decode
Heard = Callable[[ActionRule, ActionRule, str], object]
"""Hears what both policies say of a review, and whose it is."""


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


class TimedReviews:
    """Reviews that wait to be held against the limits of two policies, in no order."""

    def __init__(self) -> None:
        self._old: SortedRuns[tuple[int, str]] = SortedRuns(tuple[int, str])
        self._new: SortedRuns[tuple[int, str]] = SortedRuns(tuple[int, str])

    def add(self, review: Timed) -> None:
        """Take one in."""
        self.add_written(msgspec.json.encode(review).decode())

    def add_written(self, text: str) -> None:
        """Take one in that was written down as JSON."""
        review = _TIMED(text)
        self._old.add((_micros(review.old.at), text))
        self._new.add((_micros(review.new.at), text))

    def hold(
        self, impact: Impact, old: Judge, new: Judge, account: Heard | None = None
    ) -> tuple[tuple[KeptBack, ...], tuple[KeptBack, ...]]:
        """Count them; give what the old and the new limits kept back. `account` is as in `counter`."""
        after = _Walk(new)
        if old is new:
            pairs = ((fate, fate, review) for fate, review in _walked(after, self._new, "new"))
            _count(impact, pairs, account)
            return after.kept, after.kept
        before = _Walk(old)
        told = [
            _by_review(_walked(before, self._old, "old")),
            _by_review(_walked(after, self._new, "new")),
        ]
        pairs = (
            (Said(*a), Said(*b), _TIMED(text)) for (text, a), (_, b) in zip(*told, strict=True)
        )
        _count(impact, pairs, account)
        for answers in told:
            answers.close()
        return before.kept, after.kept

    def close(self) -> None:
        """Let go of the files."""
        self._old.close()
        self._new.close()


def _micros(at: datetime) -> int:
    return (at - _1970) // timedelta(microseconds=1)


def _walked(
    walk: _Walk, runs: Iterable[tuple[int, str]], side: Literal["old", "new"]
) -> Iterator[tuple[Said, Timed]]:
    """What becomes of each review by one policy, in the order of time."""
    for _, text in runs:
        review = _TIMED(text)
        yield walk.says(review, review.old if side == "old" else review.new), review


def _by_review(answers: Iterable[tuple[Said, Timed]]) -> SortedRuns[tuple[str, tuple[str, str]]]:
    """The answers in an order that both policies share."""
    found: SortedRuns[tuple[str, tuple[str, str]]] = SortedRuns(tuple[str, tuple[str, str]])
    for fate, review in answers:
        found.add((msgspec.json.encode(review).decode(), (fate.action, fate.rule)))
    return found


def _count(impact: Impact, told: Iterable[tuple[Said, Said, Timed]], account: Heard | None) -> None:
    for before, after, review in told:
        old, new = (before.action, before.rule), (after.action, after.rule)
        impact.add(old, new, review.id, review.amount_micros)
        if account is not None and review.account_id is not None:
            account(old, new, review.account_id)


class _Walk:
    """Goes through reviews in time by one policy."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._room = Room(House(judge=judge), _EVER)
        self._kept: dict[str, Counter[str]] = {}
        self._tidied = _EVER

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
        if wish.at - self._tidied >= _LONGEST:
            self._tidied = wish.at
            if wish.at - _EVER > _LONGEST:
                self._room.forget(wish.at - _LONGEST)
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
