"""Resume: settle, by reading, the writes that a crash or an outage left without a clear answer.

Theory of operation. Nothing is concluded from one answer that contradicts another: what the list
shows waiting is open, and what is gone is gone from the list too. The quarantine is counted by the
clock of this process, which nothing sets; where another process sent the write, by the API's clock
and by this machine's, whichever is later: a jump of one must not make an unclear write a lost one.
What the log calls ended, and the list goes on showing in its round, is opened again by a reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Backoff, ReviewPipeline
from reviewbot.domain import round_state
from reviewbot.domain.decision import DONE, OPEN, State, idempotency_key
from reviewbot.domain.errors import ApiError, Forbidden, KeyRefused, NotFound, OutOfDate
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.round_state import NOTHING_CAME
from reviewbot.ports.ledger import Logged
from reviewbot.review.fetch import is_conclusive, with_window

MOST_UNTRUE = timedelta(hours=6)
"""By how much an API's clock may be wrong; a `Date` off by 29 minutes was seen."""

PAUSE = 15 * 60.0
"""Seconds until a round is read again that the list shows, and a reading does not, after its end."""


def resume(app: BotContext, bench: ReviewPipeline, waiting: Mapping[str, ReviewItem]) -> int:
    """Settle what can be settled; give the number of writes that stay in quarantine.

    `waiting` is the list as just read: what stands there in the round of an open write counts as one
    reading that nothing has happened.
    """
    left = 0
    for logged in app.ledger.open_intents():
        if logged.decision.review != bench.review:
            continue
        if app.stopping() or not Recovery(app, bench, logged).settle(
            waiting.get(logged.decision.task_id)
        ):
            left += 1
    return left


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is to be found out about one write or one round that the log holds."""

    app: BotContext
    bench: ReviewPipeline
    logged: Logged

    def settle(self, listed: ReviewItem | None) -> bool:
        """Write down what became of a write in doubt; give whether that could be told.

        `listed`: the thing as the list has just shown it.
        """
        decision = self.logged.decision
        still = (
            listed is not None
            and round_state.fate(listed, decision.epoch) is round_state.RoundState.WAITING
        )
        if still and not self._given_up(self._listed_ago()):
            return False
        try:
            item = with_window(self.bench, self.bench.queue.look(decision.task_id))
        except KeyRefused:
            raise
        except NotFound:
            return self._unseen(still, "it is gone")
        except Forbidden as error:
            if "NOT_OWNED" in (error.code or ""):
                return self._unseen(still, "it is no longer ours to see")
            raise
        except ApiError as error:
            self.app.events(
                "cannot settle", level="warning", task_id=decision.task_id, error=str(error)
            )
            return False
        fault_point("resume.read")
        if not is_conclusive(self.bench, item, decision.epoch):
            return False
        settled = round_state.settle(decision, item)
        if settled is not None:
            return self._mark(*settled)
        waits = round_state.fate(item, decision.epoch) is round_state.RoundState.WAITING
        # Asked again: this answer has told the API's time anew, and the list's may have lingered.
        if still and waits and self._given_up():
            return self._mark(State.VOID, NOTHING_CAME)
        return False

    def _unseen(self, still: bool, note: str) -> bool:
        """The API does not know it, or does not show it to us: that may be a lapse, and is no last word.

        Where the list shows it waiting all the same, two lists in a row count as the two readings.
        """
        name = self.logged.decision.id
        if not self._quarantine_is_over():
            return False
        if not still:
            return self._mark(State.OVERTAKEN, note)
        if name not in self.bench.contradicted:
            self.bench.contradicted.add(name)
            return False
        self.bench.contradicted.discard(name)
        return self._mark(State.VOID, NOTHING_CAME)

    def reopen(self) -> bool:
        """Open a round again that the log calls ended and the list shows waiting; give whether it is open.

        Read once more now and then, until the two agree.
        """
        key = f"reopen {self.logged.decision.id}"
        puzzle = self.bench.puzzles.get(key)
        if puzzle is not None and self.app.clock.monotonic() < puzzle.until:
            return False
        if self._may_yet_arrive():
            return False
        self.bench.puzzles[key] = Backoff(tries=1, until=self.app.clock.monotonic() + PAUSE)
        return self.waits_after_all() and self.call_open()

    def waits_after_all(self) -> bool:
        """Whether a reading shows a round waiting that the log calls ended, whatever was answered.

        Where a write of ours may still arrive, not within its quarantine. Raises KeyRefused.
        """
        if self._may_yet_arrive():
            return False
        decision = self.logged.decision
        try:
            item = self.bench.queue.look(decision.task_id)
        except KeyRefused:
            raise
        except ApiError as error:
            self.app.events(
                "cannot reopen", level="warning", task_id=decision.task_id, error=str(error)
            )
            return False
        return round_state.fate(item, decision.epoch) is round_state.RoundState.WAITING

    def call_open(self) -> bool:
        """Write down that a round waits that the log called ended."""
        return self._mark(State.VOID, f"it was {self.logged.state}, and waits all the same")

    def _may_yet_arrive(self) -> bool:
        """Whether a write of ours on this round may be on its way, or its effect not be seen yet."""
        if self.logged.state in OPEN:
            return True
        entries = (
            () if self.logged.state in DONE else self.app.ledger.entries(self.logged.decision.id)
        )
        sent = self.logged.state in DONE or any(entry.state is State.UNKNOWN for entry in entries)
        return sent and not self._quarantine_is_over()

    def _listed_ago(self) -> timedelta:
        """How old the list's row is: a long list was asked for long before it ends."""
        sight = self.bench.sights.get(self.logged.decision.task_id)
        return timedelta(seconds=0 if sight is None else self.app.clock.monotonic() - sight.at)

    def _given_up(self, ago: timedelta = timedelta(0)) -> bool:
        """Whether its quarantine was over so long ago; one that outlives the deadline is never over."""
        deadline = (
            None if self.logged.decision.deadline_is_estimate else self.logged.decision.deadline_at
        )
        if deadline is not None and self._quarantine_end() >= deadline:
            return False
        return self._quarantine_is_over(ago)

    def _quarantine_is_over(self, ago: timedelta = timedelta(0)) -> bool:
        patience, decision = self.app.limits.quarantine + ago, self.logged.decision
        own = self.app.sent.get(decision.key)
        if own is not None and own.is_newest_of(self.logged):
            return self.app.clock.monotonic() - own.at >= patience.total_seconds()
        by_api = self.app.clock.now() - (self.logged.intended_at or decision.decided_at)
        skew = self.app.skew
        ahead = (None if skew is None else skew()) or timedelta(0)
        moved = ahead - timedelta(seconds=decision.clock_ahead or 0.0)
        # No API lies by hours: somebody has set this machine's clock, and what it says of the time
        # between is worth nothing. A write of a machine that was days ahead stayed open for days.
        is_machine_set = abs(moved) > MOST_UNTRUE
        return (by_api if is_machine_set else min(by_api, by_api - moved)) >= patience

    def _quarantine_end(self) -> datetime:
        return (
            self.logged.intended_at or self.logged.decision.decided_at
        ) + self.app.limits.quarantine

    def _mark(self, state: State, note: str) -> bool:
        decision = self.logged.decision
        self.app.sent.pop(decision.key, None)
        try:
            self.app.ledger.mark(
                decision.id,
                state,
                self.app.clock.now(),
                note=note,
                was=self.logged.state,
                key=idempotency_key(decision.id, self.logged.tries),
            )
        except OutOfDate:
            return True  # whoever sent it has had its answer meanwhile
        fault_point("resume.settled")
        self.app.events(
            "settled",
            id=decision.id,
            task_id=decision.task_id,
            epoch=decision.epoch,
            action=decision.action.value,
            state=state.value,
            note=note,
        )
        return True
