"""A bot in a process of its own that can be killed, over a world that lives on in ours.

The child is a fork; its requests and its clock come to the parent over a pipe, so that whatever the
child loses, the server's side is kept.
"""

from __future__ import annotations

import os
import signal
from datetime import datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import httpx

import reviewbot.ledger.database  # noqa: F401 - so that no fork has to import it
from reviewbot.bootstrap import build
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.faultpoints import on_fault_point
from reviewbot.policy.evaluate import Judge
from reviewbot.service.poll import poll_once
from reviewbot.simulator.clock import VirtualClock
from tests.acceptance.house import a_setting


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

    def _ask(self, *question: Any) -> Any:
        self._line.send(question)
        return self._line.recv()


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


def run_and_kill(
    ledger: str,
    judge: Judge,
    transport: httpx.BaseTransport,
    clock: VirtualClock,
    *,
    at_point: int,
) -> str | None:
    """One live pass in a fork, killed with SIGKILL at the n-th fault point.

    Gives the point's name, or None where the pass ended before it.
    """
    ours, theirs = Pipe()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        ours.close()
        os.close(told)
        _child(ledger, judge, theirs, tell, at_point)
    theirs.close()
    os.close(tell)
    _serve(ours, transport, clock)
    _, status = os.waitpid(child, 0)
    with os.fdopen(told) as words:
        point = words.read()
    ours.close()
    if os.WIFSIGNALED(status):
        return point
    assert os.WEXITSTATUS(status) == 0, "the pass failed"
    return None


def _child(ledger: str, judge: Judge, line: Connection, tell: int, at_point: int) -> None:
    left = at_point

    def die(name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.write(tell, name.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        app = build(
            a_setting(live=True, ledger=ledger),
            judges=[judge],
            transport=FarTransport(line),
            clock=FarClock(line),
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


def _serve(line: Connection, transport: httpx.BaseTransport, clock: VirtualClock) -> None:
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
            case ("sleep", seconds):
                clock.sleep(seconds)
                reply = None
            case (name,):
                reply = getattr(clock, name)()
        try:
            line.send(reply)
        except (BrokenPipeError, ConnectionResetError):
            return
