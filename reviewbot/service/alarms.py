"""Alarms: tell people what they should know now; once, and again while it lasts.

Theory of operation. Whoever notices something tells it, as often as it is noticed. A mark per kind
and subject says when it was last told; only news passes, and the log gets each piece of news at
once. The news gathers until `flush`, becomes few messages, and goes out through the post, which
reports later what became of it. Only what arrived somewhere is marked in the decision log, so after
a crash an alarm may come twice, but never not at all. What no channel took is sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec

from reviewbot.domain.alarms import EACH_TIME, Alarm, Kind, Message, Urgency
from reviewbot.domain.errors import LedgerError
from reviewbot.ports import Clock, Delivery, Ledger, Letter, Post
from reviewbot.service.routing import Routes, messages_of

if TYPE_CHECKING:
    from reviewbot.service.app import Events

PING = "deadman"
"""The name of the ping to the outside among the channels."""
TOPIC, HEALTH = "alarm", "channel"
"""The topics of the log: what was told, and how the channels are."""
MOST_WAITING = 20_000
"""Alarms kept while no channel takes them; the oldest go first."""
_ROUNDS_AT_THE_END = 2
"""How often the last letters are sent: what failed may get through elsewhere, and is told of."""
_FORGET = timedelta(days=30)
_DAY = timedelta(days=1)


class Alarms(Protocol):
    """Takes alarms as they arise, as often as they arise; repeats nothing that was told lately."""

    def tell(self, alarm: Alarm) -> bool:
        """Take an alarm; give whether it is news. Never raises and never waits for a channel."""

    def mended(self, kind: Kind, subject: str, sentence: str, at: datetime) -> None:
        """Say that what was told is over; nothing is said where nothing was told."""

    def flush(self) -> None:
        """Send what has gathered. Called between passes, and now and then within a long one."""

    def pulse(self) -> None:
        """Say that a pass succeeded, to whoever outside would miss that."""

    def close(self, seconds: float) -> None:
        """Send what has gathered, wait at most so long for it to arrive, and end."""


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


class _Mark(msgspec.Struct, kw_only=True, omit_defaults=True):
    """That something was told: when, to whom, and how long that counts.

    In the log are only those that arrived.
    """

    at: datetime
    again: float | None = None
    keep_until: datetime | None = None
    to: tuple[str, ...] = ()
    urgency: Urgency = "error"
    arrived: bool = False

    def counts(self, now: datetime) -> bool:
        return self.again is None or now < self.at + timedelta(seconds=self.again)

    def may_go(self, now: datetime) -> bool:
        return now > (self.keep_until or self.at + _FORGET)


class _OnItsWay(msgspec.Struct):
    """A letter that has not been heard of on all its channels."""

    message: Message
    pending: set[str]
    tried: set[str]
    through: dict[str, str]
    arrived: bool = False
    fell_back: bool = False


class AlarmDesk:
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
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._events = events
        self._routes = routes or Routes()
        self._post = post or NoPost()
        self._dry_run = dry_run
        self._marks: dict[Kind, dict[str, _Mark]] | None = None
        self._failing: dict[str, str] = {}
        self._waiting: list[Alarm] = []
        self._on_its_way: dict[int, _OnItsWay] = {}
        self._letters = 0
        self._closed = False

    # Taking ----------------------------------------------------------------------------------

    def tell(self, alarm: Alarm) -> bool:
        """Take an alarm, unless the same was told lately."""
        if alarm.again == EACH_TIME:
            self._take(alarm)
            return True
        marks = self._of(alarm.kind)
        mark = marks.get(alarm.subject)
        if mark is not None and mark.counts(alarm.at):
            return False
        marks[alarm.subject] = _Mark(
            at=alarm.at,
            again=None if alarm.again is None else alarm.again.total_seconds(),
            keep_until=alarm.keep_until,
            to=alarm.to,
            urgency=alarm.urgency,
        )
        self._take(alarm)
        return True

    def mended(self, kind: Kind, subject: str, sentence: str, at: datetime) -> None:
        """Tell those who know of it that it is over."""
        mark = self._of(kind).pop(subject, None)
        if mark is None:
            return
        waiting = len(self._waiting)
        self._waiting = [one for one in self._waiting if (one.kind, one.subject) != (kind, subject)]
        over = Alarm(
            kind=kind,
            sentence=sentence,
            at=at,
            subject=subject,
            urgency="info",
            to=mark.to,
            mended=True,
        )
        if len(self._waiting) < waiting:
            self._log(over)
        else:
            self._take(over)

    def _take(self, alarm: Alarm) -> None:
        self._log(alarm)
        self._waiting.append(alarm)
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[0]

    def _log(self, alarm: Alarm) -> None:
        self._events(
            "alarm",
            level=alarm.urgency,
            kind=alarm.kind.value,
            subject=alarm.subject,
            sentence=alarm.sentence,
            mended=alarm.mended,
            to=alarm.to,
            facts=alarm.facts,
        )

    # Sending ---------------------------------------------------------------------------------

    def flush(self) -> None:
        """Hear what became of the letters, and send what has gathered."""
        if self._closed:
            return
        self._hear()
        gathered, self._waiting = self._waiting, []
        for message in messages_of(gathered, dry_run=self._dry_run):
            channels = self._routes.channels(message)
            if channels and not self._send(message, channels):
                self._waiting += message.alarms
        self._hear()

    def pulse(self) -> None:
        """Ping the outside."""
        self._post.ping()

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
                self._note_health(delivery)
                letter = self._on_its_way.get(delivery.number)
                if letter is None:
                    continue
                letter.pending.discard(delivery.channel)
                letter.through[delivery.channel] = delivery.error or delivery.note or "ok"
                if delivery.error is None:
                    letter.arrived = True
                    self._arrived(letter.message)
                if not letter.pending:
                    self._settle(delivery.number, letter)

    def _settle(self, number: int, letter: _OnItsWay) -> None:
        """Every channel has answered: write down what arrived, or try elsewhere."""
        del self._on_its_way[number]
        message = letter.message
        if letter.arrived:
            self._write_down(message.kind, letter.through)
            return
        others = self._routes.others(letter.tried)
        if others and not letter.fell_back and self._send(message, others):
            new = self._on_its_way[self._letters]
            new.fell_back, new.tried = True, letter.tried | set(others)
        elif message.kind is not Kind.CHANNEL:
            self._waiting += message.alarms

    # Remembering -----------------------------------------------------------------------------

    def _of(self, kind: Kind) -> dict[str, _Mark]:
        if self._marks is None:
            self._marks = self._read()
        return self._marks.setdefault(kind, {})

    def _read(self) -> dict[Kind, dict[str, _Mark]]:
        """What was told before this process began; nothing where the log cannot be read."""
        kinds = {kind.value: kind for kind in Kind}
        try:
            noted_kinds = {noted.subject: noted.value for noted in self._ledger.notes(TOPIC)}
            for noted in self._ledger.notes(HEALTH):
                if not noted.value.get("ok", True):
                    self._failing[noted.subject] = str(noted.value.get("error"))
        except LedgerError:
            return {}
        for gone in self._failing.keys() - {*self._routes.names, PING}:
            del self._failing[gone]
            self._note(HEALTH, gone, {"ok": True, "removed": True})
        marks: dict[Kind, dict[str, _Mark]] = {}
        for name, value in noted_kinds.items():
            if name in kinds:
                told = msgspec.convert(value["told"], dict[str, _Mark], strict=False)
                marks[kinds[name]] = {
                    subject: msgspec.structs.replace(mark, arrived=True)
                    for subject, mark in told.items()
                }
        return marks

    def _arrived(self, message: Message) -> None:
        marks = self._of(message.kind)
        for alarm in message.alarms:
            if alarm.subject in marks:
                marks[alarm.subject].arrived = True

    def _write_down(self, kind: Kind, through: dict[str, str]) -> None:
        """Keep what was told in the log; where that cannot be written, keep it in mind."""
        now = self._clock.now()
        marks = self._of(kind)
        for subject in [subject for subject, mark in marks.items() if mark.may_go(now)]:
            del marks[subject]
        told = {
            subject: msgspec.structs.replace(mark, arrived=False)
            for subject, mark in marks.items()
            if mark.arrived
        }
        self._note(TOPIC, kind.value, {"told": msgspec.to_builtins(told), "through": through})

    def _note(self, topic: str, subject: str, value: dict[str, object]) -> None:
        try:
            self._ledger.note(topic, subject, value, self._clock.now())
        except LedgerError as error:
            self._events("alarm not noted", level="warning", topic=topic, error=str(error))

    # The channels' own health ----------------------------------------------------------------

    def _note_health(self, delivery: Delivery) -> None:
        name, error = delivery.channel, delivery.error
        what = f"The channel {name}" if delivery.number else "The dead man's ping"
        self._of(Kind.CHANNEL)
        if delivery.note is not None:
            self._events("channel failed in part", level="warning", channel=name, why=delivery.note)
        now = self._clock.now()
        if error is None:
            if self._failing.pop(name, None) is not None:
                self._note(HEALTH, name, {"ok": True})
                self.mended(Kind.CHANNEL, name, f"{what} works again", now)
            return
        if self._failing.get(name) != error:
            self._events("channel failed", level="error", channel=name, error=error)
        if name not in self._failing:
            self._note(HEALTH, name, {"ok": False, "error": error})
        self._failing[name] = error
        self.tell(
            Alarm(
                kind=Kind.CHANNEL,
                sentence=f"{what} fails: {error}",
                at=now,
                subject=name,
                again=_DAY,
                facts={"channel": name, "error": error},
            )
        )
