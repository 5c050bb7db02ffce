"""The options and values that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class MomentType(click.ParamType[datetime]):
    """A moment with a zone, as the API writes it: `2026-06-02T12:00:00Z`."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the moment, or say what one looks like."""
        from reviewbot.domain.moments import parse_iso

        if isinstance(value, datetime):
            return value
        try:
            return parse_iso(value)
        except ValueError:
            self.fail(f"{value!r} is no moment; write it like 2026-06-02T12:00:00Z", param, ctx)


policy_option: Decorator = click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Policy to judge by; repeat for several.",
)
ledger_option: Decorator = click.option(
    "--ledger", metavar="URL", help="Decision log: sqlite:///PATH or postgresql+psycopg://…"
)
config_option: Decorator = click.option(
    "--config", type=click.Path(), metavar="FILE", help="Settings file (reviewbot.toml)."
)


def format_option(*names: str) -> Decorator:
    """Make `--format`; the first name is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="How to print.",
    )
