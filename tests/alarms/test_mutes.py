"""Acknowledged and silenced alarms: what people no longer hear, what they hear all the same, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reviewbot.alarms import mutes
from reviewbot.alarms.mutes import NEVER, mutes_on, standing_causes
from reviewbot.domain.alarm import ENDS, HOUR, Alarm, AlarmKind
from reviewbot.domain.errors import UsageError
from reviewbot.ledger.open import open_ledger
from tests.alarms.test_alarms import FakePost, a_desk
from tests.builders import CONFIRMED
from tests.fakes import HandClock


def an_alarm(kind: AlarmKind = AlarmKind.API_AWAY, **changes: Any) -> Alarm:
    """Something that lasts."""
    fields: dict[str, Any] = {"kind": kind, "sentence": f"{kind.value} it is", "at": CONFIRMED}
    return Alarm(**(fields | changes))


class Room:
    """A dispatcher over fakes whose clock and log the test has."""

    def __init__(self, ledger: Any = None) -> None:
        self.clock = HandClock(CONFIRMED)
        self.ledger = ledger or open_ledger("memory:")
        self.desk, self.post, self.said = a_desk(FakePost(), clock=self.clock, ledger=self.ledger)

    def mute(
        self, kind: AlarmKind, subject: str | None = None, *, hours: float = 2, **more: Any
    ) -> None:
        """Silence a kind, or acknowledge a cause of it."""
        mutes.mute(
            self.ledger,
            kind,
            subject=subject,
            by="silence" if subject is None else "acknowledgement",
            who="ana",
            reason="known",
            until=self.clock.now() + timedelta(hours=hours),
            now=self.clock.now(),
            **more,
        )

    def tell(self, *alarms: Alarm) -> list[str]:
        """Tell these now, and give the headlines that left by it."""
        before = len(self.post.letters)
        for alarm in alarms:
            self.desk.tell(
                an_alarm(
                    **{n: getattr(alarm, n) for n in alarm.__struct_fields__ if n != "at"}
                    | {"at": self.clock.now()}
                )
            )
        self.desk.flush()
        return [letter.message.headline for letter in self.post.letters[before:]]

    def ends(self, kind: AlarmKind, subject: str = "") -> list[str]:
        """Say that something is over, and give the headlines that left by it."""
        before = len(self.post.letters)
        self.desk.mended(kind, f"{kind.value} is over", subject=subject)
        self.desk.flush()
        return [letter.message.headline for letter in self.post.letters[before:]]


def test_a_silenced_kind_is_logged_and_carried_by_nobody() -> None:
    """Other kinds are; and once its end has come it is told again, where it still stands."""
    room = Room()
    room.mute(AlarmKind.API_AWAY)

    assert room.tell(an_alarm(), an_alarm(AlarmKind.LEDGER)) == ["ledger it is"]
    assert [about["kind"] for about in room.said.named("alarm")] == ["api-away", "ledger"]
    room.clock.forward(hours=1.9)
    assert room.tell(an_alarm()) == []
    room.clock.forward(hours=0.2)
    room.desk.flush()
    assert room.tell(an_alarm()) == ["api-away it is"]


def test_what_is_silenced_is_not_counted_as_told_to_nobody() -> None:
    """That is for what no channel took; this was to be taken by none."""
    room = Room()
    room.mute(AlarmKind.API_AWAY)
    room.post.errors = {"ops": ["down"] * 9, "mail": ["down"] * 9, "pager": ["down"] * 9}
    room.tell(an_alarm(), an_alarm(AlarmKind.LEDGER))

    assert set(room.desk.unheard()) == {"ledger", "channel"}


def test_a_restart_forgets_no_silence() -> None:
    """It stands in the log, as a line of the chain."""
    room = Room()
    room.mute(AlarmKind.API_AWAY)
    later = Room(room.ledger)

    assert later.tell(an_alarm()) == []
    assert room.ledger.verify().whole
    (stands,) = mutes_on(room.ledger, CONFIRMED)
    assert (stands.kind, stands.who, stands.reason) == (AlarmKind.API_AWAY, "ana", "known")


@pytest.mark.parametrize("kind", sorted(NEVER))
def test_money_that_silence_paid_cannot_be_silenced(kind: AlarmKind) -> None:
    """Nor what is no alarm."""
    room = Room()
    with pytest.raises(UsageError, match=kind.value):
        room.mute(kind)
    assert mutes_on(room.ledger, CONFIRMED) == ()


@pytest.mark.parametrize(("hours", "told"), [(24, False), (6, False), (1, True)])
def test_the_last_hour_before_silence_pays_is_told_whatever_is_silenced(
    hours: int, told: bool
) -> None:
    """The earlier stages are not."""
    room = Room()
    room.mute(AlarmKind.UNDECIDED, hours=48)
    alarm = an_alarm(AlarmKind.UNDECIDED, subject=f"t {hours}h", facts={"hours_left": hours})

    assert bool(room.tell(alarm)) is told
    assert room.tell(an_alarm(AlarmKind.SILENCE)) == ["silence it is"]


def test_what_is_acknowledged_is_not_repeated_until_it_is_over() -> None:
    """Its end is told, and so is the next of its kind; another cause is told meanwhile."""
    room = Room()
    assert room.tell(an_alarm(AlarmKind.BREAKER, subject="a")) == ["breaker it is"]
    room.mute(AlarmKind.BREAKER, "a", hours=24)
    room.clock.forward(hours=1.1)

    assert room.tell(an_alarm(AlarmKind.BREAKER, subject="a")) == []
    assert room.tell(an_alarm(AlarmKind.BREAKER, subject="b")) == ["breaker it is"]
    assert room.ends(AlarmKind.BREAKER, "a") == ["breaker is over"]
    assert mutes_on(room.ledger, room.clock.now()) == ()
    assert room.tell(an_alarm(AlarmKind.BREAKER, subject="a")) == ["breaker it is"]


def test_the_end_of_what_nobody_heard_of_is_not_told() -> None:
    """It was silenced from its first word on."""
    room = Room()
    room.mute(AlarmKind.API_AWAY)
    room.tell(an_alarm())

    assert room.ends(AlarmKind.API_AWAY) == []


def test_the_end_of_what_was_told_before_it_was_silenced_is_told_also_by_another_process() -> None:
    """Whoever keeps it open has to hear of it."""
    room = Room()
    room.tell(an_alarm())
    room.mute(AlarmKind.API_AWAY)
    room.clock.forward(hours=1.5)
    room.tell(an_alarm(), an_alarm(AlarmKind.API_AWAY, subject="other"))
    later = Room(room.ledger)
    later.clock.forward(hours=1.6)

    assert later.ends(AlarmKind.API_AWAY) == ["api-away is over"]


def test_a_silence_that_is_lifted_is_over_at_once() -> None:
    """What stands is told with its next notice, not an hour later."""
    room = Room()
    room.mute(AlarmKind.API_AWAY, hours=48)
    room.tell(an_alarm())
    (stands,) = mutes_on(room.ledger, room.clock.now())
    mutes.lift(room.ledger, stands, who="ben", reason="enough", now=room.clock.now())
    room.desk.flush()

    assert room.tell(an_alarm()) == ["api-away it is"]
    words = [note.value.get("who") for note in room.ledger.story(mutes.TOPIC, "api-away")]
    assert words == ["ana", "ben"]


def test_the_causes_that_stand_are_those_that_were_told() -> None:
    """By the log, as another process sees them."""
    room = Room()
    room.tell(an_alarm(AlarmKind.BREAKER, subject="a"), an_alarm(AlarmKind.BREAKER, subject="b"))
    room.ends(AlarmKind.BREAKER, "a")

    assert standing_causes(room.ledger, AlarmKind.BREAKER) == ("b",)
    assert standing_causes(room.ledger, AlarmKind.CLOCK) == ()


def test_a_process_that_was_stopped_says_once_that_it_runs_again() -> None:
    """With the first good pass of the next one."""
    room = Room()
    room.tell(an_alarm(AlarmKind.STOPPED, subject="LedgerCorrupt"))
    later = Room(room.ledger)
    for _ in range(2):
        later.desk.pulse()
        later.desk.flush()

    assert later.post.said() == [("reviewbot runs again, and reviews", ("ops", "mail"))]


def test_after_a_gap_what_was_told_past_the_log_is_closed_where_it_may_stand_open() -> None:
    """People hear nothing of it, and a channel that fails at it is not said to fail."""
    room = Room()
    room.post.errors = {"ops": ["HTTP 429"] * 4}
    room.desk.after_a_gap()
    room.desk.flush()

    letters = [(letter.message.kind, letter.message.closes) for letter in room.post.letters]
    assert letters == [(AlarmKind.HANGS, True), (AlarmKind.PARKED, True)]
    assert all(letter.message.alarms[0].mended for letter in room.post.letters)
    assert room.ledger.notes("channel") == []


def test_every_kind_whose_end_is_told_is_known_to_end() -> None:
    """Services that keep things open rely on it: each call of `resolved` or `mended` names one of them."""
    import ast
    from pathlib import Path

    from tests.test_architecture import MODULES

    named = set()
    for path in MODULES:
        source = Path(path).read_text()
        is_about_it = ".resolved(" in source or ".mended(" in source
        for node in ast.walk(ast.parse(source)) if is_about_it else ():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("resolved", "mended")
            ):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name):
                    named.add(AlarmKind[first.attr])
    assert named | {AlarmKind.HANGS} == ENDS


def test_a_repeat_that_nobody_took_does_not_forget_that_the_first_was_heard() -> None:
    """Its mark stays in the log."""
    room = Room()
    room.tell(an_alarm())
    room.clock.forward(hours=1.5)
    room.post.errors = {"ops": ["down"] * 9, "mail": ["down"] * 9, "pager": ["down"] * 9}
    room.tell(an_alarm(again=HOUR))
    later = Room(room.ledger)

    assert later.ends(AlarmKind.API_AWAY) == ["api-away is over"]
