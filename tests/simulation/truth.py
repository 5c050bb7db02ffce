"""What the world itself says of a run at its end, and what the log says of itself: the last lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from reviewbot.domain.lifecycle import OPEN
from reviewbot.domain.moments import parse_iso
from reviewbot.ports import KeptCheckpoints, Ledger
from reviewbot.service.outlook.replay import replay
from reviewbot.service.revisions import Revisions
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.model import Effect
from reviewbot.simulator.world import World
from tests.simulation import history as lines

REVIEWS = ("approve", "dispute")


class Effects(deque[Effect]):
    """The world's effects; each is written into the history as it happens."""

    def __init__(self, history: lines.History) -> None:
        super().__init__()
        self._history = history

    def append(self, effect: Effect) -> None:
        """Something was changed."""
        super().append(effect)
        self._history.append(
            lines.Effect(
                at=effect.at,
                task=effect.task_id,
                epoch=effect.epoch,
                action=effect.action,
                by=effect.by,
                key=effect.idempotency_key,
            )
        )


def rounds_of(world: World) -> Iterator[lines.Round]:
    """Every round of every task, by whom it was ended."""
    for effect in world.effects:
        if effect.epoch and effect.action in REVIEWS:
            yield _round(world, effect.task_id, effect.epoch, effect.by)
    for task in world.tasks.values():
        epoch = world.epoch(task)
        if epoch is not None and task.ended_by in (None, "silence"):
            yield _round(world, task.id, epoch, task.ended_by)


def _round(world: World, task_id: str, epoch: str, by: str | None) -> lines.Round:
    began = parse_iso(epoch).timestamp()
    return lines.Round(
        at=world.now,
        task=task_id,
        epoch=epoch,
        began=began,
        deadline=began + 72 * HOUR,
        by=by,
        policy=world.tasks[task_id].account.platform,
    )


def log_of(world: World, ledger: Ledger, kept: KeptCheckpoints | None = None) -> lines.Log:
    """What the log says of itself."""
    kept = kept or KeptCheckpoints()
    decisions = list(ledger.decisions())
    return lines.Log(
        at=world.now,
        problems=(*ledger.verify(*kept.checkpoints).problems, *kept.problems),
        disagree=tuple(
            f"{one.decision.task_id}: {one.problem or one.differences}"
            for one in replay(decisions, Revisions(ledger))
            if not one.agrees
        ),
        open=tuple(f"{one.decision.task_id} {one.state}" for one in decisions if one.state in OPEN),
        decisions=len(decisions),
    )
