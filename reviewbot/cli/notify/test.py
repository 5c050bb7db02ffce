"""`reviewbot notify test`: a drill through every channel, and which of them carried it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import click

from reviewbot.channels.channel import Channel
from reviewbot.channels.making import make_channels
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import config_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import counted
from reviewbot.domain.alarms import Alarm, Kind, Message
from reviewbot.domain.errors import ChannelFailed, UsageError
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.names import did_you_mean

SOME_FAILED = 4
_DRILL_TASKS = 3


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot notify test", "a short message through every channel"),
        Example("reviewbot notify test --channel ops", "through one"),
        Example("reviewbot notify test --drill", "in the form of a real alarm, to practise"),
    ],
)
@click.option("--channel", metavar="NAME", help="Only this channel.")
@click.option("--drill", is_flag=True, help="Send what a real alarm looks like, marked as a drill.")
@config_option
@click.pass_obj
def test(screen: Screen, channel: str | None, drill: bool, config: str | None) -> None:
    """Send a message through every channel, and say which of them took it.

    Each is tried once. What a channel otherwise takes (min_level, kinds) does not matter here. The
    dead man's ping is left out: it must only come from a bot that works. Exit code 4 where any
    channel failed.
    """
    settings = settings_with(config=config)
    channels = _chosen(make_channels(settings.notices, settings.proxy), channel)
    message = _drill(datetime.now(UTC)) if drill else _hello(datetime.now(UTC))
    failed = 0
    for one in channels:
        try:
            note = one.deliver(message)
        except ChannelFailed as error:
            failed += 1
            screen.data(f"{styled('failed', 'bad')}  {one.name}: {safe_line(str(error))}")
        else:
            more = f", but {safe_line(note)}" if note else ""
            screen.data(f"{styled('ok', 'good')}      {one.name}{more}")
    if failed:
        screen.say(f"{counted(failed, 'channel')} of {len(channels)} failed.")
        raise click.exceptions.Exit(SOME_FAILED)


def _chosen(channels: Iterable[Channel], name: str | None) -> list[Channel]:
    found = list(channels)
    if not found:
        raise UsageError(
            "no channel is set up: add a table  [channels.NAME]  to reviewbot.toml; the README shows how"
        )
    if name is None:
        return found
    names = [one.name for one in found]
    if name not in names:
        hint = did_you_mean(name, names) or f"there are {', '.join(names)}"
        raise UsageError(f"no channel is called {name!r}; {hint}")
    return [one for one in found if one.name == name]


def _hello(now: datetime) -> Message:
    sentence = "This is a test by  reviewbot notify test . Nothing is wrong."
    return Message(
        headline=sentence,
        alarms=(Alarm(kind=Kind.DRILL, sentence=sentence, at=now, urgency="info"),),
    )


def _drill(now: datetime) -> Message:
    alarms = []
    for number in range(1, _DRILL_TASKS + 1):
        deadline = now + timedelta(minutes=50 + number)
        alarms.append(
            Alarm(
                kind=Kind.DRILL,
                sentence=f"DRILL: task example{number} (0.24 USD) is undecided, 1 h or less before"
                f" its deadline ({format_moment(deadline)}); otherwise silence pays it",
                at=now,
                facts={"task_id": f"example{number}", "deadline_at": deadline},
            )
        )
    return Message(
        headline=f"DRILL, nothing is wrong: {_DRILL_TASKS} tasks expire undecided within 1 h",
        alarms=tuple(alarms),
    )
