"""`reviewbot policy backtest`: what a policy would have said of the past."""

from __future__ import annotations

from datetime import timedelta

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.policy.files import load_usable
from reviewbot.cli.policy.history import PastType, count
from reviewbot.cli.policy.impact import backtest_json, backtest_text
from reviewbot.cli.screen import Screen
from reviewbot.policy.compile import compile_policy


@click.command(
    cls=Command,
    examples=[
        Example(
            "reviewbot policy backtest policies/starter.yaml", "over the last 30 days of the log"
        ),
        Example(
            "reviewbot policy backtest policies/starter.yaml --records tasks.jsonl",
            "over recorded reviews, see  policy decide",
        ),
    ],
)
@click.argument("file", type=click.Path())
@click.option(
    "--records",
    type=click.Path(),
    help="Recorded reviews: JSON lines (also .gz), or a log exported as Parquet.",
)
@click.option("--over", type=PastType(), default="30d", show_default=True, help="How far back.")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def backtest(
    screen: Screen,
    file: str,
    records: str | None,
    over: timedelta,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Judge the past by policy FILE and count: by rule, in reviews, money and accounts.

    Each round of the log counts once, with the facts of its first decision. Sends nothing and writes
    nothing.
    """
    judge = compile_policy(load_usable(file))
    counts = count(screen, (judge, judge), records=records, over=over, ledger=ledger, config=config)
    screen.data((backtest_json if form == "json" else backtest_text)(counts, judge))
    counts.unread.end()
