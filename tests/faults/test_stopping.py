"""SIGTERM at any moment: the write in flight is finished, nothing more is sent, and it exits with 0."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from reviewbot.domain.errors import NoAnswer
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.runtime.bootstrap import SystemClock
from reviewbot.runtime.daemon import Daemon
from reviewbot.runtime.liveness import LivelyEvent
from reviewbot.tokportal.exchange import Exchange
from reviewbot.tokportal.rate_limit import RateLimiter
from reviewbot.tokportal.transport import Transport
from tests.acceptance.process import a_world, environment, running
from tests.faults.child import Ended, Line, in_a_child
from tests.faults.disks import book_of
from tests.faults.rooms import Room
from tests.faults.servers import OwnServer, own_server
from tests.proof import proven
from tests.support.rawfaults import RawServer
from tests.tier import times

__all__ = ["own_server"]

HEALTHY = HANGING = 10.0
"""Seconds within which a bot ends: with an API that answers, and with one that never does."""


def test_a_stop_at_any_point_finishes_what_was_begun_and_no_more(tmp_path: Path) -> None:
    """At most the one write in flight is made; its outcome is in the log, with a checkpoint."""
    points = len(_course(Room(f"sqlite:///{tmp_path}/course.db")))
    assert points > 10
    tried = range(0, points, times(points // 2, 1))
    for at in tried:
        room = Room(f"sqlite:///{tmp_path}/{at}.db")
        ended, sent = _stopped_at(room, at)

        assert (ended.signal, ended.code) == (None, 0), at
        assert sent <= _writes(room) <= sent + 1, at
        assert len(book_of(room).read().checkpoints) == 1
        assert room.finish(book=book_of(room)) == [], at
    proven("faults", "P16", "stops at each point of a pass", len(tried))


def _course(room: Room) -> list[str]:
    """The points that the first pass of a daemon comes to."""

    def work(line: Line) -> int:
        seen: list[str] = []

        def hook(name: str) -> None:
            seen.append(name)
            if name == "pass.done":
                os.kill(os.getpid(), signal.SIGTERM)

        on_fault_point(hook)
        code = _run(room, line)
        line.tell("course", seen)
        return code

    ((course,),) = in_a_child(work, room.transport, room.clock).words("course")
    return list(course)


def _stopped_at(room: Room, at: int) -> tuple[Ended, int]:
    """A daemon that is sent SIGTERM at the so-manieth point; how many writes there were then."""
    before: list[int] = []

    def work(line: Line) -> int:
        left = at

        def hook(_name: str) -> None:
            nonlocal left
            if left == 0:
                line.ask("stopping")
                os.kill(os.getpid(), signal.SIGTERM)
            left -= 1

        on_fault_point(hook)
        return _run(room, line)

    asked = {"stopping": lambda: before.append(_writes(room))}
    ended = in_a_child(work, room.transport, room.clock, asked)
    return ended, before[0]


def _run(room: Room, line: Line) -> int:
    stop = LivelyEvent()
    app = room.bot(line)
    app.stopping = stop.is_set
    daemon = Daemon(app, every=60.0, stop=stop, refresh=lambda _: None, book=book_of(room))
    daemon.obey_signals()
    code = daemon.run()
    app.close()
    return code


def _writes(room: Room) -> int:
    return sum(effect.by == "client" for effect in room.world.effects)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "fault", ["hang", pytest.param("trickled headers", marks=pytest.mark.slow)]
)
def test_a_stop_within_a_call_that_never_ends(fault: str, tmp_path: Path) -> None:
    """The call is given up; then the bot ends in order."""
    with RawServer(fault) as server:
        server.pause = 0.5
        bot = subprocess.Popen(
            [sys.executable, "-m", "reviewbot", "run", "--live"],
            env=environment(server.url, tmp_path),
            stderr=subprocess.DEVNULL,
        )
        try:
            while not server.requests:
                assert bot.poll() is None
                time.sleep(0.05)  # noqa: TID251  another process is starting
            began = time.monotonic()
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(timeout=HANGING + 15) == 0
            took = time.monotonic() - began
        finally:
            bot.kill()
            bot.wait()
    assert took <= HANGING
    proven("faults", "P16", f"stop while the API hangs ({fault}), seconds", round(took, 1))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_second_daemon_on_a_log_is_turned_away_and_a_killed_one_makes_room(
    tmp_path: Path,
) -> None:
    """Exit code 75 at once, with nothing asked of the API; the first one goes on."""
    world = a_world()
    with running(world, tmp_path) as first:
        first.wait_for("pass")
        other = a_world()
        with running(other, tmp_path, "--live") as second:
            assert second.ended() == 75
        assert not other.effects
        first.wait_for("pass")
        first.process.kill()
        first.process.wait()
    with running(world, tmp_path) as third:
        third.wait_for("pass")
        began = time.monotonic()
        third.send(signal.SIGTERM)
        assert third.ended() == 0
        assert time.monotonic() - began <= HEALTHY
    proven("faults", "P17", "second daemon on an SQLite log turned away (exit 75)", 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_frozen_database_is_told_and_a_stop_ends_the_bot(
    own_server: OwnServer, tmp_path: Path
) -> None:
    """Not after minutes: people know within one, the stop takes no longer than any, the next bot starts."""
    ledger = own_server.new_database()
    world = a_world(3)
    with running(world, tmp_path, "--live", REVIEWBOT_LEDGER=ledger) as bot:
        bot.wait_for("pass")
        with own_server.standing_still():
            bot.wait_for("alarm", lambda event: event["kind"] in ("hangs", "ledger"))
            began = time.monotonic()
            bot.send(signal.SIGTERM)
            assert bot.ended() in (0, 130)
            assert time.monotonic() - began <= HANGING
    own_server.wait()
    with running(world, tmp_path, "--live", "--once", REVIEWBOT_LEDGER=ledger) as bot:
        assert bot.ended() == 0


@pytest.mark.parametrize(("method", "given"), [("GET", 0.3), ("POST", 1.2)])
def test_a_call_in_flight_is_given_up_soon_after_a_stop(
    method: str, given: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read almost at once, a write after it has had its time; both are answers that did not come."""
    monkeypatch.setattr("reviewbot.tokportal.exchange.READ_AT_STOP", 0.3)
    monkeypatch.setattr("reviewbot.tokportal.exchange.WRITE_AT_STOP", 1.2)
    stop, clock = threading.Event(), SystemClock()
    with (
        RawServer("hang") as server,
        closing(Transport(clock.monotonic, stopping=stop.is_set)) as transport,
    ):
        server.pause = 10.0
        exchange = Exchange(
            transport, base_url=server.url, key="sk_test", clock=clock, bucket=RateLimiter(clock)
        )
        threading.Timer(0.2, stop.set).start()
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            if method == "GET":
                exchange.get("/comments")
            else:
                exchange.write("POST", "/comments/a/approve", idempotency_key="k")
        took = time.monotonic() - began

    assert given <= took < given + 1.5
