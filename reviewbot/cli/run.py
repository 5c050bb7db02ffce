"""`reviewbot run`: the daemon, or one pass. A dry run unless told otherwise."""

from __future__ import annotations

import math
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext, suppress
from types import FrameType
from typing import TYPE_CHECKING

import click

from reviewbot.alarms.outages import tell_crash
from reviewbot.alarms.routing import unheard
from reviewbot.cli.command import command
from reviewbot.cli.opening import Opening, checkpoints_of, logs_for, opens
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.pipeline import Events, PassSummary
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import LedgerCorrupt, ReviewbotError, UsageError
from reviewbot.domain.text import safe_line
from reviewbot.ledger.open import is_shared
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled
from reviewbot.review.reconcile import follow_up
from reviewbot.runtime.bootstrap import holding, settle
from reviewbot.runtime.chores import move_ladders, tell_week
from reviewbot.runtime.daemon import say_pass
from reviewbot.runtime.key_bot import KeyBot, daemon_of, hold_by, make_bot, passes
from reviewbot.runtime.key_watch import KeyWatch
from reviewbot.runtime.keyring import LOOK, KeyLoop, Keyring
from reviewbot.runtime.liveness import INTERRUPTED, LivelyEvent, StopSignals
from reviewbot.runtime.logging import about_key
from reviewbot.runtime.policy_files import PolicyWatch
from reviewbot.runtime.published import policy_sources
from reviewbot.runtime.traces import Traces, open_traces
from reviewbot.runtime.turns import KeyTurn, why_of
from reviewbot.runtime.watcher import HangWatch, Watcher
from reviewbot.safety.stop_conditions import StopConditions, keep

if TYPE_CHECKING:
    from reviewbot.runtime.health import Bots

UNEXPECTED = 1
PATIENCE = 60.0
"""Seconds that `--once` waits for its alarms to arrive: nobody sends them later."""


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
    order (a second one, more than a second later, at once), SIGHUP reads the policies and keys again.

    $ reviewbot run --once  # one pass as a dry run: decides and logs, sends nothing
    $ reviewbot run --live  # review the real queue until stopped
    $ reviewbot run --live --every 5m --policy policies/starter.yaml  # more slowly
    $ reviewbot run --live --console 127.0.0.1:8090  # and the desk in a browser
    """
    if live and dry_run:
        raise UsageError("--live and --dry-run contradict each other")
    mode = "live" if live else "dry-run" if dry_run else None
    flags = {"mode": mode, "every": every, "listen": listen}
    settings = opening.all_settings(**flags)
    for warning in settings.warnings:
        screen.say(styled("warning: ", "care") + warning)
    logs = logs_for(screen, settings)
    with ExitStack() as end:
        traces = open_traces(settings.name or socket.gethostname(), logs, settings.proxy)
        if traces is not None:
            end.callback(traces.close)
        if console is not None and not once:
            from reviewbot.web.server import read_listen, serving

            served = end.enter_context(serving(settings, read_listen(console), logs))
            for line in served.lines:
                screen.data(line)
            sys.stdout.flush()
        code = _review(screen, opening, flags, logs, traces, once=once)
    if code:
        raise click.exceptions.Exit(code)


def _review(
    screen: Screen,
    opening: Opening,
    flags: Mapping[str, str | None],
    logs: Events,
    traces: Traces | None,
    *,
    once: bool,
) -> int:
    """Review to the end, one key in this thread, several or shared ones in a thread each."""
    settings = opening.all_settings(**flags)
    keys, shared = settings.each(), is_shared(settings.ledger)
    if once and (len(keys) > 1 or shared):
        return _passes_of_all(screen, keys, logs, traces)
    if not once and (settings.keys or shared):
        return _run_all(screen, opening, flags, logs, traces)
    return _run_one(screen, keys[0], logs, traces, once=once)


def _run_one(
    screen: Screen, settings: Settings, logs: Events, traces: Traces | None, *, once: bool
) -> int:
    """Run the bot of one key to its end; give the exit code."""
    is_scraped = settings.listen is not None and not once
    bot = _made(settings, logs, LivelyEvent(), traces, is_scraped=is_scraped)
    loop = HangWatch(bot.app, bot.pulse, bot.events)
    with Watcher(lambda: (loop,)), closing(bot):
        try:
            _begin(screen, bot)
            if not once:
                return _daemon(bot)
            _stop_on_signals((bot.stop,))
            _one_pass(screen, bot)
            bot.app.notifier.alarms.close(PATIENCE)
            return 0
        except ReviewbotError:
            raise
        except Exception as error:
            tell_crash(bot.app.notifier, error)
            raise


def _made(
    settings: Settings,
    logs: Events,
    stop: LivelyEvent,
    traces: Traces | None,
    *,
    is_scraped: bool = False,
) -> KeyBot:
    events = about_key(logs, settings.key) if settings.keys else logs
    policies = PolicyWatch(policy_sources(settings))
    return make_bot(
        settings,
        policies,
        KeyWatch(settings.key_file),
        events,
        stop=stop,
        is_scraped=is_scraped,
        traces=traces,
    )


def _begin(screen: Screen, bot: KeyBot) -> None:
    _announce(screen, bot)
    judges = [judge for bench in bot.app.benches for judge in bench.judges]
    for warning in unheard((judge.policy for judge in judges), bot.settings.notices.routes):
        bot.app.events("target without a channel", level="warning", why=warning)


def _announce(screen: Screen, bot: KeyBot) -> None:
    """Say who acts, how and by what: on a terminal in words, elsewhere as an event."""
    app, settings = bot.app, bot.settings
    judges = [judge for bench in app.benches for judge in bench.judges]
    policies = [f"{judge.policy.name} {judge.policy.revision[:8]}" for judge in judges]
    api = settings.base_url
    if not screen.is_terminal(sys.stderr):
        app.events("started", mode=app.mode.value, policies=policies, api=api)
        return
    live = app.mode is Mode.LIVE
    how = styled("LIVE: decisions are sent", "bad") if live else "dry run: nothing is sent"
    key = settings.need_key().reveal()
    name = f"{settings.key}: " if settings.keys else ""
    screen.say(f"{name}{how}; {safe_line(', '.join(policies))}; key …{key[-4:]} at {api}")


def _daemon(bot: KeyBot) -> int:
    daemon = daemon_of(bot, checkpoints_of(bot.settings))
    daemon.obey_signals()
    settle()
    with _health(bot.settings, bot.pulse):
        return daemon.run()


def _run_all(
    screen: Screen,
    opening: Opening,
    flags: Mapping[str, str | None],
    logs: Events,
    traces: Traces | None,
) -> int:
    """Run the bots of several keys, each in a thread of its own, until told to stop."""

    def read() -> tuple[Settings, ...]:
        return opening.all_settings(**flags).each()

    keys = read()
    with holding(keys[0], logs) as holdings:
        keyring = Keyring(holdings, read)
        loops = [
            KeyLoop(
                settings,
                keyring,
                events=logs,
                book=checkpoints_of,
                is_scraped=settings.listen is not None,
                began=lambda bot: _begin(screen, bot),
                traces=traces,
                holdings=holdings,
            )
            for settings in keys
        ]
        keyring.obey_signals()
        with Watcher(keyring.hang_watches), _health(keys[0], keyring):
            return keyring.run(loops)


def _health(settings: Settings, bots: Bots) -> AbstractContextManager[object]:
    """The pages for probes and metrics, where an address is set."""
    if settings.listen is None:
        return nullcontext()
    from reviewbot.runtime.health import HealthServer

    return closing(HealthServer(settings.listen, bots))


def _stop_on_signals(stops: Sequence[LivelyEvent]) -> None:
    """Let a signal end the passes under way in order, a later one the process at once."""
    signals = StopSignals(time.monotonic)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if signals.again():
            os._exit(INTERRUPTED)
        for stop in stops:
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)


def _passes_of_all(
    screen: Screen, keys: Sequence[Settings], logs: Events, traces: Traces | None
) -> int:
    """One pass of each key, side by side; give the exit code of the first that could make none."""
    stops = [LivelyEvent() for _ in keys]
    wakes = {settings.key: LivelyEvent() for settings in keys}
    _stop_on_signals([*stops, *wakes.values()])

    def one(settings: Settings, stop: LivelyEvent) -> Exception | None:
        turn = KeyTurn(settings, holdings, stop=stop, wake=wakes[settings.key])
        try:
            tenure = turn.wait(at_most=settings.lease + LOOK)
            if tenure is None:
                why = safe_line(holdings.problem or turn.problem, 300)
                screen.say(f"{settings.key}: no pass is made here: {why}")
                return None
            with closing(_made(settings, logs, stop, traces)) as bot:
                if holdings.is_shared:
                    hold_by(bot, tenure)
                _begin(screen, bot)
                _one_pass(screen, bot)
                bot.app.notifier.alarms.close(PATIENCE)
        except Exception as error:  # noqa: BLE001  the passes of the others go on
            return error
        return None

    with holding(keys[0], logs) as holdings, ThreadPoolExecutor(len(keys), "key") as threads:
        holdings.changed = lambda key: wakes[key].set()
        ended = list(threads.map(one, keys, stops))
    failed = [(settings, error) for settings, error in zip(keys, ended, strict=True) if error]
    for settings, error in failed:
        about_key(logs, settings.key)("pass failed", level="error", error=why_of(error))
        screen.complain(f"{settings.key}: {safe_line(why_of(error), 300)}")
    if not failed:
        return 0
    error = failed[0][1]
    return error.exit_code if isinstance(error, ReviewbotError) else UNEXPECTED


def _one_pass(screen: Screen, bot: KeyBot) -> None:
    app, book = bot.app, checkpoints_of(bot.settings)
    app.guard.brake = brakes = StopConditions(app, book)
    brakes.check()
    summary = passes(bot.settings, math.inf)(app)
    if summary.stopped is None:
        tell_week(app.ledger, app.notifier, app.limits.digest)
        move_ladders(app.ledger, app.events, app.notifier, app.benches)
        follow_up(app)  # at most once a day; the daemon has a chore for it
    brakes.check()  # the first answer told how far off this machine's clock is
    say_pass(app.events, summary)
    with suppress(LedgerCorrupt):  # a log that went back was told above, and gets no checkpoint
        keep(app.ledger, book, app.clock.now())
    if screen.is_terminal(sys.stderr):
        name = f"{bot.settings.key}: " if bot.settings.keys else ""
        screen.say(name + in_words(summary, app.mode))


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
