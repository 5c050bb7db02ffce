"""What the demo says before and after: in words that a newcomer understands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reviewbot.cli.demo.tally import Paid, Tally
from reviewbot.cli.demo.week import WEEK, Week
from reviewbot.cli.screen import styled
from reviewbot.cli.words import counted, dollars, length
from reviewbot.domain.decision import Action, Decision
from reviewbot.domain.safetext import safe_line

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
    rows: tuple[tuple[str, Paid, str], ...] = (
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
