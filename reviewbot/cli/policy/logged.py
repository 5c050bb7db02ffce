"""Decisions in the log as a person names them: by the decision or by the task, its beginning will do."""

from __future__ import annotations

from reviewbot.domain.errors import UsageError
from reviewbot.ports import Ledger, Logged


def find_logged(ledger: Ledger, wanted: str, *, otherwise: str = "") -> Logged:
    """Give the decision of this id, or the newest decision on the task of this id.

    Raises UsageError (with `otherwise` as a way out) when there is none, or when several tasks
    begin so.
    """
    found = ledger.decision(wanted)
    if found is not None:
        return found
    for logged in ledger.iter_decisions():
        if logged.decision.task_id.startswith(wanted):
            if found is not None and found.decision.task_id != logged.decision.task_id:
                raise UsageError(f"several tasks in the log begin with {wanted!r}")
            found = logged
    if found is None:
        hint = f"; {otherwise}" if otherwise else ""
        raise UsageError(f"no decision in the log is about {wanted!r}{hint}")
    return found
