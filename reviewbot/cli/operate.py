"""`reviewbot pause` and `resume`: stop some or all actions, at once, beside a running bot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from reviewbot.alarms.exposure import at_stake
from reviewbot.cli.answering import as_option, ledger_for_a_word, person_of
from reviewbot.cli.command import command, ledger_option
from reviewbot.cli.each_key import for_each_key
from reviewbot.cli.opening import with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import ConfigError, LedgerError, UsageError
from reviewbot.domain.text import format_moment, parse_iso, safe_line
from reviewbot.foresight.gather import outlook_of
from reviewbot.presentation.format import due
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.runtime.bot_health import bot_of
from reviewbot.runtime.state_files import PauseFile
from reviewbot.safety import breaker
from reviewbot.safety import pauses as pauses_module
from reviewbot.safety.pauses import Pause
from reviewbot.setting_values import read_seconds

LONGEST_REASON = 300


@command
@click.argument("what", type=click.Choice(tuple(pauses_module.WORDS)), default=pauses_module.ALL)
@click.option("--reason", required=True, metavar="TEXT", help="Why; everybody will see it.")
@click.option(
    "--until", metavar="TIME", help="When it ends by itself: 2h, or 2026-06-02T12:00:00Z."
)
@with_settings(as_option, ledger_option, every_key=True)
def pause(screen: Screen, settings: Settings, what: str, reason: str, until: str | None) -> None:
    """Stop sending approvals, disputes, or anything, before the next request leaves.

    `approve` and `dispute` stop their like in the review of accounts as well; nothing gets past a
    pause, the fallback at the deadline and people's answers included. Silence still pays: the
    command says whom, and when. Where the log cannot be written it leaves the file PAUSE, which
    works as well. Only `reviewbot resume` ends a pause, or its own --until.

    $ reviewbot pause --reason "the checker is broken"  # send nothing until resumed
    $ reviewbot pause dispute --reason "new wording" --until 2h  # only disputes
    """
    who, why = person_of(settings), reason_of(reason)
    now = datetime.now(UTC)
    end = None if until is None else end_of(until, now)
    for_each_key(screen, settings, lambda key: _pause(screen, key, what, who=who, why=why, end=end))


def _pause(
    screen: Screen, settings: Settings, what: str, *, who: str, why: str, end: datetime | None
) -> None:
    now = datetime.now(UTC)
    zone = zones_of(settings).first
    stakes = "Whom silence will pay meanwhile cannot be said: the log cannot be used."
    try:
        with ledger_for_a_word(settings) as opened:
            on = pauses_module.pause(
                opened, what, reason=why, who=who, until=end, now=now, zone=zone
            )
            ahead = outlook_of(opened, now, bot_of(settings, now))
            exposure = at_stake(ahead, until=end)
            stakes = exposure.sentence(due(exposure.first_at, now, zone))
            stakes = styled(stakes, "care") if exposure.tasks else stakes
    except LedgerError as error:
        file = PauseFile(settings.pause_paths()[-1])
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


def _by_file(file: PauseFile, what: str, why: str, who: str) -> Pause:
    try:
        file.write(pauses_module.file_text(what, reason=why, who=who))
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


def end_of(text: str, now: datetime) -> datetime:
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


@command
@click.argument("what", type=click.Choice(tuple(pauses_module.WORDS)), default=pauses_module.ALL)
@click.option("--reason", required=True, metavar="TEXT", help="Why it may go on; it is logged.")
@with_settings(as_option, ledger_option, every_key=True)
def resume(screen: Screen, settings: Settings, what: str, reason: str) -> None:
    """End pauses, by word and by file, and close every open breaker.

    With `approve` or `dispute` only that pause ends, and breakers stay as they are. What a breaker
    opened for is shown; look at it first, because the bot acts again at its next poll.

    $ reviewbot resume --reason "the checker works again"  # everything goes on
    $ reviewbot resume dispute --reason "wording agreed"  # only disputes go on
    """
    who, why = person_of(settings), reason_of(reason)
    ended = () if settings.chosen else _end_file(PauseFile(settings.pause_path()), what)
    for paused in ended if settings.keys else ():
        screen.data(f"Ended: {paused.sentence()}.")
    for_each_key(
        screen,
        settings,
        lambda key: _resume(screen, key, what, who=who, why=why, ended=() if key.keys else ended),
    )


def _resume(
    screen: Screen, settings: Settings, what: str, *, who: str, why: str, ended: tuple[Pause, ...]
) -> None:
    now = datetime.now(UTC)
    for path in settings.pause_paths()[1:]:
        ended += _end_file(PauseFile(path), what)
    try:
        with ledger_for_a_word(settings) as opened:
            ended += pauses_module.resume(opened, what, reason=why, who=who, now=now)
            stood = (
                breaker.close(opened, reason=why, who=who, now=now)
                if what == pauses_module.ALL
                else ()
            )
    except LedgerError:
        for paused in ended:
            screen.say(f"Ended: {paused.sentence()}.")
        raise
    for paused in ended:
        screen.data(f"Ended: {paused.sentence()}.")
    for note in stood:
        screen.data(
            f"Closed: the breaker of {safe_line(note.subject)},"
            f" which opened because {safe_line(str(note.value.get('what')), 300)}."
        )
    if not ended and not stood:
        screen.data("Nothing was paused, and no breaker stood open.")


def _end_file(file: PauseFile, what: str) -> tuple[Pause, ...]:
    """Take the file away where it pauses this; one that also pauses something else stays."""
    pauses = pauses_module.pauses_on((), file.read(), datetime.now(UTC))
    words = {paused.word for paused in pauses}
    if not words or what not in (pauses_module.ALL, *words):
        return ()
    others = [] if what == pauses_module.ALL else sorted(words - {what})
    if others:
        raise UsageError(
            f"{file.path} pauses {' and '.join(others)} as well; change the file, or resume all"
        )
    try:
        file.remove()
    except OSError as error:
        raise UsageError(f"{file.path} cannot be removed ({error.strerror})") from error
    return pauses
