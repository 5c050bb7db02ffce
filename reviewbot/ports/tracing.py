"""Spans: where the time of a pass goes, for whoever collects traces. Without one nothing is kept."""

from __future__ import annotations

from bisect import bisect_left
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

Attribute = str | int | float | bool
"""What a span may carry: ids, names, counts and words of ours; never a text from outside."""


class TraceSpan(Protocol):
    """A piece of work under way."""

    def note(self, **about: Attribute | None) -> None:
        """Add what is known of it now; None is left out."""


class Spans(Protocol):
    """Takes note of pieces of work; one within another is its child."""

    def span(self, name: str, **about: Attribute | None) -> AbstractContextManager[TraceSpan]:
        """Time a piece of work. An error passes through; its name alone is noted."""


class _NoSpan:
    def note(self, **about: Attribute | None) -> None:
        """Keep nothing."""


_NOTHING: AbstractContextManager[TraceSpan] = nullcontext(_NoSpan())


class NoSpans:
    """Takes note of nothing."""

    def span(self, name: str, **about: Attribute | None) -> AbstractContextManager[TraceSpan]:  # noqa: ARG002  # it keeps none
        """Time nothing."""
        return _NOTHING


# ------------------------------------------------------------------------------------------------
# Timing: how long calls took, counted in steps, so that it stays small however many there were.


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
