"""`reviewbot pause`: stop some or all actions, at once, beside a running bot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from reviewbot.cli.bot import bot_of
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import config_option, ledger_option
from reviewbot.cli.queue.claiming import as_option, ledger_for_a_word, person_of
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import dollars, due
from reviewbot.cli.zones import zones_of
from reviewbot.domain.errors import ConfigError, LedgerError, UsageError
from reviewbot.domain.moments import format_moment, parse_iso
from reviewbot.domain.review import things
from reviewbot.domain.safetext import safe_line
from reviewbot.pausefile import PauseFile
from reviewbot.service.guards import switches
from reviewbot.service.guards.stakes import Stakes, at_stake
from reviewbot.service.guards.switches import Pause
from reviewbot.service.outlook.gather import outlook_of
from reviewbot.settings import read_seconds

LONGEST_REASON = 300


@click.command(
    cls=Command,
    examples=[
        Example('reviewbot pause --reason "the checker is broken"', "send nothing until resumed"),
        Example('reviewbot pause dispute --reason "new wording" --until 2h', "only disputes"),
    ],
)
@click.argument("what", type=click.Choice(tuple(switches.WORDS)), default=switches.ALL)
@click.option("--reason", required=True, metavar="TEXT", help="Why; everybody will see it.")
@click.option(
    "--until", metavar="TIME", help="When it ends by itself: 2h, or 2026-06-02T12:00:00Z."
)
@as_option
@ledger_option
@config_option
@click.pass_obj
def pause(
    screen: Screen,
    what: str,
    reason: str,
    until: str | None,
    name: str | None,
    ledger: str | None,
    config: str | None,
) -> None:
    """Stop sending approvals, disputes, or anything, before the next request leaves.

    `approve` and `dispute` stop their like in the review of accounts as well; nothing gets past a
    pause, the fallback at the deadline and people's answers included. Silence still pays: the
    command says whom, and when. Where the log cannot be written it leaves the file PAUSE, which
    works as well. Only `reviewbot resume` ends a pause, or its own --until.
    """
    settings = settings_with(config=config, ledger=ledger, person=name)
    who, why = person_of(settings), reason_of(reason)
    now = datetime.now(UTC)
    end = None if until is None else _end(until, now)
    zone = zones_of(settings).first
    stakes = "Whom silence will pay meanwhile cannot be said: the log cannot be used."
    try:
        with ledger_for_a_word(settings) as opened:
            on = switches.pause(opened, what, reason=why, who=who, until=end, now=now, zone=zone)
            ahead = outlook_of(opened, now, bot_of(settings, now))
            stakes = stakes_in_words(at_stake(ahead, until=end), now, zone)
    except LedgerError as error:
        file = PauseFile(settings.pause_path())
        on = _by_file(file, what, why, who)
        screen.say(styled("the log cannot be written", "bad") + f" ({safe_line(str(error), 200)}).")
        screen.say(f"Instead the file {file.path} pauses the bot{_no_end(end, zone)}.")
    screen.data(on.sentence()[0].upper() + on.sentence()[1:] + ".")
    screen.data(stakes)


def reason_of(text: str) -> str:
    """A reason fit for the log. Raises UsageError for what is none."""
    reason = " ".join(text.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise UsageError(f"a reason is 1 to {LONGEST_REASON} characters")
    return reason


def stakes_in_words(stakes: Stakes, now: datetime, zone: str) -> str:
    """Whom silence pays meanwhile, for a person."""
    if not stakes.tasks:
        return "No open task is paid by silence because of it so far."
    soon = f", first {due(stakes.first_at, now, zone)}" if stakes.first_at else ""
    money = f" ({dollars(stakes.amount_micros)})" if stakes.amount_micros else ""
    count = things(len(stakes.tasks), stakes.accounts)
    return styled(f"{count}{money} will be paid by silence{soon}.", "care")


def _by_file(file: PauseFile, what: str, why: str, who: str) -> Pause:
    try:
        file.write(switches.file_text(what, reason=why, who=who))
    except OSError as error:
        raise ConfigError(
            f"neither the log nor {file.path} can be written ({error.strerror}); put a file of that"
            " name there, or stop the bot"
        ) from error
    return Pause(word=what, reason=why, who=who, by_file=True)


def _no_end(end: datetime | None, zone: str) -> str:
    if end is None:
        return ""
    return f", until you remove it; it does not end by itself at {format_moment(end, zone)}"


def _end(text: str, now: datetime) -> datetime:
    """Read `--until`: a length of time from now, or a moment to come."""
    try:
        end = parse_iso(text)
    except ValueError:
        try:
            end = (now + timedelta(seconds=read_seconds(text))).replace(microsecond=0)
        except ConfigError as error:
            raise UsageError(f"--until {error}, or a moment like 2026-06-02T12:00:00Z") from error
    if end <= now:
        raise UsageError(f"--until {safe_line(text)} is over already")
    return end
