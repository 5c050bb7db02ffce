"""`reviewbot resume`: end pauses and close breakers; only a person does."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import config_option, ledger_option
from reviewbot.cli.pause import reason_of
from reviewbot.cli.queue.claiming import as_option, ledger_for_a_word, person_of
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import LedgerError, UsageError
from reviewbot.domain.safetext import safe_line
from reviewbot.pausefile import PauseFile
from reviewbot.service.guards import breaker, switches
from reviewbot.service.guards.switches import Pause


@click.command(
    cls=Command,
    examples=[
        Example('reviewbot resume --reason "the checker works again"', "everything goes on"),
        Example('reviewbot resume dispute --reason "wording agreed"', "only disputes go on"),
    ],
)
@click.argument("what", type=click.Choice(tuple(switches.WORDS)), default=switches.ALL)
@click.option("--reason", required=True, metavar="TEXT", help="Why it may go on; it is logged.")
@as_option
@ledger_option
@config_option
@click.pass_obj
def resume(
    screen: Screen, what: str, reason: str, name: str | None, ledger: str | None, config: str | None
) -> None:
    """End pauses, by word and by file, and close every open breaker.

    With `approve` or `dispute` only that pause ends, and breakers stay as they are. What a breaker
    opened for is shown; look at it first, because the bot acts again at its next poll.
    """
    settings = settings_with(config=config, ledger=ledger, person=name)
    who, why, now = person_of(settings), reason_of(reason), datetime.now(UTC)
    ended = _end_file(PauseFile(settings.pause_path()), what)
    try:
        with ledger_for_a_word(settings) as opened:
            ended += switches.resume(opened, what, reason=why, who=who, now=now)
            stood = (
                breaker.close(opened, reason=why, who=who, now=now) if what == switches.ALL else ()
            )
    except LedgerError:
        for one in ended:
            screen.say(f"Ended: {one.sentence()}.")
        raise
    for one in ended:
        screen.data(f"Ended: {one.sentence()}.")
    for note in stood:
        screen.data(
            f"Closed: the breaker of {safe_line(note.subject)},"
            f" which opened because {safe_line(str(note.value.get('what')), 300)}."
        )
    if not ended and not stood:
        screen.data("Nothing was paused, and no breaker stood open.")


def _end_file(file: PauseFile, what: str) -> tuple[Pause, ...]:
    """Take the file away where it pauses this; one that also pauses something else stays."""
    pauses = switches.pauses_on((), file.read(), datetime.now(UTC))
    if not any(what in (switches.ALL, one.word) for one in pauses):
        return ()
    others = sorted(one.word for one in pauses if what not in (switches.ALL, one.word))
    if others:
        raise UsageError(
            f"{file.path} pauses {' and '.join(others)} as well; change the file, or resume all"
        )
    try:
        file.remove()
    except OSError as error:
        raise UsageError(f"{file.path} cannot be removed ({error.strerror})") from error
    return pauses
