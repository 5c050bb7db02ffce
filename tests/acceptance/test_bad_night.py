"""A night in which everything goes wrong, lived through by the daemon: all of it is on one screen."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import time_machine

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.routing import Route, Routes
from reviewbot.cli.main import main
from reviewbot.core.context import BotContext
from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.insights.heartbeat import Heart, beat_path, beating_poll
from reviewbot.ports.queue import Delivery, Letter
from reviewbot.review.poll import Polling
from reviewbot.runtime.bootstrap import build
from reviewbot.runtime.daemon import Daemon
from reviewbot.runtime.policy_files import PolicyWatch
from reviewbot.safety import breaker, pauses
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.house import POLICY, a_setting
from tests.acceptance.test_drain import POLL, Rest
from tests.acceptance.test_poison import Poison

ASKS = POLICY.replace("if undecided: approve", "if undecided: escalate")
CHANGED = ASKS.replace("between 1 and 99", "between 1 and 98")
BROKEN = CHANGED.replace("if undecided", "if undecied")
NEWS = (
    "not healthy: LIVE, last good pass 14 m ago",
    "nothing is sent: this machine's clock is 40 minutes ahead of the API's",
    "no connection to simulator.test",
    "approve is paused by lea: the checker reads nothing since Friday",
    "the breaker of acceptance is open: 6 unexpected answers in 10 minutes",
    "silence will pay 19 tasks (4.86 USD), first Mon 08 Jun 10:24 UTC, in 41 m",
    "21 tasks, 21 of them undecided, first Mon 08 Jun 10:24 UTC, in 41 m",
    "25 approvals an hour for acceptance",
    "FAILS: ops: connection refused",
    "FAILS: deadman: the watchdog answers 503",
    "api-away 1, breaker 1",
    'no key "if undecied"',
    "3 reviews could not be made, 3 of them again and again",
    "2 writes not known to be done or not",
)


class Refused:
    """Channels that all refuse."""

    def __init__(self) -> None:
        self.done: list[Delivery] = []

    def send(self, letter: Letter) -> bool:
        """Try it."""
        self.done += [
            Delivery(number=letter.number, channel=name, error="connection refused")
            for name in letter.channels
        ]
        return True

    def ping(self) -> None:
        """Nor does the watchdog take it."""
        self.done.append(Delivery(number=0, channel="deadman", error="the watchdog answers 503"))

    def deliveries(self) -> Sequence[Delivery]:
        """What became of them."""
        done, self.done = self.done, []
        return done

    def settle(self, seconds: float) -> None:
        """All is known."""

    def close(self) -> None:
        """Nothing is open."""


class Night:
    """The world, the bot, and what happens at which minute."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'log.db'}"
        self.world = build_world("backlog", tasks=30, soonest=0.75, latest=40.0)
        clock = self.world.clock
        assert isinstance(clock, VirtualClock)
        self.clock, self.start = clock, clock.time
        self.policy = folder / "policy.yaml"
        self.policy.write_text(ASKS)
        self.watch = PolicyWatch([str(self.policy)])
        storms = Storm(fault="hang", calls="writes", start=self.at(20), end=self.at(21))
        away = Storm(fault="refused", start=self.at(30))
        poison = Poison(SimulatorTransport(self.world, faults=Faults([storms, away])))
        queue = sorted(self.world.waiting(), key=lambda task: task.review_until or 0)
        poison.spoiled = {task.id: "500" for task in queue[20:23]}
        self.app = self._a_bot(poison)
        self.stop = threading.Event()
        self.happens: dict[float, Callable[[], object]] = {
            0: lambda: self.pause("all"),
            18: lambda: self.policy.write_text(CHANGED),
            20: self.resume,
            23: lambda: self.pause("approve"),
            24: lambda: self.policy.write_text(BROKEN),
            25: lambda: breaker.open_breaker(
                self.app.guard_post, "acceptance", "conflicts", "6 unexpected answers in 10 minutes"
            ),
            26: lambda: setattr(self.app.ledger, "probe", disk_full),
            27: lambda: delattr(self.app.ledger, "probe"),
            28: lambda: setattr(self.clock, "skew", 40 * 60.0),
            42: self.stop.set,
        }

    def at(self, minute: float) -> float:
        """That minute of the night."""
        return self.start + minute * 60

    def pass_by(self) -> None:
        """Let the daemon live through it, and end."""
        Daemon(
            self.app,
            every=POLL,
            stop=self.stop,
            refresh=self.look_around,
            poll=beating_poll(
                Heart(path=beat_path(self.url, Path()), now=self.app.clock.now), POLL, Polling(POLL)
            ),
            wake=Rest(self.clock),
        ).run()
        self.app.ledger.close()

    def look_around(self, asked: bool) -> None:
        """What is due happens, then the daemon looks after its policies."""
        for minute in [minute for minute in self.happens if self.at(minute) <= self.clock.time]:
            self.happens.pop(minute)()
        self.watch.refresh(asked=asked)

    def pause(self, word: str) -> None:
        """Somebody pauses."""
        why, now = "the checker reads nothing since Friday", self.app.clock.now()
        pauses.pause(self.app.ledger, word, reason=why, who="lea", until=None, now=now)

    def resume(self) -> None:
        """And resumes."""
        pauses.resume(self.app.ledger, "all", reason="mended", who="lea", now=self.app.clock.now())

    def _a_bot(self, transport: httpx.BaseTransport) -> BotContext:
        app = build(
            a_setting(live=True, ledger=self.url),
            judges=self.watch.load(),
            transport=transport,
            clock=self.clock,
            chance=lambda: 0.5,
        )
        app.notifier.alarms = AlarmDispatcher(
            ledger=app.ledger,
            clock=app.clock,
            events=app.say,
            routes=Routes((Route(channel="ops"),), ("ops",)),
            post=Refused(),
        )
        self.watch.attach(app)
        return app


def disk_full() -> None:
    """For a moment the log cannot be written."""
    raise LedgerUnwritable("the disk is full")


def test_a_bad_night_is_on_one_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paused, tripped, refused, unheard, in doubt, unreadable, away, with minutes left: all is said."""
    for name, value in {"TZ": "UTC", "COLUMNS": "100", "LINES": "40"}.items():
        monkeypatch.setenv(name, value)
    night = Night(tmp_path)
    night.pass_by()

    with time_machine.travel(datetime.fromtimestamp(night.clock.time, UTC), tick=False):
        assert main(shlex.split(f"status --no-color --ledger {night.url}")) == 0

    screen = capsys.readouterr().out
    print(screen)
    shown = screen.rstrip("\n").split("\n")
    assert len(shown) < 40 and max(map(len, shown)) <= 100
    told = " ".join(screen.split())
    assert [news for news in NEWS if news not in told] == []
