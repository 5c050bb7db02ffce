"""`reviewbot demo`: a simulated week at fast-forward, reviewed live, and what it came to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import click
import msgspec

from reviewbot.cli.command import Command, Example
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import DEADLINE, DONE, Action, Decision, Mode, State
from reviewbot.domain.errors import PolicyInvalid, ReviewbotError
from reviewbot.domain.text import Secret, safe_line
from reviewbot.ledger.memory import MemoryLedger
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.ports.ledger import Ending, Logged
from reviewbot.presentation.format import counted, dollars, length
from reviewbot.presentation.style import styled
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.model import Actor
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.scenarios import START
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World

# ------------------------------------------------------------------------------------------------
# A simulated person at the desk, who answers some questions in TokPortal's own dashboard.


OPENS, CLOSES = 9, 17


ANSWERS_AN_HOUR = 2


class Person:
    """Looks at a question every working hour, sees what is really under the video, and answers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._last_hour: tuple[int, int] | None = None
        self.answered = 0

    def work(self, now: datetime, questions: list[Decision]) -> None:
        """Answer the most urgent questions, if it is a working hour that has not been worked yet."""
        hour = (now.toordinal(), now.hour)
        if now.weekday() > 4 or not OPENS <= now.hour < CLOSES or hour == self._last_hour:
            return
        self._last_hour = hour
        for question in questions[:ANSWERS_AN_HOUR]:
            self._answer(question)

    def _answer(self, question: Decision) -> None:
        task = self._world.tasks[question.task_id]
        by_hand = Actor(by="stranger")
        try:
            if self._world.truth(task.id).deserved:
                tasks_module.approve(self._world, task, by_hand)
            else:
                tasks_module.dispute(self._world, task, "I looked: it is not there.", by_hand)
        except Refusal:
            return
        self.answered += 1


# ------------------------------------------------------------------------------------------------
# What a week came to: how each task ended, who decided it, and what that paid.


class DemoGround(msgspec.Struct, kw_only=True):
    """How many tasks were paid on one ground, and how much."""

    tasks: int = 0
    micros: int = 0

    def add(self, micros: int | None) -> None:
        """Count one payment."""
        self.tasks += 1
        self.micros += micros or 0


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """A week in figures, with one decision of each kind as an example."""

    by_rule: DemoGround
    by_fallback: DemoGround
    by_person: DemoGround
    by_silence: DemoGround
    rules: tuple[tuple[str, Action, int], ...]
    """How often each rule decided: (rule, action, decisions), most frequent first."""
    actions: dict[Action, int]
    """Decisions by action; a task may be decided several times, once in each round or more."""
    examples: tuple[Decision, ...]

    @property
    def shows_everything(self) -> bool:
        """Whether tasks were really approved, disputed, waited for and escalated, and none slipped."""
        wanted = (Action.APPROVE, Action.DISPUTE, Action.WAIT, Action.ESCALATE)
        return all(self.actions.get(action) for action in wanted) and not self.by_silence.tasks


def tally(decisions: Iterable[Logged], endings: Iterable[Ending]) -> Tally:
    """Sum up a log."""
    paid = {name: DemoGround() for name in ("rule", "fallback", "person", "silence")}
    rules: Counter[tuple[str, Action]] = Counter()
    examples: dict[Action, Decision] = {}
    for logged in decisions:
        decision = logged.decision
        if logged.state not in DONE | {State.HELD}:
            continue
        rules[decision.rule, decision.action] += 1
        examples.setdefault(decision.action, decision)
        if logged.state in DONE and decision.action.pays:
            paid[_ground(decision)].add(decision.amount_micros)
    for ending in endings:
        if ending.status == "finalized" and ending.by in ("other", "silence"):
            paid["person" if ending.by == "other" else "silence"].add(ending.amount_micros)
    actions: Counter[Action] = Counter()
    for (_, action), count in rules.items():
        actions[action] += count
    return Tally(
        by_rule=paid["rule"],
        by_fallback=paid["fallback"],
        by_person=paid["person"],
        by_silence=paid["silence"],
        rules=tuple((rule, action, count) for (rule, action), count in rules.most_common()),
        actions=dict(actions),
        examples=tuple(examples[action] for action in Action if action in examples),
    )


def _ground(decision: Decision) -> str:
    if decision.decided_by is not None:
        return "person"
    return "fallback" if decision.rule == DEADLINE else "rule"


# ------------------------------------------------------------------------------------------------
# A simulated week, reviewed by the real bot: same loop, client and log, in virtual time.


WEEK = timedelta(days=7)


EVERY = timedelta(hours=2)
"""A real bot polls each minute; nothing here is nearer to its deadline than hours."""


KEY = "sk_demo"


class DemoProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the week has come: what waits now, and what was sent so far."""

    at: datetime
    share: float
    waiting: int
    questions: int
    approved: int
    disputed: int


class Week:
    """One week of the demo; iterate `review` to live through it."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = VirtualClock(START)
        self.world = build_world("demo", seed=seed, clock=self.clock)
        self.ledger = MemoryLedger()
        self._person = Person(self.world)
        self._app = build(
            Settings(api_key=Secret(KEY), mode=Mode.LIVE),
            judges=[demo_judge()],
            transport=SimulatorTransport(self.world),
            clock=self.clock,
            ledger=self.ledger,
            chance=self.world.rng.random,
        )

    def review(self) -> Iterator[DemoProgress]:
        """Poll through the week; tell after each pass how far it has come."""
        end = START + WEEK
        while (now := self.clock.now()) < end:
            summary = poll_once(self._app)
            questions = [one.decision for one in open_questions(self.ledger, now)]
            self._person.work(now, questions)
            sent = Counter(effect.action for effect in self.world.effects if effect.by == "client")
            yield DemoProgress(
                at=now,
                share=(now - START) / WEEK,
                waiting=summary.waiting,
                questions=len(questions),
                approved=sent["approve"],
                disputed=sent["dispute"],
            )
            self.clock.sleep((now + EVERY - self.clock.now()).total_seconds())

    @property
    def tally(self) -> Tally:
        """What the week came to so far."""
        return tally(self.ledger.iter_decisions(), self.ledger.endings())

    @property
    def requests(self) -> int:
        """How many requests the bot sent."""
        return self._app.traffic.requests

    @property
    def writes(self) -> int:
        """How many of them could change something."""
        return self._app.traffic.writes

    @property
    def answered_by_person(self) -> int:
        """How many questions the simulated person answered."""
        return self._person.answered


def demo_judge() -> Judge:
    """The judge of the policy that the demo brings."""
    source = files("reviewbot.cli").joinpath("demo.yaml").read_bytes()
    parsed = parse_policy(source, path="demo.yaml", read=_no_files)
    if parsed.policy is None:
        raise PolicyInvalid("the demo's own policy is not usable", parsed.findings)
    return compile_policy(parsed.policy)


def _no_files(name: str) -> bytes:
    raise FileNotFoundError(name)


# ------------------------------------------------------------------------------------------------
# What the demo says before and after: in words that a newcomer understands.


_DONE_WORD = {
    Action.APPROVE: "approved",
    Action.DISPUTE: "disputed",
    Action.WAIT: "waited",
    Action.ESCALATE: "escalated",
}


_MEANING = {
    Action.APPROVE: "paid, for good",
    Action.DISPUTE: "sent back with a reason",
    Action.WAIT: "looked at again later",
    Action.ESCALATE: "a person was asked",
}


def headline(week: Week) -> Iterator[str]:
    """Say what is about to happen."""
    start = week.clock.now()
    yield styled("A simulated week on TokPortal, reviewed by the real bot", "strong")
    yield (
        f"{start:%a %d %b} to {start + WEEK:%a %d %b %Y}. {counted(len(week.world.waiting()), 'task')}"
        " already waiting; some six more are ordered every hour."
    )
    yield "A task that nobody decides within 72 hours is paid: the bot's job is that this never happens.\n"


def summary_lines(week: Week, found: Tally, seconds: float) -> Iterator[str]:
    """Say what the week came to."""
    yield ""
    yield styled("What the week came to", "strong")
    yield (
        f"{length(WEEK)} in {seconds:.1f} s: {counted(week.requests, 'request')},"
        f" {week.writes:,} of them writes; each was written down before it was sent.\n"
    )
    yield from _paid(found)
    yield ""
    yield from _decided(found)
    yield ""
    yield styled("One decision of each kind", "strong")
    for decision in found.examples:
        yield from _example(decision)
    yield ""
    yield "Next: the policy that decided this is short, and reads from top to bottom:"
    yield "  reviewbot/cli/demo/policy.yaml"
    yield "Then see the README: the first real run."


def _paid(found: Tally) -> Iterator[str]:
    yield styled("paid by        tasks        money", "strong")
    rows: tuple[tuple[str, DemoGround, str], ...] = (
        ("a rule", found.by_rule, "a rule of the policy said approve"),
        (
            "the fallback",
            found.by_fallback,
            "undecided until 3 h before the end, so the policy paid",
        ),
        ("a person", found.by_person, "somebody looked and decided"),
        ("silence", found.by_silence, "nobody and nothing decided: this has to be 0"),
    )
    for name, paid, meaning in rows:
        line = f"{name:<13} {paid.tasks:>6} {dollars(paid.micros):>12}   {meaning}"
        style = "bad" if name == "silence" and paid.tasks else "good"
        yield styled(line, style) if name == "silence" else line


def _decided(found: Tally) -> Iterator[str]:
    yield styled("decided", "strong")
    for action, word in _DONE_WORD.items():
        yield f"{word:<13} {found.actions.get(action, 0):>6}   {_MEANING[action]}"
    yield ""
    yield styled("by which rule", "strong")
    for rule, action, count in found.rules:
        yield f"{count:>6}  {action.value:<9} {safe_line(rule)}"


def _example(decision: Decision) -> Iterator[str]:
    facts = msgspec.json.decode(decision.facts)
    task, attempts = facts.get("task", {}), facts.get("attempts") or []
    said = safe_line(str(task.get("comment_text", "")), 60)
    title = f"{decision.action.value.upper()}  by rule {decision.rule!r}"
    yield ""
    yield f"{styled(title, 'strong')}  (task {decision.task_id[:8]}, round {decision.round})"
    yield f"  ordered    {said!r} on {task.get('platform')}, {dollars(decision.amount_micros)}"
    if attempts:
        yield f"  checked    {_checked(attempts[-1])}"
    if decision.reason:
        kind = {Action.DISPUTE: "told", Action.ESCALATE: "asked"}.get(decision.action, "because")
        yield f"  {kind:<10} {safe_line(decision.reason, 160)}"
    if decision.until:
        yield f"  until      {decision.until:%a %d %b %H:%M} UTC"


def _checked(attempt: dict[str, Any]) -> str:
    scraped = attempt.get("comments_scraped")
    read = "an unknown number of comments" if scraped is None else counted(scraped, "comment")
    return f"{attempt.get('outcome_kind')}; {read} read on try {attempt.get('attempt_n')}"


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot demo", "the same week each time"),
        Example("reviewbot demo --seed 7", "another week"),
    ],
)
@click.option("--seed", default=0, show_default=True, help="Which week to live through.")
@click.pass_obj
def demo(screen: Screen, seed: int) -> None:
    """Review a simulated week at fast-forward. Needs no key and no network.

    The bot, its client and its decision log are the real ones; only TokPortal, the managers and a
    person at the desk are simulated. Exit code 0 only if tasks were really approved, disputed,
    waited for and escalated, and none was paid by silence.
    """
    began = time.perf_counter()
    week = Week(seed)
    for line in headline(week):
        screen.say(line)
    _watch(screen, week.review())
    found = week.tally
    for line in summary_lines(week, found, time.perf_counter() - began):
        screen.data(line)
    if not found.shows_everything or not week.ledger.verify().whole:
        raise ReviewbotError("the demo did not come out as it should: please report this")


def _watch(screen: Screen, passes: Iterable[DemoProgress]) -> None:
    """Show the week go by: a moving bar on a terminal, a line a day elsewhere."""
    if screen.is_terminal() and screen.verbosity >= 0:
        _watch_on_terminal(screen, passes)
        return
    last: DemoProgress | None = None
    for progress in passes:
        if last is not None and progress.at.date() != last.at.date():
            screen.say(_line(last))
        last = progress
    if last is not None:
        screen.say(_line(last))


def _watch_on_terminal(screen: Screen, passes: Iterable[DemoProgress]) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, no_color=not screen.wants_color())
    columns = (BarColumn(bar_width=30), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("", total=1.0)
        for progress in passes:
            bar.update(task, completed=progress.share, description=_line(progress))
        bar.update(task, completed=1.0)


def _line(progress: DemoProgress) -> str:
    return (
        f"{progress.at:%a %d %b}  {progress.waiting:>3} waiting  {progress.approved:>4} approved"
        f"  {progress.disputed:>4} disputed  {progress.questions:>3} with a person"
    )
