"""`reviewbot demo`: a simulated week at fast-forward, reviewed live, and what it came to."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from reviewbot.cli.command import command
from reviewbot.cli.demo_week import WEEK, Week
from reviewbot.cli.screen import Screen
from reviewbot.domain.decision import DONE, Action, Decision, State
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.text import safe_line
from reviewbot.insights.scorecard import PayoutTotals, add_up
from reviewbot.ports.ledger import Ending, Logged
from reviewbot.presentation.format import counted, dollars, length
from reviewbot.presentation.style import styled
from reviewbot.setting_values import read_address

_DAY = len("Mon 01 Jun")
SHOWN = {
    Action.APPROVE: ("approved", "paid, for good"),
    Action.DISPUTE: ("disputed", "sent back with a reason"),
    Action.WAIT: ("waited", "looked at again later"),
    Action.ESCALATE: ("escalated", "a person was asked"),
}
"""The actions that a week has to show, in words."""


@command
@click.option("--seed", default=0, show_default=True, help="Which week to live through.")
@click.option("--console", is_flag=True, help="Then stay up, with the desk in a browser.")
@click.option(
    "--listen", default="127.0.0.1:8090", show_default=True, metavar="HOST:PORT", help="Where."
)
def demo(screen: Screen, seed: int, console: bool, listen: str) -> None:
    """Review a simulated week at fast-forward. Needs no key and no network.

    The bot, its client and its decision log are the real ones; only TokPortal, the managers and a
    person at the desk are simulated. Exit code 0 only if tasks were really approved, disputed,
    waited for and escalated, and none was paid by silence.

    $ reviewbot demo  # the same week each time
    $ reviewbot demo --seed 7  # another week
    $ reviewbot demo --console  # a week that ends now, and then the desk in a browser
    """
    if console:
        from reviewbot.cli.demo_console import a_week_until_now, stay_up

        with tempfile.TemporaryDirectory(prefix="reviewbot-demo-") as folder:
            week = a_week_until_now(seed, Path(folder))
            _live_through(screen, week)
            stay_up(screen, week, read_address(listen))
        return
    week = Week(seed)
    tally = _live_through(screen, week)
    if not tally.shows_everything or not week.ledger.verify().whole:
        raise ReviewbotError("the demo did not come out as it should: please report this")
    screen.say("To stay up with the desk in a browser: reviewbot demo --console")


def _live_through(screen: Screen, week: Week) -> Tally:
    """Review the week, and say what it came to."""
    began = time.perf_counter()
    for line in _headline(week):
        screen.say(line)
    _watch(screen, week.review())
    tally = tally_of(week.ledger.iter_decisions(), week.ledger.endings())
    for line in _summary(week, tally, time.perf_counter() - began):
        screen.data(line)
    return tally


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """A week in figures, with one decision of each kind as an example."""

    paid: PayoutTotals
    rules: Counter[tuple[str, Action]]
    """How often each rule decided."""
    actions: Counter[Action]
    """Decisions by action; a task may be decided several times, once in each round or more."""
    examples: dict[Action, Decision]

    @property
    def shows_everything(self) -> bool:
        """Whether tasks were really approved, disputed, waited for and escalated, and none slipped."""
        return all(map(self.actions.get, SHOWN)) and not self.paid.paid["silence"].tasks


def tally_of(decisions: Iterable[Logged], endings: Iterable[Ending]) -> Tally:
    """Sum up a log."""
    logged = tuple(decisions)
    made = [entry.decision for entry in logged if entry.state in DONE | {State.HELD}]
    examples: dict[Action, Decision] = {}
    for decision in made:
        examples.setdefault(decision.action, decision)
    return Tally(
        paid=add_up(logged, endings),
        rules=Counter((decision.rule, decision.action) for decision in made),
        actions=Counter(decision.action for decision in made),
        examples=examples,
    )


def _watch(screen: Screen, passes: Iterable[str]) -> None:
    """Show the week go by: a line that moves on a terminal, the last line of each day elsewhere."""
    last = ""
    with screen.progress() as show:
        for line in passes:
            show(line)
            if last and line[:_DAY] != last[:_DAY] and not screen.is_terminal():
                screen.say(last)
            last = line
    screen.say(last)


def _headline(week: Week) -> Iterator[str]:
    """Say what is about to happen."""
    start = week.clock.now()
    yield styled("A simulated week on TokPortal, reviewed by the real bot", "strong")
    yield (
        f"{start:%a %d %b} to {start + WEEK:%a %d %b %Y}. {counted(len(week.world.waiting()), 'task')}"
        " already waiting; some six more are ordered every hour."
    )
    yield "A task that nobody decides within 72 hours is paid: the bot's job is that this never happens.\n"


def _summary(week: Week, tally: Tally, seconds: float) -> Iterator[str]:
    """Say what the week came to."""
    yield ""
    yield styled("What the week came to", "strong")
    yield (
        f"{length(WEEK)} in {seconds:.1f} s: {counted(week.traffic.requests, 'request')},"
        f" {week.traffic.writes:,} of them writes; each was written down before it was sent.\n"
    )
    yield from _paid(tally.paid)
    yield ""
    yield styled("decided", "strong")
    for action, (word, meaning) in SHOWN.items():
        yield f"{word:<13} {tally.actions[action]:>6}   {meaning}"
    yield ""
    yield styled("by which rule", "strong")
    for (rule, action), count in tally.rules.most_common():
        yield f"{count:>6}  {action.value:<9} {safe_line(rule)}"
    yield ""
    yield styled("One decision of each kind", "strong")
    for action in Action:
        if action in tally.examples:
            yield from _example(tally.examples[action])
    yield ""
    yield "Next: the policy that decided this is short, and reads from top to bottom:"
    yield "  reviewbot/cli/demo.yaml"
    yield "Then see the README: the first real run."


def _paid(totals: PayoutTotals) -> Iterator[str]:
    yield styled("paid by        tasks        money", "strong")
    by = totals.paid
    for name, total, meaning in (
        ("a rule", by["rule"], "a rule of the policy said approve"),
        ("the fallback", by["fallback"], "undecided until 3 h before the end, so the policy paid"),
        ("a person", totals.outside, "somebody looked and decided"),
        ("silence", by["silence"], "nobody and nothing decided: this has to be 0"),
    ):
        line = f"{name:<13} {total.tasks:>6} {dollars(total.micros):>12}   {meaning}"
        style = "bad" if name == "silence" and total.tasks else "good"
        yield styled(line, style) if name == "silence" else line


def _example(decision: Decision) -> Iterator[str]:
    facts = msgspec.json.decode(decision.facts)
    task, attempts = facts.get("task", {}), facts.get("attempts") or []
    text = safe_line(str(task.get("comment_text", "")), 60)
    title = f"{decision.action.value.upper()}  by rule {decision.rule!r}"
    yield ""
    yield f"{styled(title, 'strong')}  (task {decision.task_id[:8]}, round {decision.round})"
    yield f"  ordered    {text!r} on {task.get('platform')}, {dollars(decision.amount_micros)}"
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
