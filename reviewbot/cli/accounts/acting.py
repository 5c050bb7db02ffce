"""`reviewbot accounts finalize|corrections`: a person's act on an account, rehearsed or sent."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click

from reviewbot.bootstrap import build
from reviewbot.cli.accounts.finding import account_round
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import logs_for, settings_with
from reviewbot.cli.queue.answering import answer_options, corrected_fields, tell_answer
from reviewbot.cli.queue.claiming import person_of
from reviewbot.cli.screen import Screen
from reviewbot.domain.accounts import CORRECTABLE_FIELDS
from reviewbot.domain.decision import Action, Mode
from reviewbot.domain.errors import UsageError
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.safetext import safe_line
from reviewbot.ledger.opening import open_ledger
from reviewbot.ports import Ledger
from reviewbot.service.effects import waits
from reviewbot.service.people.answers import Reply, answer, who_was_first
from reviewbot.service.people.questions import answered_in


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot accounts finalize bnd_abc123", "what it would do; sends nothing"),
        Example("reviewbot accounts finalize bnd_abc123 --live", "the account goes live, for good"),
    ],
)
@answer_options("account")
def finalize(screen: Screen, account: str, **about: Any) -> None:
    """Finalize an account: it goes live, and that cannot be undone. A dry run without --live."""
    _act(screen, account, Action.FINALIZE, **about)


@click.command(
    cls=Command,
    examples=[
        Example(
            'reviewbot accounts corrections bnd_abc123 --comment "One thing to mend."'
            ' --field username="Please drop the digits."',
            "what it would send; sends nothing without --live",
        ),
    ],
)
@click.option("--repeat", is_flag=True, help="Although the same words were sent before.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=TEXT",
    help=f"What to correct, once per field: {', '.join(CORRECTABLE_FIELDS)}.",
)
@click.option("--comment", metavar="TEXT", help="What they read first.")
@answer_options("account")
def corrections(
    screen: Screen, account: str, comment: str | None, fields: tuple[str, ...], **about: Any
) -> None:
    """Ask for corrections of an account, field by field. A dry run without --live."""
    if not (comment or "").strip():
        raise UsageError('say what is wrong: --comment "…"')
    named = corrected_fields(fields)
    if not named:
        raise UsageError(
            f'name at least one field to correct: --field NAME="…", one of'
            f" {', '.join(CORRECTABLE_FIELDS)}"
        )
    _act(screen, account, Action.REQUEST_CORRECTIONS, text=comment, fields=named, **about)


def _act(
    screen: Screen,
    account: str,
    action: Action,
    *,
    live: bool,
    name: str | None,
    take_over: bool,
    ledger: str | None,
    config: str | None,
    text: str | None = None,
    fields: dict[str, str] | None = None,
    repeat: bool = False,
) -> None:
    settings = settings_with(
        config=config, ledger=ledger, person=name, mode="live" if live else None
    )
    sends = settings.mode is Mode.LIVE
    reply = Reply(
        action=action,
        who=person_of(settings),
        text=text,
        fields=fields,
        take_over=take_over,
        repeat=repeat,
    )
    events = logs_for(screen, settings, least="warning")
    # Beside a running bot: no lock. What both could do is kept apart by the log's unique intents.
    with (
        closing(open_ledger(settings.ledger, read_only=not sends)) as opened,
        closing(build(settings, judges=(), ledger=opened, events=events)) as app,
    ):
        bench = app.make_bench("accounts")
        item, chosen = account_round(app, bench, account)
        if not waits(item):
            raise UsageError(_why_not(app.ledger, item))
        if item.epoch is None:
            raise UsageError(
                f"the round of {safe_line(item.id)} cannot be told from what the API says of its feedback, so"
                " nothing is sent for it"
            )
        if sends:
            app.ledger.sight([item], app.clock.now())
        told = answer(app, chosen, reply)
    tell_answer(screen, chosen, told, live=sends)


def _why_not(ledger: Ledger, item: ReviewItem) -> str:
    """Say what an account is instead of in review, and who was first where our log knows."""
    stands = f"{safe_line(item.id)} is {safe_line(item.status or 'in a status nobody knows')}"
    first = answered_in(ledger, item.id, item.epoch)
    who = "" if first is None else f": {who_was_first(ledger, first)}"
    return f"{stands}, not in review{who}"
