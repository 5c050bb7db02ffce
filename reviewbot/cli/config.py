"""`reviewbot config`: each setting, its value and where that came from."""

from __future__ import annotations

import json

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import config_option, format_option, ledger_option, policy_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import table


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot config", "every setting and its origin"),
        Example("reviewbot config --format json", "the same for a script"),
    ],
)
@policy_option
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def config(
    screen: Screen,
    policies: tuple[str, ...],
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Show each setting, its value and where that came from. Secrets are not shown.

    A flag wins over the environment, that over a secret file, that over reviewbot.toml, that over
    the default.
    """
    settings = settings_with(config=config, policy=policies, ledger=ledger)
    rows = [
        *settings.shown(),
        *((name, value, "reviewbot.toml") for name, value in settings.notices.shown()),
    ]
    if form == "json":
        screen.data(
            json.dumps(
                [dict(zip(("name", "value", "origin"), row, strict=True)) for row in rows], indent=2
            )
        )
    else:
        screen.data(table(("setting", "value", "from"), rows, longest=100))
    for warning in settings.warnings:
        screen.say(styled("warning: ", "care") + warning)
