"""`reviewbot policy diff`: what a change of policy would have changed."""

from __future__ import annotations

from datetime import timedelta

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.policy.files import load_usable
from reviewbot.cli.policy.history import PastType, count
from reviewbot.cli.policy.impact import diff_json, diff_text
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import UsageError
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.impact import read_gate

FOUND = 4
"""The exit code of a check that found something."""


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy diff old.yaml new.yaml", "over the last 30 days of the log"),
        Example(
            'reviewbot policy diff old.yaml new.yaml --fail-if "more than 2% become dispute"',
            "as a gate before a merge: exit code 4 when it does",
        ),
        Example(
            "reviewbot policy diff old.yaml new.yaml --records tasks.jsonl --format json",
            "over recorded reviews, for a program",
        ),
    ],
)
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@click.option(
    "--records",
    type=click.Path(),
    help="Recorded reviews: JSON lines (also .gz), or a log exported as Parquet.",
)
@click.option("--over", type=PastType(), default="30d", show_default=True, help="How far back.")
@click.option(
    "--fail-if", "gates", multiple=True, metavar="CONDITION", help="End with code 4 if so."
)
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def diff(
    screen: Screen,
    old: str,
    new: str,
    records: str | None,
    over: timedelta,
    gates: tuple[str, ...],
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Judge the past by policies OLD and NEW and show what moves from which action to which.

    In reviews, money and accounts, with the pairs of rules that cause it and an example explained by
    both. A condition for --fail-if is  more than 2% become dispute,  more than 10 become approve,
    more than 5 USD become approve,  any become approve  or  more than 5% change.
    """
    try:
        read = [read_gate(text) for text in gates]
    except ValueError as error:
        raise UsageError(str(error)) from error
    before, after = compile_policy(load_usable(old)), compile_policy(load_usable(new))
    if before.policy.applies_to.review != after.policy.applies_to.review:
        raise UsageError(f"{old} and {new} judge different kinds of review")
    counts = count(
        screen, (before, after), records=records, over=over, ledger=ledger, config=config
    )
    broken = [text for gate in read if (text := gate.broken(counts.impact)) is not None]
    screen.data((diff_json if form == "json" else diff_text)(counts, before, after, broken))
    counts.unread.end()
    if broken:
        raise click.exceptions.Exit(FOUND)
