"""Work: which jobs are done in time, when some work on the most urgent one first.

Pure arithmetic; it serves people who answer questions and the bot that sends.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec


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
