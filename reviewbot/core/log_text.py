"""Log text: the sentences that the log keeps for ever."""

from __future__ import annotations

SEALED, CANCELLED = "sealed: ", "cancelled by "
"""How the words begin on a decision that its rule holds for a while, and on one that a person cancelled."""
