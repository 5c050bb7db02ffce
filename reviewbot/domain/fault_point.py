"""Named points at which a proof may stop, kill or disturb the program; in production they do nothing.

The simulation, the kill tests and the coverage of both count the same list, so that "every kill
point" is a set one can check: `POINTS`.
"""

from __future__ import annotations

from collections.abc import Callable

LOOP: tuple[str, ...] = (
    "pass.listed",
    "review.judged",
    "intent.before",
    "intent.committed",
    "write.before",
    "write.answered",
    "outcome.before",
    "outcome.committed",
    "record.committed",
    "resume.read",
    "resume.settled",
    "pass.done",
)
"""The points of the review loop."""

COUNTER: tuple[str, ...] = (
    "order.intended",
    "order.answered",
    "order.noted",
    "order.settled",
    "cancel.intended",
    "cancel.answered",
)
"""The points of ordering and cancelling."""

CONSOLE: tuple[str, ...] = ("pending.kept", "pending.before_send", "pending.after_send")
"""The points of an answer that was pressed at the console."""

POINTS = LOOP + COUNTER + CONSOLE

_hook: Callable[[str], None] | None = None


def fault_point(name: str) -> None:
    """Mark a point by name; a test's hook may act there."""
    if _hook is not None:
        _hook(name)


def on_fault_point(hook: Callable[[str], None] | None) -> None:
    """Install the one hook of this process (None removes it). For tests only."""
    global _hook
    _hook = hook
