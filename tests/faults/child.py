"""Work in a fork of its own, which may be killed or disturbed at any moment.

The world and its clock stay with the parent, who answers over a pipe: so whatever the child loses,
the server's side of the story is kept. A child that may start holds still at `Line.ready`, where
the parent can attach to it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import httpx

import reviewbot.ledger.ledger  # noqa: F401 - so that no fork has to import it
from reviewbot.simulator.clock import VirtualClock

CRASHED = 70
"""The exit code of a child whose work raised."""

Handlers = Mapping[str, Callable[..., Any]]


class Line:
    """The child's end: its clock, its network, and whatever else the parent answers to."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.transport = _FarTransport(self)

    def now(self) -> datetime:
        """The wall clock."""
        return self.ask("now")  # type: ignore[no-any-return]

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.ask("monotonic")  # type: ignore[no-any-return]

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.ask("sleep", seconds)

    def ready(self) -> None:
        """Hold still until the parent lets go."""
        self.ask("ready", os.getpid())

    def tell(self, *things: Any) -> None:
        """Leave a word that outlives the child."""
        self.ask("tell", *things)

    def ask(self, *question: Any) -> Any:
        """Ask the parent."""
        self._pipe.send(question)
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


class _FarTransport(httpx.BaseTransport):
    def __init__(self, line: Line) -> None:
        self._line = line

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = request.method, str(request.url), list(request.headers.raw), request.read()
        status, headers, body = self._line.ask("request", *sent)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


@dataclass
class Ended:
    """How a child ended: by a signal or with a code; and what it told before."""

    signal: int | None
    code: int | None
    told: list[tuple[Any, ...]] = field(default_factory=list)

    def words(self, name: str) -> list[list[Any]]:
        """What it told under a name."""
        return [rest for first, *rest in self.told if first == name]


def in_a_child(
    work: Callable[[Line], int | None],
    transport: httpx.BaseTransport,
    clock: VirtualClock,
    handlers: Handlers | None = None,
) -> Ended:
    """Run `work` in a fork until it ends, however it ends.

    `handlers` answer further questions of the child, by their name.
    """
    ours, theirs = Pipe()
    child = os.fork()
    if child == 0:
        ours.close()
        _work(work, theirs)
    theirs.close()
    told: list[tuple[Any, ...]] = []
    answers: dict[str, Callable[..., Any]] = {
        "ready": lambda _pid: None,
        "tell": lambda *things: told.append(things),
        "request": lambda *sent: _request(transport, *sent),
        "now": clock.now,
        "monotonic": clock.monotonic,
        "sleep": clock.sleep,
        **(handlers or {}),
    }
    _serve(ours, answers)
    _, status = os.waitpid(child, 0)
    ours.close()
    if os.WIFSIGNALED(status):
        return Ended(os.WTERMSIG(status), None, told)
    return Ended(None, os.WEXITSTATUS(status), told)


def _work(work: Callable[[Line], int | None], pipe: Connection) -> NoReturn:
    code: int | None = CRASHED
    try:
        code = work(Line(pipe))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code or 0)


def _request(
    transport: httpx.BaseTransport, method: str, url: str, headers: Any, body: bytes
) -> tuple[int, Any, bytes]:
    answer = transport.handle_request(httpx.Request(method, url, headers=headers, content=body))
    return answer.status_code, list(answer.headers.raw), answer.read()


def _serve(pipe: Connection, answers: Mapping[str, Callable[..., Any]]) -> None:
    """Answer the child until it is gone."""
    while True:
        try:
            name, *rest = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            answer = answers[name](*rest)
        except httpx.TransportError as error:
            answer = type(error)(str(error))
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            return
