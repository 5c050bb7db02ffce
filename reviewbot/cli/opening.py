"""What commands open: the settings with their flags, and the decision log to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reviewbot.cli.screen import Screen
    from reviewbot.logs import Log
    from reviewbot.ports import CheckpointBook, Ledger
    from reviewbot.settings import Settings


def settings_with(*, config: str | None = None, **flags: Any) -> Settings:
    """Read every setting, the given flags first."""
    from reviewbot.settings import load_settings

    return load_settings(flags, config=config)


def state_folder() -> Path:
    """Where the bot keeps what is its own, when no setting says otherwise."""
    from reviewbot.settings import default_ledger

    return Path(default_ledger(os.environ).removeprefix("sqlite:///")).parent


def logs_for(screen: Screen, settings: Settings, least: str = "info") -> Log:
    """Set up the logs of this process: `least` and above, or as `-q` and `-v` say."""
    from reviewbot.logs import configure_logs

    level = {-1: "warning", 0: least}.get(screen.verbosity, "debug")
    return configure_logs(level=level, secrets=settings.secrets(), colour=screen.wants_color())


def checkpoints_of(settings: Settings) -> CheckpointBook | None:
    """Open the second place, where the checkpoints of the settings' log are kept."""
    from reviewbot.ledger.opening import open_checkpoints

    return open_checkpoints(
        settings.ledger,
        file=settings.checkpoint_file,
        key_file=settings.checkpoint_key_file,
        folder=state_folder(),
    )


@contextmanager
def ledger_for_reading(*, ledger: str | None, config: str | None) -> Iterator[Ledger]:
    """Open the decision log without locking it, also beside a running bot.

    One that does not exist yet is an empty history, and is not made.
    """
    with ledger_at(settings_with(config=config, ledger=ledger).ledger) as opened:
        yield opened


@contextmanager
def ledger_at(url: str) -> Iterator[Ledger]:
    """As `ledger_for_reading`, of settings that are read already."""
    from reviewbot.ledger.opening import open_ledger

    opened = open_ledger(url, read_only=True)
    try:
        yield opened
    finally:
        opened.close()
