"""A bar on a terminal while the queue and its evidence are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reviewbot.cli.screen import Screen


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
