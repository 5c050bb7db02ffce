"""What a manager is paid. INVENTED: the real table is not public.

Known are two points only: 0.15 when a task is created, and 0.24 in one example where 20 h 34 min lay
between the manager's click and the confirmation by hand. This table is monotone through both.
"""

from __future__ import annotations

from reviewbot.simulator.clock import HOUR

OPENING = 0.15

_TIERS = ((1 * HOUR, 0.30), (6 * HOUR, 0.27), (24 * HOUR, 0.24), (48 * HOUR, 0.20))


def payout_after(seconds: float) -> float:
    """The amount in dollars for a task confirmed so long after it was submitted."""
    for limit, amount in _TIERS:
        if seconds <= limit:
            return amount
    return OPENING
