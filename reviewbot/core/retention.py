"""Retention: what people wrote is erased from the log once it is old enough."""

from __future__ import annotations

from datetime import datetime, timedelta

from reviewbot.ports.ledger import Erased, ErasureOrder, Ledger

BY, BECAUSE = "reviewbot", "older than the setting `retain`"
"""Who erased it, and why, as the log says it."""


def forget_old(ledger: Ledger, now: datetime, retain: float | None) -> Erased | None:
    """Erase the texts of what ended more than `retain` seconds ago; None where all is kept for ever.

    An erasure that was killed on its way is finished in any case.
    """
    done = None
    if retain is not None:
        before = now - timedelta(seconds=retain)
        done = ledger.erase(ErasureOrder(before=before), now, who=BY, because=BECAUSE)
        ledger.keep_retained(before)
    ledger.finish_erasures()
    return done
