"""What every screen says of an open task is what then happens: random situations, run on in virtual time.

A small world holds tasks and accounts; a bot has passed over some of it, some of its writes got no
answer, and then something holds: a pause, a breaker, a full limit, closed hours, a bot that only
rehearses or has died. Every screen says what will become of each task. Then the bot goes on, nobody
else acts, the timer pays what is left, and both are compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.exposure import at_stake
from reviewbot.cli.forecast import forecast_json
from reviewbot.cli.queue import line_of
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.domain.account import AccountReview
from reviewbot.domain.decision import DONE, Decision, Mode
from reviewbot.domain.errors import ApiRefusal, NoAnswer, TaskBlocked
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.task import CommentTask
from reviewbot.domain.text import pretty
from reviewbot.foresight.future import HURRY, end_by
from reviewbot.foresight.gather import REHEARSES, Bot, Outlook, outlook_of
from reviewbot.insights.forecast import forecast, pace
from reviewbot.insights.plan import plan
from reviewbot.insights.questions import questions_of
from reviewbot.insights.status import situation
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import Judge
from reviewbot.presentation.machine_forms import report_of
from reviewbot.review.poll import poll_once, undecided
from reviewbot.safety import pauses as pauses_module
from reviewbot.safety.pauses import Hold
from reviewbot.safety.rollout import adopt
from tests.acceptance.house import judge_of
from tests.builders import a_task, an_account_item
from tests.fakes import START, HandClock, Said, World, item_of
from tests.tier import times

HOUR = timedelta(hours=1)
DEAD = Hold(sentence="no bot runs: its last pass ended 25 m ago", by="bot")
Key = tuple[str, str]
Told = dict[Key, tuple[str, datetime | None]]

BEHAVIOURS = {
    "pay": "then: approve",
    "back": "then: dispute\n    reason: Please post it again, as written.\n    repeat: yes",
    "ask": "then: escalate",
    "leave": "then: leave\n    because: The timer may pay it.",
    "wait": "then: wait\n    until: 2h before deadline",
    "pay after a while": "then: approve\n    hold: 1h",
    "pay some": "then: approve\n    stage: 60%",
    "at night": "then: approve\n    act during: night",
    "pay one an hour": "then: approve\n    limit: at most 1 per hour\n    when over: hold",
    "pay one an account": "then: approve\n    limit: at most 1 per account per day\n"
    "    when over: skip",
    "pay half a dollar": "then: approve\n    limit: at most 0.50 USD per calendar day",
    "send one back": "then: dispute\n    reason: Please post it again, as written.\n"
    "    limit: at most 1 per hour\n    when over: skip",
}
ACCOUNT_BEHAVIOURS = {
    "pay": "then: finalize",
    "back": "then: request corrections\n    comment: One thing to mend here.\n"
    "    fields: {username: Another one please.}",
    "ask": "then: escalate",
    "leave": "then: leave\n    because: The timer may pay it.",
}
FALLBACKS = ("approve", "escalate", "leave", '{then: dispute, reason: "Please look again."}')
ACCOUNT_FALLBACKS = ("finalize", "escalate", "leave")
LIMITS = (
    "approvals: at most 1 per hour",
    "approvals: at most 2 per day",
    "money approved: at most 0.50 USD per day",
    "disputes: at most 1 per hour",
    "disputes per account: at most 1 per day",
    "pause approvals when: {fleet.open_tasks: at least 1}",
    "pause disputes when: {fleet.open_tasks: at least 1}",
    "disputes during: night",
    "approvals during: night",
)


@dataclass(kw_only=True)
class Situation:
    """One random situation."""

    tasks: list[tuple[int, int]]
    """(which rule, hours before its deadline) of each task."""
    accounts: list[int] = field(default_factory=list)
    """Hours before the estimated deadline of each account."""
    behaviours: list[str]
    rest: str = "ask"
    """What is done where a rule passes one over."""
    account_behaviour: str = "leave"
    fallback: str = "leave"
    account_fallback: str = "leave"
    limits: list[str] = field(default_factory=list)
    over: str = "hold"
    exempt: bool = True
    pauses: list[tuple[str, int | None]] = field(default_factory=list)
    """(what, for how many hours)."""
    breaker: bool = False
    mode: Literal["live", "dry run", "dead"] = "live"
    passes: int = 1
    """How many passes were made before."""
    late: list[tuple[int, int]] = field(default_factory=list)
    """Tasks that nobody has looked at, as `tasks`."""
    lost: Literal["none", "on the way", "its answer", "refused", "not now"] = "none"
    """What became of the first write."""
    every: int = 5
    """Minutes between two passes."""

    @property
    def limited(self) -> bool:
        """Whether something of the policy may keep back what is due."""
        return bool(self.limits) or any("limit:" in BEHAVIOURS[b] for b in self.behaviours)


SITUATIONS = st.builds(
    Situation,
    tasks=st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 9)), min_size=1, max_size=6),
    accounts=st.lists(st.integers(1, 9), max_size=2),
    behaviours=st.lists(st.sampled_from(sorted(BEHAVIOURS)), min_size=4, max_size=4),
    rest=st.sampled_from(("ask", "back", "pay", "leave")),
    account_behaviour=st.sampled_from(sorted(ACCOUNT_BEHAVIOURS)),
    fallback=st.sampled_from(FALLBACKS),
    account_fallback=st.sampled_from(ACCOUNT_FALLBACKS),
    limits=st.lists(st.sampled_from(LIMITS), max_size=2, unique_by=lambda line: line.split(":")[0]),
    over=st.sampled_from(("hold", "escalate")),
    exempt=st.booleans(),
    pauses=st.lists(
        st.tuples(
            st.sampled_from(("all", "approve", "dispute")),
            st.one_of(st.none(), st.integers(1, 10)),
        ),
        max_size=2,
        unique_by=lambda pair: pair[0],
    ),
    breaker=st.sampled_from((False, False, False, True)),
    mode=st.sampled_from(("live", "live", "live", "live", "dry run", "dead")),
    passes=st.sampled_from((1, 1, 2, 0)),
    late=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=1),
    lost=st.sampled_from(("none", "none", "on the way", "its answer", "refused", "not now")),
    every=st.sampled_from((5, 10, 20, 45)),
)


# The world -----------------------------------------------------------------------------------


class Town(World):
    """Things of one kind that wait, with a timer that pays what is left at its deadline."""

    clock: HandClock
    turned = False

    def apply(self, decision: Decision, at: datetime = START) -> None:
        """Let a write take effect now."""
        item = self.tasks[decision.task_id]
        if isinstance(item.subject, CommentTask):
            super().apply(decision, self.clock.now())
        elif decision.action.pays:
            self._account(item, account_status="finalized", finalized_at=self.clock.now())
        else:
            self._account(item, account_status="corrections_requested")

    def lapse(self) -> None:
        """Let the timer pay what is due."""
        for item in list(self.tasks.values()):
            if item.status not in ("manually_confirmed", "in_review"):
                continue
            assert item.deadline_at is not None
            if item.deadline_at > self.clock.now():
                continue
            if isinstance(item.subject, CommentTask):
                self.change(item.id, status="finalized", finalized_at=item.deadline_at)
            else:
                self._account(item, account_status="finalized", finalized_at=item.deadline_at)

    def waiting(self) -> Any:
        """List all that waits, the newest first or last: the API promises no order."""
        listing = super().waiting()
        more = tuple(item for item in self.tasks.values() if item.status == "in_review")
        self.turned = not self.turned
        return replace(listing, items=(listing.items + more)[:: -1 if self.turned else 1])

    def _account(self, item: ReviewItem, **changes: Any) -> None:
        assert isinstance(item.subject, AccountReview)
        status = changes["account_status"]
        self.tasks[item.id] = replace(item, status=status, subject=replace(item.subject, **changes))


@dataclass
class Scene:
    """The two towns, the bot over them, and its log."""

    of: Situation
    clock: HandClock = field(default_factory=HandClock)
    ledger: SqlLedger = field(default_factory=lambda: open_ledger("memory:"))

    hurried: bool = False
    """Whether a pass came sooner than the next in turn."""

    def __post_init__(self) -> None:
        self.every = timedelta(minutes=self.of.every)
        self.judges = policies(self.of)
        self.towns = [self._town("comments"), self._town("accounts")]
        self.towns[0].add(*(self._task(n, *spec) for n, spec in enumerate(self.of.tasks)))
        accounts = [self._account(n, hours) for n, hours in enumerate(self.of.accounts)]
        self.towns[1].add(*accounts)
        self.app = self.a_bot(live=self.of.mode != "dry run")
        adopt(self.app, self.judges)

    def a_bot(self, *, live: bool) -> BotContext:
        """A bot over the same world and log."""
        benches = tuple(
            ReviewPipeline(queue=town, judges=(judge,), desk=town if live else None)  # type: ignore[arg-type]
            for town, judge in zip(self.towns, self.judges, strict=True)
        )
        said = Said()
        return BotContext(
            clock=self.clock,
            ledger=self.ledger,
            benches=benches,
            events=said,
            alarms=AlarmDispatcher(
                ledger=self.ledger, clock=self.clock, events=said, dry_run=not live
            ),
            mode=Mode.LIVE if live else Mode.DRY_RUN,
        )

    def go_on(self) -> None:
        """A pass where the bot lives, the time to the next, and the timer."""
        if self.of.mode != "dead":
            poll_once(self.app)
        self.clock.forward(seconds=self._pause())
        for town in self.towns:
            town.lapse()

    def _pause(self) -> float:
        """Seconds to the next pass, as the daemon takes them."""
        now, every = self.clock.now(), self.every.total_seconds()
        deadlines = (seen.deadline_at for seen in undecided(self.app.benches))
        soon = any(at is not None and now < at <= now + self.every for at in deadlines)
        if soon and every > HURRY and self.of.mode != "dead":
            self.hurried = True
            return HURRY
        return every

    def come_to_pass(self) -> None:
        """All up to the moment of which the screens speak."""
        for number in range(self.of.passes):
            if number == 0:
                self._lose_a_write()
            poll_once(self.app)
            self.clock.forward(seconds=self._pause())
        self.towns[0].before_write = self.towns[0].after_write = None
        late = [self._task(50 + n, *late_task) for n, late_task in enumerate(self.of.late)]
        self.towns[0].add(*late)
        now = self.clock.now()
        for word, hours in self.of.pauses:
            until = None if hours is None else now + hours * HOUR
            pauses_module.pause(self.ledger, word, reason="x", who="ana", until=until, now=now)
        if self.of.breaker:
            self.ledger.note("breaker", "desk", {"open": True, "what": "a sign"}, now)

    def bot(self) -> Bot:
        """What is known of the bot."""
        return Bot(
            hold={"live": None, "dry run": REHEARSES, "dead": DEAD}[self.of.mode],
            every=self.every.total_seconds(),
            revisions=tuple(judge.policy.revision for judge in self.judges),
        )

    def _town(self, review: str) -> Town:
        town = Town(review=review)
        town.clock = self.clock
        return town

    def _lose_a_write(self) -> None:
        error = {
            "refused": TaskBlocked("no", status=409, code="MANAGED_ACCOUNT_TASK_BLOCKED"),
            "not now": ApiRefusal("no", status=402, code="PAYMENT_REQUIRED"),
        }.get(self.of.lost, NoAnswer("a reset"))

        def lose(_: Decision) -> None:
            self.towns[0].after_write = self.towns[0].before_write = None
            raise error

        if self.of.lost in ("on the way", "refused", "not now"):
            self.towns[0].before_write = lose
        elif self.of.lost == "its answer":
            self.towns[0].after_write = lose

    def _task(self, n: int, rule: int, hours: int) -> ReviewItem:
        minutes = 3 * (n % 50 // 2) + 1 + n // 50  # two of them expire at the same moment
        confirmed = START + timedelta(hours=hours - 72, minutes=minutes)
        return replace(
            item_of(
                replace(
                    a_task(),
                    id=f"task-{n:03}",
                    comment_text=f"Nice {rule}",
                    saved_account_id=f"account-{n % 2}",
                    manually_confirmed_at=confirmed,
                    client_dispute_deadline_at=confirmed + timedelta(hours=72),
                    updated_at=confirmed,
                )
            ),
            account_id=f"account-{n % 2}",
        )

    def _account(self, n: int, hours: int) -> ReviewItem:
        first = START + timedelta(hours=hours - 72, minutes=3 * n + 2)
        item = replace(an_account_item(id=f"bnd-{n}"), started_at=None, deadline_at=None)
        self.ledger.sight([item], first)
        return replace(item, started_at=first, deadline_at=first + timedelta(hours=72))


def policies(of: Situation) -> list[Judge]:
    """The policies of both kinds of review."""
    rules = "".join(
        f"  - name: r{n}\n    when:\n      task.comment_text: ends with {n}\n    {BEHAVIOURS[b]}\n"
        for n, b in enumerate(of.behaviours)
    )
    rules += f"  - name: rest\n    always: yes\n    {BEHAVIOURS[of.rest]}\n"
    more = "".join(f"  {line}\n" for line in of.limits)
    return [
        judge_of(
            f"policy: desk\nlanguage: 1\nhours: {{night: {{open: mon-sun 01:00-03:00}}}}\n"
            f"rules:\n{rules}deadline:\n  decide by: 90m before deadline\n"
            f"  if undecided: {of.fallback}\n  because: In time.\n"
            f"guardrails:\n{more}  when over: {of.over}\n"
            f"  fallback exempt: {'yes' if of.exempt else 'no'}\n"
        ),
        judge_of(
            "policy: profiles\nlanguage: 1\napplies to: {review: accounts}\n"
            f"rules:\n  - name: all\n    always: yes\n"
            f"    {ACCOUNT_BEHAVIOURS[of.account_behaviour]}\n"
            f"deadline:\n  decide by: 90m before deadline\n"
            f"  if undecided: {of.account_fallback}\n  because: In time.\n"
        ),
    ]


# What is said, and what happens --------------------------------------------------------------


def said_by_the_log(found: Outlook) -> Told:
    """What the one function says by the log alone, where it says anything."""
    return {
        key: (future.end, future.at)
        for key, future in found.futures.items()
        if future.end != "unknown"
    }


def the_screens(scene: Scene) -> Told:
    """Ask every screen; they must agree. Gives what they say."""
    now, ledger, bot = scene.clock.now(), scene.ledger, scene.bot()
    ahead = outlook_of(ledger, now, bot)
    by_log = said_by_the_log(ahead)
    watcher = scene.a_bot(live=False)
    seen = plan(watcher, bot=bot)
    report = json.loads(pretty(report_of(seen, watcher.benches, "default")))
    by_report = {
        _thing(decision): (decision["end"], _moment(decision["end_at"]))
        for decision in report["decisions"]
    }
    # Room that a thing will take at which nobody has looked is known only to who looks at it, and
    # that what got no answer was done, only to who reads the list.
    looked_at = {
        future.round.key for future in ahead.futures.values() if future.round.facts is not None
    }
    unclear = {(i.decision.review, i.decision.task_id) for i in ledger.open_intents()}
    is_all_known = not scene.of.limited or (unclear <= set(by_report) <= looked_at)
    for key, pair in by_report.items():
        if is_all_known and key in by_log and pair[0] != "unknown":
            assert by_log[key] == pair, (key, by_log[key], pair)

    for question in questions_of(ledger, ahead):
        line = line_of(question)
        key = (line.review, line.task_id)
        if line.otherwise != "unknown":
            assert (line.otherwise, line.otherwise_at) == by_log[key]

    ends = [planned.future for planned in seen.planned]
    first = forecast(ends, seen.standing, pace(ledger, now), unreadable=seen.failed)
    told = json.loads(forecast_json(first))
    unread = {(row["review"], row["task_id"]): row["by"] for row in told["unread"]}
    paid = {
        key: end
        for key, (end, at) in by_report.items()
        if end in ("fallback", "silence") and not _over(at, now, end)
    }
    assert {k: b for k, b in unread.items() if by_report[k][0] != "unknown"} == paid

    status = msgspec.to_builtins(situation(ledger, now, bot))
    silent = {
        key[1] for key, (end, at) in by_log.items() if end == "silence" and not _over(at, now, end)
    }
    if status["at_stake"] is not None:
        assert set(status["at_stake"]["tasks"]) == silent
    assert set(at_stake(ahead).tasks) == silent
    return {**by_log, **by_report} if is_all_known else by_report


def _over(at: datetime | None, now: datetime, end: str) -> bool:
    return end == "silence" and at is not None and at <= now


def _thing(row: dict[str, Any]) -> Key:
    return ("comments", row["task"]["id"]) if "task" in row else ("accounts", row["bundle"]["id"])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def what_happened(scene: Scene, key: Key, before: set[str]) -> tuple[str, datetime]:
    """How a thing ended, and when."""
    review, task_id = key
    for logged in scene.ledger.decisions(task_id=task_id):
        if logged.state in DONE and logged.intended_at is not None:
            decision = logged.decision
            if task_id in before:
                return "acted on", logged.state_at
            return end_by(decision.action, decision.rule), logged.intended_at
    town = scene.towns[0] if review == "comments" else scene.towns[1]
    item = town.tasks[task_id]
    assert item.status == "finalized", (key, item.status)
    assert item.deadline_at is not None
    latest = scene.ledger.memories(item.review, [task_id]).get(task_id)
    left = (
        latest is not None
        and latest.latest is not None
        and latest.latest.decision.action == "leave"
    )
    return "left" if left else "silence", item.deadline_at


DISPUTE = '{then: dispute, reason: "Please look again."}'
FOUND = {
    "room hangs on a write in doubt": Situation(
        tasks=[(0, -1), (2, 5), (3, 0), (2, 0), (3, 7), (3, 1)],
        behaviours=["ask", "wait", "wait", "pay"],
        fallback="escalate",
        limits=["approvals: at most 1 per hour", "money approved: at most 0.50 USD per day"],
        over="escalate",
        exempt=False,
        lost="on the way",
        every=20,
    ),
    "a seal ends as a limit frees": Situation(
        tasks=[(0, 5), (1, 0), (0, 0), (0, 5), (2, 7), (3, 6)],
        behaviours=["pay after a while", "send one back", "pay", "pay one an account"],
        rest="pay",
        fallback="approve",
        limits=["approvals: at most 1 per hour"],
        late=[(1, 9)],
    ),
    "what expires at the same moment has an order of its own": Situation(
        tasks=[(0, 1), (0, 1), (0, 2), (0, 2), (0, 3), (0, 3)],
        behaviours=["ask", "ask", "ask", "ask"],
        fallback="approve",
        limits=["approvals: at most 1 per hour"],
        over="escalate",
        exempt=False,
        every=10,
    ),
    "a seal lasts though a limit fills": Situation(
        tasks=[(0, 5), (1, 6), (1, 7)],
        behaviours=["pay after a while", "pay", "ask", "ask"],
        fallback="approve",
        limits=["approvals: at most 2 per hour"],
        late=[(1, 4)],
    ),
    "the text of a write in doubt counts as used": Situation(
        tasks=[(1, 4)],
        behaviours=["ask", "send one back", "back", "back"],
        fallback=DISPUTE,
        limits=["approvals during: night", "disputes: at most 1 per hour"],
        over="escalate",
        exempt=False,
        lost="on the way",
    ),
    "what was refused, and then kept back, comes in its turn": Situation(
        tasks=[(3, 7), (2, -1), (2, 6), (2, 6), (1, 5), (1, 9)],
        behaviours=["ask", "send one back", "pay one an account", "send one back"],
        rest="back",
        fallback="escalate",
        limits=["approvals: at most 2 per day", "disputes: at most 1 per hour"],
        passes=2,
        late=[(1, 4)],
        lost="not now",
        every=20,
    ),
    "the limit of its rule means something else than the policy's": Situation(
        tasks=[(0, 8), (0, 2), (3, 4)],
        behaviours=["pay one an hour", "ask", "pay one an hour", "pay one an account"],
        rest="pay",
        fallback=DISPUTE,
        limits=["approvals: at most 1 per hour"],
        over="escalate",
        passes=0,
        late=[(1, 6)],
        every=45,
    ),
    "a write in doubt has taken its room": Situation(
        tasks=[(0, 1), (2, 8), (2, -1), (2, 2), (0, 9)],
        behaviours=["pay one an account", "pay", "pay after a while", "at night"],
        rest="leave",
        late=[(0, 1)],
        lost="on the way",
    ),
    "no pass hurries for what a rule below leaves": Situation(
        tasks=[(3, 3), (0, 9), (2, 6)],
        accounts=[1, 2],
        behaviours=["send one back", "send one back", "pay one an hour", "pay one an account"],
        rest="leave",
        account_behaviour="back",
        fallback=DISPUTE,
        late=[(0, 1)],
        lost="not now",
        every=45,
    ),
    "no pass hurries for what the deadline leaves": Situation(
        tasks=[(1, 1)],
        behaviours=["back", "pay half a dollar", "pay after a while", "leave"],
        limits=["approvals: at most 1 per hour"],
        late=[(1, 1)],
        lost="its answer",
        every=45,
    ),
    "a question with evidence goes back to no rule that met its limit": Situation(
        tasks=[(0, 4), (3, 8), (3, 5), (2, -1), (2, 6), (3, 0)],
        accounts=[8],
        behaviours=["wait", "pay half a dollar", "wait", "pay half a dollar"],
        rest="pay",
        fallback="approve",
        limits=["approvals: at most 2 per day"],
        over="escalate",
        exempt=False,
        passes=0,
    ),
    "a window shorter than the time between two passes": Situation(
        tasks=[(0, 1), (3, 9)],
        accounts=[8, 2],
        behaviours=["ask", "at night", "pay some", "at night"],
        rest="pay",
        fallback="approve",
        account_fallback="finalize",
        over="hold",
        exempt=False,
        pauses=[("approve", 4), ("all", 1)],
        late=[(3, 4)],
        lost="refused",
        every=45,
    ),
    "hours that open in the last minute": Situation(
        tasks=[(0, 3), (2, 4), (1, 8), (1, -1), (1, 0), (2, 5)],
        accounts=[2],
        behaviours=["pay", "send one back", "at night", "back"],
        rest="back",
        account_behaviour="back",
        limits=[
            "pause disputes when: {fleet.open_tasks: at least 1}",
            "approvals during: night",
        ],
        over="escalate",
        pauses=[("dispute", 1), ("all", 1)],
        late=[(0, 3)],
        lost="on the way",
    ),
    "what was refused is passed over once, and is not last any more": Situation(
        tasks=[(3, 3), (3, 8), (3, 4), (0, 7), (3, 9), (2, 7)],
        behaviours=["wait", "wait", "pay one an account", "send one back"],
        account_fallback="finalize",
        over="escalate",
        lost="refused",
        every=20,
    ),
    "nobody can tell, and its room counts all the same": Situation(
        tasks=[(1, -1), (2, 2), (0, 2), (2, 4)],
        behaviours=["wait", "at night", "back", "pay half a dollar"],
        rest="pay",
        limits=["disputes: at most 1 per hour", "approvals: at most 2 per day"],
        pauses=[("dispute", 2)],
        passes=0,
        late=[(2, 3)],
    ),
    "a dry run asks no breaker": Situation(
        tasks=[(0, 3), (0, 4), (2, 5), (1, 3), (1, 9)],
        behaviours=["pay some", "send one back", "pay after a while", "at night"],
        pauses=[("dispute", None)],
        breaker=True,
        mode="dry run",
        passes=2,
        late=[(3, 5)],
        lost="its answer",
        every=45,
    ),
    "no pass hurries for what a dry run would have sent": Situation(
        tasks=[(0, 7), (0, 5), (2, 6), (1, 6), (0, 2), (2, 4)],
        accounts=[6, 7],
        behaviours=["at night", "wait", "pay one an account", "wait"],
        account_behaviour="pay",
        account_fallback="finalize",
        limits=["disputes per account: at most 1 per day", "approvals: at most 2 per day"],
        mode="dry run",
        passes=0,
        lost="on the way",
        every=45,
    ),
}
"""Situations in which screens and bot once differed."""


def each_found(test: Any) -> Any:
    """Try every situation that was found before, besides random ones."""
    for seen in FOUND.values():
        test = example(of=seen)(test)
    return test


@pytest.mark.timeout(600)
@each_found
@given(of=SITUATIONS)
@settings(
    max_examples=times(22, 600),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_what_every_screen_says_is_what_then_happens(of: Situation) -> None:
    """Each end, and each moment to the pass, but where a limit keeps room for others."""
    # What opens again after `decide by`, where the fallback has sent nothing, is kept no room for.
    at_night = "at night" in of.behaviours or any("during" in line for line in of.limits)
    opens_again = at_night and of.fallback in ("escalate", "leave")
    assume(not (opens_again and of.limited and not of.exempt))
    # Nor is any kept for what was refused, while it is left alone and a pass goes by.
    passed_over = of.lost in ("refused", "not now") and of.every < 20
    assume(not (passed_over and of.limited))
    scene = Scene(of)
    scene.come_to_pass()
    now = scene.clock.now()
    told = the_screens(scene)
    done = {logged.decision.task_id for logged in scene.ledger.decisions() if logged.state in DONE}
    unclear = {logged.decision.task_id for logged in scene.ledger.open_intents()}
    while scene.clock.now() <= now + 10 * HOUR:
        scene.go_on()

    # When a limit gives up the room that it keeps depends on what each pass finds undecided.
    keeps = of.limited and not of.exempt
    a_try = max(timedelta(minutes=20), scene.every)
    slack = (len(told) + 2) * a_try if keeps else timedelta(0)
    for key, (end, at) in told.items():
        happened, moment = what_happened(scene, key, done)
        if end == "unknown":
            continue
        if {end, happened} == {"silence", "left"} and (scene.hurried or (at and at <= now)):
            # Paid by the timer either way: before anybody spoke, or as a pass in a hurry found it.
            happened = end
        assert end == happened, (key, end, at, happened, moment)
        if at is not None and end not in ("acted on",):
            # What may have been done already was done, or is done once that is known.
            was_done = key[1] in unclear and moment < at
            # When there is room beside a write in doubt, only its outcome tells.
            hangs = bool(unclear and of.limited)
            # Passes come more often while another thing expires before the next, and then at other moments.
            by_a_pass = scene.hurried and abs(moment - at) < scene.every
            assert abs(moment - at) <= slack or by_a_pass or was_done or hangs, (
                key,
                end,
                at,
                moment,
            )
