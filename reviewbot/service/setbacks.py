"""Setbacks: things that cannot be read harm no others, however many there are and wherever they stand.

Theory of operation. What failed before comes last in a pass, unless its deadline is near. When a few
reads in a row fail, the list is read once more: where it comes, the API is there and it is those
things that are ill. What fails may take only so much of a pass; the rest of it is left to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from reviewbot.domain.errors import ApiError, CannotConnect, KeyRefused, RateLimited
from reviewbot.domain.review import ReviewItem
from reviewbot.service.app import App, Bench
from reviewbot.service.judging import Known
from reviewbot.service.look import note_sights

IN_A_ROW = 3
"""Reads in a row that fail before the API itself is doubted."""
NEAR = timedelta(hours=2)
"""With less time left even a thing that failed before is reviewed in its turn."""
BUDGET = 300.0
"""Seconds that reviews which fail may take in one pass."""

Todo = tuple[ReviewItem, Known]


def ill_last(app: App, bench: Bench, todo: Sequence[Todo]) -> tuple[list[Todo], list[Todo]]:
    """Take apart what is reviewed in its turn, and what failed before and can wait."""
    near = app.clock.now() + NEAR
    turn: list[Todo] = []
    ill: list[Todo] = []
    for pair in todo:
        item, _ = pair
        can_wait = item.deadline_at is None or item.deadline_at > near
        failed = item.id in bench.troubles or item.id in bench.refused
        (ill if can_wait and failed else turn).append(pair)
    return turn, ill


def api_is_away(app: App, bench: Bench, item: ReviewItem) -> bool:
    """After a few failed reads: whether it is the API that is away, and not those things that are ill.

    Raises KeyRefused, CannotConnect and RateLimited.
    """
    if app.failed_reads < IN_A_ROW:
        return False
    at = app.clock.monotonic()
    try:
        note_sights(bench, bench.queue.renew(item), at)
    except (KeyRefused, CannotConnect, RateLimited):
        raise
    except ApiError:
        return True
    app.failed_reads = 0
    return False
