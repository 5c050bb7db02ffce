"""`reviewbot notify …`: try the channels, and say that people need not hear of an alarm again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from reviewbot.alarms import mutes
from reviewbot.alarms.mutes import How, Mute, mutes_on, standing_causes
from reviewbot.channels.base import Channel
from reviewbot.channels.config import make_channels
from reviewbot.cli.answering import as_option, ledger_for_a_word, person_of
from reviewbot.cli.command import Decorator, Lazy, command, format_option, group, ledger_option
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.operate import end_of, reason_of
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.alarm import Alarm, AlarmKind, Message
from reviewbot.domain.errors import ChannelFailed, UsageError
from reviewbot.domain.text import format_moment, iso, safe_line
from reviewbot.policy.text_forms import did_you_mean
from reviewbot.ports.ledger import Ledger
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of


@group(
    {
        "Try": {"test": Lazy("notify:test", "send a drill through channels")},
        "Be told less": {
            "ack": Lazy("notify:ack", "say that you know of an alarm that stands"),
            "silence": Lazy("notify:silence", "hear nothing of a kind for a while"),
            "list": Lazy("notify:list_", "what is acknowledged or silenced now"),
            "lift": Lazy("notify:lift", "hear of it again"),
        },
    }
)
def notify() -> None:
    """Try the channels of reviewbot.toml, and say which alarms need not be told again.

    Whatever is silenced, two things are told all the same: that silence has paid something, and the
    last hour before it does.

    $ reviewbot notify test  # does every channel work?
    $ reviewbot notify ack api-away --until 4h --reason "TokPortal knows"  # no more repeats
    $ reviewbot notify silence cap --until 2d --reason "the campaign is large"  # nothing of caps
    """


SOME_FAILED = 4
_DRILL_TASKS = 3


@command
@click.option("--channel", metavar="NAME", help="Only this channel.")
@click.option("--drill", is_flag=True, help="Send what a real alarm looks like, marked as a drill.")
@with_settings(every_key=True)
def test(screen: Screen, settings: Settings, channel: str | None, drill: bool) -> None:
    """Send a message through every channel, and say which of them took it.

    Each is tried once. What a channel otherwise takes (min_level, kinds) does not matter here. The
    dead man's ping is left out: it must only come from a bot that works. Exit code 4 where any
    channel failed.

    $ reviewbot notify test  # a short message through every channel
    $ reviewbot notify test --channel ops  # through one
    $ reviewbot notify test --drill  # in the form of a real alarm, to practise
    """
    channels = _chosen(make_channels(settings.notices, settings.proxy), channel)
    message = _drill(datetime.now(UTC)) if drill else _hello(datetime.now(UTC))
    failed = 0
    for chosen in channels:
        try:
            note = chosen.deliver(message)
        except ChannelFailed as error:
            failed += 1
            screen.data(f"{styled('failed', 'bad')}  {chosen.name}: {safe_line(str(error))}")
        else:
            more = f", but {safe_line(note)}" if note else ""
            screen.data(f"{styled('ok', 'good')}      {chosen.name}{more}")
    if failed:
        screen.say(f"{counted(failed, 'channel')} of {len(channels)} failed.")
        raise click.exceptions.Exit(SOME_FAILED)


def _chosen(channels: Iterable[Channel], name: str | None) -> list[Channel]:
    found = {channel.name: channel for channel in channels}
    if not found:
        raise UsageError(
            "no channel is set up: add a table  [channels.NAME]  to reviewbot.toml; docs/operations.md shows how"
        )
    if name is None:
        return list(found.values())
    if name not in found:
        hint = did_you_mean(name, list(found)) or f"there are {', '.join(found)}"
        raise UsageError(f"no channel is called {name!r}; {hint}")
    return [found[name]]


def _hello(now: datetime) -> Message:
    sentence = "This is a test by  reviewbot notify test . Nothing is wrong."
    return Message(
        headline=sentence,
        alarms=(Alarm(kind=AlarmKind.DRILL, sentence=sentence, at=now, urgency="info"),),
    )


def _drill(now: datetime) -> Message:
    alarms = []
    for number in range(1, _DRILL_TASKS + 1):
        deadline = now + timedelta(minutes=50 + number)
        alarms.append(
            Alarm(
                kind=AlarmKind.DRILL,
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


# Be told less ------------------------------------------------------------------------------------


TOLD_ALL_THE_SAME = (
    "Told all the same: what silence has paid, and each task an hour before silence pays it."
)
kind_argument = click.argument(
    "kind", metavar="KIND", type=click.Choice([kind.value for kind in AlarmKind])
)
about_argument = click.argument("about", required=False)
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why; it is logged.")


def until_option(**more: Any) -> Decorator:
    """Make `--until`, which is asked for where there is no default."""
    told = "When it ends by itself: 2h, or 2026-06-02T12:00:00Z."
    return click.option("--until", metavar="TIME", help=told, **more)


@command
@kind_argument
@about_argument
@until_option(default="24h", show_default=True)
@reason_option
@with_settings(as_option, ledger_option, every_key=True)
def ack(
    screen: Screen, settings: Settings, kind: str, about: str | None, until: str, reason: str
) -> None:
    """Say that you know of an alarm that stands: it is not repeated until it is over, or until --until.

    That it is over is told. ABOUT is what it is about, or how that begins (`notify list --standing`
    shows it); without it every alarm of the kind that stands now. A new one of the kind is told.

    $ reviewbot notify ack api-away --reason "TokPortal knows"  # for a day, or until it answers
    $ reviewbot notify ack breaker starter --until 4h --reason "we look at it"  # one of several
    """
    found: set[str] = set()
    for key in settings.each():
        with ledger_for_a_word(key) as opened:
            stands = standing_causes(opened, AlarmKind(kind))
            found.update(stands)
            chosen = [cause for cause in stands if about is None or cause.startswith(about)]
            made = [
                _mute(opened, key, kind, cause, "acknowledgement", until, reason)
                for cause in chosen
            ]
            zone = zones_of(key, opened).first
        for mute in made:
            screen.data(f"{_of(key)}{_in_words(mute, zone)}.")
    if not any(about is None or cause.startswith(about) for cause in found):
        raise UsageError(
            f"no {kind} stands that begins so; see: reviewbot notify list --standing"
            if found
            else f"no alarm of the kind {kind} stands; to hear nothing of it in advance:"
            " reviewbot notify silence"
        )
    screen.data(TOLD_ALL_THE_SAME)


@command
@kind_argument
@until_option(required=True)
@reason_option
@with_settings(as_option, ledger_option, every_key=True)
def silence(screen: Screen, settings: Settings, kind: str, until: str, reason: str) -> None:
    """Hear nothing of a kind of alarm until then. The log and `status` go on to show it.

    What stands when it ends is told again. That silence has paid something cannot be silenced, nor
    the last hour before it does.

    $ reviewbot notify silence cap --until 2d --reason "the campaign is large"  # two days of quiet
    $ reviewbot notify silence list --until 2026-06-02T12:00:00Z --reason "known"  # until a moment
    """
    for key in settings.each():
        with ledger_for_a_word(key) as opened:
            made = _mute(opened, key, kind, None, "silence", until, reason)
            zone = zones_of(key, opened).first
        screen.data(f"{_of(key)}{_in_words(made, zone)}.")
    screen.data(TOLD_ALL_THE_SAME)


@command
@click.option(
    "--standing", is_flag=True, help="Also the alarms that stand, which can be acknowledged."
)
@with_settings(ledger_option, every_key=True)
@format_option("text", "json")
def list_(screen: Screen, settings: Settings, standing: bool, form: str) -> None:
    """List what is acknowledged or silenced now, the first to end first.

    $ reviewbot notify list  # who silenced what, why, and until when
    $ reviewbot notify list --standing  # and what there is to acknowledge
    $ reviewbot notify list --format json  # one object a line
    """
    said = False
    for key in settings.each():
        with ledger_at(key) as opened:
            zone = zones_of(key, opened).first
            found = mutes_on(opened, datetime.now(UTC))
            stands = [
                (kind, cause)
                for kind in AlarmKind
                if standing and form == "text"
                for cause in standing_causes(opened, kind)
            ]
        for mute in found:
            text = f"{_of(key)}{_in_words(mute, zone)}."
            line = msgspec.json.encode({"key": key.key, **_as_object(mute)}).decode()
            screen.data(line if form == "json" else text)
        for kind, cause in stands:
            about = f": {safe_line(cause, 200)}" if cause else ""
            screen.data(f"{_of(key)}{kind.value} stands{about}")
        said = said or bool(found or stands)
    if not said and form == "text":
        screen.data("Nothing is acknowledged or silenced.")


@command
@kind_argument
@about_argument
@reason_option
@with_settings(as_option, ledger_option, every_key=True)
def lift(screen: Screen, settings: Settings, kind: str, about: str | None, reason: str) -> None:
    """Hear of it again: end a silence, and what was acknowledged of the kind, before their time.

    $ reviewbot notify lift cap --reason "the campaign is over"  # told again from now on
    """
    now, who, why, any_was = datetime.now(UTC), person_of(settings), reason_of(reason), False
    for key in settings.each():
        with ledger_for_a_word(key) as opened:
            stands = [mute for mute in mutes_on(opened, now) if mute.kind.value == kind]
            chosen = [
                mute for mute in stands if about is None or (mute.subject or "").startswith(about)
            ]
            for mute in chosen:
                mutes.lift(opened, mute, who=who, reason=why, now=now)
            zone = zones_of(key, opened).first
        for mute in chosen:
            screen.data(f"Lifted: {_of(key)}{_in_words(mute, zone)}.")
        any_was = any_was or bool(chosen)
    if not any_was:
        raise UsageError(f"no such silence stands of {kind}; see: reviewbot notify list")


def _of(key: Settings) -> str:
    """Which key it is about, where there are several."""
    return f"{key.key}: " if key.keys else ""


def _mute(
    ledger: Ledger,
    settings: Settings,
    kind: str,
    subject: str | None,
    by: How,
    until: str,
    reason: str,
) -> Mute:
    now = datetime.now(UTC)
    return mutes.mute(
        ledger,
        AlarmKind(kind),
        subject=subject,
        by=by,
        who=person_of(settings),
        reason=reason_of(reason),
        until=end_of(until, now),
        now=now,
    )


def _in_words(mute: Mute, zone: str) -> str:
    what = f"{mute.kind.value} {safe_line(mute.subject, 200)}" if mute.subject else mute.kind.value
    how = "acknowledged" if mute.by == "acknowledgement" else "silenced"
    end = format_moment(mute.until, zone)
    return f"{what} is {how} by {safe_line(mute.who, 80)} until {end}: {safe_line(mute.reason)}"


def _as_object(mute: Mute) -> dict[str, Any]:
    return {
        "kind": mute.kind.value,
        "subject": mute.subject,
        "by": mute.by,
        "who": mute.who,
        "reason": mute.reason,
        "since": iso(mute.since),
        "until": iso(mute.until),
    }
