"""Guard: what the guards keep in mind between decisions and passes; `gate.py` asks them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from reviewbot.core.pipeline import Events
from reviewbot.core.proportion import at_least, clustered_at_least, wilson
from reviewbot.core.verdict import Verdict
from reviewbot.domain.decision import Action, Mode
from reviewbot.domain.errors import Halted
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.engine.judge import Judge, Pauses
from reviewbot.policy.facts import NO_FLEET, Fleet
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.ports.queue import Clock

BREAKER_TOPIC = "breaker"

IN_A_ROW = 20
"""Decisions that are looked at together."""

YOUNG = 100
"""Decisions for which a changed policy is watched."""

BASELINE_DAYS, BASELINE_LEAST = 30, 100
"""How far back earlier decisions are a baseline, and how many it takes."""

MOST_SHARE, LEAST_SHARE = 0.95, 0.1
"""A share above the first is always too much; one up to the second (2 of 20) never is."""

LOW, RARE = 0.2, 0.001
"""Below this earlier share, what chance brings about more often than so is let pass."""


@dataclass(slots=True)
class ApprovalWatch:
    """A changed policy while it is young. `share` is its baseline, None where there is none."""

    revision: str
    share: float | None
    passes_over: frozenset[str] = frozenset()
    """Rules that do not count: the fallback, where the change left it as it was."""
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=IN_A_ROW))
    seen: set[str] = field(default_factory=set)
    decided: int = 0
    counted: int = 0
    """Decisions since the change, or since a person has looked at it, and how many of them pay."""
    paying: int = 0
    closed: int = 0
    """The log line of the last closing that this watch knows of."""

    @property
    def is_over(self) -> bool:
        """Whether it has decided so often that it is no longer young."""
        return self.decided >= YOUNG and len(self.recent) >= IN_A_ROW

    @property
    def most(self) -> float:
        """The share of approvals above which the breaker opens."""
        if self.share is None:
            return 1.0 - 1.0 / IN_A_ROW
        return max(LEAST_SHARE, min(2 * self.share, MOST_SHARE))

    def add(self, decision_id: str, rule: str, pays: bool) -> None:
        """Count a decision, once."""
        if decision_id not in self.seen and rule not in self.passes_over:
            self.seen.add(decision_id)
            self.recent.append(pays)
            self.decided += 1
            self.counted += 1
            self.paying += pays

    def begin_anew(self) -> None:
        """Forget what a person has looked at; how old the policy is stays.

        What counted once does not count again: it may have been held back, and go now.
        """
        self.recent.clear()
        self.counted = self.paying = 0

    def sign(self) -> str | None:
        """What is wrong, in words; None while nothing is."""
        approvals = sum(self.recent)
        if len(self.recent) < IN_A_ROW or approvals / IN_A_ROW <= self.most:
            return None
        if self._may_be_chance(approvals):
            return None
        before = (
            "and earlier revisions have decided too little to compare"
            if self.share is None
            else f"where earlier revisions approved {self.share:.0%}"
        )
        return f"{approvals} of the last {IN_A_ROW} decisions of a changed policy approve, {before}"

    def _may_be_chance(self, approvals: int) -> bool:
        """Whether so many may well come about at a low earlier share."""
        share = self.share
        if share is None or share >= LOW or approvals / IN_A_ROW > 2 * LOW:
            return False
        if at_least(approvals, IN_A_ROW, share) < RARE:
            return False
        above = self.paying / self.counted > self.most
        return not above or at_least(self.paying, self.counted, share) >= RARE


DRIFTING, DRIFT_WINDOW = 3, 86_400.0
"""On so many things within so many seconds a changed field is the API's doing, not one thing's."""


@dataclass(slots=True)
class DriftSpread:
    """On which things a changed field was lately seen, and when (monotonic)."""

    things: dict[str, float] = field(default_factory=dict)
    wide: bool = False

    def is_wide(self, things: Collection[str] | None, waiting: int, now: float) -> bool:
        """Take in where it was seen now; tell whether that is more than one thing's own trouble."""
        if not things:
            return True
        self.things = {thing: at for thing, at in self.things.items() if now - at <= DRIFT_WINDOW}
        self.wide = self.wide and bool(self.things)
        known = self.things.keys() >= set(things)
        self.things |= dict.fromkeys(things, now)
        if not known:
            count = len(self.things)
            self.wide = self.wide or count >= DRIFTING or 2 * count > waiting
        return self.wide


class ExpectedNeed(msgspec.Struct, frozen=True, kw_only=True):
    """Something a pass left undecided, and what its fallback may want to do when."""

    policy: str
    rule: str = ""
    at: datetime
    actions: frozenset[Action]
    account_id: str | None
    amount_micros: int | None
    deadline_at: datetime | None = None


MIX_SIGN = "mix"

MIX_BASELINE = timedelta(days=BASELINE_DAYS)

MIX_WINDOWS = ((20, 1e-5), (40, 1e-7))
"""How many of the newest answers are looked at, and what chance must be rarer than."""

BLOCK = 20
"""Earlier answers are kept as how many of so many in a row approve: that shows how they cluster."""

MOST_OF_NEWEST = 0.5
"""Approvals up to this share of the newest answers are never too many, whatever came before."""

USUAL_SPREAD, ITS_WEIGHT = 2.0, 4
"""Where few blocks are known they are taken to vary so many times as much as chance has it, as if
so many more blocks had shown it."""

CAUTION = 1.0
"""In standard errors: how far the earlier share may have been above what it came to."""


@dataclass(slots=True)
class Mix:
    """The first answers of one policy: the newest one by one, those before in blocks."""

    newest: deque[tuple[datetime, bool]] = field(default_factory=deque)
    blocks: deque[tuple[datetime, int]] = field(default_factory=deque)
    """When a block ended, and how many of it approve; the oldest first."""
    closed: int = 0
    """The log line of the last closing that this mix knows of."""

    def add(self, at: datetime, pays: bool) -> None:
        """Count the first answer of a round."""
        self.newest.append((at, pays))
        if len(self.newest) == MIX_WINDOWS[-1][0] + BLOCK:
            block = [self.newest.popleft() for _ in range(BLOCK)]
            self.blocks.append((block[-1][0], sum(pays for _, pays in block)))
        while self.blocks and self.blocks[0][0] < at - MIX_BASELINE:
            self.blocks.popleft()

    def begin_anew(self) -> None:
        """Forget what a person has looked at."""
        self.newest.clear()
        self.blocks.clear()

    def sign(self) -> str | None:
        """What is wrong, in words; None while nothing is."""
        answers = [pays for _, pays in self.newest]
        for size, rare in MIX_WINDOWS:
            before, approvals = answers[:-size], sum(answers[-size:])
            count = len(before) + BLOCK * len(self.blocks)
            paid = sum(before) + sum(paid for _, paid in self.blocks)
            if len(answers) < size or count < BASELINE_LEAST:
                continue
            most = max(MOST_OF_NEWEST, min(2 * paid / count, MOST_SHARE))
            share = wilson(paid, count, CAUTION)[1]
            if approvals > most * size and (
                clustered_at_least(approvals, size, share, self._spread()) < rare
            ):
                return (
                    f"{approvals} of the last {size} tasks are approved, where {paid} of {count}"
                    " were in the 30 days before: look whether the checker still sees anything"
                )
        return None

    def _spread(self) -> float:
        """How many times as much blocks vary as they would by chance; 1 where answers do not cluster."""
        paid, found = [paid for _, paid in self.blocks], 0.0
        mean = sum(paid) / len(paid) if paid else 0.0
        by_chance = mean * (1 - mean / BLOCK)
        if by_chance > 0:
            found = sum((count - mean) ** 2 for count in paid) / by_chance
        known = max(0, len(paid) - 1)
        return max(1.0, (found + USUAL_SPREAD * ITS_WEIGHT) / (known + ITS_WEIGHT))


AN_HOUR = 25

HOUR = timedelta(hours=1)


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True):
    """How a revision took over: from which, since when, and what it changes."""

    revision: str
    since: datetime
    before: str | None = None
    """The revision before; None for the first policy of a ledger, empty for one beside others."""
    rules: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    share: float | None = None
    decisions: int = 0
    over: bool = False


@dataclass(slots=True)
class Trial:
    """Probation of one policy: which rules it concerns, and when they sent approvals."""

    change: PolicyChange
    rules: frozenset[str]
    sent: deque[datetime] = field(default_factory=deque)

    def check(self, action: Action, rule: str, now: datetime) -> None:
        """Raise Halted where a changed rule has sent as many approvals as it may in an hour."""
        if not action.pays or rule not in self.rules:
            return
        if sum(now - at < HOUR for at in self.sent) >= AN_HOUR:
            raise Halted(
                f"on probation: new and changed rules send {AN_HOUR} approvals an hour until"
                f" {AN_HOUR} are through",
                by="probation",
                subject=self.change.revision[:8],
            )

    def is_over(self, now: datetime) -> bool:
        """Whether enough of its approvals have stood for an hour."""
        return sum(now - at >= HOUR for at in self.sent) >= AN_HOUR

    def add(self, action: Action, rule: str, at: datetime) -> None:
        """Count an approval that was sent."""
        if action.pays and rule in self.rules:
            self.sent.append(at)


PAUSE_TOPIC = "pause"


class Write(NamedTuple):
    """One write that was answered clearly."""

    at: float
    refused: bool


SAID_EVERY = 600.0
"""Seconds between two lines of one backlog."""


class FullLimit(NamedTuple):
    """A cap that had no room in this pass: what is less urgent, and as large, need not try."""

    policy: str
    action: Action
    account_id: str | None
    amount_micros: int | None
    halted: Halted
    deadline_at: datetime | None = None
    """Of what met it. What failed before comes last in a pass, however urgent it is, and room is kept
    for that: so a limit that is full for others need not be full for it."""
    rule: str | None = None
    """Whose own limit it is; None for the policy's."""

    def covers(self, verdict: Verdict, item: ReviewItem) -> bool:
        """Whether the same cap would refuse this as well."""
        more_urgent = (
            self.deadline_at is not None
            and item.deadline_at is not None
            and item.deadline_at < self.deadline_at
        )
        return (
            not more_urgent
            and (verdict.policy, verdict.action) == (self.policy, self.action)
            and self.rule in (None, verdict.rule)
            and self.account_id in (None, item.account_id)
            and (self.amount_micros is None or (item.amount_micros or 0) >= self.amount_micros)
        )


class HeldBack(NamedTuple):
    """One thing that was kept back in this pass."""

    task_id: str
    deadline_at: datetime | None
    amount_micros: int | None
    room_at: datetime | None


@dataclass(kw_only=True, slots=True)
class GuardState:
    """What the guards keep in mind; all but the figures of this pass stands in the log as well."""

    pause_file: Callable[[], str | None] | None = None
    """Reads the text of the file PAUSE, None where there is none; None where nobody can put one."""
    brake: Callable[[], str | None] | None = None
    """Why nothing may be sent now, in a sentence; None where it may. Asked before each intent."""
    require_ack: bool = False
    """Whether a changed policy waits until a person accepts it."""
    two_for_caps: bool = False
    """Whether one that raises or takes away a limit waits for two people."""
    words: tuple[LogNote, ...] = ()
    """The newest word on each pause and each breaker, as last read."""
    file: str | None = None
    unwritten: dict[str, str] = field(default_factory=dict)
    """Breakers that opened while the log could not be written: policy → what was wrong."""
    waiting: dict[str, tuple[Judge, int]] = field(default_factory=dict)
    """Changed policies that wait to be accepted, by name, and for how many people."""
    watches: dict[str, ApprovalWatch] = field(default_factory=dict)
    mixes: dict[str, Mix] = field(default_factory=dict)
    """What each policy has answered lately, where something is sent."""
    trials: dict[str, Trial] = field(default_factory=dict)
    drifting: dict[str, DriftSpread] = field(default_factory=dict)
    """Used fields that drifted, and how widely."""
    waited: dict[str, int] = field(default_factory=dict)
    """How many things of each kind waited in the pass before."""
    pauses: dict[str, Pauses | None] = field(default_factory=dict)
    writes: defaultdict[str, deque[Write]] = field(default_factory=lambda: defaultdict(deque))
    """The clear answers to the writes of each policy within the last hour."""
    fleet: Fleet = NO_FLEET
    wanting: list[ExpectedNeed] = field(default_factory=list)
    full: list[FullLimit] = field(default_factory=list)
    kept: defaultdict[tuple[str, str], list[HeldBack]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """What was kept back in this pass, by (what kept it, its name)."""
    room_at: dict[str, datetime] = field(default_factory=dict)
    """When a full limit has room again for what it kept back in this pass, by the thing's id."""

    said: dict[str, float] = field(default_factory=dict)
    """When (monotonic) the stakes of a pause or a breaker were last counted."""

    def braked(self) -> str | None:
        """Why nothing may be sent now; None where it may."""
        return None if self.brake is None else self.brake()

    def paused_by_file(self) -> str | None:
        """The text of the file PAUSE now; None where there is none."""
        return None if self.pause_file is None else self.pause_file()

    def refresh(self, ledger: Ledger) -> None:
        """Read every pause and breaker again. Cheap: it is done right before each write."""
        self.file = self.paused_by_file()
        self.words = tuple(ledger.notes(PAUSE_TOPIC, BREAKER_TOPIC))

    def words_on(self, topic: str) -> tuple[LogNote, ...]:
        """The words on one topic, as last read."""
        if not self.words:
            return ()
        return tuple(note for note in self.words if note.topic == topic)

    def is_time(self, what: str, now: float) -> bool:
        """Whether to say again what goes on: at once, and then now and then.

        `now` is monotonic seconds.
        """
        if now - self.said.get(what, -SAID_EVERY) < SAID_EVERY:
            return False
        self.said[what] = now
        return True


class GuardPost(NamedTuple):
    """What the guards work with: the log, the time, what they keep in mind, and who hears of it."""

    ledger: Ledger
    clock: Clock
    guard: GuardState
    events: Events
    mode: Mode
