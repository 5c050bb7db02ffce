"""Log text: the sentences and names that the log keeps for ever."""

from __future__ import annotations

SEALED, CANCELLED = "sealed: ", "cancelled by "
"""How the words begin on a decision that its rule holds for a while, and on one that a person cancelled."""

_THINGS = {"comments": "Task", "accounts": "Account"}


def named(review: str, task_id: str, amount_micros: int | None) -> str:
    """The thing of a round, short: `Task 0d8b5a3e (0.24 USD)`."""
    name = f"{_THINGS.get(review, review)} {task_id[:8]}"
    return name if amount_micros is None else f"{name} ({amount_micros / 1e6:.2f} USD)"
