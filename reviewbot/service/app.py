"""App: the parts of a running bot, plugged together, and what it keeps in mind between passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from reviewbot.domain.alarms import HOUR, Alarm, Kind, Urgency
from reviewbot.domain.decision import Decision, Mode, idempotency_key
from reviewbot.domain.review import Evidence, ReviewItem, ReviewKind
from reviewbot.ports import Clock, Desk, Ledger, Logged, ReviewQueue
from reviewbot.service.guards.guard import Guard
from reviewbot.service.revisions import Revisions
from reviewbot.service.telling.alarms import Alarms
from reviewbot.service.telling.turns import Turns

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge
    from reviewbot.service.telling.deadlines import Undecided

REVIEW_WINDOW = timedelta(hours=72)
"""How long the API waits for a client before silence pays (its own statement)."""

Level = Literal["debug", "info", "warning", "error"]


class Events(Protocol):
    """Where the loop says what happens: one constant name and plain values each."""

    def __call__(self, event: str, /, *, level: Level = "info", **about: object) -> None:
        """Say one thing."""


class Traffic(Protocol):
    """What the transport itself has counted."""

    @property
    def requests(self) -> int:
        """Requests sent so far."""

    @property
    def writes(self) -> int:
        """Requests sent so far that could change something."""

    @property
    def remaining(self) -> int | None:
        """Requests that the API last said are left of this key's budget."""


class NoTraffic(msgspec.Struct, frozen=True):
    """The count of a bot that has no transport."""

    requests: int = 0
    writes: int = 0
    remaining: int | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How patient and how careful the loop is."""

    freshness: float = 60.0
    """Seconds since a task was last seen, and its evidence fetched, when a write leaves."""
    quarantine: timedelta = timedelta(minutes=15)
    """How long an ambiguous write may still arrive."""
    clock_brake: float = 1800.0
    """Seconds this machine's clock may be off the API's before nothing is sent."""
    always_evidence: bool = False
    """Fetch the evidence even where no rule needs it."""
    looks_per_pass: int = 20
    """Reads per pass spent on finding out how rounds ended that vanished from the list."""
    away: float = 600.0
    """Seconds without a whole pass after which people are told."""
    every: float = 60.0
    """Seconds between two passes of a bot that runs."""


class Sight(msgspec.Struct, frozen=True):
    """A thing as last seen, and when (monotonic)."""

    item: ReviewItem
    at: float


class HeldEvidence(msgspec.Struct, frozen=True):
    """Evidence kept between passes; good while the thing's version stays."""

    key: tuple[str, str | None, str | None]
    evidence: Evidence
    at: float


class Sent(msgspec.Struct, frozen=True):
    """A write that left this process: by which idempotency key, and when (monotonic)."""

    decision: Decision
    key: str
    at: float

    def is_newest_of(self, logged: Logged) -> bool:
        """Whether it is the newest try that the log has of a decision."""
        return self.key == idempotency_key(logged.decision.id, logged.tries)

    def is_among(self, logged: Logged) -> bool:
        """Whether it is one of the tries that the log has of a decision."""
        keys = (idempotency_key(logged.decision.id, n + 1) for n in range(logged.tries))
        return self.key in keys


class Trouble(msgspec.Struct, frozen=True):
    """One thing whose review keeps failing: how often, and until when it is left alone."""

    tries: int
    until: float


@dataclass(kw_only=True, slots=True)
class Bench:
    """One kind of review: where it is read, where it is written, who judges it.

    In a dry run there is no desk. `judges` is swapped as a whole; a pass uses the one it began with.
    The rest is kept in mind between passes and may be lost at any time.
    """

    queue: ReviewQueue
    judges: tuple[Judge, ...]
    desk: Desk | None = None
    shadows: tuple[Judge, ...] = ()
    """Challengers that are asked beside the judges, and never decide."""
    sights: dict[str, Sight] = field(default_factory=dict)
    evidence: dict[str, HeldEvidence] = field(default_factory=dict)
    first_seen: dict[tuple[str, str], datetime] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    refused: dict[str, Trouble] = field(default_factory=dict)
    """The things of which the API refused a write, and until when they are left alone."""
    refused_writes: int = 0
    """Writes in a row that were refused for nothing that is about the things."""
    puzzles: dict[str, Trouble] = field(default_factory=dict)
    """Rounds whose end could not be read."""
    unfound: dict[str, int] = field(default_factory=dict)
    """How many readings have not found a round that is gone from the list, by id and epoch."""
    contradicted: set[str] = field(default_factory=set)
    """Unclear writes, by id, whose thing the list shows waiting while reading it finds nothing."""
    incomplete: set[tuple[str, str | None]] = field(default_factory=set)
    """Rounds, by id and epoch, that an answer called paid without saying when or in which round."""
    checks_seen: dict[tuple[str, datetime], bool] = field(default_factory=dict)
    """The verifier's recent tries: (task, when) → whether it failed to read the video."""
    checks_unwritten: list[tuple[str, datetime]] = field(default_factory=list)
    """Those of them that the log does not hold yet."""
    checks_recalled: bool = False
    """Whether those of earlier processes were taken from the log."""
    drift: tuple[str, ...] = ()
    """Used fields that were not as documented when the list was last read."""
    drift_on: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The things on which each of them was seen; a field without an entry may be so on all."""
    open_rounds: dict[str, Undecided] | None = None
    """What nobody has decided, by id; None until it was listed or read from the log."""
    reminded: set[tuple[str, str | None, str]] = field(default_factory=set)
    """Of which rounds was spoken, and at which moment: (id, epoch, moment)."""

    @property
    def review(self) -> ReviewKind:
        """Which kind of review this is."""
        return self.queue.review


def _nothing() -> None:
    """Nothing to wait for, and nothing to close."""


def _never() -> bool:
    return False


def _no_more_benches(review: ReviewKind) -> Bench:
    raise LookupError(f"no bench can be made for {review}")


@dataclass(kw_only=True, slots=True)
class App:
    """Everything one running bot is made of. `bootstrap.build` makes it; nothing else chooses parts."""

    clock: Clock
    ledger: Ledger
    benches: tuple[Bench, ...]
    events: Events
    alarms: Alarms
    """Whom to tell what a person should know."""
    mode: Mode = Mode.DRY_RUN
    limits: Limits = field(default_factory=Limits)
    traffic: Traffic = field(default_factory=NoTraffic)
    wait_turn: Callable[[], None] = _nothing
    """Returns when the rate allows one more request now."""
    skew: Callable[[], timedelta | None] = _nothing
    """How far the API's clock is ahead of this machine's; None where that is not known."""
    brake: Callable[[], str | None] = _nothing
    """Why nothing may be sent now, in a sentence; None where it may. Asked before each intent."""
    stopping: Callable[[], bool] = _never
    """Whether a stop was asked for; asked between two tasks, never within one."""
    make_bench: Callable[[ReviewKind], Bench] = _no_more_benches
    """Makes the bench of a kind of review that a changed policy brings in."""
    close: Callable[[], None] = _nothing
    """Lets go of the ledger and the connection."""
    failed_reads: int = 0
    doubtful_writes: int = 0
    """Calls in a row that failed without a clear answer."""
    sent: dict[tuple[str, str | None], Sent] = field(default_factory=dict)
    """The writes of this process that have no clear answer yet, by the id and the epoch of their round."""
    knock: Callable[[], None] = _nothing
    """Asks the API, by one cheap read, whether it takes our key. Raises `ApiError`."""
    key_refused_since: float | None = None
    """Since when (monotonic) the API refuses our key; None while it takes it."""
    away_since: float | None = None
    """When (monotonic) the first of the passes in a row failed."""
    watched_at: float = 0.0
    """When (monotonic) the deadlines were last looked at."""
    turns: Turns = field(default_factory=Turns)
    """How fast the pass under way comes through what waits."""
    silences_retold: bool = False
    """Whether this process has told what the one before it perhaps could not."""
    guard: Guard = field(default_factory=Guard)
    """What may keep a due decision from being sent."""
    revisions: Revisions = field(init=False)
    """Policies as they ran, from the texts in the log."""

    def __post_init__(self) -> None:
        self.revisions = Revisions(self.ledger)

    def say(self, event: str, /, *, level: Level = "info", **about: object) -> None:
        """Hand an event to whoever hears events now; that may change while the bot runs."""
        self.events(event, level=level, **about)

    def bench(self, review: str) -> Bench | None:
        """The bench of one kind of review, where it runs."""
        return next((bench for bench in self.benches if bench.review == review), None)

    def zone(self, *, review: str | None = None, policy: str = "") -> str:
        """In which zone a person reads moments of this: the policy's, or the only one there is."""
        judges = [
            judge
            for bench in self.benches
            if review in (None, bench.review)
            for judge in bench.judges
        ]
        own = [judge for judge in judges if judge.policy.name == policy]
        zones = {judge.policy.timezone for judge in own or judges}
        return zones.pop() if len(zones) == 1 else "UTC"

    def alarm(
        self,
        kind: Kind,
        sentence: str,
        *,
        subject: str = "",
        urgency: Urgency = "error",
        to: tuple[str, ...] = (),
        group: str = "",
        again: timedelta | None = HOUR,
        keep_until: datetime | None = None,
        zone: str = "UTC",
        **facts: Any,
    ) -> bool:
        """Tell people something; give whether it was news.

        What lasts is told at every pass, and repeated to people only after `again`.
        """
        return self.alarms.tell(
            Alarm(
                kind=kind,
                sentence=sentence,
                at=self.clock.now(),
                subject=subject,
                urgency=urgency,
                to=to,
                group=group,
                again=again,
                keep_until=keep_until,
                zone=zone,
                facts=facts,
            )
        )

    def mended(self, kind: Kind, sentence: str, *, subject: str = "") -> None:
        """Say that something that was told is over; call it whenever all is well, it is cheap."""
        self.alarms.mended(kind, subject, sentence)
