"""App: the parts of a running bot, plugged together, and what it keeps in mind between passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from datetime import timedelta

import msgspec

from reviewbot.core.guard_state import GuardPost, GuardState
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import (
    ApiContact,
    Events,
    Level,
    LoopLimits,
    NoTrafficCounts,
    ReviewPipeline,
    TrafficCounts,
)
from reviewbot.core.revisions import Revisions
from reviewbot.core.turns import Turns
from reviewbot.domain.decision import Decision, Mode, idempotency_key
from reviewbot.domain.review import ReviewKind
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.ports.notifications import Alarms
from reviewbot.ports.queue import Clock
from reviewbot.ports.tracing import NoSpans, Spans


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


def _nothing() -> None:
    """Nothing to close, and nobody to knock at."""


def _never() -> bool:
    return False


def _keeps_its_key(_key: str) -> bool:
    return False


def _no_more_benches(review: ReviewKind) -> ReviewPipeline:
    raise LookupError(f"no bench can be made for {review}")


@dataclass(kw_only=True, slots=True)
class BotContext:
    """Everything one running bot is made of. `bootstrap.build` makes it; nothing else chooses parts."""

    clock: Clock
    ledger: Ledger
    benches: tuple[ReviewPipeline, ...]
    events: Events
    alarms: InitVar[Alarms]
    mode: Mode = Mode.DRY_RUN
    limits: LoopLimits = field(default_factory=LoopLimits)
    traffic: TrafficCounts = field(default_factory=NoTrafficCounts)
    spans: Spans = field(default_factory=NoSpans)
    """Where the time of passes and decisions is noted."""
    wait_turn: Callable[[], None] | None = None
    """Returns when the rate allows one more request now; None where nothing limits it."""
    skew: Callable[[], timedelta | None] | None = None
    """How far the API's clock is ahead of this machine's; None where that is not known."""
    lead: Callable[[float | None], None] | None = None
    """None where no other process can act for the key; else raises LeaseLost or LedgerUnwritable where another process may act for the key now; asked before each
    pass, and before each request that writes with when (monotonic) its round was claimed."""
    stopping: Callable[[], bool] = _never
    """Whether a stop was asked for; asked between two tasks, never within one."""
    make_bench: Callable[[ReviewKind], ReviewPipeline] = _no_more_benches
    """Makes the bench of a kind of review that a changed policy brings in."""
    close: Callable[[], None] = _nothing
    """Lets go of the ledger and the connection."""
    contact: ApiContact = field(default_factory=ApiContact)
    """How the API has answered lately."""
    sent: dict[tuple[str, str | None], Sent] = field(default_factory=dict)
    """The writes of this process that have no clear answer yet, by the id and the epoch of their round."""
    renew_key: Callable[[str], bool] = _keeps_its_key
    """Sends another key of the same account from now on; gives whether it is another."""
    knock: Callable[[], None] = _nothing
    """Asks the API, by one cheap read, whether it takes our key. Raises `ApiError`."""
    watched_at: float = 0.0
    """When (monotonic) the deadlines were last looked at."""
    turns: Turns = field(default_factory=Turns)
    """How fast the pass under way comes through what waits."""
    silences_retold: bool = False
    """Whether this process has told what the one before it perhaps could not."""
    guard: GuardState = field(default_factory=GuardState)
    """What may keep a due decision from being sent."""
    guard_post: GuardPost = field(init=False)
    """What the guards work with."""
    revisions: Revisions = field(init=False)
    """Policies as they ran, from the texts in the log."""
    notifier: Notifier = field(init=False)
    """Whom to tell what a person should know."""

    def __post_init__(self, alarms: Alarms) -> None:
        self.guard_post = GuardPost(self.ledger, self.clock, self.guard, self.say, self.mode)
        self.revisions = Revisions(self.ledger)
        self.notifier = Notifier(self.clock, alarms, lambda: self.benches)

    def say(self, event: str, /, *, level: Level = "info", **about: object) -> None:
        """Hand an event to whoever hears events now; that may change while the bot runs."""
        self.events(event, level=level, **about)

    def bench(self, review: str) -> ReviewPipeline | None:
        """The bench of one kind of review, where it runs."""
        return next((bench for bench in self.benches if bench.review == review), None)
