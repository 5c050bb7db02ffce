"""The watcher: while the loop hangs it speaks, of deadlines too, and a stop ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.routing import Route, Routes
from reviewbot.core.context import BotContext
from reviewbot.domain.alarm import Alarm, AlarmKind
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import in_memory
from reviewbot.ports.queue import Letter
from reviewbot.review.poll import poll_once
from reviewbot.runtime.liveness import HANGS, STUCK, Pulse
from reviewbot.runtime.watcher import LATEST, LOOK, HangWatch, Watcher
from reviewbot.tokportal.exchange import WRITE_AT_STOP
from tests.builders import an_item
from tests.fakes import ESCALATE, HandClock, Said, World, always, an_app

ROOT = Path(__file__).resolve().parents[2]
OPS = Route(channel="ops", targets=frozenset(), least="warning", kinds=None)


class Post:
    """Takes every letter, and knows of no delivery."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def send(self, letter: Letter) -> bool:
        """Keep it."""
        self.letters.append(letter)
        return True

    def alarms(self, kind: AlarmKind) -> list[Alarm]:
        """All of a kind that went out."""
        return [
            alarm
            for letter in self.letters
            for alarm in letter.message.alarms
            if alarm.kind is kind
        ]

    def ping(self) -> None:
        """Nobody counts."""

    def deliveries(self) -> tuple[()]:
        """None."""
        return ()

    def settle(self, seconds: float) -> None:
        """Nothing is on its way."""

    def close(self) -> None:
        """Nothing is open."""


class Frozen(SqlLedger):
    """A log whose every call hangs from some moment on, in the loop and in whoever else asks."""

    frozen = False

    def __getattribute__(self, name: str) -> Any:
        """Hang."""
        if (
            not name.startswith("_")
            and name != "frozen"
            and object.__getattribute__(self, "frozen")
        ):
            raise AssertionError(f"{name}: this call would never have come back")
        return object.__getattribute__(self, name)


class Scene:
    """A bot that has asked people about some tasks, and then hangs."""

    def __init__(self, *hours_left: float) -> None:
        self.clock, self.post, self.left, self.ledger = (
            HandClock(),
            Post(),
            list[int](),
            Frozen(in_memory()),
        )
        world = World()
        for number, hours in enumerate(hours_left):
            confirmed = self.clock.now() + timedelta(hours=hours - 72)
            deadline = confirmed + timedelta(hours=72)
            world.add(
                an_item(
                    id=f"task-{number}",
                    manually_confirmed_at=confirmed,
                    client_dispute_deadline_at=deadline,
                )
            )
        self.app: BotContext = an_app(world, always(ESCALATE), clock=self.clock, ledger=self.ledger)
        self.app.notifier.alarms = AlarmDispatcher(
            ledger=self.ledger,
            clock=self.clock,
            events=self.app.say,
            routes=Routes((OPS,), ("ops",)),
            post=self.post,  # type: ignore[arg-type]
        )
        self.pulse = Pulse(self.app, 60.0)
        self.said = Said()
        self.loop = HangWatch(self.app, self.pulse, self.said)
        self.watcher = Watcher(
            lambda: (self.loop,), monotonic=self.clock.monotonic, leave=self.left.append
        )
        self.pulse.passed(poll_once(self.app))
        self.post.letters.clear()

    def hang(self, seconds: float) -> None:
        """Let the loop hang in the log for so long, with a look every second."""
        self.ledger.frozen = True
        for _ in range(round(seconds)):
            self.clock.forward(seconds=1)
            self.watcher.look()


def test_a_loop_that_turns_is_left_alone() -> None:
    """However long it runs."""
    scene = Scene(3)
    for _ in range(300):
        scene.clock.forward(seconds=HANGS)
        scene.pulse.turn()
        scene.watcher.look()

    assert scene.post.letters == []


def test_a_loop_that_hangs_is_told_within_a_minute_and_is_not_ready() -> None:
    """By the channels themselves, without the log; with what expires meanwhile."""
    scene = Scene(3, 20, 40)

    scene.hang(HANGS)
    assert scene.post.letters == []
    assert scene.pulse.unready() is None
    scene.hang(2)

    (alarm,) = scene.post.alarms(AlarmKind.HANGS)
    assert "2 tasks" in alarm.sentence
    assert alarm.urgency == "error"
    assert "no sign of life" in str(scene.pulse.unready())
    assert scene.pulse.stuck() is None
    scene.hang(STUCK)
    assert "no sign of life" in str(scene.pulse.stuck())


def test_it_is_told_again_each_hour_and_that_it_is_over() -> None:
    """Whoever was woken may sleep again."""
    scene = Scene()
    scene.hang(2.5 * 3600)

    assert len(scene.post.alarms(AlarmKind.HANGS)) == 3
    scene.ledger.frozen = False
    scene.pulse.turn()
    scene.watcher.look()
    scene.watcher.look()

    told = scene.post.alarms(AlarmKind.HANGS)
    assert [alarm.mended for alarm in told] == [False, False, False, True]
    assert "9000 s" in told[-1].sentence


def test_each_deadline_is_spoken_of_as_it_comes_nearer() -> None:
    """Once at 24, 6 and 1 hours, unless the loop has; what has passed is spoken of no more."""
    scene = Scene(7, 0.5, 29)

    scene.hang(7.5 * 3600)

    told = [
        (alarm.facts["task_id"], alarm.facts["hours_left"])
        for alarm in scene.post.alarms(AlarmKind.UNDECIDED)
    ]
    assert told == [("task-0", 6), ("task-2", 24), ("task-0", 1)]
    assert all(name != "task-1" for name, _ in told), "the loop itself had told of that one"


def test_a_stop_that_takes_too_long_ends_the_process() -> None:
    """Within 10 s, whatever the loop hangs in."""
    scene = Scene()
    scene.watcher.heard(signal.SIGHUP)
    scene.hang(100)
    assert scene.left == []

    scene.watcher.heard(signal.SIGTERM)
    scene.hang(LATEST)
    assert scene.left == []
    scene.hang(1)

    assert scene.left == [130]
    assert WRITE_AT_STOP < LATEST <= 10 - LOOK


def test_a_later_signal_ends_a_hanging_process_at_once() -> None:
    """No handler can run in a call that does not come back."""
    scene = Scene()

    scene.watcher.heard(signal.SIGTERM)
    scene.watcher.heard(signal.SIGINT)
    assert scene.left == []
    scene.clock.forward(seconds=1.5)
    scene.watcher.heard(signal.SIGTERM)

    assert scene.left == [130]


def test_the_log_line_of_an_alarm_waits_for_nobody() -> None:
    """Whoever reads the log may be what hangs."""
    scene = Scene()
    free = threading.Event()
    scene.loop._events = lambda *_, **__: free.wait(10)  # type: ignore[assignment]
    began = time.monotonic()

    scene.hang(HANGS + 2)

    assert time.monotonic() - began < 5
    assert scene.post.alarms(AlarmKind.HANGS)
    free.set()


SCRIPT = """
import ctypes, signal
from reviewbot.runtime.liveness import Pulse
from reviewbot.runtime import watcher
from tests.fakes import World, always, an_app, APPROVE
from reviewbot.runtime.bootstrap import SystemClock

watcher.LATEST = {latest}
app = an_app(World(), always(APPROVE), clock=SystemClock())
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: None)
loop = watcher.HangWatch(app, Pulse(app, 60.0), app.events)
with watcher.Watcher(lambda: (loop,)):
    print("hanging", flush=True)
    while True:  # as a library does that goes on waiting after each signal
        ctypes.CDLL(None).poll(None, 0, 3_600_000)
"""


@pytest.mark.parametrize("signals", [1, 2])
def test_a_process_that_hangs_in_foreign_code_ends_for_a_signal(signals: int) -> None:
    """Its main thread goes on waiting, whatever its handlers do; the thread beside it ends it."""
    script = textwrap.dedent(SCRIPT.replace("{latest}", "0.5" if signals == 1 else "60"))
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "hanging\n"
    for number in range(signals):
        process.send_signal(signal.SIGTERM)
        time.sleep(1.2 * (number + 1 < signals))  # noqa: TID251  another process counts the seconds

    assert process.wait(timeout=10) == 130
    process.communicate()
