"""`reviewbot queue claim` and `release`: who looks at which question."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import config_option, ledger_option
from reviewbot.cli.screen import Screen
from reviewbot.cli.zones import zones_of
from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Ledger
from reviewbot.service.people import claims
from reviewbot.service.people.answers import name_of
from reviewbot.service.people.questions import find_round
from reviewbot.settings import Settings

as_option = click.option(
    "--as",
    "name",
    metavar="NAME",
    help="Your name in the log; else REVIEWBOT_PERSON, else your login.",
)
take_over_option = click.option(
    "--take-over", is_flag=True, help="Although somebody else has claimed it."
)


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot queue claim 0d8b5a3e", "yours for 15 minutes; again: 15 more"),
        Example("reviewbot queue claim 0d8b5a3e --take-over", "from whoever has it"),
    ],
)
@click.argument("task")
@as_option
@take_over_option
@ledger_option
@config_option
@click.pass_obj
def claim(
    screen: Screen,
    task: str,
    name: str | None,
    take_over: bool,
    ledger: str | None,
    config: str | None,
) -> None:
    """Say that you look at a question, so that nobody else does. It writes to our log only."""
    settings = settings_with(config=config, ledger=ledger, person=name)
    now = datetime.now(UTC)
    with ledger_for_a_word(settings) as opened:
        chosen = find_round(opened, task)
        if chosen.latest is None:
            raise UsageError("nothing is decided on it yet, so there is no question to claim")
        zone = zones_of(settings, opened).of(
            revision=chosen.decision.revision, policy=chosen.decision.policy
        )
        mine = claims.claim(
            opened, chosen.decision.id, person_of(settings), now, take_over=take_over
        )
    screen.say(
        f"{safe_line(chosen.sighting.task_id)} is yours until {format_moment(mine.until, zone)}."
    )


@click.command(
    cls=Command, examples=[Example("reviewbot queue release 0d8b5a3e", "others may look at it now")]
)
@click.argument("task")
@as_option
@ledger_option
@config_option
@click.pass_obj
def release(
    screen: Screen, task: str, name: str | None, ledger: str | None, config: str | None
) -> None:
    """Let go of a question that you claimed."""
    settings = settings_with(config=config, ledger=ledger, person=name)
    now = datetime.now(UTC)
    with ledger_for_a_word(settings) as opened:
        chosen = find_round(opened, task)
        who = person_of(settings)
        held = None if chosen.latest is None else claims.holder(opened, chosen.decision.id, now)
        if held is None or held.who != who:
            raise UsageError(f"{safe_line(who)} has not claimed it")
        claims.let_go(opened, chosen.decision.id, who, now)
    screen.say(f"{safe_line(chosen.sighting.task_id)} is free again.")


def person_of(settings: Settings) -> str:
    """Whose answer it is: as asked for, or whoever is logged in."""
    if settings.person:
        return name_of(settings.person)
    try:
        return name_of(getpass.getuser())
    except (OSError, KeyError) as error:
        raise UsageError("your login has no name; say who you are with --as NAME") from error


@contextmanager
def ledger_for_a_word(settings: Settings) -> Iterator[Ledger]:
    """Open the log for writing beside a running bot: without its lock, for a moment.

    The bot holds its lock against other bots. What two writers could do to one round is kept apart
    by the log's own transactions and its unique intents.
    """
    from reviewbot.ledger.opening import open_ledger

    opened = open_ledger(settings.ledger, create=False, lock=False)
    try:
        yield opened
    finally:
        opened.close()
