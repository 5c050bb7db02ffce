"""`reviewbot status`: how the bot is doing, on one screen; `--probe` is the health check."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from reviewbot.cli.health import Health, look
from reviewbot.cli.heartbeat import Beat, newest_beat
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import ledger_for_reading, settings_with
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.domain.errors import LedgerError
from reviewbot.domain.safetext import safe_line

if TYPE_CHECKING:
    from reviewbot.service.outlook.situation import Situation
    from reviewbot.settings import Settings

NOT_HEALTHY = 1


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the log gave: the situation, or why it cannot be read."""

    found: Situation | None = None
    policies: list[str] = []
    problem: str | None = None


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot status", "one screen"),
        Example("reviewbot status --format json", "the same for a script"),
        Example("reviewbot status --probe", "exit code 0: healthy; 1: not (for a health check)"),
    ],
)
@click.option("--probe", is_flag=True, help="Only say whether the running bot is healthy.")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def status(screen: Screen, probe: bool, ledger: str | None, config: str | None, form: str) -> None:
    """Show how the bot is doing: its last pass, what stops it, what waits, what silence paid."""
    settings = settings_with(config=config, ledger=ledger)
    beat = newest_beat(settings)
    now = datetime.now(UTC)  # not before the heartbeat, which a server may have taken long to give
    health = look(settings, beat, now)
    if probe:
        _probe(screen, beat, health, now)
        return
    seen = _look(settings, ledger, config, beat, now)
    if form == "json":
        known = _object(beat, health, seen)
        screen.data(msgspec.json.format(msgspec.json.encode(known)).decode())
        return
    from reviewbot.cli.standing import lines

    terminal = screen.is_terminal(sys.stdout) or "COLUMNS" in os.environ
    size = shutil.get_terminal_size() if terminal else None
    screen.data("\n".join(lines(beat, health, seen.found, seen.policies, now, size)))
    if seen.problem is not None:
        screen.data(styled(f"THE LOG     cannot be read: {safe_line(seen.problem, 300)}", "bad"))


def _probe(screen: Screen, beat: Beat | None, health: Health, now: datetime) -> None:
    from reviewbot.cli.standing import health_line

    screen.say(health_line(beat, health, now))
    for why in health.why:
        screen.say(why)
    if beat is not None and beat.error:
        screen.say(safe_line(beat.error, 300))
    if not health.ok:
        raise click.exceptions.Exit(NOT_HEALTHY)


def _look(
    settings: Settings, ledger: str | None, config: str | None, beat: Beat | None, now: datetime
) -> Seen:
    """Read the log; what the heartbeat says is shown also where it cannot be read."""
    from reviewbot.cli.bot import bot_of
    from reviewbot.cli.standing import policy_lines
    from reviewbot.service.outlook.situation import situation

    try:
        with ledger_for_reading(ledger=ledger, config=config) as opened:
            return Seen(
                found=situation(opened, now, bot_of(settings, now)),
                policies=policy_lines(beat, opened),
            )
    except LedgerError as error:
        return Seen(policies=policy_lines(beat, None), problem=str(error))


def _object(beat: Beat | None, health: Health, seen: Seen) -> dict[str, Any]:
    return {
        "schema": "reviewbot.status/2",
        "healthy": health.ok,
        "health": health.word,
        "why": health.why,
        "heartbeat": beat,
        "policies": seen.policies,
        "situation": seen.found,
        "problem": seen.problem,
    }
