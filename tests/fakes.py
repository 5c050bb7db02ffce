"""Fakes of the ports: a small world with a list, a desk, a judge and a clock that tests move by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Background, LoopLimits, ReviewPipeline, Sight
from reviewbot.domain.decision import NO_RULE, Action, Decision, Mode
from reviewbot.domain.errors import ApiError, NotFound
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.task import CommentTask, Timeline
from reviewbot.domain.text import iso
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.facts import NO_HISTORY, Facts
from reviewbot.policy.model import BeforeDeadline, Deadline, Policy
from reviewbot.ports.ledger import Memory
from reviewbot.ports.queue import Listing, Odd, Receipt
from reviewbot.review.execute import decide
from reviewbot.review.judge import Judging
from tests.builders import CONFIRMED, an_attempt, an_item

START = CONFIRMED + timedelta(hours=10)


class HandClock:
    """A clock that only moves when told, or when somebody sleeps."""

    def __init__(self, start: datetime = START) -> None:
        self.start, self.elapsed = start, 0.0

    def now(self) -> datetime:
        """The wall clock."""
        return self.start + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.elapsed += seconds

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.elapsed += timedelta(**by).total_seconds()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the fake judge says, in the form of an evaluation."""

    action: Action
    rule: str = "the rule"
    rule_index: int | None = 0
    reason: str | None = None
    fields: dict[str, str] | None = None
    until: datetime | None = None
    to: tuple[str, ...] = ()
    cannot_tell: tuple[str, ...] = ()
    shadow: tuple[tuple[str, Action], ...] = ()
    trace: Any = None
    note: str | None = None
    kept_by: str | None = None


APPROVE = Answer(action=Action.APPROVE)
DISPUTE = Answer(action=Action.DISPUTE, reason="Please post it again.")
ESCALATE = Answer(action=Action.ESCALATE, rule=NO_RULE, rule_index=None)


class NothingForbidden:
    """The statements of a policy that has none."""

    def forbids(self, *_: object, **__: object) -> None:
        """Nothing is."""


@dataclass
class FakeJudge:
    """Answers by a function of the facts; `looks_first` says that it needs the evidence."""

    answer: Callable[[Facts], Answer]
    looks_first: bool = True
    fallback: Callable[[Facts], Answer | None] = lambda facts: None
    needs_account: bool = False
    needs_directory: bool = False
    needs_total: bool = False
    needs_fleet: bool = False
    ever_needs_evidence: bool = True
    calendars: dict[str, Any] = field(default_factory=dict)
    statements: NothingForbidden = field(default_factory=NothingForbidden)
    asked: int = 0
    policy: Policy = field(
        default_factory=lambda: Policy(
            name="fake",
            language=1,
            path="fake.yaml",
            source="policy: fake",
            revision="f" * 64,
            rules=(),
            deadline=Deadline(decide_by=BeforeDeadline(seconds=3600), fallbacks=()),
        )
    )

    def judge(self, facts: Facts, *, trace: bool = False) -> Answer:
        """Answer with the evidence at hand."""
        self.asked += 1
        return self.answer(facts)

    def guarded(self, facts: Facts, made: Answer) -> Answer:
        """The answer itself."""
        return made

    def guarded_fallback(self, facts: Facts) -> Answer | None:
        """The fallback itself."""
        return self.fallback(facts)

    def asks_for_total(self, facts: Facts) -> bool:
        """It never does."""
        return False

    def triage(self, facts: Facts, *, trace: bool = False) -> Answer | None:
        """Answer without the evidence, or ask for it."""
        return None if self.looks_first else self.answer(facts)


def always(answer: Answer) -> FakeJudge:
    """A judge that always says the same."""
    return FakeJudge(lambda facts: answer)


@dataclass
class World:
    """The remote side: tasks by id, what the verifier saw, and everything that was asked of it."""

    tasks: dict[str, ReviewItem] = field(default_factory=dict)
    comments_scraped: int = 60
    calls: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    """Of what a page was asked for."""
    sent: list[Decision] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """The idempotency key of each write, also of those that failed."""
    trouble: dict[str, list[ApiError]] = field(default_factory=dict)
    """Errors to raise, one each, by the name of the call."""
    after_write: Callable[[Decision], None] | None = None
    """Called as a write arrives, before it takes effect; may raise."""
    before_write: Callable[[Decision], None] | None = None
    drift: tuple[str, ...] = ()
    drift_on: dict[str, frozenset[str]] = field(default_factory=dict)
    new_values: tuple[str, ...] = ()
    odd_since: Odd = field(default_factory=Odd)
    """What its answers after a list had of that."""
    review: str = "comments"

    def add(self, *items: ReviewItem) -> None:
        """Let these wait."""
        self.tasks.update({item.id: item for item in items})

    def change(self, task_id: str, **changes: Any) -> None:
        """Let the task become another one, under the API's names."""
        task = self.tasks[task_id].subject
        assert isinstance(task, CommentTask)
        self.tasks[task_id] = item_of(replace(task, **changes))

    def waiting(self) -> Listing:
        """List all that waits, newest first."""
        self._call("waiting")
        return Listing(
            items=tuple(
                i for i in reversed(self.tasks.values()) if i.status == "manually_confirmed"
            ),
            odd=Odd(drift=self.drift, drift_on=self.drift_on, new_values=self.new_values),
        )

    def odd(self) -> Odd:
        """What was odd since the list."""
        return self.odd_since

    def renew(self, item: ReviewItem) -> Sequence[ReviewItem]:
        """One page: all that waits."""
        self._call("renew")
        self.renewed.append(item.id)
        return [i for i in self.tasks.values() if i.status == "manually_confirmed"]

    def look(self, item_id: str) -> ReviewItem:
        """Read one task."""
        self._call("look")
        if item_id not in self.tasks:
            raise NotFound("no such task", status=404)
        return self.tasks[item_id]

    def evidence(self, item: ReviewItem) -> Timeline:
        """What the verifier saw."""
        self._call("evidence")
        return Timeline(
            task_id=item.id, attempts=(an_attempt(comments_scraped=self.comments_scraped),)
        )

    def perform(self, decision: Decision, key: str) -> Receipt:
        """Carry out a decision as the API would."""
        self.keys.append(key)
        if self.before_write is not None:
            self.before_write(decision)
        self._call("perform")
        self.sent.append(decision)
        epoch = self.tasks[decision.task_id].epoch
        self.apply(decision)
        if self.after_write is not None:
            self.after_write(decision)
        task = self.tasks[decision.task_id]
        return Receipt(
            status=task.status, epoch=epoch if decision.action.pays else None, request_id="req_1"
        )

    def apply(self, decision: Decision, at: datetime = START) -> None:
        """Let a write take effect."""
        if decision.action.pays:
            self.change(decision.task_id, status="finalized", finalized_at=at)
        else:
            self.change(
                decision.task_id,
                status="pending_corrections",
                manually_confirmed_at=None,
                client_dispute_deadline_at=None,
                correction_required=f'Please mend this:\n\n"{decision.reason}"\n\nThen re-check.',
            )

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.trouble.get(name):
            raise self.trouble[name].pop(0)


def item_of(task: CommentTask) -> ReviewItem:
    """The review of a task as it stands."""
    return replace(
        an_item(),
        id=task.id,
        epoch=iso(task.manually_confirmed_at) if task.manually_confirmed_at else None,
        status=task.status,
        started_at=task.manually_confirmed_at,
        deadline_at=task.client_dispute_deadline_at,
        version=iso(task.updated_at) if task.updated_at else None,
        subject=task,
    )


@dataclass
class Said:
    """Everything the loop said, and how loudly."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    levels: list[tuple[str, str]] = field(default_factory=list)
    """Each event's name and level, in the same order."""

    def __call__(self, event: str, /, *, level: str = "info", **about: object) -> None:
        """Keep one event."""
        self.events.append((event, about))
        self.levels.append((event, level))

    def named(self, event: str) -> list[dict[str, object]]:
        """All events of a name."""
        return [about for name, about in self.events if name == event]


def an_app(
    world: World,
    judge: FakeJudge,
    *,
    live: bool = True,
    ledger: Any = None,
    clock: HandClock | None = None,
    limits: LoopLimits | None = None,
) -> BotContext:
    """A whole bot over the fakes; live unless told otherwise."""
    bench = ReviewPipeline(queue=world, judges=(judge,), desk=world if live else None)  # type: ignore[arg-type]
    clock, said = clock or HandClock(), Said()
    ledger = ledger or open_ledger("memory:")
    return BotContext(
        clock=clock,
        ledger=ledger,
        benches=(bench,),
        events=said,
        alarms=AlarmDispatcher(ledger=ledger, clock=clock, events=said, dry_run=not live),
        mode=Mode.LIVE if live else Mode.DRY_RUN,
        limits=limits or LoopLimits(),
    )


def a_bot(
    answer: Answer | FakeJudge = APPROVE, item: ReviewItem | None = None, **more: Any
) -> BotContext:
    """A bot that has just seen one task."""
    world, item = World(), item or an_item()
    world.add(item)
    judge = answer if isinstance(answer, FakeJudge) else always(answer)
    app = an_app(world, judge, **more)
    app.benches[0].sights[item.id] = Sight(item, app.clock.monotonic())
    return app


def world_of(app: BotContext) -> World:
    """What stands behind its queue."""
    world = app.benches[0].queue
    assert isinstance(world, World)
    return world


def known_of(app: BotContext, memory: Memory | None = None, **more: Any) -> Background:
    """What is known of a task that the log has not met."""
    fields = {"judge": app.benches[0].judges[0]} | more
    return Background(memory=memory or Memory(history=NO_HISTORY), **fields)


def a_due(app: BotContext, item: ReviewItem | None = None) -> Decision:
    """What the bot's judge decides of a task, ready to be sent."""
    judged = Judging(
        app.clock, app.contact, app.events, app.limits, app.benches[0], known_of(app)
    ).look(item or an_item())
    return decide(app.mode, app.skew, judged.item, judged.facts, judged.verdict, judged.evidence)


def said(app: BotContext) -> Said:
    """What a bot over the fakes said."""
    assert isinstance(app.events, Said)
    return app.events


def outcomes(app: BotContext) -> dict[str, str]:
    """The newest outcome per task."""
    return {
        logged.decision.task_id: logged.state.value
        for logged in sorted(app.ledger.decisions(), key=lambda logged: logged.state_at)
    }
