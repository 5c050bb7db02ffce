"""Mix: how much of all a policy approves, held against its own last 30 days.

Theory of operation. A policy that nobody changed may still go wrong: a checker that sees nothing any
more, an API that says less. Then what used to be sent back is paid. So of each round the first
answer counts, once, and the newest of them are held against those before. What first waited, or was
asked, and is answered otherwise later does not count again: after an outage such answers come in
bunches, and say that the checker is well. The fallback does not count either: it comes as deadlines
do, and pays what no rule decides.

Answers come in batches (an account, a campaign), and the test is made at every one of them for
months, so it is a strict one: most of the newest approve, more than twice the earlier share, and so
many that chance would hardly ever bring them about, where answers stick together as they did before.
What a person has looked at is the beginning of another baseline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.lifecycle import State
from reviewbot.service.guards import breaker
from reviewbot.service.guards.proportion import clustered_at_least, wilson

if TYPE_CHECKING:
    from reviewbot.policy.model import Policy
    from reviewbot.ports import Ledger, Logged, Noted
    from reviewbot.service.review import Reviewed

SIGN = "mix"
BASELINE = timedelta(days=breaker.BASELINE_DAYS)
WINDOWS = ((20, 1e-5), (40, 1e-7))
"""How many of the newest answers are looked at, and what chance must be rarer than."""
BLOCK = 20
"""Earlier answers are kept as how many of so many in a row approve: that shows how they cluster."""
MOST = 0.5
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
        if len(self.newest) == WINDOWS[-1][0] + BLOCK:
            block = [self.newest.popleft() for _ in range(BLOCK)]
            self.blocks.append((block[-1][0], sum(pays for _, pays in block)))
        while self.blocks and self.blocks[0][0] < at - BASELINE:
            self.blocks.popleft()

    def begin_anew(self) -> None:
        """Forget what a person has looked at."""
        self.newest.clear()
        self.blocks.clear()

    def sign(self) -> str | None:
        """What is wrong, in words; None while nothing is."""
        answers = [pays for _, pays in self.newest]
        for size, rare in WINDOWS:
            before, approvals = answers[:-size], sum(answers[-size:])
            count = len(before) + BLOCK * len(self.blocks)
            paid = sum(before) + sum(paid for _, paid in self.blocks)
            if len(answers) < size or count < breaker.BASELINE_LEAST:
                continue
            most = max(MOST, min(2 * paid / count, breaker.MOST_SHARE))
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
            found = sum((one - mean) ** 2 for one in paid) / by_chance
        known = max(0, len(paid) - 1)
        return max(1.0, (found + USUAL_SPREAD * ITS_WEIGHT) / (known + ITS_WEIGHT))


def is_first(one: Reviewed, before: Logged | None) -> bool:
    """Whether a review gave its round the first answer, and wrote it down; to wait is none."""
    verdict = one.verdict
    if verdict is None or verdict.rule == DEADLINE or verdict.action is Action.WAIT:
        return False
    if not isinstance(one.outcome, State):
        return False
    if before is None or before.decision.epoch != one.item.epoch:
        return True
    return before.decision.action is Action.WAIT


def recall(ledger: Ledger, policy: Policy, now: datetime) -> Mix:
    """The mix of a policy as the log holds it: its present revision's first answers."""
    mix = Mix()
    watch_closings(mix, ledger.story(breaker.TOPIC, policy.name), policy.name)
    known: set[tuple[str, str, str | None]] = set()
    decided = ledger.decided(policy.name, now - BASELINE)
    for logged in sorted(decided, key=lambda one: one.seq):
        decision = logged.decision
        key = (decision.review, decision.task_id, decision.epoch)
        if decision.action is Action.WAIT or decision.decided_by is not None or key in known:
            continue
        known.add(key)
        if (
            decision.rule != DEADLINE
            and decision.revision == policy.revision
            and logged.seq > mix.closed
        ):
            mix.add(decision.decided_at, decision.meant.pays)
    return mix


def watch_closings(mix: Mix, words: Iterable[Noted], policy: str) -> None:
    """Begin anew where a person has closed the breaker since that opened for too many approvals."""
    for note in words:
        if (
            note.subject == policy
            and note.value.get("open") is False
            and note.value.get("sign") in (SIGN, "approvals")
            and note.seq > mix.closed
        ):
            mix.closed = note.seq
            mix.begin_anew()
