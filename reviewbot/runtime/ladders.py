"""The chore that lets rules climb and fall by what became of their decisions."""

from __future__ import annotations

from reviewbot.core.context import BotContext
from reviewbot.domain.decision import Mode
from reviewbot.insights.ladder import due_steps
from reviewbot.safety import ladder


def move_ladders(app: BotContext) -> None:
    """Move every ladder that is due; a dry run moves none. Raises `LedgerError`."""
    if app.mode is not Mode.LIVE:
        return
    for bench in app.benches:
        for judge in bench.judges:
            if not ladder.staged(judge.policy):
                continue
            for due in due_steps(app.ledger, judge.policy, app.clock.now()):
                fell = due.step < due.standing.step
                ladder.move(app, due.standing, due.step, due.why, held=fell)
