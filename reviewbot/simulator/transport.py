"""The simulated API in process: an httpx transport without a socket, in virtual time."""

from __future__ import annotations

from urllib.parse import unquote

import httpx

from reviewbot.simulator.calls import Call
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.front import FrontDesk
from reviewbot.simulator.world import World


class SimulatorTransport(httpx.BaseTransport):
    """Answers an `httpx.Client` from a world.

    `latency` is how long a request takes in virtual seconds; half of it passes before the server
    sees the request and half after.
    """

    def __init__(
        self,
        world: World,
        *,
        latency: float = 0.15,
        desk: FrontDesk | None = None,
    ) -> None:
        if not isinstance(world.clock, VirtualClock):
            raise TypeError("the in-process transport needs a world in virtual time")
        self.world = world
        self.clock = world.clock
        self.latency = latency
        self.desk = desk or FrontDesk(world)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        call = _call_of(request)
        self.clock.advance(self.latency / 2)
        answer = self.desk.answer(call)
        self.clock.advance(self.latency / 2)
        headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        return httpx.Response(answer.status, headers=headers, stream=httpx.ByteStream(answer.body))


def _call_of(request: httpx.Request) -> Call:
    path, _, query = request.url.raw_path.decode().partition("?")
    headers = {name.lower().decode(): text.decode("latin-1") for name, text in request.headers.raw}
    return Call(request.method, unquote(path), query, headers, request.read())
