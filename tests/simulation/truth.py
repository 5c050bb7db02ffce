"""What the world itself says of a run at its end, and what the log says of itself: the last lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from reviewbot.core.replay import replay
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import OPEN
from reviewbot.domain.text import parse_iso
from reviewbot.ports.ledger import KeptCheckpoints, Ledger
from reviewbot.simulator.accounts import epoch as epoch_of
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.model import Bundle, Effect
from reviewbot.simulator.world import World
from tests.simulation import history as lines
from tests.simulation.policies import ACCOUNTS

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
        if effect.epoch and effect.review == "accounts":
            bundle = world.bundles[effect.task_id]
            yield _round_of_account(world, bundle, int(effect.epoch), effect.by)
        elif effect.epoch and effect.action in REVIEWS:
            yield _round(world, effect.task_id, effect.epoch, effect.by)
    for task in world.tasks.values():
        epoch = world.epoch(task)
        if epoch is not None and task.ended_by in (None, "silence"):
            yield _round(world, task.id, epoch, task.ended_by)
    for bundle in world.bundles.values():
        if bundle.account_status == "in_review" or bundle.ended_by == "silence":
            yield _round_of_account(world, bundle, int(epoch_of(bundle)), bundle.ended_by)


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
        account=world.tasks[task_id].account.id,
    )


def _round_of_account(world: World, bundle: Bundle, number: int, by: str | None) -> lines.Round:
    """The first began when the account was made, each other when its corrections were."""
    began = world.accounts[bundle.saved_account_id or ""].created_at
    if number > 1:
        applied = [event["applied_at"] for event in bundle.history if "applied_at" in event]
        began = parse_iso(str(applied[number - 2])).timestamp()
    return lines.Round(
        at=world.now,
        task=bundle.id,
        epoch=str(number),
        began=began,
        deadline=began + 72 * HOUR,
        by=by,
        policy=ACCOUNTS,
        estimated=True,
    )


def log_of(world: World, ledger: Ledger, kept: KeptCheckpoints | None = None) -> lines.Log:
    """What the log says of itself."""
    kept = kept or KeptCheckpoints()
    decisions = list(ledger.decisions())
    return lines.Log(
        at=world.now,
        problems=(*ledger.verify(*kept.checkpoints).problems, *kept.problems),
        disagree=tuple(
            f"{answer.decision.task_id}: {answer.problem or answer.differences}"
            for answer in replay(decisions, Revisions(ledger))
            if not answer.agrees
        ),
        open=tuple(
            f"{logged.decision.task_id} {logged.state}"
            for logged in decisions
            if logged.state in OPEN
        ),
        decisions=len(decisions),
    )
