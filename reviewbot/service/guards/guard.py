"""Guard: what the guards keep in mind between decisions and passes; `gate.py` asks them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from reviewbot.domain.decision import Action
from reviewbot.domain.errors import Halted
from reviewbot.policy.facts import NO_FLEET, Fleet
from reviewbot.ports import Ledger, Noted
from reviewbot.service.guards import breaker, switches

if TYPE_CHECKING:
    from reviewbot.domain.review import ReviewItem
    from reviewbot.policy.evaluate import Judge
    from reviewbot.policy.pauses import Pauses
    from reviewbot.service.guards.breaker import Watch
    from reviewbot.service.guards.drifting import Spread
    from reviewbot.service.guards.guardrails import Wanting
    from reviewbot.service.guards.mix import Mix
    from reviewbot.service.guards.probation import Trial
    from reviewbot.service.guards.writes import Write
    from reviewbot.service.verdict import Verdict


def _no_file() -> str | None:
    return None


COUNT_EVERY = 600.0
"""Seconds between two counts of all that is at stake; the alarm itself is repeated every hour."""


class Full(NamedTuple):
    """A cap that had no room in this pass: what is less urgent, and as large, need not try."""

    policy: str
    action: Action
    account_id: str | None
    amount_micros: int | None
    halted: Halted

    def covers(self, verdict: Verdict, item: ReviewItem) -> bool:
        """Whether the same cap would refuse this as well."""
        return (
            (verdict.policy, verdict.action) == (self.policy, self.action)
            and self.account_id in (None, item.account_id)
            and (self.amount_micros is None or (item.amount_micros or 0) >= self.amount_micros)
        )


class Kept(NamedTuple):
    """One thing that was kept back in this pass."""

    task_id: str
    deadline_at: datetime | None
    amount_micros: int | None
    room_at: datetime | None


@dataclass(kw_only=True, slots=True)
class Guard:
    """What the guards keep in mind; all but the figures of this pass stands in the log as well."""

    pause_file: Callable[[], str | None] = _no_file
    """Reads the text of the file PAUSE; None where there is none."""
    require_ack: bool = False
    """Whether a changed policy waits until a person accepts it."""
    two_for_caps: bool = False
    """Whether one that raises or takes away a limit waits for two people."""
    words: tuple[Noted, ...] = ()
    """The newest word on each pause and each breaker, as last read."""
    file: str | None = None
    unwritten: dict[str, str] = field(default_factory=dict)
    """Breakers that opened while the log could not be written: policy → what was wrong."""
    waiting: dict[str, tuple[Judge, int]] = field(default_factory=dict)
    """Changed policies that wait to be accepted, by name, and for how many people."""
    watches: dict[str, Watch] = field(default_factory=dict)
    mixes: dict[str, Mix] = field(default_factory=dict)
    """What each policy has answered lately, where something is sent."""
    trials: dict[str, Trial] = field(default_factory=dict)
    drifting: dict[str, Spread] = field(default_factory=dict)
    """Used fields that drifted, and how widely."""
    waited: dict[str, int] = field(default_factory=dict)
    """How many things of each kind waited in the pass before."""
    pauses: dict[str, Pauses | None] = field(default_factory=dict)
    writes: defaultdict[str, deque[Write]] = field(default_factory=lambda: defaultdict(deque))
    """The clear answers to the writes of each policy within the last hour."""
    fleet: Fleet = NO_FLEET
    wanting: list[Wanting] = field(default_factory=list)
    full: list[Full] = field(default_factory=list)
    kept: defaultdict[tuple[str, str], list[Kept]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """What was kept back in this pass, by (what kept it, its name)."""

    said: dict[str, float] = field(default_factory=dict)
    """When (monotonic) the stakes of a pause or a breaker were last counted."""

    def refresh(self, ledger: Ledger) -> None:
        """Read every pause and breaker again. Cheap: it is done right before each write."""
        self.file = self.pause_file()
        self.words = tuple(ledger.notes(switches.TOPIC, breaker.TOPIC))

    def words_on(self, topic: str) -> tuple[Noted, ...]:
        """The words on one topic, as last read."""
        if not self.words:
            return ()
        return tuple(note for note in self.words if note.topic == topic)

    def is_time(self, what: str, now: float) -> bool:
        """Whether to count again who is paid by silence: at once, and then now and then.

        `now` is monotonic seconds.
        """
        if now - self.said.get(what, -COUNT_EVERY) < COUNT_EVERY:
            return False
        self.said[what] = now
        return True
