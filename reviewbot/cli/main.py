"""The front door: names every command, imports none, and turns every error into an exit code."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

import click
from click.shell_completion import get_completion_class

from reviewbot import __version__
from reviewbot.cli.command import Lazy, command, group
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import PolicyInvalid, ReviewbotError
from reviewbot.domain.text import remember, safe, safe_line
from reviewbot.presentation.style import styled

COMMANDS = {
    "Start here": {
        "demo": Lazy("demo:demo", "review a simulated week; no key, no network"),
        "doctor": Lazy("status:doctor", "is everything in place to run?"),
    },
    "Review": {
        "run": Lazy("run:run", "poll and review until told to stop"),
        "report": Lazy("report:report", "what would happen to the queue, and when"),
        "policy": Lazy("policy:policy", "check, test and understand policies"),
        "queue": Lazy("queue:queue", "what waits for a person, and your answers"),
        "accounts": Lazy("accounts:accounts", "accounts under review, by hand"),
        "forecast": Lazy("forecast:forecast", "will anything be paid unread?"),
    },
    "Work in a browser": {
        "console": Lazy("console:console", "the desk in a browser, and who may sign in"),
    },
    "Order": {
        "tasks": Lazy("tasks:tasks", "list, follow, order and cancel comment tasks"),
    },
    "Stop and go on": {
        "pause": Lazy("operate:pause", "send nothing, or no approvals, until resumed"),
        "resume": Lazy("operate:resume", "end pauses and close breakers"),
    },
    "Look back": {
        "shadow": Lazy("shadow:shadow", "a challenger policy beside the live one"),
        "log": Lazy("log:log", "the decision log"),
        "status": Lazy("status:status", "how the bot is doing"),
    },
    "Set up": {
        "notify": Lazy("notify:notify", "try the channels, acknowledge and silence alarms"),
        "config": Lazy("status:config", "each setting and where it came from"),
        "simulator": Lazy("simulator:simulator", "serve a simulated TokPortal"),
        "completion": Lazy("main:completion", "completion for your shell"),
    },
}
INTERRUPTED = 130


@group(COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="reviewbot")
def root() -> None:
    """Review TokPortal work by a written policy, before silence pays for it.

    A task that nobody decides within 72 hours is paid. reviewbot reads the queue, judges each task
    by a policy that you can read aloud, writes every decision down, and then acts. Nothing is sent
    unless you say --live.

    $ reviewbot demo  # see it work, without a key
    $ reviewbot policy guide  # how a policy is written
    $ reviewbot policy check policies/starter.yaml  # is this policy sound?
    $ reviewbot report --policy policies/starter.yaml  # what would it do? Sends nothing
    $ reviewbot run --live --policy policies/starter.yaml  # review the real queue
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code."""
    screen = Screen()
    remember(os.environ.get("TOKPORTAL_API_KEY", "").strip())
    try:
        code = root.main(arguments, prog_name="reviewbot", obj=screen, standalone_mode=False)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        screen.complain(shown.getvalue().rstrip("\n"))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        screen.complain("interrupted")
        return INTERRUPTED
    except ReviewbotError as error:
        _show(error, screen)
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # the last stop: a person never sees a bare traceback
        _show_unexpected(error, screen)
        return 1
    return code if isinstance(code, int) else 0


def _show(error: ReviewbotError, screen: Screen) -> None:
    if isinstance(error, PolicyInvalid) and error.findings:
        from reviewbot.cli.policy import show_findings, sources_of

        screen.complain(show_findings(screen, error.findings, sources_of(error.findings)) + "\n")
    screen.complain(styled("error: ", "bad") + safe(str(error)))
    request_id = getattr(error, "request_id", None)
    if request_id:
        screen.complain(f"       request id for TokPortal's support: {safe(request_id)}")
    _show_origin(error, screen)


def _show_unexpected(error: Exception, screen: Screen) -> None:
    _show_origin(error, screen)
    screen.complain(
        styled("unexpected error: ", "bad") + safe_line(f"{type(error).__name__}: {error}", 300)
    )
    if screen.verbosity <= 1:
        screen.complain("This is a fault in reviewbot. With -vv it shows where.")


def _show_origin(error: Exception, screen: Screen) -> None:
    if screen.verbosity > 1:
        import traceback

        screen.complain(safe("".join(traceback.format_exception(error)), 20_000))


@command
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(screen: Screen, shell: str) -> None:
    """Print the completion script of SHELL, for its start-up file.

    $ reviewbot completion bash >> ~/.bashrc  # bash
    $ reviewbot completion zsh >> ~/.zshrc  # zsh, after compinit
    $ reviewbot completion fish > ~/.config/fish/completions/reviewbot.fish  # fish
    """
    script = get_completion_class(shell)
    assert script is not None
    screen.data(script(root, {}, "reviewbot", "_REVIEWBOT_COMPLETE").source())
