"""Survey: before a policy that pauses by the verifier's health sends anything, look at the verifier.

Theory of operation. A pass reads the evidence of one task, writes, and reads the next; so the first
writes would leave before much is known, all of them where a bot starts for one pass only. Where the
log knows of few tries, such a pass therefore begins with evidence that it is going to need anyway,
of the most urgent tasks, in so little time that it is still fresh when its task has its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reviewbot.core.checks import checker_shares
from reviewbot.core.pipeline import Background, LoopLimits, ReviewPipeline
from reviewbot.domain.errors import ApiError, KeyRefused
from reviewbot.domain.review import ReviewItem
from reviewbot.ports.ledger import Ledger
from reviewbot.ports.queue import Clock
from reviewbot.review.fetch import evidence_for, kept_evidence
from reviewbot.safety.limits import looks_at_the_checker

ENOUGH = 20
"""Tries of the last hour that are enough to know, and readings at most to come to know them."""


SHARE_OF_FRESHNESS = 1 / 3
"""How much of the time in which evidence is fresh may pass meanwhile."""


def survey(
    ledger: Ledger,
    clock: Clock,
    limits: LoopLimits,
    stopping: Callable[[], bool],
    bench: ReviewPipeline,
    todo: Iterable[tuple[ReviewItem, Background]],
) -> None:
    """Read evidence first, where a policy pauses by it and too little is known. Raises KeyRefused."""
    if bench.desk is None or not any(looks_at_the_checker(judge.policy) for judge in bench.judges):
        return
    end = clock.monotonic() + limits.freshness * SHARE_OF_FRESHNESS
    left = ENOUGH
    for item, background in todo:
        checker_shares(ledger, clock, bench)
        if len(bench.checks_seen) >= ENOUGH or left == 0 or clock.monotonic() > end:
            break
        if stopping():
            break
        if item.epoch in background.memory.claimed or not needs_evidence(
            clock, limits, bench, item, background
        ):
            continue
        left -= 1
        try:
            evidence_for(clock, bench, item)
        except KeyRefused:
            raise
        except ApiError:
            break  # its review will meet the same, and knows what to make of it


def needs_evidence(
    clock: Clock, limits: LoopLimits, bench: ReviewPipeline, item: ReviewItem, known: Background
) -> bool:
    """Whether judging this would have to fetch its evidence now."""
    if known.judge is None or kept_evidence(clock, bench, item) is not None:
        return False
    if limits.always_evidence:
        return True
    return known.judge.triage(known.facts(item, clock.now())) is None
