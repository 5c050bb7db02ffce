"""Poll: passes over all that waits. List completely, settle, then review the most urgent first.

Theory of operation. A pass ends when all that waits has been reviewed; after an outage that takes
hours, for the rate is limited. So it is made in stretches: each call of `Polling` goes on where the
one before left off, and what the daemon does between two calls never waits longer than a stretch.
Within a pass the kinds of review take turns. A turn begins with a new list and lasts only so long:
what arrives or falls due behind a backlog is not missed, and no kind waits for the backlog of
another. Policies that change end the pass under way, so that one pass uses one revision.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from reviewbot.alarms.exposure import say_stakes
from reviewbot.alarms.outages import went, went_wrong
from reviewbot.alarms.reminders import expect, most_urgent_first, note, now_and_then, watch
from reviewbot.core import checks, refusals
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import (
    NEAR,
    ApiContact,
    Background,
    PassSummary,
    Reviewed,
    ReviewOutcome,
    ReviewPipeline,
    Undecided,
)
from reviewbot.domain.decision import Mode, State
from reviewbot.domain.errors import ApiError, CannotConnect, KeyRefused, RateLimited, ReviewbotError
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.facts import NO_FLEET
from reviewbot.ports.ledger import Ending, Ledger
from reviewbot.ports.queue import Clock
from reviewbot.review import shadow
from reviewbot.review.fetch import hear, look_at_all, note_sights, with_memories
from reviewbot.review.pending import say_sent, send_due
from reviewbot.review.reconcile import reconcile
from reviewbot.review.recover import resume
from reviewbot.review.review import review
from reviewbot.review.survey import survey
from reviewbot.safety import gate, ladder
from reviewbot.safety.rollout import adopt_accepted

# ------------------------------------------------------------------------------------------------
# Setbacks: things that cannot be read harm no others, however many there are and wherever they stand.
#
# Theory of operation. What failed before comes last in a pass, unless its deadline is near. When a few
# reads in a row fail, the list is read once more: where it comes, the API is there and it is those
# things that are ill. What fails may take only so much of a pass; the rest of it is left to the next.


IN_A_ROW = 3
"""Reads in a row that fail before the API itself is doubted."""

BUDGET = 300.0
"""Seconds that reviews which fail may take in one pass."""

Todo = tuple[ReviewItem, Background]


def ill_last(
    clock: Clock, bench: ReviewPipeline, todo: Sequence[Todo]
) -> tuple[list[Todo], list[Todo]]:
    """Take apart what is reviewed in its turn, and what failed before and can wait."""
    near = clock.now() + NEAR
    turn: list[Todo] = []
    ill: list[Todo] = []
    for pair in todo:
        item, known = pair
        latest = known.memory.latest
        can_wait = item.deadline_at is None or item.deadline_at > near
        in_round = latest is not None and latest.decision.epoch == item.epoch
        refused = latest is not None and in_round and refusals.refusal(latest) is not None
        failed = item.id in bench.troubles or refused
        (ill if can_wait and failed else turn).append(pair)
    return turn, ill


def api_is_away(clock: Clock, contact: ApiContact, bench: ReviewPipeline, item: ReviewItem) -> bool:
    """After a few failed reads: whether it is the API that is away, and not those things that are ill.

    Raises KeyRefused, CannotConnect and RateLimited.
    """
    if contact.failed_reads < IN_A_ROW:
        return False
    at = clock.monotonic()
    try:
        note_sights(bench, bench.queue.renew(item), at)
    except (KeyRefused, CannotConnect, RateLimited):
        raise
    except ApiError:
        return True
    contact.failed_reads = 0
    return False


def _write_down(ledger: Ledger, clock: Clock, bench: ReviewPipeline) -> None:
    """Put what was seen of the verifier and of our accounts into the log."""
    checks.write_down(ledger, clock, bench)
    bench.accounts.write_down(ledger, clock)


OUTAGE = 3
"""Writes in a row without a clear answer after which a pass stops: nothing more is put in doubt."""

LISTED_FOR = 15 * 60.0
"""Seconds of new reviews after which a turn ends: the next reads the list again."""

STRETCH = 60.0
"""Seconds that a daemon leaves a pass alone at most, also where it polls less often."""


def poll_once(app: BotContext) -> PassSummary:
    """Run one whole pass over every kind of review.

    Raises `ApiError` when a list cannot be read, KeyRefused at any call, and `LedgerError`. A pass
    that could read the list and then lost the API ends early and says so in `stopped`.
    """
    return Polling()(app)


def undecided(benches: Iterable[ReviewPipeline]) -> tuple[Undecided, ...]:
    """What silence would end as things stand, as far as is kept in mind; the most urgent first."""
    opened = (bench.open_rounds or {} for bench in benches)
    return most_urgent_first(seen for rounds in opened for seen in rounds.values())


class Polling:
    """Makes passes; each call makes about so many seconds of one, or all that is left of it.

    Raises as `poll_once`; then, as after a stop or a change of policies, a new pass begins.
    """

    def __init__(self, stretch: float = math.inf) -> None:
        self._stretch = stretch
        self._pass: _Pass | None = None

    def __call__(self, app: BotContext) -> PassSummary:
        """Go on with the pass under way, or begin one; give what it has done so far."""
        app.watched_at = app.clock.monotonic()
        try:
            with app.spans.span("pass", mode=app.mode.value) as span:
                summary = self._go_on(app)
                span.note(waiting=summary.waiting, reviewed=summary.reviewed, left=summary.left)
        except ReviewbotError as error:
            self._pass = None
            went_wrong(app.clock, app.contact, app.notifier, app.limits, error)
            raise
        else:
            went(app.clock, app.contact, app.notifier, app.limits, app.stopping, summary.stopped)
        finally:
            watch(app)
            app.notifier.alarms.flush()
        fault_point("pass.done")
        return summary

    def _go_on(self, app: BotContext) -> PassSummary:
        if app.lead is not None:
            app.lead(None)
        app.ledger.probe()
        if app.contact.key_refused_since is not None:
            app.knock()
            app.contact.key_refused_since = None
        adopt_accepted(app)
        self._send_answers(app)
        ladder.begin(app.ledger, app.clock, app.events, app.benches)
        shadow.begin(app.ledger, app.events, app.benches, app.revisions)
        going = self._pass
        if going is None or going.benches is not app.benches:
            going = _Pass(app)
        self._pass = going if going.go_on(self._stretch) else None
        return going.summary()

    def _send_answers(self, app: BotContext) -> None:
        """What people pressed at a console that has ended since, or has not sent it yet."""
        if app.mode is not Mode.LIVE:
            return
        for sent in send_due(app):
            say_sent(app.events, sent)


class _Pass:
    """One pass: how far it has come, and what it counts meanwhile."""

    def __init__(self, app: BotContext) -> None:
        self.benches = app.benches
        self._app = app
        self._started_at = app.clock.now()
        self._requests, self._writes = app.traffic.requests, app.traffic.writes
        self._pauses = self._turns()
        self._pause_at = math.inf
        # By kind of review.
        self._waiting: dict[str, int] = {}
        self._left: dict[str, int] = {}
        self._in_quarantine: dict[str, int] = {}
        self._reviewed: dict[tuple[str, str], Reviewed] = {}
        self._endings: list[Ending] = []
        self._stopped: str | None = None
        app.contact.failed_reads = app.contact.doubtful_writes = 0
        app.turns.begin(app.clock.monotonic(), app.traffic.requests)

    def go_on(self, stretch: float) -> bool:
        """Review for about so many seconds; give whether the pass is not over."""
        self._pause_at = self._app.clock.monotonic() + stretch
        return next(self._pauses, "over") is None

    def summary(self) -> PassSummary:
        """What was done and seen so far."""
        app, reviewed = self._app, self._reviewed.values()
        return PassSummary(
            started_at=self._started_at,
            ended_at=app.clock.now(),
            waiting=sum(self._waiting.values()),
            reviewed=len(reviewed),
            left=sum(self._left.values()),
            actions=Counter(result.verdict.action.value for result in reviewed if result.verdict),
            outcomes=Counter(result.outcome.value for result in reviewed),
            requests=app.traffic.requests - self._requests,
            writes=app.traffic.writes - self._writes,
            in_quarantine=sum(self._in_quarantine.values()),
            undecided=undecided(self.benches),
            endings=tuple(self._endings),
            stopped=self._stopped,
        )

    # The way through; each `yield` is a pause ------------------------------------------------

    def _turns(self) -> Iterator[None]:
        again = True
        while again:
            for bench in self.benches:
                yield from self._turn(bench)
                if self._stopped is not None:
                    return
            again = sum(self._left.values()) > 0

    def _turn(self, bench: ReviewPipeline) -> Iterator[None]:
        """List one kind of review, settle what is open, and review from the most urgent on."""
        app = self._app
        # One write finds out whether the API takes them again.
        bench.refused_writes = min(bench.refused_writes, refusals.IN_A_ROW - 1)
        items, _ = look_at_all(app.ledger, app.clock, app.events, app.notifier, bench)
        waiting = {item.id: item for item in items}
        self._in_quarantine[bench.review] = resume(app, bench, waiting)
        endings, missing = reconcile(app, bench, waiting, looks=app.limits.looks_per_pass)
        self._endings += endings
        todo = list(with_memories(app.ledger, app.clock, app.events, bench, items, bench.judges))
        expect(app.ledger, bench, todo, missing)
        gate.begin(app.guard_post, bench, todo[0][1].fleet if todo else NO_FLEET)
        self._waiting[bench.review] = self._left[bench.review] = len(todo)
        reviewed: list[Reviewed] = []
        survey(app.ledger, app.clock, app.limits, app.stopping, bench, todo)
        for _ in self._review_all(bench, todo, reviewed):
            gate.end(app.guard_post, bench, reviewed)
            say_stakes(app, bench)
            _write_down(app.ledger, app.clock, bench)
            yield
        # What evidence drifted is known now; a process of one pass reads no further list.
        hear(app.events, app.notifier, bench, bench.queue.odd())
        gate.look_at_drift(app.guard_post, bench)
        gate.end(app.guard_post, bench, reviewed)
        say_stakes(app, bench)
        _write_down(app.ledger, app.clock, bench)

    def _review_all(
        self, bench: ReviewPipeline, todo: Sequence[Todo], reviewed: list[Reviewed]
    ) -> Iterator[None]:
        """Review in turn, as far as the API allows, until this turn has lasted long enough.

        What this pass has reviewed before takes none of that time.
        """
        app, end, failing = self._app, math.inf, 0.0
        turn, ill = ill_last(app.clock, bench, todo)
        ids = [item.id for item, _ in [*turn, *ill]]
        new = [id_ for id_ in ids if (bench.review, id_) not in self._reviewed]
        app.turns.queue(bench.review, new)
        for number, (item, background) in enumerate([*turn, *ill]):
            if app.clock.monotonic() >= self._pause_at:
                yield
            now_and_then(app)
            if app.stopping():
                self._stopped = "a stop was asked for"
                return
            if end == math.inf and (bench.review, item.id) not in self._reviewed:
                end = app.clock.monotonic() + LISTED_FOR
            if app.clock.monotonic() > end:
                return
            if failing > BUDGET:
                if number < len(turn):
                    self._stopped = f"reviews that fail have taken {failing / 60:.0f} minutes"
                    return
                self._note(bench, reviewed, Reviewed(item=item, outcome=ReviewOutcome.POSTPONED))
                continue
            began = app.clock.monotonic()
            self._stopped = self._review(bench, item, background, reviewed)
            if self._stopped is not None:
                return
            if reviewed[-1].outcome is ReviewOutcome.POSTPONED:
                failing += app.clock.monotonic() - began

    def _review(
        self, bench: ReviewPipeline, item: ReviewItem, known: Background, reviewed: list[Reviewed]
    ) -> str | None:
        """Review one thing; give why nothing more can be reviewed now, where that is so."""
        app = self._app
        try:
            one = review(app, bench, item, known)
            self._note(bench, reviewed, one)
            note(bench, one)
            gate.reviewed(app.guard_post, known.judge, one, known.memory.latest)
            if api_is_away(app.clock, app.contact, bench, item):
                return f"{app.contact.failed_reads} reads in a row got no clear answer, nor did the list"
        except KeyRefused:
            raise
        except (CannotConnect, RateLimited) as error:
            return str(error)
        if app.contact.doubtful_writes >= OUTAGE:
            return f"{app.contact.doubtful_writes} writes in a row got no clear answer"
        return None

    def _note(self, bench: ReviewPipeline, reviewed: list[Reviewed], result: Reviewed) -> None:
        reviewed.append(result)
        if (bench.review, result.item.id) not in self._reviewed:
            failed = result.outcome is ReviewOutcome.POSTPONED
            self._app.turns.took(bench.review, self._app.clock.monotonic(), failed=failed)
        self._reviewed[bench.review, result.item.id] = result
        self._left[bench.review] -= 1
        self._in_quarantine[bench.review] += result.outcome is State.UNKNOWN
