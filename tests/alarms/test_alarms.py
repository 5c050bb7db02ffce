"""Alarms: told once, together, somewhere; repeated while they last; never lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.outages import tell_crash, tell_stopped
from reviewbot.alarms.routing import Route, Routes, messages_of, unheard
from reviewbot.core.context import BotContext
from reviewbot.domain.alarm import EACH_TIME, Alarm, AlarmKind
from reviewbot.domain.errors import KeyRefused, LedgerUnwritable
from reviewbot.domain.text import format_moment
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import in_memory, open_ledger
from reviewbot.ports.ledger import Checkpoint
from reviewbot.ports.queue import Delivery, Letter
from reviewbot.review.poll import poll_once
from reviewbot.safety.stop_conditions import tell
from tests.builders import CONFIRMED, an_item
from tests.fakes import APPROVE, ESCALATE, HandClock, Said, World, always, an_app

HOUR = timedelta(hours=1)
DEADLINE = CONFIRMED + 72 * HOUR


class FakePost:
    """A post whose channels fail as told: name → errors, one per letter."""

    def __init__(self, **errors: list[str | None]) -> None:
        self.errors, self.letters, self.pings = errors, list[Letter](), 0
        self.done: list[Delivery] = []
        self.room, self.closed = True, False

    def send(self, letter: Letter) -> bool:
        """Take a letter, where there is room."""
        if not self.room:
            return False
        self.letters.append(letter)
        for channel in letter.channels:
            errors = self.errors.get(channel)
            error = errors.pop(0) if errors else None
            self.done.append(Delivery(number=letter.number, channel=channel, error=error))
        return True

    def ping(self) -> None:
        """Count."""
        self.pings += 1

    def deliveries(self) -> Sequence[Delivery]:
        """What became of the letters."""
        done, self.done = self.done, []
        return done

    def settle(self, seconds: float) -> None:
        """All has been done."""

    def close(self) -> None:
        """The end."""
        self.closed = True

    def said(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each letter's headline and channels, in the order of sending; not what people are not told."""
        return [
            (letter.message.headline, letter.channels)
            for letter in self.letters
            if not letter.message.closes
        ]


ROUTES = Routes(
    (
        Route(channel="ops", targets=frozenset({"lead"})),
        Route(channel="mail", least="error"),
        Route(channel="pager", kinds=frozenset({AlarmKind.SILENCE})),
    ),
    ("ops", "mail", "pager"),
)


def a_desk(post: FakePost | None = None, **parts: Any) -> tuple[AlarmDispatcher, FakePost, Said]:
    """A desk over fakes with three channels: ops, mail (errors only) and pager (silence only)."""
    post, events = post or FakePost(), Said()
    fields: dict[str, Any] = {
        "ledger": open_ledger("memory:"),
        "clock": HandClock(CONFIRMED),
        "routes": ROUTES,
    }
    return AlarmDispatcher(events=events, post=post, **(fields | parts)), post, events


ARCHIVE = Routes(
    (*ROUTES.routes, Route(channel="far", targets=frozenset({"checkpoints"}))), ("ops",)
)


@pytest.mark.parametrize(
    ("routes", "errors", "sent"),
    [(ROUTES, None, []), (ARCHIVE, None, [("far",)]), (ARCHIVE, "refused", [("far",)])],
)
def test_a_checkpoint_goes_to_the_channel_that_stands_for_it_or_nowhere(
    routes: Routes, errors: str | None, sent: list[tuple[str, ...]]
) -> None:
    """Never to others, once only, readable as a line of the checkpoint file; a failure is shown."""
    ledger = open_ledger("memory:")
    desk, post, _ = a_desk(FakePost(far=[errors]), routes=routes, ledger=ledger)
    app = an_app(World(), always(APPROVE), ledger=ledger)
    app.notifier.alarms = desk
    point = ledger.checkpoint(CONFIRMED)

    tell(app.notifier, point)
    desk.flush()
    desk.flush()

    letters = [letter for letter in post.letters if letter.message.kind is AlarmKind.CHECKPOINT]
    assert [letter.channels for letter in letters] == sent
    for letter in letters:
        line = letter.message.headline.partition(": ")[2]
        assert msgspec.json.decode(line, type=Checkpoint) == point
    failing = [note.value["ok"] for note in ledger.notes("channel")]
    assert failing == ([False] if errors else [])


def an_alarm(number: int = 1, **changes: Any) -> Alarm:
    """An undecided task, 24 h before its deadline."""
    fields: dict[str, Any] = {
        "kind": AlarmKind.UNDECIDED,
        "sentence": f"Task {number} is undecided",
        "at": CONFIRMED,
        "subject": f"task{number}@1 24h",
        "group": "24h",
        "urgency": "warning",
        "again": None,
        "keep_until": DEADLINE,
        "facts": {"deadline_at": DEADLINE - number * HOUR},
    }
    return Alarm(**(fields | changes))


# Together ------------------------------------------------------------------------------------


def test_many_alarms_of_a_kind_are_one_message() -> None:
    """37 tasks make one headline, the most urgent first."""
    desk, post, _ = a_desk()
    for number in range(37):
        desk.tell(an_alarm(number))
    desk.flush()

    (letter,) = post.letters
    first, last = format_moment(DEADLINE - 36 * HOUR), format_moment(DEADLINE)
    assert letter.message.headline == f"37 tasks expire undecided between {first} and {last}"
    assert letter.message.alarms[0].sentence == "Task 36 is undecided"


def test_kinds_groups_and_targets_stay_apart() -> None:
    """Who is told of questions is not told of reminders."""
    told = [
        an_alarm(1),
        an_alarm(2, group="6h"),
        an_alarm(3, kind=AlarmKind.QUESTION, to=("lead",)),
        an_alarm(4, kind=AlarmKind.QUESTION),
        an_alarm(5, mended=True),
    ]
    assert len(messages_of(told)) == 5


@pytest.mark.parametrize("kind", list(AlarmKind))
@pytest.mark.parametrize("count", [1, 3])
def test_every_kind_has_a_headline(kind: AlarmKind, count: int) -> None:
    """For one by its own sentence, for several with their number."""
    (message,) = messages_of([an_alarm(number, kind=kind) for number in range(count)])

    shown = message.headline
    assert (shown == "Task 0 is undecided") if count == 1 else ("3" in shown)


# Whom ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ({}, ("ops",)),
        ({"urgency": "error"}, ("ops", "mail")),
        ({"urgency": "info"}, ()),
        ({"kind": AlarmKind.SILENCE, "urgency": "error"}, ("ops", "mail", "pager")),
        ({"to": ("lead",), "urgency": "info"}, ("ops",)),
        ({"to": ("mail",), "urgency": "info"}, ("mail",)),
        ({"to": ("nobody",)}, ("ops",)),
    ],
)
def test_who_gets_an_alarm(changes: dict[str, Any], channels: tuple[str, ...]) -> None:
    """Named targets get all that names them; the default channels what they want."""
    desk, post, _ = a_desk()
    desk.tell(an_alarm(**changes))
    desk.flush()

    assert [letter.channels for letter in post.letters] == [channels] * bool(channels)


def test_every_alarm_is_in_the_log_at_once() -> None:
    """Before anything is sent, and also where no channel wants it."""
    desk, _, events = a_desk()
    desk.tell(an_alarm(urgency="info"))

    (about,) = events.named("alarm")
    assert (about["kind"], about["sentence"]) == ("undecided", "Task 1 is undecided")


# Once ----------------------------------------------------------------------------------------


def test_what_was_told_is_not_told_again_also_after_a_restart() -> None:
    """The log remembers it."""
    ledger = open_ledger("memory:")
    desk, post, _ = a_desk(ledger=ledger)
    assert desk.tell(an_alarm())
    assert not desk.tell(an_alarm())
    desk.flush()
    later, after, events = a_desk(ledger=ledger)

    assert not later.tell(an_alarm())
    later.flush()
    assert (len(post.letters), after.letters, events.events) == (1, [], [])


def test_a_crash_loop_tells_its_cause_once_an_hour() -> None:
    """Whatever starts it again: five lives within minutes are one message for each cause."""
    ledger, clock = open_ledger("memory:"), HandClock(CONFIRMED)
    sentences: list[str] = []

    def a_life(end: Callable[[BotContext], None]) -> None:
        app = an_app(World(), always(APPROVE), ledger=ledger, clock=clock)
        desk, post, _ = a_desk(ledger=ledger, clock=clock)
        app.notifier.alarms = desk
        end(app)
        desk.close(5.0)
        sentences.extend(headline for headline, channels in post.said() if channels)
        clock.forward(minutes=1)

    for _ in range(5):
        a_life(lambda app: tell_crash(app.notifier, ZeroDivisionError()))
        a_life(lambda app: tell_stopped(app.notifier, KeyRefused("revoked", status=401)))
    assert ["ZeroDivisionError" in sentence for sentence in sentences] == [True, False]

    clock.forward(minutes=55)
    a_life(lambda app: tell_crash(app.notifier, ZeroDivisionError()))
    a_life(lambda app: tell_crash(app.notifier, KeyError()))
    assert len(sentences) == 4


def test_what_did_not_arrive_is_told_again_after_a_restart() -> None:
    """At least once, rather than at most."""
    ledger = open_ledger("memory:")
    desk, _, _ = a_desk(
        FakePost(ops=["down"] * 9, mail=["down"] * 9, pager=["down"] * 9), ledger=ledger
    )
    desk.tell(an_alarm())
    desk.flush()
    later, after, _ = a_desk(ledger=ledger)

    assert later.tell(an_alarm())
    later.flush()
    assert len(after.letters) == 1


def test_what_lasts_is_repeated_after_its_interval() -> None:
    """Told each minute, heard each hour."""
    desk, post, _ = a_desk()
    for minute in range(150):
        at = CONFIRMED + timedelta(minutes=minute)
        desk.tell(an_alarm(kind=AlarmKind.BREAKER, again=HOUR, at=at, keep_until=None))
        desk.flush()

    assert len(post.letters) == 3


def test_an_event_is_told_each_time_and_leaves_no_mark() -> None:
    """What happens once needs no memory."""
    ledger = open_ledger("memory:")
    desk, post, _ = a_desk(ledger=ledger)
    for _ in range(2):
        desk.tell(an_alarm(kind=AlarmKind.LATE, again=EACH_TIME))
        desk.flush()

    assert len(post.letters) == 2
    assert [noted.value["told"] for noted in ledger.notes("alarm")] == [{}]


def test_marks_are_forgotten_when_nothing_can_repeat_them() -> None:
    """The note of a kind does not grow for ever."""
    ledger, clock = open_ledger("memory:"), HandClock(CONFIRMED)
    desk, _, _ = a_desk(ledger=ledger, clock=clock)
    desk.tell(an_alarm(1))
    desk.flush()
    clock.forward(hours=73)
    desk.tell(an_alarm(2, at=clock.now(), keep_until=clock.now() + HOUR))
    desk.flush()

    (noted,) = ledger.notes("alarm")
    assert list(noted.value["told"]) == ["task2@1 24h"]


# Over ----------------------------------------------------------------------------------------


def test_what_is_mended_is_said_to_those_who_know_and_may_come_again() -> None:
    """Also by the next process."""
    ledger = open_ledger("memory:")
    desk, post, _ = a_desk(ledger=ledger)
    desk.mended(AlarmKind.API_AWAY, "It answers")
    desk.tell(an_alarm(kind=AlarmKind.API_AWAY, subject="", again=HOUR, to=("mail",)))
    desk.flush()
    later, after, _ = a_desk(ledger=ledger)
    later.mended(AlarmKind.API_AWAY, "It answers")
    later.mended(AlarmKind.API_AWAY, "It answers")
    later.flush()

    assert len(post.letters) == 1
    assert after.said() == [("It answers", ("mail",))]
    assert after.letters[0].message.alarms[0].mended
    assert later.tell(an_alarm(kind=AlarmKind.API_AWAY, subject="", again=HOUR))
    assert a_desk(ledger=ledger)[0].tell(an_alarm(kind=AlarmKind.API_AWAY, subject="", again=HOUR))


def test_what_was_mended_before_anybody_heard_is_not_sent() -> None:
    """The log has both."""
    desk, post, events = a_desk()
    desk.tell(an_alarm(kind=AlarmKind.API_AWAY))
    desk.mended(AlarmKind.API_AWAY, "It answers", subject="task1@1 24h")
    desk.flush()

    assert post.letters == []
    assert [about["mended"] for about in events.named("alarm")] == [False, True]


# Failing channels ----------------------------------------------------------------------------


def test_what_its_channels_do_not_take_goes_through_the_others() -> None:
    """An alarm for the lead reaches somebody."""
    desk, post, _ = a_desk(FakePost(ops=["down"]))
    desk.tell(an_alarm(to=("lead",)))
    desk.flush()

    assert post.said()[:2] == [
        ("Task 1 is undecided", ("ops",)),
        ("Task 1 is undecided", ("mail", "pager")),
    ]


def test_what_no_channel_takes_is_kept_and_sent_again() -> None:
    """Until one works."""
    down = ["down", "down"]
    desk, post, _ = a_desk(FakePost(ops=[*down], mail=[*down], pager=[*down]))
    desk.tell(an_alarm())
    for _ in range(3):
        desk.flush()

    arrived = [letter for letter in post.said() if letter[0].startswith("Task 1")]
    assert len(arrived) >= 3
    assert arrived[-1] == ("Task 1 is undecided", ("ops",))


def test_a_failing_channel_is_told_once_through_the_others_and_when_it_works() -> None:
    """It is shown in the log of decisions too."""
    ledger = open_ledger("memory:")
    desk, post, events = a_desk(FakePost(mail=["down", "down"]), ledger=ledger)
    for number in range(4):
        desk.tell(an_alarm(number, urgency="error"))
        desk.flush()
    desk.flush()

    told = [letter for letter in post.said() if "channel" in letter[0]]
    assert told == [
        ("The channel mail fails: down", ("ops",)),
        ("The channel mail works again", ("ops",)),
    ]
    assert len(events.named("channel failed")) == 1
    story = [noted.value for noted in ledger.story("channel", "mail")]
    assert story == [{"ok": False, "error": "down"}, {"ok": True}]


def test_a_failing_ping_is_told_like_a_failing_channel() -> None:
    """And is otherwise harmless."""
    desk, post, _ = a_desk()
    desk.pulse()
    post.done.append(Delivery(number=0, channel="deadman", error="HTTP 404"))
    desk.flush()
    desk.flush()

    assert post.pings == 1
    assert post.said() == [("The dead man's ping fails: HTTP 404", ("ops", "mail"))]


def test_a_failing_channel_that_was_taken_out_is_no_longer_shown() -> None:
    """The log would call it failing for ever."""
    ledger = open_ledger("memory:")
    desk, _, _ = a_desk(FakePost(mail=["down"] * 3), ledger=ledger)
    desk.tell(an_alarm(urgency="error"))
    desk.flush()
    later, _, _ = a_desk(ledger=ledger, routes=Routes((Route(channel="ops"),), ("ops",)))
    later.tell(an_alarm(2))
    later.flush()

    (noted,) = ledger.notes("channel")
    assert noted.value == {"ok": True, "removed": True}


def test_a_post_without_room_is_asked_again() -> None:
    """Nothing is lost."""
    desk, post, _ = a_desk()
    post.room = False
    desk.tell(an_alarm())
    desk.flush()
    post.room = True
    desk.flush()

    assert len(post.letters) == 1


class Unwritable(SqlLedger):
    """A log on a full disk."""

    def note(self, *about: Any) -> None:
        """Write nothing."""
        raise LedgerUnwritable("no space left on device")


def test_an_unwritable_log_silences_nothing() -> None:
    """It is just what people must hear of; what was told is kept in mind."""
    desk, post, _ = a_desk(ledger=Unwritable(in_memory()))
    assert desk.tell(an_alarm(kind=AlarmKind.LEDGER, again=HOUR))
    desk.flush()

    assert len(post.letters) == 1
    assert not desk.tell(an_alarm(kind=AlarmKind.LEDGER, again=HOUR))


# The end -------------------------------------------------------------------------------------


def test_the_last_alarms_are_sent_at_the_end() -> None:
    """Also what was learned of the channels meanwhile."""
    desk, post, events = a_desk(FakePost(mail=["down"]))
    desk.tell(an_alarm(urgency="error"))
    desk.close(5.0)

    assert [letter[0] for letter in post.said()] == [
        "Task 1 is undecided",
        "The channel mail fails: down",
    ]
    assert post.closed
    assert events.named("alarms not delivered") == []


def test_what_is_not_delivered_at_the_end_is_said() -> None:
    """The next process tells it again."""
    desk, _, events = a_desk(FakePost(ops=["down"] * 9, mail=["down"] * 9, pager=["down"] * 9))
    desk.tell(an_alarm())
    desk.close(5.0)

    assert events.named("alarms not delivered") == [{"count": 1}]


def test_a_target_without_a_channel_is_named() -> None:
    """Once per policy, wherever it stands."""
    from tests.acceptance.house import POLICY, judge_of

    text = POLICY.replace("    question: Is", "    to: night shift\n    question: Is").replace(
        "  because:", "  remind:\n    6h before deadline: lead\n  because:"
    )
    (sentence,) = unheard([judge_of(text).policy], ROUTES)

    assert "'night shift'" in sentence


def test_silence_that_was_written_down_but_not_told_is_told_by_the_next_process() -> None:
    """A process dies between the two; the next one tells, and the one after it no longer."""
    world, clock, ledger = (
        World(),
        HandClock(CONFIRMED + timedelta(hours=71)),
        open_ledger("memory:"),
    )
    world.add(an_item())

    def a_process() -> tuple[BotContext, FakePost]:
        app = an_app(world, always(ESCALATE), ledger=ledger, clock=clock)
        app.notifier.alarms, post, _ = a_desk(ledger=ledger, clock=clock)
        return app, post

    first, _ = a_process()
    poll_once(first)
    world.change(an_item().id, status="finalized", finalized_at=CONFIRMED + timedelta(hours=72))
    clock.forward(hours=2)
    dying, lost = a_process()
    lost.room = False
    poll_once(dying)
    told = []
    for _ in range(2):
        app, post = a_process()
        poll_once(app)
        told.append([letter for letter in post.letters if letter.message.kind is AlarmKind.SILENCE])

    assert [len(letters) for letters in told] == [1, 0]
