"""One line beside what a command shows, where the bot is not well."""

from __future__ import annotations

from datetime import UTC, datetime

from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.insights.heartbeat import newest_beat
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled
from reviewbot.runtime.bot_health import look


def say_health(screen: Screen, settings: Settings, form: str) -> None:
    """One line beside the data of a command that shows tasks, where the bot is not well.

    Only where a person reads; nothing of a log on which no bot has ever run.
    """
    if form != "text":
        return
    for key in settings.each():
        _say_of(screen, key)


def _say_of(screen: Screen, settings: Settings) -> None:
    health = look(settings, newest_beat(settings), datetime.now(UTC))
    if not health.why:
        return
    more = len(health.why) - 1
    rest = f" (and {counted(more, 'more reason')}: reviewbot status)" if more else ""
    name = f"{settings.key} " if settings.keys else ""
    screen.say(
        name + styled(f"{health.word}: ", "care" if health.ok else "bad") + health.why[0] + rest
    )
