"""Every way in which an HTTP server can misbehave, at each endpoint, against the whole bot.

The server stands before the simulator and misbehaves over real sockets: mostly after the simulator
has done what was asked, which is the worst moment. Three passes meet the fault at one endpoint at
every request, then the network is well again and a person closes what breaker has opened; what was
done and what the log says must agree.
"""

from __future__ import annotations

import resource
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import product
from pathlib import Path

import httpx
import msgspec
import pytest

from reviewbot.core.context import BotContext
from reviewbot.domain.errors import Forbidden, KeyRefused, ReviewbotError
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.safety import breaker
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import START
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.tokportal.client import ReviewApi
from reviewbot.tokportal.exchange import Exchange
from reviewbot.tokportal.rate_limit import RateLimiter, ReadRetry
from reviewbot.tokportal.transport import Transport
from tests.acceptance.checker import violations
from tests.acceptance.house import KEY, a_setting, judge_of
from tests.faults.child import Line, in_a_child
from tests.faults.rooms import QUARANTINE
from tests.proof import proven
from tests.support.rawfaults import GREETINGS, RAW_FAULTS, RawAnswer, RawRequest, RawServer
from tests.tier import FULL

ENDPOINTS = ("list", "task", "timeline", "approve", "dispute")
FAULTS = sorted(set(RAW_FAULTS) - {"ok"})
PHASES = ("new connection", "kept connection")
BUDGET = 0.2
"""Seconds for a call; 30 outside of tests."""
SLACK = 8.0
"""Seconds more that a call may take on a machine with much else to do."""
EVIDENCE_AGES = 6 * 60 + 5
"""Minutes after which evidence that was read is read again."""
SAMPLE = (("reset after", "approve"), ("other ids", "timeline"))
A_CLEAR_NO = {"402", "403", "404", "409", "422"}
"""After which a decision is not sent again, but left to a person."""


class LockedClock(VirtualClock):
    """Virtual time that both the bot and the server's threads may move."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.lock = threading.RLock()

    def advance_to(self, moment: float | datetime) -> None:
        """Let time pass until `moment`."""
        with self.lock:
            super().advance_to(moment)


class Hasty(httpx.BaseTransport):
    """Real connections; a call may take `BUDGET` real seconds. Remembers the longest."""

    def __init__(self) -> None:
        self._inner = Transport(time.monotonic)
        self.longest = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        request.extensions["timeout"] = dict.fromkeys(
            ("total", "connect", "pool", "read", "write"), BUDGET
        )
        began = time.monotonic()
        try:
            return self._inner.handle_request(request)
        finally:
            self.longest = max(self.longest, time.monotonic() - began)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class Scene:
    """A world behind a server that misbehaves, and a bot before it."""

    def __init__(self, folder: Path, server: RawServer) -> None:
        clock = LockedClock(START)
        self.world = build_world("backlog", clock=clock, tasks=4, seed=3, soonest=20.0)
        self.clock, self.server = clock, server
        self.inside = SimulatorTransport(self.world)
        self.hasty = Hasty()
        server.carry_out = self._carry_out
        setting = a_setting(live=True, ledger=f"sqlite:///{folder / 'log.db'}")
        self.app: BotContext = build(
            msgspec.structs.replace(setting, base_url=server.url),
            judges=[judge_of()],
            transport=self.hasty,
            clock=clock,
            chance=lambda: 0.5,
        )

    def _carry_out(self, request: RawRequest) -> RawAnswer:
        with self.clock.lock:
            answer = self.inside.handle_request(
                httpx.Request(
                    request.method,
                    f"https://simulator.test{request.target}",
                    headers=request.headers,
                    content=request.body,
                )
            )
            headers = tuple(
                (name, text)
                for name, text in answer.headers.items()
                if name.lower() not in ("content-length", "content-type")
            )
            return RawAnswer(answer.status_code, answer.read(), headers)

    def poll(self, minutes: float = 0.0) -> ReviewbotError | None:
        """One pass after some time; what kept it from being made."""
        self.clock.sleep(minutes * 60)
        try:
            poll_once(self.app)
        except ReviewbotError as error:
            return error
        return None

    def close(self) -> None:
        """End."""
        self.app.close()
        self.hasty.close()


@contextmanager
def a_scene(folder: Path) -> Iterator[Scene]:
    """A world, a server and a bot."""
    with RawServer() as server:
        scene = Scene(folder, server)
        try:
            yield scene
        finally:
            scene.close()


def endpoint(request: RawRequest) -> str:
    """What is asked of the API."""
    path = request.target.partition("?")[0]
    last = path.rpartition("/")[2]
    if last == "comments":
        return "list"
    return {"verifications": "timeline"}.get(last, last) if last.isalpha() else "task"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_an_endpoint_does_no_harm(fault: str, tmp_path: Path) -> None:
    """On new connections and on kept ones: no crash, nothing twice, wrong, unlogged or left over."""
    for where, phase in product(ENDPOINTS, PHASES):
        folder = tmp_path / f"{where} {phase}"
        folder.mkdir()
        _no_harm(folder, fault, where, phase)
    proven(
        "faults",
        "P23",
        f"faults x endpoints x {len(PHASES)} kinds of connection: no harm",
        len(ENDPOINTS) * len(PHASES),
        part=fault,
    )


@pytest.mark.parametrize(("fault", "where"), SAMPLE)
def test_some_faults_do_no_harm(fault: str, where: str, tmp_path: Path) -> None:
    """A few of the whole matrix."""
    _no_harm(tmp_path, fault, where, "kept connection")


def _no_harm(folder: Path, fault: str, where: str, phase: str) -> None:
    met = 0

    def choose(request: RawRequest, number: int) -> str:
        nonlocal met
        here = endpoint(request)
        if where == "task" and here in ("approve", "dispute"):
            return "reset after"  # so that the task has to be read
        if here != where or (number == 0 and phase == "kept connection"):
            return "ok"
        met += 1
        return fault

    with a_scene(folder) as scene:
        scene.server.keeps_alive = phase == "kept connection"
        scene.server.pause = 0.01
        scene.server.choose = choose
        errors = [scene.poll(), scene.poll(1), scene.poll(5)]
        assert met or (where, phase) == ("list", "kept connection"), "the fault was never met"
        if fault in ("401", "403"):
            assert all(isinstance(e, KeyRefused | Forbidden | None) for e in errors)
        scene.server.choose = lambda _request, _number: "ok"
        breaker.close(scene.app.ledger, reason="read", who="a person", now=scene.app.clock.now())
        for minutes in (QUARANTINE, QUARANTINE, EVIDENCE_AGES):
            assert scene.poll(minutes) is None
        assert violations(scene.world, scene.app.ledger) == []
        assert len(scene.world.effects) >= (0 if fault in A_CLEAR_NO else 2)
        assert scene.hasty.longest <= BUDGET + SLACK


@pytest.mark.parametrize("greeting", sorted(set(GREETINGS) - {"ok"} if FULL else {"reset at once"}))
def test_a_connection_that_fails_at_once_does_no_harm(greeting: str, tmp_path: Path) -> None:
    """At each connection of a pass in turn (full tier), before a request is read."""
    with a_scene(tmp_path) as scene:
        scene.server.keeps_alive = False
        assert scene.poll() is None
        connections = scene.server.connections
    assert connections >= len(ENDPOINTS)
    tried = range(1, connections + 1) if FULL else (connections - 1,)
    for bad in tried:
        folder = tmp_path / str(bad)
        folder.mkdir()
        with a_scene(folder) as scene:
            scene.server.keeps_alive = False
            scene.server.greeting = defaultdict(lambda: "ok", {bad: greeting}).__getitem__
            for _ in range(4):
                assert scene.poll(QUARANTINE) is None
            assert violations(scene.world, scene.app.ledger) == []
            assert len(scene.world.effects) >= 2
    proven(
        "faults",
        "P23",
        "connections that fail before a request: no harm",
        len(tried),
        part=greeting,
    )


@pytest.mark.slow
def test_no_answer_swells_the_bot(tmp_path: Path) -> None:
    """Every fault at every endpoint, three times over, in one process: its memory hardly grows."""
    server = RawServer()

    def work(line: Line) -> None:
        line.ready()
        api, transport = a_client(server.url)
        calls: list[Callable[[], object]] = [
            api.list_comments,
            lambda: api.get_comment(TASK_ID),
            lambda: api.get_verifications(TASK_ID),
            lambda: api.approve(TASK_ID, idempotency_key="k"),
            lambda: api.dispute(TASK_ID, "It is not there.", idempotency_key="k"),
        ]
        longest = 0.0
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for fault in [*FAULTS, *FAULTS, *FAULTS]:
            line.ask("fault", fault)
            for call in calls:
                began = time.monotonic()
                with suppress(ReviewbotError):
                    call()
                longest = max(longest, time.monotonic() - began)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        transport.close()
        line.tell("grown", grown / 1024, longest)

    def begin(_pid: int) -> None:
        server.__enter__()

    try:
        ended = in_a_child(
            work,
            SimulatorTransport(build_world("empty")),
            VirtualClock(START),
            {"ready": begin, "fault": lambda name: setattr(server, "fault", name)},
        )
    finally:
        server.__exit__(None, None, None)
    assert ended.code == 0
    ((mebibytes, longest),) = ended.words("grown")
    assert mebibytes <= 50
    assert longest <= BUDGET + SLACK
    proven("faults", "P23", "growth under every fault at every endpoint, MiB", round(mebibytes, 1))


TASK_ID = "11111111-1111-4111-8111-111111111111"


def a_client(url: str) -> tuple[ReviewApi, Transport]:
    """A client alone, over real connections, that tries once and never waits."""
    clock = VirtualClock(START)
    transport = Transport(time.monotonic)
    exchange = Exchange(
        transport,
        base_url=url,
        key=KEY,
        clock=clock,
        bucket=RateLimiter(clock),
        time_budget=BUDGET,
    )
    return ReviewApi(exchange, ReadRetry(clock, lambda: 0.5, tries=1)), transport
