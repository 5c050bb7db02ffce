"""What the running bot judges by, for a word on where a policy file differs from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.cli.opening import settings_with
from reviewbot.domain.errors import ReviewbotError, UsageError
from reviewbot.domain.text import safe_line
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import Ledger, Logged

if TYPE_CHECKING:
    from reviewbot.insights.heartbeat import Running


def running_policies() -> Sequence[Running]:
    """The policies of the bot that last ran here; none where none ran or settings are wrong."""
    from reviewbot.insights.heartbeat import newest_beat

    try:
        beat = newest_beat(settings_with())
    except ReviewbotError:
        return ()
    return () if beat is None else beat.policies


def said_of_running(policy: Policy, running: Sequence[Running]) -> str | None:
    """Say how a usable policy differs from the one that runs; None where it does not, or none runs."""
    for one in running:
        if one.name == policy.name or _same_file(one.path, policy.path):
            if one.revision == policy.revision:
                return None
            return (
                f"differs from what runs: {safe_line(one.name)} revision {one.revision[:8]};"
                " a bot that watches this file takes it at its next poll"
            )
    return None


def _same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


# ------------------------------------------------------------------------------------------------
# Decisions in the log as a person names them: by the decision or by the task, its beginning will do.


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
