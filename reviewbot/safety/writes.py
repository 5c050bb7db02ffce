"""Writes: whether the API takes them; told when it does not, and stopped where that lasts.

Theory of operation. What is refused is tried again by itself, and a stop that needs a person leaves
everything to silence meanwhile. So a burst opens nothing: the breaker opens only where most of many
writes of a policy were refused for long, for then something is wrong with what it sends.
"""

from __future__ import annotations

from collections import deque

from reviewbot.core.context import BotContext
from reviewbot.core.guard_state import GuardState, Write
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.core.refusals import IN_A_ROW
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.review import is_account
from reviewbot.ports.queue import Clock
from reviewbot.safety import breaker

WINDOW, LONG = 3600.0, 1800.0
"""Seconds of writes that are looked at, and for how long they must have been refused."""

LEAST, MOST_SHARE = 20, 0.8
"""How many writes it takes, and the share of them that may be refused."""


def taken(
    clock: Clock, guard: GuardState, notifier: Notifier, bench: ReviewPipeline, policy: str
) -> None:
    """A write was carried out."""
    bench.refused_writes = 0
    _note(clock, guard, policy, refused=False)
    notifier.alarms.mended(
        AlarmKind.WRITES, f"The API takes our {_what(bench)} again.", subject=bench.review
    )


def refused(app: BotContext, bench: ReviewPipeline, policy: str, said: str) -> None:
    """A write was refused for nothing that is about its thing."""
    bench.refused_writes += 1
    if bench.refused_writes >= IN_A_ROW:
        app.notifier.notify(
            AlarmKind.WRITES,
            f"The API refuses our {_what(bench)}, the last {bench.refused_writes} in a row ({said})."
            " They are tried again at each poll; what is not decided in time is told.",
            subject=bench.review,
        )
    writes = _note(app.clock, app.guard, policy, refused=True)
    count = sum(write.refused for write in writes)
    lasting = writes[-1].at - next(write.at for write in writes if write.refused) >= LONG
    if lasting and len(writes) >= LEAST and count > MOST_SHARE * len(writes):
        what = f"the API refused {count} of {len(writes)} writes within an hour: {said}"
        breaker.open_breaker(app.guard_post, policy, "refusals", what)
        writes.clear()


def _note(clock: Clock, guard: GuardState, policy: str, *, refused: bool) -> deque[Write]:
    writes, now = guard.writes[policy], clock.monotonic()
    writes.append(Write(now, refused))
    while writes[0].at < now - WINDOW:
        writes.popleft()
    return writes


def _what(bench: ReviewPipeline) -> str:
    return f"decisions on {'accounts' if is_account(bench.review) else 'comments'}"
