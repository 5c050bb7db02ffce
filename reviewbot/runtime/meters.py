"""Meters: figures of one key's bot that no other part keeps, for whoever scrapes them.

The loop's thread writes them, and the one that answers reads; each is replaced as a whole.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import msgspec

from reviewbot.core.context import BotContext
from reviewbot.core.questions import WAITS
from reviewbot.domain.decision import DONE, Action
from reviewbot.domain.timing import Timing
from reviewbot.foresight.gather import Foreseen
from reviewbot.foresight.room import room_left
from reviewbot.insights.limits_in_use import spent_by
from reviewbot.insights.scorecard import GROUNDS, ground_of
from reviewbot.ports.ledger import Ending, Ledger, Logged, Memory
from reviewbot.ports.tracing import NoSpans, Spans
from reviewbot.safety.limits import limits_of

OTHER = "other"
PAID_BY = (*GROUNDS, OTHER)
"""On whose word something was paid; `other`: in TokPortal's dashboard, or by another tool."""


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """What a look ahead found: questions to people, and when silence pays next; None: not as it stands.

    `rooms` is how much each limit has left, by policy and name.
    """

    questions: int
    silence_at: datetime | None
    rooms: tuple[tuple[str, str, float], ...]


@dataclass(slots=True)
class Meters:
    """What is counted since the process began, and how things stood at the last look."""

    ledger_seconds: Timing = field(default_factory=Timing)
    paid: Counter[str] = field(default_factory=Counter)
    """Things that were paid, by whose word; noted when they are seen to have ended."""
    paid_micros: Counter[str] = field(default_factory=Counter)
    checkpoint_at: datetime | None = None
    ahead: Ahead | None = None
    spans: Spans = field(default_factory=NoSpans)
    """Where the time of passes, decisions and calls is noted."""

    def count_paid(self, by: str, micros: int | None) -> None:
        """Count one payment."""
        self.paid[by] += 1
        self.paid_micros[by] += micros or 0


def look_ahead(app: BotContext) -> Ahead:
    """Work out what becomes of all that is open. Raises `LedgerError`."""
    outlook = Foreseen(app)()
    rounds = outlook.futures.values()
    silent = (future.at for future in rounds if future.end == "silence")
    houses, now = outlook.standing.houses, outlook.at
    rooms: list[tuple[str, str, float]] = []
    for judge in (judge for bench in app.benches for judge in bench.judges):
        name = judge.policy.name
        limits = tuple(limits_of(judge.policy))
        if limits:
            house = houses.get(name)
            spent = spent_by(app.ledger, judge, now) if house is None else house.spent
            rooms += [(name, limit.name, room_left(limit, spent, now)) for limit in limits]
    return Ahead(
        questions=sum(_asks(future.round.latest) for future in rounds),
        silence_at=min((at for at in silent if at is not None), default=None),
        rooms=tuple(rooms),
    )


def _asks(latest: Logged | None) -> bool:
    return (
        latest is not None and latest.state in WAITS and latest.decision.action is Action.ESCALATE
    )


def measured(
    ledger: Ledger, meters: Meters, monotonic: Callable[[], float] = time.perf_counter
) -> Ledger:
    """The same ledger; how long its calls take, and what ended as paid, is counted on the way."""
    return cast(Ledger, _MeasuredLedger(ledger, meters, monotonic))


class _MeasuredLedger:
    """Passes every call on. How each kind of call works is none of its business."""

    def __init__(self, ledger: Ledger, meters: Meters, monotonic: Callable[[], float]) -> None:
        self._ledger = ledger
        self._meters = meters
        self._monotonic = monotonic

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._ledger, name)
        if not callable(call):
            return call
        timed = self.__dict__[name] = self._timed(call)
        return timed

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **more: Any) -> Any:
            began = self._monotonic()
            try:
                return call(*args, **more)
            finally:
                self._meters.ledger_seconds.add(self._monotonic() - began)

        return timed

    def end(self, *endings: Ending) -> None:
        """Note how rounds ended, and count those that were paid."""
        paid = list(_paid(self._ledger, endings))  # first: an ending that is not noted comes again
        self._timed(self._ledger.end)(*endings)
        for by, micros in paid:
            self._meters.count_paid(by, micros)


def _paid(ledger: Ledger, endings: Iterable[Ending]) -> Iterator[tuple[str, int | None]]:
    for ending in endings:
        match ending.by:
            case "silence":
                yield "silence", ending.amount_micros
            case "leave":
                yield "rule", ending.amount_micros
            case "other":
                if ending.status == "finalized":
                    yield OTHER, ending.amount_micros
            case "ours":
                memory = ledger.memories(ending.review, [ending.task_id]).get(ending.task_id)
                if (by := _ground(memory, ending)) is not None:
                    yield by, ending.amount_micros


def _ground(memory: Memory | None, ending: Ending) -> str | None:
    """On whose word a decision of ours paid this; None where it paid nothing."""
    latest = None if memory is None else memory.latest
    if latest is None or latest.decision.epoch != ending.epoch or latest.state not in DONE:
        return None
    return ground_of(latest.decision) if latest.decision.action.pays else None
