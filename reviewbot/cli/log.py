"""`reviewbot log …`: the decision log, to read and to hold against itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import click
import msgspec

from reviewbot.cli.lazy import Command, Example, Lazy, LazyGroup
from reviewbot.cli.opening import ledger_for_reading
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import clock_time, counted, table
from reviewbot.domain.errors import LedgerCorrupt
from reviewbot.domain.lifecycle import State
from reviewbot.ports import Ledger, Logged

NEWEST = 100


@click.group(
    cls=LazyGroup,
    lazy={
        "Commands": {
            "show": Lazy("reviewbot.cli.log:show", "decisions, oldest first"),
            "verify": Lazy("reviewbot.cli.log:verify", "is the log whole and unchanged?"),
        }
    },
    examples=[
        Example("reviewbot log show", "the newest 100 decisions"),
        Example("reviewbot log verify", "recompute the whole chain"),
    ],
)
def log() -> None:
    """Read the decision log: every decision, on which grounds, and what became of it."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as `log show --format json` writes it; the order is that of the documented form."""

    id: str
    seq: int
    decided_at: datetime
    review: str
    task_id: str
    round: int
    epoch: str | None
    action: str
    rule: str
    reason: str | None
    policy: str
    revision: str
    mode: str
    deadline_at: datetime | None
    outcome: str
    settled_at: datetime | None
    trace: msgspec.Raw
    facts: msgspec.Raw


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log show", "the newest 100 decisions"),
        Example("reviewbot log show --task 0d8b5a3e", "the story of one task"),
        Example("reviewbot log show --format json --all > decisions.jsonl", "everything"),
    ],
)
@click.option("--all", "everything", is_flag=True, help="All decisions, not the newest 100.")
@click.option("--task", metavar="ID", help="Only one task's; the beginning of its id will do.")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def show(
    screen: Screen,
    everything: bool,
    task: str | None,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Show decisions by their place in the log, oldest first.

    With --format json each line is one JSON object, trace and facts included.
    """
    with ledger_for_reading(ledger=ledger, config=config) as opened:
        found = _found(opened, everything, task)
        if form == "json":
            encode = msgspec.json.Encoder().encode
            for one in found:
                screen.data(encode(log_line(one)).decode())
        else:
            _print_table(screen, list(found))


def _found(ledger: Ledger, everything: bool, task: str | None) -> Iterable[Logged]:
    if task:
        every = ledger.iter_decisions()
        return (one for one in every if one.decision.task_id.startswith(task))
    return ledger.iter_decisions() if everything else ledger.decisions(newest=NEWEST)


def log_line(logged: Logged) -> LogLine:
    """Put a decision into the documented form."""
    decision = logged.decision
    return LogLine(
        id=decision.id,
        seq=logged.seq,
        decided_at=decision.decided_at,
        review=decision.review,
        task_id=decision.task_id,
        round=decision.round,
        epoch=decision.epoch,
        action=decision.action.value,
        rule=decision.rule,
        reason=decision.reason,
        policy=decision.policy,
        revision=decision.revision,
        mode=decision.mode.value,
        deadline_at=decision.deadline_at,
        outcome=outcome_of(logged),
        settled_at=logged.settled_at,
        trace=msgspec.Raw(decision.trace),
        facts=msgspec.Raw(decision.facts),
    )


def outcome_of(logged: Logged) -> str:
    """Name where a decision stands; an intent that nothing is known of yet is `unknown`."""
    state = State.UNKNOWN if logged.state is State.INTENT else logged.state
    return state.value


def _print_table(screen: Screen, found: list[Logged]) -> None:
    if not found:
        screen.say("Nothing has been decided yet.")
        return
    heads = ("seq", "decided", "task", "round", "action", "rule", "outcome", "mode")
    rows = [
        (
            str(one.seq),
            clock_time(one.decision.decided_at),
            one.decision.task_id[:8],
            str(one.decision.round),
            one.decision.action.value,
            one.decision.rule,
            outcome_of(one),
            one.decision.mode.value,
        )
        for one in found
    ]
    screen.data(table(heads, rows))


@click.command(
    cls=Command,
    examples=[Example("reviewbot log verify", "exit code 0: whole; 5: changed, cut or damaged")],
)
@ledger_option
@config_option
@click.pass_obj
def verify(screen: Screen, ledger: str | None, config: str | None) -> None:
    """Recompute the whole chain of the log, and say whether anything was changed or is missing."""
    with ledger_for_reading(ledger=ledger, config=config) as opened:
        found = opened.verify()
    if not found.whole:
        problems = "\n".join(f"  {problem}" for problem in found.problems)
        raise LedgerCorrupt(f"the log is not whole:\n{problems}")
    head = found.head[:16] or "empty"
    screen.data(f"{styled('whole', 'good')}  {counted(found.lines, 'line')}, head {head}")
