"""The chore that lets rules climb and fall by what became of their decisions."""

from __future__ import annotations

from collections.abc import Iterable

from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import Events, ReviewPipeline
from reviewbot.insights.ladder import due_steps
from reviewbot.ports.ledger import Ledger
from reviewbot.safety import ladder


def move_ladders(
    ledger: Ledger, events: Events, notifier: Notifier, benches: Iterable[ReviewPipeline]
) -> None:
    """Move every ladder that is due; a dry run, which sends nothing, moves none. Raises `LedgerError`."""
    for bench in benches:
        for judge in bench.judges if bench.desk is not None else ():
            if not ladder.staged(judge.policy):
                continue
            for due in due_steps(ledger, judge.policy, notifier.clock.now()):
                fell = due.step < due.standing.step
                ladder.move(ledger, events, notifier, due.standing, due.step, due.why, held=fell)
