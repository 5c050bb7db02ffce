"""Pipeline: one kind of review with its queue, writer and judges, and the values of a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

import msgspec

from reviewbot.core.account_book import AccountBook
from reviewbot.core.verdict import Verdict
from reviewbot.domain.alarm import WeeklyHour
from reviewbot.domain.decision import State
from reviewbot.domain.review import Evidence, ReviewItem, ReviewKind
from reviewbot.domain.text import parse_iso
from reviewbot.domain.timing import Timing
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import NO_ACCOUNT_HISTORY, AccountHistory, Facts, Fleet, build_facts
from reviewbot.ports.ledger import Ending, Logged, Memory, OpenRound
from reviewbot.ports.queue import AccountDirectory, ReviewQueue, ReviewWriter

REVIEW_WINDOW = timedelta(hours=72)
"""How long the API waits for a client before silence pays (its own statement)."""

Level = Literal["debug", "info", "warning", "error"]


class Events(Protocol):
    """Where the loop says what happens: one constant name and plain values each."""

    def __call__(self, event: str, /, *, level: Level = "info", **about: object) -> None:
        """Say one thing."""


class TrafficCounts(Protocol):
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

    @property
    def calls(self) -> Mapping[tuple[str, str], int]:
        """Answers so far, by operation and HTTP status."""

    @property
    def seconds(self) -> Timing:
        """How long the calls took."""


class NoTrafficCounts(msgspec.Struct, frozen=True):
    """The count of a bot that has no transport."""

    requests: int = 0
    writes: int = 0
    remaining: int | None = None
    calls: Mapping[tuple[str, str], int] = {}
    seconds: Timing = msgspec.field(default_factory=Timing)


class LoopLimits(msgspec.Struct, frozen=True, kw_only=True):
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
    digest: WeeklyHour | None = None
    """When the week is told; never without it."""


class Sight(msgspec.Struct, frozen=True):
    """A thing as last seen, and when (monotonic)."""

    item: ReviewItem
    at: float


class HeldEvidence(msgspec.Struct, frozen=True):
    """Evidence kept between passes; good while the thing's version stays."""

    key: tuple[str, str | None, str | None]
    evidence: Evidence
    at: float


class CheckerTry(NamedTuple):
    """How one try of the verifier went: it could not read the video, or saw no comment at all; where."""

    failed: bool
    blind: bool = False
    platform: str | None = None


class Backoff(msgspec.Struct, frozen=True):
    """One thing whose review keeps failing: how often, and until when it is left alone."""

    tries: int
    until: float


@dataclass(slots=True)
class ApiContact:
    """How the API has answered lately. Moments are monotonic seconds."""

    failed_reads: int = 0
    doubtful_writes: int = 0
    """Calls in a row that failed without a clear answer."""
    key_refused_since: float | None = None
    """Since when it refuses our key; None while it takes it."""
    away_since: float | None = None
    """When the first of the passes in a row failed."""


@dataclass(kw_only=True, slots=True)
class ReviewPipeline:
    """One kind of review: where it is read, where it is written, who judges it.

    In a dry run there is no desk. `judges` is swapped as a whole; a pass uses the one it began with.
    The rest is kept in mind between passes and may be lost at any time.
    """

    queue: ReviewQueue
    judges: tuple[Judge, ...]
    desk: ReviewWriter | None = None
    directory: AccountDirectory | None = None
    """Where the API lists our accounts; None where nobody may ask it."""
    accounts: AccountBook = field(default_factory=AccountBook)
    """What was read there."""
    shadows: tuple[Judge, ...] = ()
    """Challengers that are asked beside the judges, and never decide."""
    stages: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    """On which step the rules of each policy stand that have a ladder."""
    sights: dict[str, Sight] = field(default_factory=dict)
    evidence: dict[str, HeldEvidence] = field(default_factory=dict)
    first_seen: dict[tuple[str, str], datetime] = field(default_factory=dict)
    troubles: dict[str, Backoff] = field(default_factory=dict)
    refused: dict[str, Backoff] = field(default_factory=dict)
    """The things of which the API refused a write, and until when they are left alone."""
    refused_writes: int = 0
    """Writes in a row that were refused for nothing that is about the things."""
    puzzles: dict[str, Backoff] = field(default_factory=dict)
    """Rounds whose end could not be read."""
    unfound: dict[str, int] = field(default_factory=dict)
    """How many readings have not found a round that is gone from the list, by id and epoch."""
    contradicted: set[str] = field(default_factory=set)
    """Unclear writes, by id, whose thing the list shows waiting while reading it finds nothing."""
    incomplete: set[tuple[str, str | None]] = field(default_factory=set)
    """Rounds, by id and epoch, that an answer called paid without saying when or in which round."""
    checks_seen: dict[tuple[str, datetime], CheckerTry] = field(default_factory=dict)
    """The verifier's recent tries: (task, when) → how it went."""
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

    review: ReviewKind = field(init=False)
    """Which kind of review this is."""

    def __post_init__(self) -> None:
        self.review = self.queue.review


class Background(msgspec.Struct, frozen=True, kw_only=True):
    """What the log and the other reviews say about one thing."""

    memory: Memory
    judge: Judge | None
    account: AccountHistory = NO_ACCOUNT_HISTORY
    fleet: Fleet = Fleet()
    full: tuple[str, ...] = ()
    """The rules that are passed over because their own limit is full."""
    stages: tuple[tuple[str, float], ...] = ()
    """On which step each rule with a ladder stands."""

    def facts(self, item: ReviewItem, now: datetime, evidence: Evidence | None = None) -> Facts:
        """What is known of an item at this moment, fixed for its judge."""
        return build_facts(
            item,
            now=now,
            evidence=evidence,
            past=self.memory.history,
            account=self.account,
            fleet=self.fleet,
            full=self.full,
            stages=self.stages,
        )


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """An item, what was known of it, and what the policy says."""

    item: ReviewItem
    facts: Facts
    verdict: Verdict
    evidence: HeldEvidence | None = None


def deadline_of(sighting: OpenRound) -> datetime:
    """The deadline as the API stated it, or counted from the round's beginning, or our first sight."""
    return sighting.deadline_at or (_began(sighting) or sighting.first_seen_at) + REVIEW_WINDOW


def _began(sighting: OpenRound) -> datetime | None:
    """When the round began, where its name says so: a task's does, an account's is a number."""
    try:
        return parse_iso(sighting.epoch)
    except ValueError:
        return None


class PassSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass has done so far, and what it left.

    `actions` counts the verdicts of all that was reviewed; `outcomes` how each review ended (states
    of the log, or `unchanged`, `acted on before`, `no longer waiting`, `postponed`).
    """

    started_at: datetime
    ended_at: datetime
    waiting: int
    reviewed: int
    left: int = 0
    """How many have not had their turn."""
    actions: dict[str, int]
    outcomes: dict[str, int]
    requests: int
    writes: int
    in_quarantine: int
    undecided: tuple[Undecided, ...]
    """What silence would end as things stand, reviewed or not; the most urgent first."""
    endings: tuple[Ending, ...]
    stopped: str | None = None
    """Why the pass ended before its time, where it did."""

    @property
    def goes_on(self) -> bool:
        """Whether the pass is not over: the next call continues it, and needs no new poll."""
        return self.left > 0 and self.stopped is None


class ReviewOutcome(StrEnum):
    """How a review ended that left no new state in the log."""

    UNCHANGED = "unchanged"
    CLAIMED = "acted on before"
    VANISHED = "no longer waiting"
    POSTPONED = "postponed"


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """How one review ended: the verdict where there is one, and the state or outcome."""

    item: ReviewItem
    outcome: State | ReviewOutcome
    verdict: Verdict | None = None
    latest: Logged | None = None


NEAR = timedelta(hours=2)
"""With less time left even a thing that failed before is reviewed in its turn."""


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
