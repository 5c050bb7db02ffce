"""The daemon: polls by the monotonic clock, survives what passes, ends in order."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import time_machine

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import PassSummary
from reviewbot.domain.errors import (
    ApiError,
    CannotConnect,
    Forbidden,
    Intercepted,
    KeyRefused,
    LedgerCorrupt,
    LedgerUnwritable,
    ReviewbotError,
)
from reviewbot.ledger.checkpoints import CheckpointFile
from reviewbot.ports.queue import Delivery, Listing
from reviewbot.review.poll import LISTED_FOR, poll_once
from reviewbot.runtime.daemon import Daemon
from tests.builders import an_item
from tests.fakes import APPROVE, ESCALATE, Answer, HandClock, World, always, an_app, said

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _zone() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()


class Passes:
    """A poll that fails as told and stops the daemon at the end."""

    def __init__(self, *errors: ReviewbotError | None) -> None:
        self.errors, self.stop, self.count = list(errors), threading.Event(), 0

    def __call__(self, app: BotContext) -> PassSummary:
        """One pass."""
        self.count += 1
        error = self.errors.pop(0) if self.errors else None
        if not self.errors:
            self.stop.set()
        if error is not None:
            raise error
        return poll_once(app)


def run(passes: Passes, app: BotContext | None = None, book: CheckpointFile | None = None) -> int:
    """Run a daemon over these passes without waiting."""
    return a_daemon(app or an_app(World(), always(APPROVE)), passes, book=book).run()


def a_daemon(app: BotContext, passes: Passes, **options: Any) -> Daemon:
    """A daemon that does not wait, and whose policies never change."""
    given: dict[str, Any] = {"refresh": lambda asked: None, "poll": passes}
    return Daemon(app, every=0.0, stop=passes.stop, **given | options)


@pytest.mark.parametrize("error", [CannotConnect("away"), LedgerUnwritable("disk full")])
def test_what_may_pass_keeps_the_watch_alive(error: ReviewbotError) -> None:
    """The API or the disk is away; the next pass comes."""
    passes = Passes(error, error, None)

    assert run(passes) == 0
    assert passes.count == 3


def test_what_no_pass_can_mend_ends_the_process() -> None:
    """With the error's own exit code, after the one pass."""
    passes = Passes(LedgerCorrupt("bad hash"), None)

    assert run(passes) == 5
    assert passes.count == 1


class Doorkeeper:
    """An API that refuses the key for a while, and counts who asks."""

    def __init__(self, app: BotContext, world: World, error: ApiError, hours: float) -> None:
        self.world, self.error, self.clock = world, error, app.clock
        self.opens_at = app.clock.monotonic() + hours * 3600
        self.knocks = list[float]()
        app.knock = self.knock

    def check(self, *_: object) -> None:
        """Refuse, or let in."""
        if self.clock.monotonic() < self.opens_at:
            raise self.error

    def knock(self) -> None:
        """The one cheap read."""
        self.knocks.append(self.clock.monotonic())
        self.check()


def a_refused_daemon(
    error: ApiError, *, hours: float, every: float = 60.0, live_for: float = 1.0
) -> tuple[BotContext, World, Doorkeeper, int]:
    """A daemon whose key is refused for some hours, and which then goes on for some more."""
    clock, world, stop = HandClock(), World(), threading.Event()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)
    door = Doorkeeper(app, world, error, hours)
    listed = world.waiting

    def waiting() -> Listing:
        door.check()
        return listed()

    world.waiting = waiting  # type: ignore[method-assign]

    def refresh(_: bool) -> None:
        if clock.monotonic() > (hours + live_for) * 3600:
            stop.set()

    code = Daemon(app, every=every, stop=stop, refresh=refresh, wake=Wake(clock)).run()
    return app, world, door, code


@pytest.mark.parametrize(
    "error",
    [
        KeyRefused("the API answered 401 AUTH_REVOKED_KEY", status=401),
        KeyRefused("the API answered 403 AUTH_REVOKED_KEY", status=403),
        Forbidden("the API answered 403 SOMETHING_NEW", status=403),
    ],
)
@pytest.mark.parametrize("every", [1.0, 60.0, 3600.0])
def test_a_refused_key_parks_the_bot_until_it_is_taken_again(error: ApiError, every: float) -> None:
    """It asks every few minutes by one cheap read, says so each hour and how long, and goes on by itself."""
    app, world, door, code = a_refused_daemon(error, hours=3.5, every=every, live_for=0.1)

    assert code == 0
    assert len(world.sent) == 1
    gaps = {after - before for before, after in itertools.pairwise(door.knocks)}
    assert gaps == {120.0}
    assert len(door.knocks) == 105
    alarms = [alarm for alarm in said(app).named("alarm") if alarm["kind"] == "key-refused"]
    told = [alarm["facts"]["seconds"] for alarm in alarms if not alarm["mended"]]  # type: ignore[index]
    assert told == [0, 3600, 7200, 10800]
    assert "for 60 minutes" in str(alarms[1]["sentence"])
    assert [alarm["mended"] for alarm in alarms] == [False] * 4 + [True]
    assert not [alarm for alarm in said(app).named("alarm") if alarm["kind"] == "api-away"]


def test_a_page_in_front_of_the_list_is_an_outage() -> None:
    """Nobody said anything of the key: tried again as after any outage, told once it lasts."""
    app, world, door, code = a_refused_daemon(Intercepted("a page", status=401), hours=1.0)

    assert (code, len(world.sent), door.knocks) == (0, 1, [])
    kinds = {alarm["kind"] for alarm in said(app).named("alarm")}
    assert kinds == {"api-away"}


def test_a_key_refused_within_a_pass_parks_the_bot_as_well() -> None:
    """Deadlines that were seen before are spoken of meanwhile."""
    clock, world, stop = HandClock(), World(), threading.Event()
    world.add(an_item())
    app = an_app(world, always(ESCALATE), clock=clock)
    world.trouble["evidence"] = [KeyRefused("no", status=401)]
    refusing = KeyRefused("no", status=401)

    def knock() -> None:
        if clock.elapsed > 64 * 3600:
            stop.set()
        raise refusing

    app.knock = knock

    Daemon(app, every=60.0, stop=stop, refresh=lambda _: None, wake=Wake(clock)).run()

    told = [alarm["facts"] for alarm in said(app).named("alarm") if alarm["kind"] == "undecided"]
    assert [facts["hours_left"] for facts in told] == [24, 6, 1]  # type: ignore[index]
    assert world.calls.count("waiting") == 1


def test_policies_are_refreshed_before_each_pass() -> None:
    """And the first time after somebody asked, it is said that they did."""
    asked: list[bool] = []
    passes = Passes(None, None)
    daemon = a_daemon(an_app(World(), always(APPROVE)), passes, refresh=asked.append)
    daemon.ask_reload()

    assert daemon.run() == 0
    assert asked == [True, False]


def test_the_log_is_checkpointed_at_the_end(tmp_path: Path) -> None:
    """As an event and as a line of the file."""
    world, passes = World(), Passes(None)
    world.add(an_item())
    app = an_app(world, always(APPROVE))
    file = tmp_path / "checkpoints.jsonl"

    run(passes, app, CheckpointFile(file))

    (line,) = file.read_bytes().splitlines()
    assert msgspec.json.decode(line)["count"] == app.ledger.checkpoint(app.clock.now()).count
    assert app.events.named("checkpoint")  # type: ignore[attr-defined]


def test_a_clock_that_is_set_back_moves_no_poll() -> None:
    """Polls are counted by the monotonic clock; chores are planned anew."""
    clock = HandClock()
    app = an_app(World(), always(APPROVE), clock=clock)
    passes = Passes(None, None, None)

    def jump(app: BotContext) -> PassSummary:
        clock.start -= timedelta(hours=2)
        return passes(app)

    assert a_daemon(app, passes, poll=jump).run() == 0
    assert passes.count == 3


def test_the_hourly_chore_comes_with_the_hour_on_a_machine_that_was_set_back() -> None:
    """It follows the machine's clock, also where the bot's own goes by the API's."""
    with time_machine.travel(datetime(2026, 6, 4, 10, 30, tzinfo=UTC), tick=False) as machine:
        app, passes, hours = an_app(World(), always(APPROVE)), Passes(None, None, None), [0, -72, 1]

        def step(app: BotContext) -> PassSummary:
            machine.shift(timedelta(hours=hours.pop(0)))
            return passes(app)

        a_daemon(app, passes, poll=step).run()

    taken = app.events.named("checkpoint")  # type: ignore[attr-defined]
    assert len(taken) == 2, "one with the hour, one at the end"


@pytest.mark.parametrize(("retain", "erasures"), [(3600.0, 1), (None, 0)])
def test_on_sundays_what_is_old_enough_is_erased(retain: float | None, erasures: int) -> None:
    """Where a setting says how old that is."""
    with time_machine.travel(datetime(2026, 6, 7, 4, 5, tzinfo=UTC), tick=False) as machine:
        app, passes = an_app(World(), always(APPROVE)), Passes(None, None, None)

        def step(app: BotContext) -> PassSummary:
            machine.shift(timedelta(minutes=10))
            return passes(app)

        a_daemon(app, passes, poll=step, retain=retain).run()

    assert len(app.events.named("erased by age")) == erasures  # type: ignore[attr-defined]


SCRIPT = """
import sys, threading, time
from reviewbot.runtime.daemon import Daemon
from tests.builders import an_item
from tests.fakes import World, always, an_app, APPROVE, outcomes

stop = threading.Event()
world = World()
world.add(an_item())
app = an_app(world, always(APPROVE))
app.stopping = stop.is_set
daemon = Daemon(app, every=30.0, stop=stop, refresh=lambda asked: asked and print("reload", flush=True))
daemon.obey_signals()
if {slow}:
    def hang(decision):
        print("in flight", flush=True)
        time.sleep({slow})
    world.after_write = hang
else:
    world.after_write = lambda decision: print("in flight", flush=True)
code = daemon.run()
print(outcomes(app), flush=True)
sys.exit(code)
"""


def start(slow: float) -> subprocess.Popen[str]:
    """A daemon in a process of its own; its write takes so many seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT.replace("{slow}", str(slow)))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in flight\n"
    return process


def test_sigterm_finishes_the_write_in_flight_and_exits_0() -> None:
    """Its outcome is in the log."""
    process = start(0.3)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=10)

    assert process.returncode == 0
    assert "performed" in out


def test_a_later_signal_exits_at_once() -> None:
    """130, without waiting for the write."""
    process = start(20.0)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)

    assert process.returncode == 130


@pytest.mark.parametrize("numbers", [(signal.SIGTERM,) * 2, (signal.SIGINT, signal.SIGTERM)])
def test_two_signals_at_once_are_one(numbers: tuple[signal.Signals, ...]) -> None:
    """As `timeout` and other wrappers send them: the write in flight is finished, and it exits with 0."""
    process = start(0.5)
    for number in numbers:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    out, _ = process.communicate(timeout=10)

    assert process.returncode == 0
    assert "performed" in out


def test_sighup_reloads_at_once() -> None:
    """Without waiting for the next poll."""
    process = start(0)
    process.send_signal(signal.SIGHUP)
    assert process.stdout is not None
    assert process.stdout.readline() == "reload\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=5)

    assert process.returncode == 0


def test_a_backlog_keeps_nothing_waiting_for_longer_than_a_poll() -> None:
    """Twenty minutes of work: policies are looked at, life is shown, the ping sent each minute."""
    clock, post = HandClock(), Pings()
    world = World(before_write=lambda decision: clock.forward(seconds=20))
    world.add(*(an_item(id=f"task-{n}") for n in range(60)))
    app = an_app(world, always(APPROVE), clock=clock)
    app.notifier.alarms = AlarmDispatcher(ledger=app.ledger, clock=clock, events=app.say, post=post)
    stop, looked, pinged = threading.Event(), list[float](), list[int]()

    def refresh(asked: bool) -> None:
        looked.append(clock.monotonic())
        pinged.append(post.pings)
        if len(world.sent) >= 50:
            stop.set()

    assert Daemon(app, every=60.0, stop=stop, refresh=refresh).run() == 0

    gaps = [after - before for before, after in itertools.pairwise(looked)]
    assert len(gaps) >= 15
    assert max(gaps) <= 60 + 20
    assert pinged == list(range(len(looked)))
    assert world.calls.count("waiting") <= 1 + clock.monotonic() // LISTED_FOR


class Wake(threading.Event):
    """The pauses of a daemon, on a clock that is moved by hand."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Let the time pass."""
        self.clock.forward(seconds=timeout or 0.0)
        return False


@pytest.mark.parametrize(("answer", "gaps"), [(ESCALATE, {60.0, 600.0}), (APPROVE, {600.0})])
def test_a_last_try_is_not_left_to_a_poll_after_the_deadline(
    answer: Answer, gaps: set[float]
) -> None:
    """While something undecided expires before the next poll, polls come each minute; no longer."""
    clock, world, polls = HandClock(), World(), list[float]()
    confirmed = clock.now() - timedelta(hours=71, minutes=35)
    world.add(an_item(manually_confirmed_at=confirmed))
    app = an_app(world, always(answer), clock=clock)
    stop = threading.Event()

    def poll(app: BotContext) -> PassSummary:
        polls.append(clock.monotonic())
        if len(polls) == 20:
            stop.set()
        return poll_once(app)

    Daemon(
        app, every=600.0, stop=stop, refresh=lambda asked: None, poll=poll, wake=Wake(clock)
    ).run()

    found = [round(after - before) for before, after in itertools.pairwise(polls)]
    assert set(found) == gaps
    first, expires = polls[0], 25 * 60.0
    hurried = [at for at, gap in zip(polls, found, strict=False) if gap == 60]
    assert all(expires - 600 <= at - first < expires for at in hurried)
    assert not hurried or hurried[-1] - first >= expires - 60


@pytest.mark.parametrize("fails", [False, True])
def test_the_next_poll_is_counted_from_where_the_pass_began(fails: bool) -> None:
    """Not from its last stretch: a pass of minutes makes no pause longer, nor does one that failed."""
    clock, world, began = HandClock(), World(), list[float]()
    app = an_app(world, always(APPROVE), clock=clock)
    stop, stretches = threading.Event(), itertools.count()

    def poll(app: BotContext) -> PassSummary:
        last = next(stretches) % 10 == 9
        began.append(clock.monotonic())
        clock.forward(seconds=50)
        if last and fails:
            raise CannotConnect("away")
        if len(began) > 25:
            stop.set()
        return msgspec.structs.replace(poll_once(app), left=0 if last else 7)

    Daemon(
        app, every=600.0, stop=stop, refresh=lambda asked: None, poll=poll, wake=Wake(clock)
    ).run()

    assert [at - began[0] for at in began[::10]] == [0.0, 600.0, 1200.0]


class Pings:
    """A channel that only counts the signs of life."""

    pings = 0

    def ping(self) -> None:
        """One more."""
        self.pings += 1

    def send(self, letter: object) -> bool:
        """Nobody reads it."""
        return True

    def deliveries(self) -> list[Delivery]:
        """None."""
        return []

    def settle(self, seconds: float) -> None:
        """Nothing is on its way."""

    def close(self) -> None:
        """Nothing is open."""
