"""A month reviewed by a policy alone: the engine and the desk, without log, API, caps, hours and breakers.

For comparing many policies: it judges with the real engine, on facts made from the world, and does at
once what the policy says. What it leaves out can only hold an action back, so the figures of the
whole bot (`quality.py`) are what counts; `tests/acceptance/test_quality.py` holds the two together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251 - seeded chance of a benchmark

from benchmarks.populations import Kind, Population, kind_of, world_of
from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.task import Attempt, CommentTask
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import (
    AccountHistory,
    Facts,
    Fleet,
    History,
    about_task,
    attempts_of_round,
)
from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.model import Actor, Task, VerifierRun
from reviewbot.simulator.world import World

EVERY = 2 * HOUR
A_TURN = 4
"""Questions answered between two polls in office hours, two an hour as in `quality.py`."""
ERRS = 0.02
MONTH = 30 * 24 * HOUR


@dataclass(kw_only=True)
class LightMonth:
    """The world, what was decided in it, and the counts that `quality.policy_figures` reads."""

    world: World
    judge: Judge
    chance: Random
    counts: Counter[str] = field(default_factory=Counter)
    waiting: dict[tuple[str, float], Kind] = field(default_factory=dict)
    asked: dict[tuple[str, float], Task] = field(default_factory=dict)
    ever_asked: set[tuple[str, float]] = field(default_factory=set)
    past: dict[str, History] = field(default_factory=dict)
    of_account: defaultdict[str, list[tuple[float, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def poll(self) -> None:
        """Judge everything that waits, the most urgent first, and let the desk answer."""
        tasks = sorted(self.world.waiting(), key=lambda task: task.confirmed_at or 0.0)
        self._note_silence(tasks)
        for task in tasks:
            made = self.judge.decide(self.facts(task, len(tasks)))
            key = _round(task)
            if made.action in (Action.ESCALATE, Action.WAIT):
                self.asked[key] = task
                self.ever_asked.add(key)
            else:
                by = "fallback" if made.rule == DEADLINE else "rule"
                self.end(task, pays=made.action is not Action.DISPUTE, by=by, text=made.reason)
        self._answer()

    def facts(self, task: Task, open_tasks: int) -> Facts:
        """What the bot would know of a task now."""
        past = self.past.get(task.id, History())
        seen = about_task(_row(task), attempts_of_round(map(_attempt, task.attempts), past))
        return Facts(
            now=_EPOCH + timedelta(seconds=self.world.now),
            started_at=_moment(task.confirmed_at),
            deadline_at=_moment(task.review_until),
            past=past,
            account=self._history(task.account.id),
            fleet=Fleet(open_tasks=open_tasks, escalated=len(self.asked)),
            **seen,
        )

    def end(self, task: Task, *, pays: bool, by: str, text: str | None = None) -> None:
        """Pay or send back, and remember it as the log would."""
        key, now = _round(task), self.world.now
        self.asked.pop(key, None)
        self.counts[f"{self.waiting.pop(key)} {'paid' if pays else 'sent back'} by {by}"] += 1
        self.counts["rounds"] += 1
        self.of_account[task.account.id].append((now, pays))
        if pays:
            tasks_module.approve(self.world, task, Actor())
            return
        before = self.past.get(task.id, History())
        self.past[task.id] = History(
            disputes=(before.disputes or 0) + 1,
            rounds_before=before.rounds_before + 1,
            last_dispute_at=_moment(now),
            round_before_until=_moment(now),
        )
        tasks_module.dispute(self.world, task, text or "Please look again.", Actor())

    def _note_silence(self, tasks: list[Task]) -> None:
        now = {_round(task): task for task in tasks}
        for key in self.waiting.keys() - now.keys():
            self.counts[f"{self.waiting.pop(key)} paid by silence"] += 1
            self.counts["rounds"] += 1
            self.asked.pop(key, None)
        for key in now.keys() - self.waiting.keys():
            self.waiting[key] = kind_of(self.world, now[key])

    def _answer(self) -> None:
        now = _moment(self.world.now)
        assert now is not None
        if now.weekday() > 4 or not 9 <= now.hour < 17:
            return
        for key, task in sorted(self.asked.items(), key=lambda item: item[0][1])[:A_TURN]:
            there = self.waiting[key] is Kind.HONEST
            self.counts["answered"] += 1
            self.end(task, pays=there != (self.chance.random() < ERRS), by="person")

    def _history(self, account: str) -> AccountHistory:
        recent = [pays for at, pays in self.of_account[account] if at > self.world.now - MONTH]
        disputes = recent.count(False)
        finalized = self.world.board.page(["finalized"], account, 1, 1)[1]
        return AccountHistory(
            finalized_total=finalized,
            decisions_30d=len(recent),
            disputes_30d=disputes,
            approvals_30d=len(recent) - disputes,
            dispute_share_30d=disputes / len(recent) if recent else None,
        )


def counts_of(
    judge: Judge, population: Population, *, seed: int, days: float, per_hour: float
) -> Counter[str]:
    """What became of every round of a simulated month, as `quality.outcome` counts it."""
    world = world_of(population, seed=seed, per_hour=per_hour)
    month = LightMonth(world=world, judge=judge, chance=Random(seed))
    for _ in range(round(days * 24 * HOUR / EVERY)):
        month.poll()
        world.advance(EVERY)
    month.counts["asked"] = len(month.ever_asked - month.waiting.keys())
    return month.counts


def _round(task: Task) -> tuple[str, float]:
    assert task.confirmed_at is not None
    return task.id, task.confirmed_at


_EPOCH = datetime.fromtimestamp(0, UTC)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else _EPOCH + timedelta(seconds=seconds)


def _row(task: Task) -> CommentTask:
    return CommentTask(
        id=task.id,
        status=task.status,
        platform=task.account.platform,
        saved_account_id=task.account.id,
        target_video_url=task.video.url,
        target_author_handle=task.video.author,
        comment_text=task.text,
        cm_payout_amount=task.payout,
        submitted_at=_moment(task.submitted_at),
        manually_confirmed_at=_moment(task.confirmed_at),
        client_dispute_deadline_at=_moment(task.review_until),
        created_at=_moment(task.created_at),
        updated_at=_moment(task.updated_at),
        target_type=task.target_type,
        execution_blocked=False,
    )


def _attempt(run: VerifierRun) -> Attempt:
    return Attempt(
        attempt_n=run.attempt_n,
        scraped_at=_moment(run.scraped_at),
        outcome_kind=run.outcome_kind,
        verified=run.outcome_kind == "verified",
        match_score=run.match_score,
        found_comment_id=run.found_comment_id,
        reason=run.reason,
        comments_scraped=run.comments_scraped,
        platform=run.platform,
    )
