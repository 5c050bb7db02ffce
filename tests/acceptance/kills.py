"""A bot in a process of its own that can be killed, over a world that lives on in ours.

The child is a fork; its requests, its clock and every word of its log come to the parent over a pipe,
so that whatever the child loses, the server's side and the history are kept.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import httpx
import msgspec

import reviewbot.ledger.ledger  # noqa: F401 - so that no fork has to import it
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import Judge
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.world import World
from tests.acceptance.house import a_setting
from tests.simulation.history import Gone, History, Passed, Record, Wrote
from tests.simulation.process import LedgerOf, Process, Wire


class FarClock:
    """The parent's clock."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def now(self) -> datetime:
        """The wall clock."""
        return self._ask("now")  # type: ignore[no-any-return]

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._ask("monotonic")  # type: ignore[no-any-return]

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._ask("sleep", seconds)

    @property
    def time(self) -> float:
        """The API's own clock."""
        return self._ask("time")  # type: ignore[no-any-return]

    def _ask(self, *question: Any) -> Any:
        self._line.send(question)
        return self._line.recv()


class FarHistory(History):
    """The parent's history: a line is there once it was sent, whatever becomes of the child."""

    def __init__(self, line: Connection) -> None:
        super().__init__()
        self._line = line

    def append(self, record: Record) -> None:
        """Write a line."""
        self._line.send(("word", msgspec.json.encode(record)))


class FarTransport(httpx.BaseTransport):
    """The parent's server."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask over the pipe."""
        self._line.send(
            ("request", request.method, str(request.url), list(request.headers.raw), request.read())
        )
        status, headers, body = self._line.recv()
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


class Victims:
    """Processes over one world and one log, one after the other, and all that happened to them."""

    def __init__(
        self, ledger: str, judges: Sequence[Judge], transport: httpx.BaseTransport, world: World
    ) -> None:
        assert isinstance(world.clock, VirtualClock)
        self.ledger, self.judges, self.transport = ledger, judges, transport
        self.world, self.clock, self.history, self.count = world, world.clock, History(), 0

    def run(self, at_point: int = 0) -> str | None:
        """One live pass in a fork, killed with SIGKILL at the n-th fault point (0: at none).

        Gives the point's name, or None where the pass ended before it.
        """
        self.count += 1
        began = self.clock.time
        ours, theirs = Pipe()
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            ours.close()
            os.close(told)
            self._child(theirs, tell, at_point)
        theirs.close()
        os.close(tell)
        here = Process(self.count, self.history, self.world, self.clock)
        _serve(ours, Wire(here, self.transport), self.clock, self.history)
        _, status = os.waitpid(child, 0)
        with os.fdopen(told) as words:
            point = words.read()
        ours.close()
        if os.WIFSIGNALED(status):
            self.history.append(Gone(at=self.clock.time, who=self.count, how="kill", point=point))
            return point
        assert os.WEXITSTATUS(status) == 0, "the pass failed"
        self.history.append(Passed(at=self.clock.time, who=self.count, began=began))
        return None

    def _child(self, line: Connection, tell: int, at_point: int) -> None:
        left = at_point
        clock: Any = FarClock(line)
        process = Process(self.count, FarHistory(line), self.world, clock)

        def die(name: str) -> None:
            nonlocal left
            process.at_point(name)
            left -= 1
            if left == 0:
                os.write(tell, name.encode())
                os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            ledger: Any = LedgerOf(process, open_ledger(self.ledger, lock=True))
            app = build(
                a_setting(live=True, ledger=self.ledger),
                judges=self.judges,
                transport=FarTransport(line),
                clock=clock,
                ledger=ledger,
                chance=lambda: 0.5,
            )
            on_fault_point(die)
            poll_once(app)
            on_fault_point(None)
            app.close()
            code = 0
        except ReviewbotError:
            code = 2
        finally:
            os._exit(code)


def _serve(
    line: Connection,
    transport: httpx.BaseTransport,
    clock: VirtualClock,
    history: History | None = None,
) -> None:
    """Answer the child until it is gone."""
    while True:
        try:
            question = line.recv()
        except (EOFError, ConnectionResetError):
            return
        match question:
            case ("request", method, url, headers, body):
                answer = transport.handle_request(
                    httpx.Request(method, url, headers=headers, content=body)
                )
                reply: Any = (answer.status_code, list(answer.headers.raw), answer.read())
            case ("word", word):
                assert history is not None
                history.append(msgspec.json.decode(word, type=Wrote))
                continue
            case ("sleep", seconds):
                clock.sleep(seconds)
                reply = None
            case ("time",):
                reply = clock.time
            case (name,):
                reply = getattr(clock, name)()
        try:
            line.send(reply)
        except (BrokenPipeError, ConnectionResetError):
            return
