"""Placing orders: each good one exactly once, however often and however rudely this is interrupted.

Theory of operation. Orders go out in batches of up to 200. A batch is intended in the log, sent once
with a key made of its rows and the number of the attempt, and what the answer says of each row is
written down. Where no clear answer came (or this process died), the rows stay open. Whether the
server would honour a key that comes again cannot be known beforehand, so an open row is never sent
again on the strength of its key: the list of tasks is read. A row that is found there is created, at
any time. A row that is not there is void only after the quarantine, by two readings that agree; only
then may it be sent, as a new attempt with a new key. What cannot be told apart stays unclear.

A task that the API hides from its list (what it does with those its own check sent back is not
documented) would look absent; that is the one case in which this could order twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from reviewbot.core import guard_state
from reviewbot.domain.errors import (
    ApiError,
    Halted,
    NotDone,
    OutOfCredits,
    OutOfDate,
    RateLimited,
    Unclear,
)
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.order import Order, digest
from reviewbot.orders.book import (
    SLACK,
    OrderBook,
    OrderNote,
    OrderOutcome,
    OrderState,
    answered,
    batch_key,
    found,
)
from reviewbot.ports.ledger import CheckpointBook, Ledger
from reviewbot.ports.orders import OrderWriter, Placed, TaskReader
from reviewbot.ports.queue import Clock
from reviewbot.safety import pauses, stop_conditions

MOST_IN_A_BATCH = 200

PASSING = "account_lookup_failed"
"""The one reason for a refusal that passes by itself."""

PAUSES = (5.0, 20.0, 60.0)
"""Seconds before a row that was refused for a passing reason, or a batch after a 429, goes again."""

READINGS = 3

NO_CREDITS = "insufficient_credits"

PlacedRow = Literal[
    "created",
    "already",
    "duplicate",
    "rejected",
    "unclear",
    "under way",
    "not sent",
    "would create",
    "would refuse",
]
"""What became of a row. `already`: created by an earlier run; `under way`: sent, too young to tell."""


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One good row: its number in the file, and what it orders."""

    number: int
    order: Order
    source: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row."""

    row: OrderRow
    outcome: PlacedRow
    task_id: str | None = None
    reason: str | None = None
    tasks: tuple[str, ...] = ()


class Totals(msgspec.Struct, kw_only=True):
    """What a run has come to so far; `stopped` says why it ended before its end."""

    sent: int = 0
    charged: float = 0.0
    settled: int = 0
    stopped: str | None = None
    error: ApiError | None = None
    again_at: datetime | None = None


class OrderPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with each row, going by the log alone."""

    results: tuple[Result, ...]
    fresh: tuple[tuple[str, OrderRow], ...]


OrderProgress = Callable[[str], None]


def planned(rows: Iterable[OrderRow], book: OrderBook) -> OrderPlan:
    """Hold rows against each other and against the log."""
    first: dict[str, OrderRow] = {}
    results: list[Result] = []
    fresh: list[tuple[str, OrderRow]] = []
    for row in rows:
        subject = digest(row.order)
        if subject in first:
            reason = f"the same as row {first[subject].number}"
            results.append(Result(row=row, outcome="duplicate", reason=reason))
            continue
        first[subject] = row
        known = book.known(subject)
        if known is None or not (known.is_open or known.word.state is OrderState.CREATED):
            fresh.append((subject, row))
            results.append(Result(row=row, outcome="would create"))
        else:
            results.append(_known_result(row, known))
    return OrderPlan(results=tuple(results), fresh=tuple(fresh))


class OrderPlacer:
    """Places orders for one run. `check` raises Halted, before each batch, where none may leave."""

    def __init__(
        self,
        *,
        desk: OrderWriter,
        tasks: TaskReader,
        ledger: Ledger,
        clock: Clock,
        quarantine: timedelta,
        check: Callable[[datetime], None] = lambda _: None,
        progress: OrderProgress = lambda _: None,
    ) -> None:
        self._check = check
        self.book = OrderBook(ledger)
        self.totals = Totals()
        self._desk = desk
        self._tasks = tasks
        self._clock = clock
        self._quarantine = quarantine
        self._progress = progress

    def run(self, rows: Sequence[OrderRow], *, wait: bool = False) -> list[Result]:
        """Place every row that may be placed; with `wait`, also outlast quarantines.

        Raises LedgerError; what the API refuses or does not answer ends up in `totals`.
        """
        self._settle_open()
        tried: dict[str, OrderRow] = {}
        tried |= self._place(rows)
        while wait and self._wait_for_quarantine(rows):
            self.totals.stopped = self.totals.error = None
            self._settle_open()
            tried |= self._place(rows)
        return self._results(rows, tried)

    # Sending ---------------------------------------------------------------------------------

    def _place(self, rows: Sequence[OrderRow]) -> dict[str, OrderRow]:
        """Send what is fresh, batch by batch; rows refused for a passing reason go again."""
        tried: dict[str, OrderRow] = {}
        queue = list(planned(rows, self.book).fresh)
        for pause in (*PAUSES, None):
            passing: list[tuple[str, OrderRow]] = []
            total = len(queue)
            while queue and self.totals.stopped is None:
                batch, queue = queue[:MOST_IN_A_BATCH], queue[MOST_IN_A_BATCH:]
                self._progress(f"{total - len(queue):,} of {total:,} rows")
                tried |= self._send(dict(batch))
                passing += [pair for pair in batch if self._is_passing(pair[0])]
            if not passing or pause is None or self.totals.stopped is not None:
                break
            self._progress(f"{len(passing):,} rows again in {pause:.0f} s")
            self._clock.sleep(pause)
            queue = passing
        return tried

    def _send(self, batch: Mapping[str, OrderRow]) -> dict[str, OrderRow]:
        """Send one batch, again only after a 429; give the rows that were sent or refused."""
        for pause in (*PAUSES, None):
            try:
                self._send_once(batch)
            except OutOfDate:
                # Another run got there first; what the log says now is what these rows are.
                self.book.reload()
                batch = dict(planned(batch.values(), self.book).fresh)
                if not batch:
                    return {}
                continue
            except RateLimited as no:
                if pause is not None:
                    self._clock.sleep(max(no.retry_after, pause))
                    continue
                self._stop(no)
            except (NotDone, Unclear) as trouble:
                self._stop(trouble)
            except Halted as halt:
                self.totals.stopped = str(halt)
                return {}
            return dict(batch)
        self.totals.stopped = "another run keeps placing the same rows"
        return {}

    def _send_once(self, batch: Mapping[str, OrderRow]) -> None:
        self._desk.ready()
        self._check(self._clock.now())
        attempt = self.book.next_attempt(batch)
        key = batch_key(list(batch), attempt)
        orders = {subject: (row.order, row.source) for subject, row in batch.items()}
        self.book.intend(orders, batch=key, attempt=attempt, now=self._clock.now())
        fault_point("order.intended")
        try:
            placed = self._desk.create([row.order for row in batch.values()], key)
        except NotDone as no:
            self._note(dict.fromkeys(batch, OrderOutcome(state=OrderState.VOID, reason=str(no))))
            raise
        except Unclear as silence:
            self._note(
                dict.fromkeys(batch, OrderOutcome(state=OrderState.UNCLEAR, reason=str(silence)))
            )
            raise
        fault_point("order.answered")
        self._take(batch, placed)
        fault_point("order.noted")

    def _take(self, batch: Mapping[str, OrderRow], placed: Placed) -> None:
        verdicts = answered({subject: row.order for subject, row in batch.items()}, placed)
        self._note(verdicts)
        made = sum(verdict.state is OrderState.CREATED for verdict in verdicts.values())
        self.totals.sent += len(batch)
        self.totals.charged += made if placed.charged is None else placed.charged
        if any(verdict.reason == NO_CREDITS for verdict in verdicts.values()):
            self.totals.stopped = "the credits ran out"

    def _stop(self, error: ApiError) -> None:
        self.totals.error = error
        if isinstance(error, OutOfCredits):
            self.totals.stopped = "the credits ran out"
        else:
            self.totals.stopped = str(error)

    def _is_passing(self, subject: str) -> bool:
        known = self.book.known(subject)
        return (
            known is not None
            and known.word.state is OrderState.REJECTED
            and known.word.reason == PASSING
        )

    def _note(self, verdicts: Mapping[str, OrderOutcome]) -> None:
        try:
            self.book.settle(verdicts, self._clock.now())
        except OutOfDate:
            # Another run read the list meanwhile and settled some of these itself.
            self.book.reload()
            still = {note.subject for note in self.book.open()}
            left = {name: verdict for name, verdict in verdicts.items() if name in still}
            self.book.settle(left, self._clock.now())

    # Settling --------------------------------------------------------------------------------

    def _settle_open(self) -> None:
        """Read what became of open orders, of this file or any other."""
        waiting = self.book.open()
        if not waiting:
            return
        self._progress(f"{len(waiting):,} rows of earlier runs are open: reading the list of tasks")
        verdicts = self._agreed(waiting)
        now = self._clock.now()
        changed = {
            note.subject: verdict
            for note in waiting
            if (verdict := verdicts.get(note.subject)) is not None
            and (verdict.state is OrderState.CREATED or now >= self._over(note))
            and (verdict.state, verdict.tasks) != (note.word.state, note.word.tasks)
        }
        self._note(changed)
        self.totals.settled += len(changed)
        fault_point("order.settled")

    def _agreed(self, waiting: Sequence[OrderNote]) -> dict[str, OrderOutcome]:
        """What two readings in a row say alike."""
        since = min(note.word.intended_at for note in waiting) - SLACK
        before: dict[str, OrderOutcome] = {}
        agreed: dict[str, OrderOutcome] = {}
        for _ in range(READINGS):
            recent = self._tasks.since(since)
            now = found(waiting, recent, self.book.task_ids(), self._quarantine)
            agreed = {
                subject: verdict
                for subject, verdict in now.items()
                if before.get(subject) == verdict
            }
            if len(agreed) == len(waiting):
                break
            before = now
        return agreed

    def _over(self, known: OrderNote) -> datetime:
        return known.word.intended_at + self._quarantine

    def _wait_for_quarantine(self, rows: Sequence[OrderRow]) -> bool:
        """Sleep until the youngest open row of the file can be judged; False when there is none."""
        now = self._clock.now()
        ends = [
            self._over(known)
            for row in rows
            if (known := self.book.known(digest(row.order))) and known.is_open
        ]
        due = max((end for end in ends if end > now), default=None)
        if due is None:
            return False
        seconds = (due - now).total_seconds()
        self._progress(
            f"waiting {seconds:,.0f} s until it is known what became of {len(ends):,} rows"
        )
        self._clock.sleep(seconds + 1)
        return self._clock.now() >= due

    # Telling ---------------------------------------------------------------------------------

    def _results(self, rows: Sequence[OrderRow], tried: Mapping[str, OrderRow]) -> list[Result]:
        results = []
        for result in planned(rows, self.book).results:
            subject = digest(result.row.order)
            known = self.book.known(subject)
            if result.outcome == "duplicate" or known is None:
                missing = msgspec.structs.replace(
                    result, outcome="not sent", reason=self.totals.stopped
                )
                results.append(result if result.outcome == "duplicate" else missing)
            elif known.is_open:
                results.append(self._open_result(result.row, known))
            elif known.word.state is OrderState.CREATED:
                outcome: PlacedRow = "created" if subject in tried else "already"
                results.append(msgspec.structs.replace(result, outcome=outcome))
            elif (
                known.word.state is OrderState.REJECTED
                and subject in tried
                and known.word.reason != NO_CREDITS
            ):
                reason = known.word.reason
                results.append(Result(row=result.row, outcome="rejected", reason=reason))
            else:
                reason = self.totals.stopped or known.word.reason
                results.append(Result(row=result.row, outcome="not sent", reason=reason))
        return results

    def _open_result(self, row: OrderRow, known: OrderNote) -> Result:
        over = self._over(known)
        if self._clock.now() < over:
            again = self.totals.again_at
            self.totals.again_at = over if again is None else max(again, over)
            return Result(row=row, outcome="under way", reason=known.word.reason)
        return _known_result(row, known)


def _known_result(row: OrderRow, known: OrderNote) -> Result:
    word = known.word
    if word.state is OrderState.CREATED:
        return Result(row=row, outcome="already", task_id=word.task_id)
    return Result(row=row, outcome="unclear", reason=word.reason, tasks=word.tasks)


# ------------------------------------------------------------------------------------------------
# What keeps orders and cancellations back: a pause of everything, or a log that has forgotten.


class OrderStops:
    """Looks, right before each write, whether one may leave. `file` reads the pause file."""

    def __init__(
        self, ledger: Ledger, *, file: Callable[[], str | None], book: CheckpointBook | None
    ) -> None:
        self._ledger = ledger
        self._file = file
        self._book = book

    def check(self, now: datetime) -> None:
        """Raise Halted where everything is paused, or where the log may be a restored copy.

        A log that has forgotten orders would place them again.
        """
        for pause in pauses.pauses_on(
            self._ledger.notes(guard_state.PAUSE_TOPIC), self._file(), now
        ):
            if pause.word == pauses.ALL:
                raise Halted(pause.sentence(), by="pause", subject=pause.word)
        departed = stop_conditions.departure(self._ledger, self._book) if self._book else None
        if departed is not None:
            raise Halted(
                f"the log is not the one that was last checkpointed: {departed}; find out why, then"
                "  reviewbot log checkpoint --accept REASON",
                by="checkpoint",
            )

    def keep(self, now: datetime) -> None:
        """Take a checkpoint of what was written, so that a log without it is noticed."""
        stop_conditions.keep(self._ledger, self._book, now)
