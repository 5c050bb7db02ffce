"""Where a command prints: data to stdout, messages to stderr, colour only where a terminal shows it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import masked, quiet, safe_line, without_known

_CLEAR = "\r\x1b[K"


class Screen:
    """The two streams and how much is said on them.

    `verbosity` is -1 with `-q`, 1 with `-v`, 2 with `-vv`. Text from outside must have gone
    through `domain.text` before it comes here; JSON is made quiet here,
    and secrets are masked here, whoever let them in.
    """

    def __init__(self) -> None:
        self.verbosity = 0
        self.no_color = False

    def data(self, text: str) -> None:
        """Print what was asked for."""
        click.echo(quiet(without_known(text)), color=self._color())

    def write(self, path: str, text: str) -> None:
        """Put what was asked for into a file, without a terminal's marks. Raises UsageError."""
        try:
            Path(path).write_text(click.unstyle(text) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error
        self.say(f"Written to {path}")

    def say(self, text: str) -> None:
        """Tell the person something beside the data; `-q` silences it."""
        if self.verbosity >= 0:
            self.complain(text)

    def detail(self, text: str) -> None:
        """Tell more, for `-v` only."""
        if self.verbosity > 0:
            self.complain(text)

    def complain(self, text: str) -> None:
        """Say what went wrong; never silenced."""
        click.echo(masked(text), err=True, color=self._color())

    @contextmanager
    def progress(self) -> Iterator[Callable[[str], None]]:
        """A line on a terminal that says how far a long command is, and nothing anywhere else."""
        shows, wrote = self.is_terminal() and self.verbosity >= 0, False

        def show(text: str) -> None:
            nonlocal wrote
            if shows:
                wrote = True
                click.echo(f"{_CLEAR}{safe_line(text, 78)}", err=True, nl=False)

        try:
            yield show
        finally:
            if wrote:
                click.echo(_CLEAR, err=True, nl=False)

    def is_terminal(self, stream: TextIO | None = None) -> bool:
        """Whether a person watches the stream (stderr unless another is given)."""
        chosen = sys.stderr if stream is None else stream
        return chosen.isatty() and os.environ.get("TERM") != "dumb"

    def wants_color(self, stream: TextIO | None = None) -> bool:
        """Whether colour helps on the stream."""
        return self._color() is None and self.is_terminal(stream)

    def _color(self) -> bool | None:
        """False forbids colour; None leaves it to whether the stream is a terminal."""
        plain = self.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return False if plain else None
