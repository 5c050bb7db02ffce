"""One line on a terminal that says how far a long command is, and nothing anywhere else."""

from __future__ import annotations

import click

from reviewbot.cli.screen import Screen
from reviewbot.domain.safetext import safe_line

_CLEAR = "\r\x1b[K"


class Progress:
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
