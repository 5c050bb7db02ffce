"""`reviewbot queue …`: what waits for a person, and what happens if nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click
import msgspec

from reviewbot.cli.evidence import evidence_lines
from reviewbot.cli.lazy import Command, Example, Lazy, LazyGroup
from reviewbot.cli.opening import ledger_for_reading
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import clock_time, counted, due, table
from reviewbot.domain.decision import ACTIONS_OF, Action, Decision
from reviewbot.domain.errors import UsageError
from reviewbot.domain.lifecycle import State
from reviewbot.domain.safetext import safe, safe_line
from reviewbot.ports import Ledger

_OPEN = (State.HELD, State.DRY_RUN)


@click.group(
    cls=LazyGroup,
    lazy={
        "Commands": {
            "list": Lazy("reviewbot.cli.queue:list_", "every open question, most urgent first"),
            "show": Lazy("reviewbot.cli.queue:show", "one question with all that was seen"),
        }
    },
    examples=[
        Example("reviewbot queue list", "every open question, most urgent first"),
        Example("reviewbot queue show 0d8b5a3e", "one question with all that was seen"),
    ],
)
def queue() -> None:
    """See what waits for a person. Silence pays: each line says when."""


class QueueLine(msgspec.Struct, frozen=True, kw_only=True):
    """One open question, as `queue list --format json` writes it."""

    id: str
    review: str
    task_id: str
    round: int
    question: str | None
    to: str | None
    rule: str
    decided_at: datetime
    deadline_at: datetime | None
    deadline_is_estimate: bool


@click.command(
    "list",
    cls=Command,
    examples=[
        Example("reviewbot queue list", "every open question, most urgent first"),
        Example("reviewbot queue list --format json", "the same for a script"),
    ],
)
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def list_(screen: Screen, ledger: str | None, config: str | None, form: str) -> None:
    """List what waits for a person, most urgent first."""
    with ledger_for_reading(ledger=ledger, config=config) as opened:
        questions = sorted(open_questions(opened), key=urgency)
    if form == "json":
        for decision in questions:
            screen.data(msgspec.json.encode(_line(decision)).decode())
        return
    if not questions:
        screen.say("Nothing waits for a person.")
        return
    now = datetime.now(UTC)
    heads = ("task", "round", "if you do nothing: PAID on", "rule", "question")
    rows = [
        (
            decision.task_id[:8],
            str(decision.round),
            due(decision.deadline_at, now) + (" estimated" * decision.deadline_is_estimate),
            decision.rule,
            decision.reason or "",
        )
        for decision in questions
    ]
    screen.data(table(heads, rows))
    screen.say(f"\n{counted(len(questions), 'question')}. One in full: reviewbot queue show TASK")


@click.command(
    cls=Command,
    examples=[Example("reviewbot queue show 0d8b5a3e", "the beginning of the task's id will do")],
)
@click.argument("task")
@ledger_option
@config_option
@click.pass_obj
def show(screen: Screen, task: str, ledger: str | None, config: str | None) -> None:
    """Show one question: what is asked, what was seen, and what happens if nobody answers."""
    with ledger_for_reading(ledger=ledger, config=config) as opened:
        questions = list(open_questions(opened))
        chosen = [one for one in questions if one.task_id.startswith(task)]
        if len(chosen) != 1:
            what = "several open questions begin" if chosen else "no open question begins"
            raise UsageError(f"{what} with {task!r}; see: reviewbot queue list")
        logged = opened.decision(chosen[0].id)
    decision = logged.decision if logged else chosen[0]
    screen.data("\n".join(_in_full(decision, datetime.now(UTC))))


def open_questions(ledger: Ledger) -> Iterator[Decision]:
    """Every round whose newest decision asks a person, and that has not ended."""
    for review in ACTIONS_OF:
        epochs = {one.task_id: one.epoch for one in ledger.unended(review)}
        for task_id, memory in ledger.memories(review, list(epochs)).items():
            latest = memory.latest
            if (
                latest is not None
                and latest.state in _OPEN
                and latest.decision.action is Action.ESCALATE
                and latest.decision.epoch == epochs[task_id]
            ):
                yield latest.decision


def urgency(decision: Decision) -> tuple[bool, datetime]:
    """Sort key: what silence pays first comes first."""
    return (decision.deadline_at is None, decision.deadline_at or decision.decided_at)


def _line(decision: Decision) -> QueueLine:
    return QueueLine(
        id=decision.id,
        review=decision.review,
        task_id=decision.task_id,
        round=decision.round,
        question=decision.reason,
        to=decision.to,
        rule=decision.rule,
        decided_at=decision.decided_at,
        deadline_at=decision.deadline_at,
        deadline_is_estimate=decision.deadline_is_estimate,
    )


def _in_full(decision: Decision, now: datetime) -> list[str]:
    estimate = " (an estimate: the API states no deadline)" * decision.deadline_is_estimate
    return [
        styled(f"task {safe_line(decision.task_id)}  round {decision.round}", "strong"),
        f"  asked      {clock_time(decision.decided_at)} by rule {safe_line(decision.rule)!r}"
        f" of {safe_line(decision.policy)} {decision.revision[:8]}",
        f"  to         {safe_line(decision.to or 'whoever looks')}",
        f"  question   {safe(decision.reason or 'none was written')}",
        f"  {styled('if you do nothing: PAID', 'care')} on {due(decision.deadline_at, now)}{estimate}",
        "",
        "what was seen",
        *(f"  {line}" for line in evidence_lines(decision.facts)),
    ]
