"""The simulated API over HTTP, on loopback only."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from zlib import crc32

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from reviewbot.simulator import scenarios
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.faults import Faults, Transit
from reviewbot.simulator.middleware import KEY_PREFIXES, ROOT, FrontDesk
from reviewbot.simulator.model import Choices
from reviewbot.simulator.wire import HttpAnswer, call_of
from reviewbot.simulator.world import World

HOST = "127.0.0.1"
HANG = 60.0
"""Real seconds for which a hanging answer does not come."""
TRICKLE_PAUSE = 0.5
"""Real seconds between two pieces of a body that trickles."""
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def serve(
    port: int = 8080,
    scenario: str = "default",
    speed: float = 1.0,
    seed: int = 0,
    *,
    faults: Faults | None = None,
    choices: Choices | None = None,
    on_ready: Callable[[str], None] | None = None,
    **options: Any,
) -> None:
    """Serve a scenario until interrupted; port 0 takes any that is free.

    `on_ready` gets the API root's URL once connections are accepted; `options` are what the scenario
    itself takes. Raises ValueError for an unknown scenario or a speed that is none, and OSError when
    the port is taken.
    """
    now = datetime.now(UTC)
    clock = PacedClock(now, speed=speed)

    def build(seed: int) -> World:
        at = datetime.fromtimestamp(clock.time, UTC)
        return scenarios.build(scenario, seed=seed, now=at, clock=clock, choices=choices, **options)

    with _listen(port) as listener:
        if on_ready is not None:
            on_ready(root_url(listener))
        _server(
            Counters(build(seed), lambda name: build(crc32(f"{seed} {name}".encode()))), faults
        ).run(sockets=[listener])


class Counters:
    """The desk of each account, by the key that asks; without `build` all keys are of one account.

    What stands before the first dot of a key names its account, so `sk_acme.1` can become
    `sk_acme.2`. The account that asks first has `world`.
    """

    def __init__(self, world: World, build: Callable[[str], World] | None = None) -> None:
        self._first = FrontDesk(world)
        self._build = build
        self._desks: dict[str, FrontDesk] = {}

    def desk(self, key: str) -> FrontDesk:
        """The desk where the account of a key is served, at the present moment."""
        desk = self._first
        if self._build is not None and key.startswith(KEY_PREFIXES):
            name = key.partition(".")[0]
            if name not in self._desks:
                self._desks[name] = FrontDesk(self._build(name)) if self._desks else self._first
            desk = self._desks[name]
        desk.world.catch_up()
        return desk


class Served:
    """A world behind HTTP in a thread of its own, for as long as the `with` block lasts.

    `worlds` makes a world for each further account; without it all keys see the same one.
    """

    def __init__(
        self,
        world: World,
        *,
        faults: Faults | None = None,
        port: int = 0,
        worlds: Callable[[str], World] | None = None,
    ) -> None:
        self.world = world
        self._listener = _listen(port)
        self.url = root_url(self._listener)
        self._server = _server(Counters(world, worlds), faults)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )

    def __enter__(self) -> Served:
        """Begin to serve; connections made before the server is up wait in the listener's queue."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._listener.close()


def make_app(counters: Counters, faults: Faults | None = None) -> Starlette:
    """The ASGI application that answers from the world of each account."""
    schedule = faults or Faults()

    async def answer(request: Request) -> Response:
        body = await request.body()
        call = call_of(
            request.method, request.url.path, request.url.query, request.headers.items(), body
        )
        desk = counters.desk(call.headers.get("x-api-key", ""))
        return await _travel(schedule.deliver(desk, call))

    return Starlette(routes=[Route("/{path:path}", answer, methods=_METHODS)])


def root_url(listener: socket.socket) -> str:
    """The API root's URL behind a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}{ROOT}"


def _listen(port: int) -> socket.socket:
    listener = socket.create_server((HOST, port))
    # asyncio asks for it only where a socket names its protocol; without it an answer waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _server(counters: Counters, faults: Faults | None) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            make_app(counters, faults),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=2,
        )
    )


async def _travel(delivery: Transit) -> Response:
    answer = delivery.answer or HttpAnswer(200, [], b"{}")
    if delivery.how == "hang":
        await asyncio.sleep(HANG)
    match delivery.how:
        case "whole":
            response = Response(answer.body, answer.status)
        case "trickle":
            response = StreamingResponse(_in_pieces(answer.body), answer.status)
        case _:
            # A server cannot refuse what it has accepted: the connection is dropped instead.
            response = StreamingResponse(_broken_off(answer.body), answer.status)
    sized = [(b"content-length", str(len(answer.body)).encode())]
    response.raw_headers = answer.headers + sized
    return response


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 8):
        await asyncio.sleep(TRICKLE_PAUSE)
        yield body[start : start + 8]


async def _broken_off(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionResetError("the connection is dropped here on purpose")
