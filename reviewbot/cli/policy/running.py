"""What the running bot judges by, for a word on where a policy file differs from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.cli.opening import settings_with
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.model import Policy

if TYPE_CHECKING:
    from reviewbot.cli.heartbeat import Running


def running_policies() -> Sequence[Running]:
    """The policies of the bot that last ran here; none where none ran or settings are wrong."""
    from reviewbot.cli.heartbeat import newest_beat

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
