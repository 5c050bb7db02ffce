"""Turn: in which order what is open is worked on, and what its turn comes to too late."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from reviewbot.core import refusals
from reviewbot.core.pipeline import NEAR
from reviewbot.domain.decision import OPEN, Action
from reviewbot.foresight.answers import AnswersAhead
from reviewbot.foresight.future import Future, Key, RoundAhead, Standing
from reviewbot.policy.engine.trace import Evaluation


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be done from `start` on and has to be done before `due`."""

    name: str
    start: datetime
    due: datetime


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """One who works on one job after the other, from `opens` on, each for `takes`."""

    opens: datetime
    takes: timedelta


def work_off(jobs: Sequence[Job], workers: Sequence[Worker]) -> frozenset[str]:
    """Let them work on the most urgent job that has started; give those that are missed."""
    coming = sorted(jobs, key=lambda job: (job.start, job.due))
    waiting: list[tuple[datetime, str]] = []
    free = [(worker.opens, number) for number, worker in enumerate(workers)]
    heapq.heapify(free)
    missed: set[str] = set()
    at = 0
    while at < len(coming) or waiting:
        if not free:
            return frozenset(job.name for job in jobs)
        now, number = heapq.heappop(free)
        if not waiting and coming[at].start > now:
            # Back into the row: one who is free earlier must not take what has not started.
            heapq.heappush(free, (coming[at].start, number))
            continue
        while at < len(coming) and coming[at].start <= now:
            heapq.heappush(waiting, (coming[at].due, coming[at].name))
            at += 1
        due, name = heapq.heappop(waiting)
        done = now + workers[number].takes
        if done >= due:
            missed.add(name)
        heapq.heappush(free, (now if done >= due else done, number))
    return frozenset(missed)


TOO_LATE = "its turn comes too late: the request budget is too small"


class Turn(NamedTuple):
    """When its turn comes within a pass: the smaller, the sooner."""

    sends_back: bool
    refused: bool
    is_timeless: bool
    due: float
    task_id: str


def in_turn(
    rounds: Sequence[RoundAhead], answers: Mapping[Key, AnswersAhead], standing: Standing
) -> list[tuple[Turn, RoundAhead]]:
    """The most urgent first, and what was refused last while it can wait, as in the pass that tries it.

    Under a share of disputes what pays comes before what sends back, for the share is of both.
    """

    def tried_at(actions: Sequence[Action]) -> datetime:
        ends = (
            hold.until
            for hold in standing.holds
            if hold.until is not None and not hold.actions.isdisjoint(actions[:1])
        )
        return max(ends, default=standing.now)

    def turn(ahead: RoundAhead) -> Turn:
        judge, deadline = ahead.judge, ahead.deadline_at
        has_share = judge is not None and bool(judge.policy.guardrails.dispute_share)
        sent = [answer.action for _, answer in answers[ahead.key].said if is_sent(answer)]
        back = has_share and bool(sent) and sent[0].sends_back
        refused = ahead.latest is not None and refusals.refusal(ahead.latest) is not None
        ill = refused and (deadline is None or deadline > tried_at(sent) + NEAR)
        due = 0.0 if deadline is None else deadline.timestamp()
        return Turn(back, ill, deadline is None, due, ahead.task_id)

    return sorted(((turn(ahead), ahead) for ahead in rounds), key=itemgetter(0))


def too_late(found: Mapping[Key, Future], standing: Standing) -> dict[Key, Future]:
    """What the bot has to send and cannot in time, because it may ask the API only so often."""
    if standing.per_minute is None:
        return {}
    sends = []
    for key, future in found.items():
        latest, deadline = future.round.latest, future.round.deadline_at
        of_ours = future.end in ("rule", "fallback", "sent back")
        unclear = latest is not None and latest.state in OPEN
        if of_ours and not unclear and future.at is not None and deadline is not None:
            sends.append(Job(name=str(key), start=future.at, due=deadline))
    desk = Worker(opens=standing.now, takes=timedelta(minutes=1 / standing.per_minute))
    missed = work_off(sends, [desk])
    return {
        key: replace(
            future,
            end="silence",
            at=future.round.deadline_at,
            action=None,
            rule=None,
            why=TOO_LATE,
            late=True,
        )
        for key, future in found.items()
        if str(key) in missed
    }


def is_sent(answer: Evaluation) -> bool:
    """Whether it is a write that waits for nothing."""
    return answer.action.writes and answer.until is None
