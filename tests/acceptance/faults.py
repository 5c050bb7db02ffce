"""Faults between the bot and the simulator, each at a chosen share of the requests."""

from __future__ import annotations

from collections.abc import Callable
from random import Random  # noqa: TID251 - seeded chance of a test

import httpx

from reviewbot.simulator.transport import SimulatorTransport

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class FaultyTransport(httpx.BaseTransport):
    """Passes requests on to the simulator, or does what networks do.

    `share` of the requests meet one of `KINDS`; 0 is a quiet network.
    """

    def __init__(self, inner: SimulatorTransport, *, share: float = 0.2, seed: int = 0) -> None:
        self.inner, self.share, self.chance = inner, share, Random(seed)
        self.met: dict[str, int] = {}
        self.held: list[tuple[float, httpx.Request]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or fail in one of the ways."""
        self.deliver()
        if self.chance.random() >= self.share:
            return self.inner.handle_request(request)
        name = self.chance.choice(sorted(KINDS))
        self.met[name] = self.met.get(name, 0) + 1
        return KINDS[name](self, request)

    def deliver(self) -> None:
        """Let what was held on the way arrive, once its time has come."""
        now = self.inner.clock.monotonic()
        due = [pair for pair in self.held if pair[0] <= now]
        self.held = [pair for pair in self.held if pair[0] > now]
        for _, request in due:
            self.inner.handle_request(request).read()

    def arrive_late(self, request: httpx.Request) -> httpx.Response:
        """A proxy holds the request for up to ten minutes; we stop waiting."""
        due = self.inner.clock.monotonic() + self.chance.uniform(5, 600)
        self.held.append((due, request))
        raise httpx.ReadTimeout("timed out", request=request)

    def refuse_connection(self, request: httpx.Request) -> httpx.Response:
        """Nobody listens."""
        raise httpx.ConnectError("connection refused", request=request)

    def reset_before(self, request: httpx.Request) -> httpx.Response:
        """The connection breaks before the server has read anything."""
        raise httpx.ReadError("reset", request=request)

    def reset_after(self, request: httpx.Request) -> httpx.Response:
        """The server acts; the answer is lost."""
        self.inner.handle_request(request).read()
        raise httpx.ReadError("reset", request=request)

    def fault_before(self, request: httpx.Request) -> httpx.Response:
        """500 in the documented envelope, nothing done."""
        body = b'{"error": {"code": "INTERNAL", "message": "Something broke."}}'
        return answer(500, body, "application/json")

    def html_after(self, request: httpx.Request) -> httpx.Response:
        """The server acts; a gateway answers in HTML."""
        self.inner.handle_request(request).read()
        return answer(502, HTML, "text/html")

    def html_as_success(self, request: httpx.Request) -> httpx.Response:
        """A portal answers 200 with a page."""
        return answer(200, HTML, "text/html")

    def truncated(self, request: httpx.Request) -> httpx.Response:
        """The server acts; half of its answer arrives, and calls itself whole."""
        whole = self.inner.handle_request(request)
        body = whole.read()
        return answer(whole.status_code, body[: len(body) // 2], "application/json")


KINDS: dict[str, Callable[[FaultyTransport, httpx.Request], httpx.Response]] = {
    "refused connection": FaultyTransport.refuse_connection,
    "arrives late": FaultyTransport.arrive_late,
    "reset before": FaultyTransport.reset_before,
    "reset after": FaultyTransport.reset_after,
    "500 before": FaultyTransport.fault_before,
    "502 in HTML after": FaultyTransport.html_after,
    "200 in HTML": FaultyTransport.html_as_success,
    "half a body after": FaultyTransport.truncated,
}


def answer(status: int, body: bytes, kind: str) -> httpx.Response:
    """A response as a transport gives it."""
    return httpx.Response(status, headers={"content-type": kind}, stream=httpx.ByteStream(body))
