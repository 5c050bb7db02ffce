"""Timing: how long calls took, counted in steps, so that it stays small however many there were."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

STEPS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; no call of ours is given more than the last."""


@dataclass(slots=True)
class Timing:
    """How many calls took up to each of some seconds, and how long all took together."""

    steps: tuple[float, ...] = STEPS
    counts: list[int] = field(default_factory=list)
    """One for each step, and one for what took longer than the last."""
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.steps) + 1)

    def add(self, seconds: float) -> None:
        """Count one call."""
        self.counts[bisect_left(self.steps, seconds)] += 1
        self.total += seconds
