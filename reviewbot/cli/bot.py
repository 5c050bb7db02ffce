"""What the heartbeat and the settings tell of the bot on a log, for the screens that look ahead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from reviewbot.cli.health import ago
from reviewbot.cli.heartbeat import Beat, newest_beat
from reviewbot.cli.zones import zones_by
from reviewbot.pausefile import PauseFile
from reviewbot.service.guards.holds import Hold
from reviewbot.service.outlook.gather import REHEARSES, Bot

if TYPE_CHECKING:
    from reviewbot.policy.evaluate import Judge
    from reviewbot.settings import Settings

ADVERTISED, SHARE = 120.0, 0.8
"""Requests a minute that the API allows, and our part of them, where no setting says otherwise."""


def bot_of(settings: Settings, now: datetime) -> Bot:
    """The bot as its heartbeat left it. Where none was ever left a live one is taken for granted."""
    beat = newest_beat(settings)
    alone = Bot(
        every=settings.every,
        requests_per_minute=settings.rate_per_minute or ADVERTISED * SHARE,
        quarantine=timedelta(seconds=settings.quarantine),
        file=PauseFile(settings.pause_path()).read(),
    )
    if beat is None:
        return alone
    return msgspec.structs.replace(
        alone,
        hold=_hold(beat, now),
        revisions=tuple(one.revision for one in beat.policies),
        every=beat.every,
        passed_at=beat.at,
        brake=beat.brake,
    )


def bot_by(bot: Bot, judges: Iterable[Judge]) -> Bot:
    """The same for a look ahead by these policies: one that runs others is taken to run these."""
    running = {judge.policy.revision for judge in judges} <= set(bot.revisions)
    return bot if running else msgspec.structs.replace(bot, hold=None)


def _hold(beat: Beat, now: datetime) -> Hold | None:
    """Why it does not act, where it does not."""
    if not beat.is_alive(now):
        return Hold(
            sentence=f"no bot runs: its last pass ended {ago(beat.at, now, zones_by(beat).first)}",
            by="bot",
        )
    if beat.key_refused:
        return Hold(sentence="the API refuses our key, so the bot does nothing", by="bot")
    return REHEARSES if beat.mode != "live" else None
