"""Breaker: on the signs of something badly wrong nothing more is sent, until a person says so.

Theory of operation. A breaker is a note in the log, per policy, that says open or closed; it is read
right before each write, so one that another process opened or a person closed counts at once. The
same note is all that closing leaves, so nothing closes by itself, by a restart or by a new policy.

The share of approvals is watched while a changed policy is young: its first `YOUNG` decisions. Each
verdict counts once, sent or held back. Before the 21st could be sent, the last 20 are held against
what the policy's earlier revisions did; so a policy that approves everything by mistake pays 20
tasks at most. An unchanged fallback does not count on either side: it comes in bunches, as deadlines
do, and pays only what no rule decides, as it did before.

Where the earlier share was low, twice of it is little: of one that approved one in twenty, three of 20
come about by chance within the first hundred of every second harmless change. So below `LOW` the
excess must also be rare by chance, among the last 20 or among all since the change, unless it is above
twice `LOW`: then it opens as it would for any policy. One that approves everything is stopped at 20 as
ever, one that approves somewhat too much soon shows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import Halted, LedgerError
from reviewbot.domain.lifecycle import State
from reviewbot.domain.safetext import safe_line
from reviewbot.service.guards.proportion import at_least

if TYPE_CHECKING:
    from reviewbot.ports import Ledger, Noted
    from reviewbot.service.app import App

TOPIC = "breaker"
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
CONFLICTS, CONFLICT_WINDOW = 5, timedelta(minutes=10)
"""More unexpected 409 than this, within this time."""
FAILING_SHARE = 0.01
"""More of a pass's things than this share whose evaluation fails."""
CONFLICT_NOTE = "409: "
"""How the note of an outcome begins that a 409 brought."""
SENT = frozenset({State.INTENT, State.PERFORMED, State.SETTLED, State.UNKNOWN})


@dataclass(slots=True)
class Watch:
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


def check(words: Iterable[Noted], policy: str) -> None:
    """Raise Halted where the breaker of this policy, or of all, stands open."""
    for note in words:
        if stands_open(note) and note.subject in (policy, "all"):
            what = safe_line(str(note.value.get("what") or "a sign of something wrong"), 300)
            raise Halted(f"the breaker is open: {what}", by="breaker", subject=note.subject)


def open_breaker(app: App, policy: str, sign: str, what: str, *, field: str | None = None) -> bool:
    """Stop a policy until a person resumes; give whether that was news. Only a bot that sends can be.

    `field` names what drifted, so that a person's word on it is remembered.
    """
    if app.mode is not Mode.LIVE or _is_open(app.guard.words_on(TOPIC), policy):
        return False
    now = app.clock.now()
    value = {"open": True, "sign": sign, "what": what, "field": field}
    app.guard.unwritten[policy] = what
    try:
        app.ledger.note(TOPIC, policy, value, now)
    except LedgerError as error:
        app.events("breaker not written", level="error", policy=policy, error=str(error))
    else:
        del app.guard.unwritten[policy]
    app.guard.refresh(app.ledger)
    app.events("breaker opened", level="error", policy=policy, sign=sign, what=what)
    return True


def close(ledger: Ledger, *, reason: str, who: str, now: datetime) -> tuple[Noted, ...]:
    """Close every open breaker; give those that stood open. Raises LedgerUnwritable."""
    stood = tuple(note for note in ledger.notes(TOPIC) if stands_open(note))
    for note in stood:
        value = {
            **note.value,
            "open": False,
            "opened": note.seq,
            "who": who,
            "closed_reason": reason,
        }
        ledger.note(TOPIC, note.subject, value, now)
    return stood


def watch_closings(watch: Watch, words: Iterable[Noted], policy: str) -> None:
    """Begin to count anew where a person has closed the breaker since."""
    for note in words:
        if note.subject == policy and note.value.get("open") is False and note.seq > watch.closed:
            watch.closed = note.seq
            watch.begin_anew()


# The other signs -----------------------------------------------------------------------------


def conflicted(app: App, policy: str) -> None:
    """Count a 409 that nobody expected; too many in a short time open the breaker."""
    since = app.clock.now() - CONFLICT_WINDOW
    found = sum(
        one.state is State.OVERTAKEN and (one.note or "").startswith(CONFLICT_NOTE)
        for one in app.ledger.decided(policy, since)
    )
    if found > CONFLICTS:
        minutes = CONFLICT_WINDOW // timedelta(minutes=1)
        what = f"{found} tasks turned out to be decided by someone else in {minutes} minutes"
        open_breaker(app, policy, "conflicts", what)


def failing(app: App, policy: str, failed: int, judged: int) -> None:
    """Open the breaker where the policy breaks on more than one thing, and on more than its share."""
    if failed > 1 and failed > FAILING_SHARE * judged:
        what = f"its evaluation failed on {failed} of {judged} tasks"
        open_breaker(app, policy, "evaluation", what)


def stands_open(note: Noted) -> bool:
    """Whether a word of this topic says that a breaker is open; what cannot be read does."""
    return note.value.get("open") is not False


def _is_open(words: Iterable[Noted], policy: str) -> bool:
    return any(note.subject == policy and stands_open(note) for note in words)
