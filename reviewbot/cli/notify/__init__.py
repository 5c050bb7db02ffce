"""`reviewbot notify …`: the channels through which people are told."""

from __future__ import annotations

import click

from reviewbot.cli.lazy import Example, Lazy, LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={"Try": {"test": Lazy("reviewbot.cli.notify.test:test", "send a drill through channels")}},
    examples=[
        Example("reviewbot notify test", "does every channel work?"),
        Example("reviewbot notify test --channel ops", "does this one?"),
    ],
)
def notify() -> None:
    """Try the channels of reviewbot.toml, through which alarms reach people."""
