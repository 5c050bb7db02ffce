"""Desks: which jobs are done in time, when some work on the most urgent one first.

Pure arithmetic for the forecast; it serves people who answer questions and the bot that sends.
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


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs are missed, and when the last of the others is done."""

    missed: frozenset[str]
    ends: datetime | None


def work_off(jobs: Sequence[Job], desks: Sequence[Worker]) -> Done:
    """Let the desks work on the most urgent job that has started; one that cannot be done is left."""
    coming = sorted(jobs, key=lambda job: (job.start, job.due))
    waiting: list[tuple[datetime, str]] = []
    free = [(desk.opens, number) for number, desk in enumerate(desks)]
    heapq.heapify(free)
    missed: set[str] = set()
    ends: datetime | None = None
    at = 0
    while at < len(coming) or waiting:
        if not free:
            return Done(missed=frozenset(job.name for job in jobs), ends=None)
        now, number = heapq.heappop(free)
        if not waiting and coming[at].start > now:
            # Back into the row: a desk that is free earlier must not take what has not started.
            heapq.heappush(free, (coming[at].start, number))
            continue
        while at < len(coming) and coming[at].start <= now:
            heapq.heappush(waiting, (coming[at].due, coming[at].name))
            at += 1
        due, name = heapq.heappop(waiting)
        done = now + desks[number].takes
        if done >= due:
            missed.add(name)
            heapq.heappush(free, (now, number))
            continue
        ends = done if ends is None else max(ends, done)
        heapq.heappush(free, (done, number))
    return Done(missed=frozenset(missed), ends=ends)
