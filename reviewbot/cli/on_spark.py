"""`--engine spark`: the same commands on Spark."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.cli.unread import UnreadCount
from reviewbot.history.partial import JudgingJob, Sums


def decide(where: str, column: str | None, job: JudgingJob, unread: UnreadCount) -> Iterator[bytes]:
    """x."""
    raise NotImplementedError


def count(where: str, column: str | None, job: JudgingJob, sums: Sums) -> None:
    """x."""
