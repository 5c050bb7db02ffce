"""Alarms: tell people what they should know now; once, and again while it lasts.

Theory of operation. Whoever notices something tells it, as often as it is noticed. A mark per kind
and subject says when it was last told; only news passes, and the log gets each piece of news at
once. The news gathers until `flush`, becomes few messages, and goes out through the post, which
reports later what became of it. Only what arrived somewhere is marked in the decision log, so after
a crash an alarm may come twice, but never not at all. What no channel took is sent again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.alarms.links import link_of
from reviewbot.alarms.mutes import ALARM_TOPIC, Muting
from reviewbot.alarms.routing import Routes, messages_of
from reviewbot.core.pipeline import Events
from reviewbot.domain.alarm import EACH_TIME, Alarm, AlarmKind, Message, Urgency
from reviewbot.domain.errors import LedgerError
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.ports.queue import Clock, Delivery, Letter, Post

TOPIC = ALARM_TOPIC
"""The topic of the log under which the marks stand, by kind."""
HEALTH = "channel"
"""The topic of the log under which the health of the channels stands."""
PING = "deadman"
"""The name of the ping to the outside among the channels."""
MOST_WAITING = 20_000
"""Alarms kept while no channel takes them; the oldest go first."""
_ROUNDS_AT_THE_END = 2
"""How often the last letters are sent: what failed may get through elsewhere, and is told of."""
_PAST_THE_LOG = {
    AlarmKind.HANGS: "The loop goes on, in another process",
    AlarmKind.PARKED: "The bot of this key runs, in another process",
}
_ASIDE, _CLOSING = -1, -2
"""The numbers of letters that nobody waits to hear of; whether the second arrives tells nothing of a channel."""
_DAY = timedelta(days=1)
_FORGET = timedelta(days=30)


class AlarmMark(msgspec.Struct, kw_only=True, omit_defaults=True):
    """That something was told: when, to whom, and how long that counts.

    In the log are only those that arrived.
    """

    at: datetime
    again: float | None = None
    keep_until: datetime | None = None
    to: tuple[str, ...] = ()
    urgency: Urgency = "error"
    arrived: bool = False
    known: bool = False
    """Somebody heard of it before, when it was last told."""

    def counts(self, now: datetime) -> bool:
        """Whether telling it again now would be a repetition."""
        return self.again is None or now < self.at + timedelta(seconds=self.again)

    def may_go(self, now: datetime) -> bool:
        """Whether it can be forgotten."""
        return now > (self.keep_until or self.at + _FORGET)


class AlarmHistory:
    """What people were told and when, kept in the decision log so that a restart repeats nothing.

    One note per kind of alarm holds the marks that still matter, and only of what arrived. They are
    read when the first is asked for. A log that cannot be used is no reason to be silent: then the
    marks live in memory alone.
    """

    def __init__(self, ledger: Ledger, clock: Clock, events: Events) -> None:
        self._ledger = ledger
        self._clock = clock
        self._events = events
        self._marks: dict[AlarmKind, dict[str, AlarmMark]] | None = None

    def is_told(self, kind: AlarmKind, subject: str, now: datetime) -> bool:
        """Whether this was told so lately that it is not told again."""
        mark = self._of(kind).get(subject)
        return mark is not None and mark.counts(now)

    def is_news(self, alarm: Alarm) -> bool:
        """Whether the same was not told lately; from now on it counts as told."""
        if self.is_told(alarm.kind, alarm.subject, alarm.at):
            return False
        marks = self._of(alarm.kind)
        mark = marks.get(alarm.subject)
        marks[alarm.subject] = AlarmMark(
            at=alarm.at,
            again=None if alarm.again is None else alarm.again.total_seconds(),
            keep_until=alarm.keep_until,
            to=alarm.to,
            urgency=alarm.urgency,
            known=mark is not None and (mark.arrived or mark.known),
        )
        return True

    def subjects(self, kind: AlarmKind) -> tuple[str, ...]:
        """What was told of a kind and has not ended."""
        return tuple(self._of(kind))

    def forget(self, kind: AlarmKind, subject: str) -> AlarmMark | None:
        """Take a mark away, and give it; None where there was none."""
        return self._of(kind).pop(subject, None)

    def arrived(self, message: Message) -> None:
        """Remember that somebody got this."""
        marks = self._of(message.kind)
        for alarm in message.alarms:
            if alarm.subject in marks:
                marks[alarm.subject].arrived = True

    def unheard(
        self, since: datetime, but: Collection[tuple[AlarmKind, str]] = ()
    ) -> Mapping[str, int]:
        """How many of what was told since then reached nobody, by kind; `but` was to reach nobody."""
        counts = {
            kind.value: sum(
                not mark.arrived and mark.at >= since and (kind, subject) not in but
                for subject, mark in marks.items()
            )
            for kind, marks in (self._marks or {}).items()
        }
        return {kind: count for kind, count in sorted(counts.items()) if count}

    def write_down(self, kind: AlarmKind, through: Mapping[str, str]) -> None:
        """Keep what arrived in the log, with how it went on each channel."""
        now, marks = self._clock.now(), self._of(kind)
        for subject in [subject for subject, mark in marks.items() if mark.may_go(now)]:
            del marks[subject]
        told = {
            s: replace(mark, arrived=False, known=False)
            for s, mark in marks.items()
            if mark.arrived or mark.known
        }
        self.note(TOPIC, kind.value, {"told": msgspec.to_builtins(told), "through": dict(through)})

    def note(self, topic: str, subject: str, value: Mapping[str, Any]) -> None:
        """Add a word to the log, where that can be written."""
        try:
            self._ledger.note(topic, subject, value, self._clock.now())
        except LedgerError as error:
            self._events("alarm not noted", level="warning", topic=topic, error=str(error))

    def notes(self, topic: str) -> Sequence[LogNote]:
        """The newest words of a topic; none where the log cannot be read."""
        try:
            return self._ledger.notes(topic)
        except LedgerError:
            return ()

    def _of(self, kind: AlarmKind) -> dict[str, AlarmMark]:
        if self._marks is None:
            kinds = {kind.value: kind for kind in AlarmKind}
            self._marks = {
                kinds[noted.subject]: {
                    subject: replace(mark, arrived=True)
                    for subject, mark in msgspec.convert(
                        noted.value["told"], dict[str, AlarmMark], strict=False
                    ).items()
                }
                for noted in self.notes(TOPIC)
                if noted.subject in kinds
            }
        return self._marks.setdefault(kind, {})


class NoPost:
    """The post of a bot without channels."""

    def send(self, letter: Letter) -> bool:  # noqa: ARG002  # it takes none
        """Take nothing."""
        return False

    def ping(self) -> None:
        """Tell nobody."""

    def deliveries(self) -> Sequence[Delivery]:
        """Nothing was sent."""
        return ()

    def settle(self, seconds: float) -> None:
        """Nothing is on its way."""

    def close(self) -> None:
        """Nothing is open."""


class _OnItsWay(msgspec.Struct):
    """A letter that has not been heard of on all its channels."""

    message: Message
    pending: set[str]
    tried: set[str]
    through: dict[str, str]
    arrived: bool = False
    fell_back: bool = False


class AlarmDispatcher:
    """The `Alarms` of a running bot. All of it runs in the loop's own thread."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        clock: Clock,
        events: Events,
        routes: Routes | None = None,
        post: Post | None = None,
        dry_run: bool = False,
        key: str = "",
        owner: str = "",
        console: str = "",
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._events = events
        self._routes = routes or Routes()
        self._updates = self._routes.update
        self._post = post or NoPost()
        self._dry_run, self._key, self._owner = dry_run, key, owner
        self._console = console
        self._told = AlarmHistory(ledger, clock, events)
        self._muting = Muting(ledger)
        self._has_run = False
        self._failing: dict[str, str] | None = None
        self._failures = dict.fromkeys(self._routes.names, 0)
        self._waiting: list[Alarm] = []
        self._on_its_way: dict[int, _OnItsWay] = {}
        self._letters = 0
        self._closed = False

    # Taking ----------------------------------------------------------------------------------

    def tell(self, alarm: Alarm) -> bool:
        """Take an alarm, unless the same was told lately."""
        if alarm.kind is AlarmKind.CHECKPOINT and not any(map(self._routes.stands_for, alarm.to)):
            return False
        if alarm.kind is AlarmKind.QUESTION and alarm.mended and not self._updates:
            return False
        if alarm.again != EACH_TIME and not self._told.is_news(alarm):
            return False
        self._take(alarm)
        return True

    def is_told(self, kind: AlarmKind, subject: str) -> bool:
        """Whether this was told lately, so that to tell it now would be no news."""
        return self._told.is_told(kind, subject, self._clock.now())

    def mended(self, kind: AlarmKind, sentence: str, *, subject: str = "") -> None:
        """Tell those who know of it that it is over."""
        mark = self._told.forget(kind, subject)
        if mark is None:
            return
        waiting = len(self._waiting)
        news = (kind, subject)
        self._waiting = [alarm for alarm in self._waiting if (alarm.kind, alarm.subject) != news]
        over = Alarm(
            kind=kind,
            sentence=sentence,
            at=self._clock.now(),
            subject=subject,
            urgency="info",
            to=mark.to,
            mended=True,
        )
        was_muted = self._muting.ended(kind, subject, over.at)
        if len(self._waiting) < waiting or (was_muted and not (mark.arrived or mark.known)):
            log_alarm(self._events, over)
        else:
            self._take(over)

    def _take(self, alarm: Alarm) -> None:
        alarm = replace(alarm, link=link_of(alarm, self._console, self._key))
        log_alarm(self._events, alarm)
        self._waiting.append(alarm)
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[0]

    # Sending ---------------------------------------------------------------------------------

    def flush(self) -> None:
        """Hear what became of the letters, and send what has gathered."""
        if self._closed:
            return
        self._hear()
        now = self._clock.now()
        for kind, subject in self._muting.renew(now):
            self._told.forget(kind, subject)
        gathered, self._waiting = self._muting.let_through(self._waiting, now), []
        for message in self._messages(gathered):
            channels = self._routes.channels(message)
            if channels and not self._send(message, channels):
                self._waiting += message.alarms
        self._hear()

    def aside(self, alarms: Sequence[Alarm]) -> None:
        """Hand these to their channels, and remember nothing of it."""
        now = self._clock.now()
        told = [alarm for alarm in alarms if self._muting.is_let_through(alarm, now)]
        for message in self._messages(told):
            if channels := self._routes.channels(message):
                self._post.send(Letter(number=_ASIDE, message=message, channels=channels))

    def _messages(self, alarms: Sequence[Alarm]) -> list[Message]:
        return messages_of(alarms, dry_run=self._dry_run, key=self._key, owner=self._owner)

    def unheard(self) -> Mapping[str, int]:
        """How many alarms of the last day no channel has taken, by kind."""
        return self._told.unheard(self._clock.now() - _DAY, self._muting.kept)

    def failures(self) -> Mapping[str, int]:
        """How often each channel, or the ping, failed since the start."""
        return self._failures.copy()

    def pulse(self) -> None:
        """Ping the outside; the first time, also say that what ended the process before it is over."""
        self._post.ping()
        if not self._has_run:
            self._has_run = True
            self._say_it_runs()

    def _say_it_runs(self) -> None:
        for subject in self._told.subjects(AlarmKind.STOPPED):
            self.mended(AlarmKind.STOPPED, "reviewbot runs again, and reviews", subject=subject)

    def after_a_gap(self) -> None:
        """Close, where it may be kept open, what a process before this one told past the log."""
        for kind, sentence in _PAST_THE_LOG.items():
            over = Alarm(
                kind=kind, sentence=sentence, at=self._clock.now(), urgency="info", mended=True
            )
            for message in self._messages([over]):
                quiet = replace(message, closes=True)
                if channels := self._routes.channels(quiet):
                    self._post.send(Letter(number=_CLOSING, message=quiet, channels=channels))

    def close(self, seconds: float) -> None:
        """Send what has gathered, and once more what failed; wait at most so long for it."""
        if self._closed:
            return
        end = self._clock.monotonic() + seconds
        for _ in range(_ROUNDS_AT_THE_END):
            self.flush()
            self._post.settle(max(0.0, end - self._clock.monotonic()))
            self._hear()
            if not self._waiting and not self._on_its_way:
                break
        self._post.close()
        self._closed = True
        left = len(self._waiting) + len(self._on_its_way)
        if left:
            self._events("alarms not delivered", level="error", count=left)

    def _send(self, message: Message, channels: tuple[str, ...]) -> bool:
        self._letters += 1
        letter = Letter(number=self._letters, message=message, channels=channels)
        if not self._post.send(letter):
            return False
        self._on_its_way[letter.number] = _OnItsWay(message, set(channels), set(channels), {})
        return True

    def _hear(self) -> None:
        while deliveries := self._post.deliveries():
            for delivery in deliveries:
                if delivery.number != _CLOSING:
                    self._note_health(delivery)
                letter = self._on_its_way.get(delivery.number)
                if letter is None:
                    continue
                letter.pending.discard(delivery.channel)
                letter.through[delivery.channel] = delivery.error or delivery.note or "ok"
                if delivery.error is None:
                    letter.arrived = True
                    self._told.arrived(letter.message)
                if not letter.pending:
                    self._settle(delivery.number, letter)

    def _settle(self, number: int, letter: _OnItsWay) -> None:
        """Every channel has answered: write down what arrived, or try elsewhere."""
        del self._on_its_way[number]
        message = letter.message
        if letter.arrived:
            self._told.write_down(message.kind, letter.through)
            return
        if message.kind is AlarmKind.CHECKPOINT:
            return  # the next one says more; that the channel fails is told by itself
        others = self._routes.others(letter.tried)
        if others and not letter.fell_back and self._send(message, others):
            new = self._on_its_way[self._letters]
            new.fell_back, new.tried = True, letter.tried | set(others)
        elif message.kind is not AlarmKind.CHANNEL:
            self._waiting += message.alarms

    # The channels' own health ----------------------------------------------------------------

    def _note_health(self, delivery: Delivery) -> None:
        name, error = delivery.channel, delivery.error
        what = f"The channel {name}" if delivery.number else "The dead man's ping"
        failing = self._known_failing()
        if delivery.note is not None:
            self._events("channel failed in part", level="warning", channel=name, why=delivery.note)
        if error is None:
            if failing.pop(name, None) is not None:
                self._told.note(HEALTH, name, {"ok": True})
                self.mended(AlarmKind.CHANNEL, f"{what} works again", subject=name)
            return
        self._failures[name] = self._failures.get(name, 0) + 1
        if failing.get(name) != error:
            self._events("channel failed", level="error", channel=name, error=error)
        if name not in failing:
            self._told.note(HEALTH, name, {"ok": False, "error": error})
        failing[name] = error
        self.tell(
            Alarm(
                kind=AlarmKind.CHANNEL,
                sentence=f"{what} fails: {error}",
                at=self._clock.now(),
                subject=name,
                again=_DAY,
                facts={"channel": name, "error": error},
            )
        )

    def _known_failing(self) -> dict[str, str]:
        """The channels that fail, also those that did when this process began and are still there."""
        if self._failing is None:
            self._failing = {}
            for noted in self._told.notes(HEALTH):
                if noted.value.get("ok", True):
                    continue
                if noted.subject in {*self._routes.names, PING}:
                    self._failing[noted.subject] = str(noted.value.get("error"))
                else:
                    self._told.note(HEALTH, noted.subject, {"ok": True, "removed": True})
        return self._failing


def log_alarm(events: Events, alarm: Alarm) -> None:
    """Write an alarm into the log lines of the process."""
    events(
        "alarm",
        level=alarm.urgency,
        kind=alarm.kind.value,
        subject=alarm.subject,
        sentence=alarm.sentence,
        mended=alarm.mended,
        to=alarm.to,
        facts=alarm.facts,
    )
