"""`reviewbot run`: the daemon, or one pass. A dry run unless told otherwise."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from types import FrameType
from typing import NamedTuple

import click

from reviewbot.alarms.outages import DowntimeReport, tell_crash
from reviewbot.alarms.routing import unheard
from reviewbot.cli.command import command
from reviewbot.cli.opening import Opening, checkpoints_of, logs_for, opens
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Events, PassSummary
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import LedgerCorrupt, ReviewbotError, UsageError
from reviewbot.domain.text import safe_line
from reviewbot.insights.heartbeat import beating_poll, heart_of, newest_beat
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled
from reviewbot.review.poll import STRETCH, Polling
from reviewbot.review.reconcile import follow_up
from reviewbot.runtime.bootstrap import build, settle
from reviewbot.runtime.daemon import Daemon, say_pass
from reviewbot.runtime.key_watch import KeyWatch
from reviewbot.runtime.ladders import move_ladders
from reviewbot.runtime.liveness import INTERRUPTED, LivelyEvent, Pulse, StopSignals
from reviewbot.runtime.logging import about_key
from reviewbot.runtime.meters import Meters
from reviewbot.runtime.policy_files import PolicyWatch
from reviewbot.runtime.published import policy_sources
from reviewbot.runtime.watcher import Watcher
from reviewbot.safety.stop_conditions import StopConditions, keep, newest_at
from reviewbot.setting_values import read_address

PATIENCE = 60.0
"""Seconds that `--once` waits for its alarms to arrive: nobody sends them later."""


class _Bot(NamedTuple):
    """The bot and what its process watches beside it."""

    screen: Screen
    settings: Settings
    app: BotContext
    stop: LivelyEvent
    watch: PolicyWatch
    keys: KeyWatch
    pulse: Pulse


@command
@click.option("--once", is_flag=True, help="One pass, then end.")
@click.option("--live", is_flag=True, help="Send decisions. Without it nothing is sent.")
@click.option("--dry-run", is_flag=True, help="Send nothing, whatever REVIEWBOT_MODE says.")
@click.option("--every", metavar="TIME", help="Poll interval, like 60s or 5m.")
@click.option("--listen", metavar="HOST:PORT", help="Answer health checks and metrics there.")
@click.option("--console", metavar="HOST:PORT", help="Serve the console there as well.")
@opens("policies", "ledger", "config", "keys")
def run(
    screen: Screen,
    opening: Opening,
    once: bool,
    live: bool,
    dry_run: bool,
    every: str | None,
    listen: str | None,
    console: str | None,
) -> None:
    """Review the queue by your policies until told to stop. Never asks anything.

    A dry run decides and writes its decisions down, and sends nothing. SIGTERM or Ctrl-C ends in
    order (a second one, more than a second later, at once), SIGHUP reads the policies again.

    $ reviewbot run --once  # one pass as a dry run: decides and logs, sends nothing
    $ reviewbot run --live  # review the real queue until stopped
    $ reviewbot run --live --every 5m --policy policies/starter.yaml  # more slowly
    $ reviewbot run --live --console 127.0.0.1:8090  # and the desk in a browser
    """
    if live and dry_run:
        raise UsageError("--live and --dry-run contradict each other")
    mode = "live" if live else "dry-run" if dry_run else None
    settings = opening.settings(mode=mode, every=every, listen=listen)
    for warning in settings.warnings:
        screen.say(styled("warning: ", "care") + warning)
    stop, watch, meters = LivelyEvent(), PolicyWatch(policy_sources(settings)), Meters()
    keys = KeyWatch(settings.key_file)
    logs = logs_for(screen, settings)
    told: Events = about_key(logs, settings.key) if settings.keys else logs
    app = build(settings, judges=watch.load(), events=told, stop=stop, meters=meters)
    is_scraped = settings.listen is not None and not once
    pulse = Pulse(app, settings.every, key=settings.key, meters=meters, is_scraped=is_scraped)
    events = app.events
    app.events, stop.turn = pulse.hearing(events), pulse.turn
    with ExitStack() as end:
        end.enter_context(Watcher(app, pulse, events=events))
        end.callback(app.close)
        if console is not None and not once:
            from reviewbot.web.server import serving

            served = end.enter_context(serving(settings, read_address(console), app.events))
            for line in served.lines:
                screen.data(line)
            sys.stdout.flush()
        code = _review(_Bot(screen, settings, app, stop, watch, keys, pulse), once=once)
    if code:
        raise click.exceptions.Exit(code)


def _review(bot: _Bot, *, once: bool) -> int:
    """Run to the end; give the exit code."""
    app = bot.app
    try:
        bot.watch.attach(app)
        bot.keys.attach(app.renew_key, app.notifier, app.events)
        _announce(bot)
        judges = [judge for bench in app.benches for judge in bench.judges]
        for warning in unheard((judge.policy for judge in judges), bot.settings.notices.routes):
            app.events("target without a channel", level="warning", why=warning)
        if not once:
            return _daemon(bot)
        _one_pass(bot)
        app.notifier.alarms.close(PATIENCE)
        return 0
    except ReviewbotError:
        raise
    except Exception as error:
        tell_crash(app.notifier, error)
        raise


def _announce(bot: _Bot) -> None:
    """Say who acts, how and by what: on a terminal in words, elsewhere as an event."""
    app, screen, api = bot.app, bot.screen, bot.settings.base_url
    key = bot.settings.need_key().reveal()
    judges = [judge for bench in app.benches for judge in bench.judges]
    policies = [f"{judge.policy.name} {judge.policy.revision[:8]}" for judge in judges]
    if not screen.is_terminal(sys.stderr):
        app.events("started", mode=app.mode.value, policies=policies, api=api)
        return
    live = app.mode is Mode.LIVE
    how = styled("LIVE: decisions are sent", "bad") if live else "dry run: nothing is sent"
    screen.say(f"{how}; {safe_line(', '.join(policies))}; key …{key[-4:]} at {api}")


def _daemon(bot: _Bot) -> int:
    settings, pulse, book = bot.settings, bot.pulse, checkpoints_of(bot.settings)
    pulse.policy_problem = lambda: bot.watch.problem
    pulse.meters.checkpoint_at = newest_at(book)
    daemon = Daemon(
        bot.app,
        every=settings.every,
        stop=bot.stop,
        refresh=lambda asked: _refresh(bot, asked),
        key_changed=bot.keys.changed,
        book=book,
        pulse=pulse,
        poll=_poll(settings, min(settings.every, STRETCH)),
    )
    daemon.obey_signals()
    settle()
    if settings.listen is None:
        return daemon.run()
    from reviewbot.runtime.health import HealthServer

    with closing(HealthServer(settings.listen, pulse)):
        return daemon.run()


def _refresh(bot: _Bot, asked: bool) -> None:
    bot.keys.refresh(asked=asked)
    bot.watch.refresh(asked=asked)


def _one_pass(bot: _Bot) -> None:
    app, signals = bot.app, StopSignals(time.monotonic)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if signals.again():
            os._exit(INTERRUPTED)
        bot.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    book = checkpoints_of(bot.settings)
    app.brake = brakes = StopConditions(app, book)
    brakes.check()
    summary = _poll(bot.settings, math.inf)(app)
    if summary.stopped is None:
        move_ladders(app.ledger, app.events, app.notifier, app.benches)
        follow_up(app)  # at most once a day; the daemon has a chore for it
    brakes.check()  # the first answer told how far off this machine's clock is
    say_pass(app.events, summary)
    with suppress(LedgerCorrupt):  # a log that went back was told above, and gets no checkpoint
        keep(app.ledger, book, app.clock.now())
    if bot.screen.is_terminal(sys.stderr):
        bot.screen.say(in_words(summary, app.mode))


def _poll(settings: Settings, stretch: float) -> Callable[[BotContext], PassSummary]:
    """Passes, in such stretches, that leave a heartbeat; the first looks back to the one before it."""
    last = newest_beat(settings)
    heart = heart_of(settings, once=stretch == math.inf)
    return DowntimeReport(
        beating_poll(heart, settings.every, Polling(stretch), last),
        None if last is None else last.looked_until,
    )


def in_words(summary: PassSummary, mode: Mode) -> str:
    """What one pass came to, for a person at a terminal."""
    actions = ", ".join(f"{count} {name}" for name, count in summary.actions.items()) or "nothing"
    verb = "decided" if mode is Mode.LIVE else "would decide"
    lines = [f"{counted(summary.waiting, 'task')} waiting; {verb}: {actions}."]
    if summary.in_quarantine:
        lines.append(
            f"{counted(summary.in_quarantine, 'write')} in quarantine: whether done is not known yet;"
            " a later pass finds out."
        )
    if summary.stopped:
        had = f"; {counted(summary.left, 'task')} had no turn" if summary.left else ""
        lines.append(f"The pass ended early: {safe_line(summary.stopped)}{had}.")
    return "\n".join(lines)
