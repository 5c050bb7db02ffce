"""What the screens say of everything that is about to end, asked by somebody who only looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from reviewbot.cli.queue import line_of
from reviewbot.foresight.gather import Bot, outlook_of
from reviewbot.insights.forecast import forecast, pace
from reviewbot.insights.questions import questions_of
from reviewbot.policy.engine.judge import Judge
from reviewbot.ports.ledger import Ledger
from reviewbot.simulator.accounts import epoch as epoch_of
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.world import World
from tests.simulation import history as lines
from tests.simulation.process import round_name

AHEAD = 1.0
"""Hours before a deadline, and before the fallback may decide, at which the screens are read."""


class Reader:
    """Somebody who reads every screen an hour before something ends; it changes nothing."""

    def __init__(self, world: World, decide_by: float) -> None:
        self.world, self.stages = world, (AHEAD, decide_by + AHEAD)
        self._read: set[tuple[str, str, float]] = set()

    def read(
        self, ledger: Ledger, now: datetime, bot: Bot, judges: Sequence[Judge]
    ) -> Iterator[lines.Said]:
        """What is said of the rounds whose hour has come since the last time."""
        due = {
            (task, epoch)
            for task, epoch, left in self._waiting()
            for stage in self.stages
            if left <= stage * HOUR and (task, epoch, stage) not in self._read
        }
        if not due:
            return
        for stage in self.stages:
            self._read |= {
                (task, epoch, stage)
                for task, epoch, left in self._waiting()
                if left <= stage * HOUR
            }
        outlook = outlook_of(ledger, now, bot, judges=judges)
        for future in outlook.futures.values():
            name = future.round.task_id, round_name(future.round.epoch) or ""
            if name in due:
                yield self._said("outlook", *name, future.end, future.at)
        for question in questions_of(ledger, outlook):
            line = line_of(question)
            name = line.task_id, round_name(line.epoch) or ""
            if name in due:
                yield self._said("queue list", *name, line.otherwise, line.otherwise_at)
        epochs = dict(due)
        found = forecast(list(outlook.futures.values()), outlook.standing, pace(ledger, now))
        for unread in found.unread:
            if unread.task_id in epochs:
                yield self._said(
                    "forecast", unread.task_id, epochs[unread.task_id], unread.by, unread.at
                )

    def _said(
        self, screen: str, task: str, epoch: str, end: str, at: datetime | None
    ) -> lines.Said:
        when = None if at is None else at.timestamp()
        return lines.Said(
            at=self.world.now, screen=screen, task=task, epoch=epoch, end=end, due=when
        )

    def _waiting(self) -> Iterator[tuple[str, str, float]]:
        """Everything that waits: its name, its round, and the seconds left to it."""
        world = self.world
        for task in world.waiting():
            if task.review_until is not None:
                yield task.id, world.epoch(task) or "", task.review_until - world.now
        for bundle in world.bundles.values():
            if bundle.account_status == "in_review" and bundle.in_review_since is not None:
                left = bundle.in_review_since + world.choices.account_window - world.now
                yield bundle.id, epoch_of(bundle), left
