"""Paths: where this machine keeps what belongs to a bot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_folder() -> Path:
    """Where the bot keeps what is its own, when no setting says otherwise."""
    return Path(default_ledger(os.environ).removeprefix("sqlite:///")).parent


def default_ledger(env: Mapping[str, str]) -> str:
    """Where the log lives when nobody says: the service's state directory, or the user's."""
    given = env.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        folder = Path(given)
    else:
        import platformdirs

        folder = platformdirs.user_state_path("reviewbot")
    return f"sqlite:///{folder / 'reviewbot.db'}"
