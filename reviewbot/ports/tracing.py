"""Spans: where the time of a pass goes, for whoever collects traces. Without one nothing is kept."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
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
