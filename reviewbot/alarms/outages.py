"""Outages: say when passes fail, when they succeed again, and what was paid meanwhile.

Theory of operation. Rounds that we had seen are attributed at every pass (`reconcile.py`), but a few
at a time, and rounds that came and went while nobody looked are in no list that a pass reads. So each
start reads the finalized tasks, newest first, back to the last pass, and gives each round that has no
decision of ours an ending. After a moment one page of them is enough. The same is done where a
process lived on, but no pass went through for a while.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from reviewbot.alarms.notices import RETOLD, tell_silence
from reviewbot.core.context import BotContext
from reviewbot.core.log_text import cause
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import (
    REVIEW_WINDOW,
    ApiContact,
    Events,
    LoopLimits,
    PassSummary,
    ReviewPipeline,
    deadline_of,
)
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.decision import DONE, OPEN, Action
from reviewbot.domain.errors import (
    ApiError,
    Forbidden,
    KeyRefused,
    LedgerBroken,
    LedgerCorrupt,
    LedgerError,
    NotRecordable,
    ReviewbotError,
)
from reviewbot.domain.review import ReviewItem, things
from reviewbot.domain.round_state import by_silence
from reviewbot.domain.text import format_moment, iso
from reviewbot.ports.ledger import Attributed, Ending, Ledger, Memory
from reviewbot.ports.queue import Archive, Clock


def went_wrong(
    clock: Clock, contact: ApiContact, notifier: Notifier, limits: LoopLimits, error: ReviewbotError
) -> None:
    """A pass could not be made."""
    match error:
        case KeyRefused() | Forbidden():  # of a list, a 403 is about what the key may read
            _refused(clock, contact, notifier, error)
        case ApiError():
            _away(clock, contact, notifier, limits, str(error))
        case LedgerError():
            what = "The decision log cannot be used; nothing is sent"
            if isinstance(error, LedgerCorrupt):
                what = "The decision log is damaged; nothing is sent"
            elif isinstance(error, NotRecordable):
                what = "A pass ended early, the log itself is well"
            notifier.notify(AlarmKind.LEDGER, f"{what}: {error}")


def went(
    clock: Clock,
    contact: ApiContact,
    notifier: Notifier,
    limits: LoopLimits,
    stopping: Callable[[], bool],
    stopped: str | None,
) -> None:
    """A pass was made; `stopped` says why it ended early, where it did."""
    notifier.alarms.mended(AlarmKind.LEDGER, "The decision log can be used again")
    contact.key_refused_since = None
    notifier.alarms.mended(AlarmKind.KEY, "The API takes our key again")
    if stopping():
        return
    if stopped is not None:
        _away(clock, contact, notifier, limits, stopped)
        return
    contact.away_since = None
    notifier.alarms.mended(AlarmKind.API_AWAY, "The API answers again, and reviews go on")
    notifier.alarms.pulse()


def tell_crash(notifier: Notifier, error: Exception) -> None:
    """A fault of ours ends the process; only its kind is told, for its text could hold anything.

    A process that is started again and again by its manager says so once an hour.
    """
    notifier.notify(
        AlarmKind.STOPPED,
        "reviewbot has ended by a fault of its own and reviews nothing until it is started again:"
        f" {type(error).__name__}; its log says more",
        subject=type(error).__name__,
    )


def tell_stopped(notifier: Notifier, error: ReviewbotError) -> None:
    """What no pass can mend ends the process."""
    notifier.notify(
        AlarmKind.STOPPED,
        f"reviewbot has ended by itself and reviews nothing until it is started again: {error}",
        subject=type(error).__name__,
    )


def _refused(
    clock: Clock, contact: ApiContact, notifier: Notifier, error: KeyRefused | Forbidden
) -> None:
    """Park the key: only whether it is taken again is asked, until it is."""
    now = clock.monotonic()
    if contact.key_refused_since is None:
        contact.key_refused_since = now
    lasting = now - contact.key_refused_since
    since = f" for {_length(lasting)}" if lasting else ""
    notifier.notify(
        AlarmKind.KEY,
        f"The API refuses our key{since}, so nothing is reviewed and nothing is sent; it goes on by"
        f" itself once the key is taken again: {error}",
        seconds=round(lasting),
        request_id=error.request_id,
    )


def _away(
    clock: Clock, contact: ApiContact, notifier: Notifier, limits: LoopLimits, why: str
) -> None:
    now = clock.monotonic()
    if contact.away_since is None:
        contact.away_since = now
    away = now - contact.away_since
    if away >= limits.away:
        notifier.notify(
            AlarmKind.API_AWAY,
            f"No whole pass for {_length(away)}; nothing can be decided meanwhile: {why}",
            seconds=round(away),
        )


def _length(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"


# What happened while no pass was made -----------------------------------------------------------

TOPIC = "away"
LONG = timedelta(minutes=15)
"""From so long without a pass on what happened meanwhile is kept, even where it is nothing."""
NEARLY = timedelta(hours=1)
"""What has less time left than this was nearly late."""


class Downtime(msgspec.Struct, frozen=True, kw_only=True):
    """What happened between the last pass and the one that now begins."""

    since: datetime
    until: datetime
    silence: int = 0
    silence_micros: int = 0
    """Paid at its deadline, on nobody's decision."""
    unseen: int = 0
    """How many of those no pass had ever seen."""
    others: int = 0
    """Approved by somebody else meanwhile."""
    left: int = 0
    """Left to the timer on purpose, before."""
    nearly_late: int = 0
    """Still waiting, with less than an hour to go."""

    def sentence(self, zone: str) -> str:
        """Say it in one sentence; moments are read in this zone."""
        parts = []
        if self.silence:
            unseen = f", {self.unseen} of them never seen by a pass" if self.unseen else ""
            parts.append(
                f"{things(self.silence)} paid by silence"
                f" ({self.silence_micros / 1e6:,.2f} USD{unseen})"
            )
        if self.others:
            parts.append(f"{self.others} approved by somebody else")
        if self.left:
            parts.append(f"{self.left} left to the timer on purpose")
        if self.nearly_late:
            parts.append(f"{self.nearly_late} still waiting with less than an hour to go")
        return (
            f"While no pass was made, from {format_moment(self.since, zone)} to"
            f" {format_moment(self.until, zone)}:"
            f" {'; '.join(parts) or 'nothing ended'}"
        )


class DowntimeReport:
    """Makes passes; at its start, and after a while without one, it looks back over that time.

    `since` is when the last pass went through; where nobody knows, the log's newest word tells.
    With `closes` the first good pass closes what a process before this one told past the log.
    """

    def __init__(
        self,
        poll: Callable[[BotContext], PassSummary],
        since: datetime | None,
        *,
        closes: bool = False,
    ) -> None:
        self._poll = poll
        self._since = since
        self._closes = closes
        self._pending = True
        self._good_at: datetime | None = None
        self._failed = False

    def __call__(self, app: BotContext) -> PassSummary:
        """Look back where that is still to be done, and make one pass or a stretch of one."""
        if self._pending and app.contact.key_refused_since is None:
            self._look_back(app, self._since)
        try:
            summary = self._poll(app)
        except ReviewbotError:
            self._failed = True
            raise
        self._failed = self._failed or summary.stopped is not None
        if summary.stopped is None:
            if self._closes:
                self._closes = False
                app.notifier.alarms.after_a_gap()
            before, self._good_at = self._good_at, app.clock.now()
            if self._failed and before is not None and summary.started_at - before >= LONG:
                self._look_back(app, before)
            self._failed = False
        return summary

    def _look_back(self, app: BotContext, since: datetime | None) -> None:
        """Look back; where that fails the pass is made all the same, for what waits does not wait for it."""
        try:
            since = since or last_word(app.ledger, app.benches)
            if since is not None:
                self._since = since
                look_back(app.ledger, app.clock, app.events, app.notifier, app.benches, since)
        except (LedgerBroken, LedgerCorrupt):
            raise
        except (ApiError, LedgerError) as error:
            app.events("cannot look back", level="warning", since=since, error=str(error))
            return
        self._pending = False


def last_word(ledger: Ledger, benches: Sequence[ReviewPipeline]) -> datetime | None:
    """When a bot last wrote down something on this log, as far as a quick look tells; None: never."""
    moments = [logged.state_at for logged in ledger.decisions(newest=1)]
    for bench in benches:
        moments += [sighting.first_seen_at for sighting in ledger.unended(bench.review)]
    return max(moments, default=None)


def look_back(
    ledger: Ledger,
    clock: Clock,
    events: Events,
    notifier: Notifier,
    benches: Sequence[ReviewPipeline],
    since: datetime,
) -> Downtime | None:
    """Attribute what was finalized since then, and tell; None where there is nothing to tell of.

    Raises `ApiError` and `LedgerError`.
    """
    now = clock.now()
    is_long = now - since >= LONG
    ended: list[tuple[Ending, bool]] = []
    nearly_late = 0
    for bench in benches:
        for ending, was_seen in _endings(
            ledger, clock, notifier, bench, since, pages=None if is_long else 1
        ):
            ledger.end(ending)
            ended.append((ending, was_seen))
        open_now = ledger.unended(bench.review)
        nearly_late += sum(now <= deadline_of(sighting) < now + NEARLY for sighting in open_now)
    away = _downtime(ended, since, now, nearly_late)
    if not is_long and not (away.silence or away.others):
        return None
    figures = msgspec.structs.asdict(away)
    ledger.note(TOPIC, "all", msgspec.to_builtins(away), now)
    events("while away", level="error" if away.silence else "info", **figures)
    notifier.notify(
        AlarmKind.AWAY,
        away.sentence(notifier.zone()),
        subject=iso(since),
        urgency="error" if away.silence else "warning" if away.nearly_late else "info",
        again=None,
        keep_until=now + RETOLD,
        **figures,
    )
    return away


def _downtime(
    ended: Sequence[tuple[Ending, bool]], since: datetime, now: datetime, nearly_late: int
) -> Downtime:
    """Count these endings, each with whether a pass had seen its round."""
    by = Counter(ending.by for ending, _ in ended)
    silent = [pair for pair in ended if pair[0].by == "silence"]
    return Downtime(
        since=since,
        until=now,
        silence=len(silent),
        silence_micros=sum(ending.amount_micros or 0 for ending, _ in silent),
        unseen=sum(not was_seen for _, was_seen in silent),
        others=by["other"],
        left=by["leave"],
        nearly_late=nearly_late,
    )


def last_away(ledger: Ledger) -> Downtime | None:
    """What was told the last time; None where the bot never was away for long."""
    words = ledger.notes(TOPIC)
    return msgspec.convert(words[0].value, Downtime) if words else None


def _endings(
    ledger: Ledger,
    clock: Clock,
    notifier: Notifier,
    bench: ReviewPipeline,
    since: datetime,
    *,
    pages: int | None,
) -> Iterator[tuple[Ending, bool]]:
    """The end of each round that was finalized since then without a decision of ours."""
    if not isinstance(bench.queue, Archive):
        return
    items = [item for item in bench.queue.finalized(since, pages=pages) if item.epoch is not None]
    memories = ledger.memories(bench.review, [item.id for item in items])
    seen = {(sighting.task_id, sighting.epoch) for sighting in ledger.unended(bench.review)}
    told = {(ending.task_id, ending.epoch) for ending in ledger.endings(since)}
    for item in items:
        finalized = item.subject.finalized_at
        if finalized is None or item.key in told:
            continue
        found = _whose(item, memories.get(item.id))
        if found is None:
            continue
        by, why = found
        missed = format_moment(since, notifier.zone(review=bench.review))
        ending = Ending(
            review=item.review,
            task_id=item.id,
            epoch=item.epoch or "",
            by=by,
            status=item.status,
            at=finalized,
            amount_micros=item.amount_micros,
            note=None if why is None else f"{why}; no pass was made since {missed}",
        )
        if by == "silence":
            tell_silence(clock, notifier, ending)
        yield ending, item.key in seen


def _whose(item: ReviewItem, memory: Memory | None) -> tuple[Attributed, str | None] | None:
    """By whom it was finalized; None where our own decision did it, or may have."""
    last = memory.latest if memory is not None else None
    if last is not None and last.decision.epoch != item.epoch:
        last = None
    if last is not None and last.state in DONE | OPEN:
        return None
    deadline = item.deadline_at
    if deadline is None and item.started_at is not None:
        deadline = item.started_at + REVIEW_WINDOW
    if not by_silence(item, deadline):
        return "other", None
    if last is not None and last.decision.action is Action.LEAVE:
        return "leave", None
    return "silence", cause(last)
