"""Log text: the sentences that the log keeps for ever."""

from __future__ import annotations

from reviewbot.domain.decision import Action
from reviewbot.ports.ledger import Logged

SEALED, CANCELLED = "sealed: ", "cancelled by "
"""How the words begin on a decision that its rule holds for a while, and on one that a person cancelled."""


def cause(last: Logged | None) -> str:
    """Why nobody decided, as far as our log knows."""
    if last is None:
        return "it was never decided"
    decision = last.decision
    if decision.action is Action.ESCALATE:
        return f"nobody answered (escalated by {decision.rule})"
    return f"{decision.action} by {decision.rule} was {last.state}: {last.note or 'not sent'}"
