"""What commands open: the settings with their flags, and the decision log to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from reviewbot.cli.command import Decorator, config_option
from reviewbot.cli.screen import Screen
from reviewbot.core.paths import state_folder
from reviewbot.domain.text import safe_line
from reviewbot.presentation.format import counted

if TYPE_CHECKING:
    from reviewbot.config import Settings
    from reviewbot.ports.ledger import CheckpointBook, Ledger
    from reviewbot.runtime.logging import Log


def settings_with(*, config: str | None = None, **flags: Any) -> Settings:
    """Read every setting, the given flags first."""
    from reviewbot.config import load_settings

    return load_settings(flags, config=config)


def with_settings(*options: Decorator) -> Decorator:
    """Give a command these options and --config, and hand it the screen and its settings.

    The settings stand in place of --policy, --ledger, --as, --live and --config, which say where
    they come from.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., Any]:
        @wraps(command)
        def with_them(
            screen: Screen,
            *,
            config: str | None = None,
            policies: tuple[str, ...] = (),
            ledger: str | None = None,
            person: str | None = None,
            live: bool = False,
            **more: Any,
        ) -> None:
            mode = "live" if live else None
            settings = settings_with(
                config=config, policy=policies, ledger=ledger, person=person, mode=mode
            )
            command(screen, settings, **more)

        decorated: Callable[..., Any] = click.pass_obj(with_them)
        for option in (config_option, *reversed(options)):
            decorated = option(decorated)
        return decorated

    return decorate


def logs_for(screen: Screen, settings: Settings, least: str = "info") -> Log:
    """Set up the logs of this process: `least` and above, or as `-q` and `-v` say."""
    from reviewbot.runtime.logging import configure_logs

    level = {-1: "warning", 0: least}.get(screen.verbosity, "debug")
    return configure_logs(level=level, secrets=settings.secrets(), colour=screen.wants_color())


def checkpoints_of(settings: Settings) -> CheckpointBook | None:
    """Open the second place, where the checkpoints of the settings' log are kept."""
    from reviewbot.ledger.open import open_checkpoints

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
    from reviewbot.ledger.open import open_ledger

    opened = open_ledger(url, read_only=True)
    try:
        yield opened
    finally:
        opened.close()


# ------------------------------------------------------------------------------------------------
# One line on a terminal that says how far a long command is, and nothing anywhere else.


_CLEAR = "\r\x1b[K"


class ProgressLine:
    """Writes over its own line on stderr; `done` takes it away."""

    def __init__(self, screen: Screen) -> None:
        self._shows = screen.is_terminal() and screen.verbosity >= 0
        self._wrote = False

    def __call__(self, text: str) -> None:
        """Say where the command is now."""
        if self._shows:
            self._wrote = True
            click.echo(f"{_CLEAR}{safe_line(text, 78)}", err=True, nl=False)

    def done(self) -> None:
        """Take the line away."""
        if self._wrote:
            self._wrote = False
            click.echo(_CLEAR, err=True, nl=False)


# ------------------------------------------------------------------------------------------------
# A bar on a terminal while the queue and its evidence are read.


@contextmanager
def reading_bar(screen: Screen) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much of how many has been read; nothing where there is no terminal."""
    if not screen.is_terminal() or screen.verbosity < 0:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, no_color=not screen.wants_color())
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("reading the queue", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


# ------------------------------------------------------------------------------------------------
# What of some records could not be read: counted and named, and too much of it fails the command.


NAMED = 5
"""So many are named, the first ones."""


TOLERATED = 0.001
"""The share of unreadable records above which a result is not to be relied on."""


UNREADABLE = "what it was judged by cannot be read"
"""Why a decision of the log cannot be judged again."""


FAILED = 4
"""The exit code of a check that found something."""


class UnreadCount:
    """The records that a command has read so far, and those of them that it could not judge."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.judged = 0
        self.problems: list[tuple[str, str]] = []
        """(place, why) of the first few."""
        self.count = 0

    @property
    def read(self) -> int:
        """All of them."""
        return self.judged + self.count

    def add(self, place: str, why: str) -> None:
        """Count one that could not be judged, and name it where few were before."""
        self.count += 1
        if self.count <= NAMED:
            place, why = safe_line(place, 300), safe_line(why, 300)
            self.problems.append((place, why))
            self._screen.complain(f"{place}: {why}")

    def sums(self) -> str:
        """What was read, in one line."""
        return (
            f"{counted(self.read, 'record')} read, {self.judged:,} judged,"
            f" {self.count:,} unreadable"
        )

    def end(self) -> None:
        """Say what it came to; end with code 4 where too much was left out."""
        (self._screen.complain if self.count else self._screen.detail)(self.sums())
        if self.count > TOLERATED * self.read:
            self._screen.complain(f"more than {TOLERATED:.1%} could not be read")
            raise click.exceptions.Exit(FAILED)
