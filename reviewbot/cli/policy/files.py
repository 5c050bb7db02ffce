"""Policy files as a command names them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reviewbot.domain.errors import PolicyInvalid, UsageError
from reviewbot.policy.model import Policy

if TYPE_CHECKING:
    from reviewbot.policy.parse import Parsed


def load(path: str) -> Parsed:
    """Read one policy file with all that stands beside it."""
    from reviewbot.policyfiles import PolicyFile

    return PolicyFile(path).load()


def load_usable(path: str) -> Policy:
    """Read one policy that has to be usable.

    Raises PolicyInvalid with its findings when it is not.
    """
    parsed = load(path)
    if parsed.policy is None:
        raise PolicyInvalid(f"{path} is not usable", parsed.findings)
    return parsed.policy


def settings_policies() -> tuple[str, ...]:
    """The policies that the environment names, for commands that need no other setting."""
    named = os.environ.get("REVIEWBOT_POLICY", "")
    paths = tuple(part for part in named.split(os.pathsep) if part)
    if not paths:
        raise UsageError("no policy is named: give its FILE, or set REVIEWBOT_POLICY")
    return paths
