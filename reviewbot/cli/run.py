"""`reviewbot run`: the daemon, or one pass. A dry run unless told otherwise."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

import click

from reviewbot.bootstrap import adopt, build, load_judges
from reviewbot.cli.heartbeat import beat_path, beating_poll
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import logs_for, settings_with, state_folder
from reviewbot.cli.options import config_option, ledger_option, policy_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import counted
from reviewbot.daemon import INTERRUPTED, Daemon, say_pass
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import UsageError
from reviewbot.domain.safetext import safe_line
from reviewbot.service.app import App
from reviewbot.service.poll import PassSummary
from reviewbot.settings import Settings


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot run --once", "one pass as a dry run: decides and logs, sends nothing"),
        Example("reviewbot run --live", "review the real queue until stopped"),
        Example("reviewbot run --live --every 5m --policy policies/starter.yaml", "more slowly"),
    ],
)
@click.option("--once", is_flag=True, help="One pass, then end.")
@click.option("--live", is_flag=True, help="Send decisions. Without it nothing is sent.")
@click.option("--dry-run", is_flag=True, help="Send nothing, whatever REVIEWBOT_MODE says.")
@click.option("--every", metavar="TIME", help="Poll interval, like 60s or 5m.")
@policy_option
@ledger_option
@config_option
@click.pass_obj
def run(
    screen: Screen,
    once: bool,
    live: bool,
    dry_run: bool,
    every: str | None,
    policies: tuple[str, ...],
    ledger: str | None,
    config: str | None,
) -> None:
    """Review the queue by your policies until told to stop. Never asks anything.

    A dry run decides and writes its decisions down, and sends nothing. SIGTERM or Ctrl-C ends in
    order (a second one at once), SIGHUP reads the policies again.
    """
    if live and dry_run:
        raise UsageError("--live and --dry-run contradict each other")
    mode = "live" if live else "dry-run" if dry_run else None
    settings = settings_with(config=config, mode=mode, every=every, policy=policies, ledger=ledger)
    for warning in settings.warnings:
        screen.say(styled("warning: ", "care") + warning)
    stop = threading.Event()
    app = build(settings, events=logs_for(screen, settings), stop=stop)
    try:
        _announce(screen, settings, app)
        code = _one_pass(screen, settings, app, stop) if once else _daemon(settings, app, stop)
    finally:
        app.close()
    if code:
        raise click.exceptions.Exit(code)


def _announce(screen: Screen, settings: Settings, app: App) -> None:
    """Say who acts, how and by what: on a terminal in words, elsewhere as an event."""
    key = settings.need_key().reveal()
    judges = [judge for bench in app.benches for judge in bench.judges]
    policies = [f"{judge.policy.name} {judge.policy.revision[:8]}" for judge in judges]
    if not screen.is_terminal(sys.stderr):
        app.events("started", mode=app.mode.value, policies=policies, api=settings.base_url)
        return
    live = app.mode is Mode.LIVE
    how = styled("LIVE: decisions are sent", "bad") if live else "dry run: nothing is sent"
    screen.say(f"{how}; {safe_line(', '.join(policies))}; key …{key[-4:]} at {settings.base_url}")


def _daemon(settings: Settings, app: App, stop: threading.Event) -> int:
    def reload() -> None:
        adopt(app, load_judges(settings.need_policies()))

    daemon = Daemon(
        app,
        every=settings.every,
        stop=stop,
        reload=reload,
        checkpoints=settings.checkpoint_file,
        poll=beating_poll(beat_path(settings.ledger, state_folder()), settings.every),
    )
    daemon.obey_signals()
    return daemon.run()


def _one_pass(screen: Screen, settings: Settings, app: App, stop: threading.Event) -> int:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(INTERRUPTED)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    poll = beating_poll(beat_path(settings.ledger, state_folder()), settings.every)
    summary = poll(app)
    say_pass(app, summary)
    if screen.is_terminal(sys.stderr):
        screen.say(_in_words(summary, app.mode))
    return 0


def _in_words(summary: PassSummary, mode: Mode) -> str:
    actions = ", ".join(f"{count} {name}" for name, count in summary.actions.items()) or "nothing"
    verb = "decided" if mode is Mode.LIVE else "would decide"
    lines = [f"{counted(summary.waiting, 'task')} waiting; {verb}: {actions}."]
    if summary.in_quarantine:
        lines.append(
            f"{counted(summary.in_quarantine, 'write')} in quarantine: whether done is not known yet;"
            " a later pass finds out."
        )
    if summary.stopped:
        lines.append(f"The pass ended early: {safe_line(summary.stopped)}.")
    return "\n".join(lines)
