"""Faults between the bot and the simulator, each at a chosen share of the requests."""

from __future__ import annotations

from collections.abc import Callable
from random import Random  # noqa: TID251 - seeded chance of a test

import httpx

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class FaultyTransport(httpx.BaseTransport):
    """Passes requests on to the simulator, or does what networks do.

    `share` of the requests meet one of `KINDS`; 0 is a quiet network.
    """

    def __init__(self, inner: httpx.BaseTransport, *, share: float = 0.2, seed: int = 0) -> None:
        self.inner, self.share, self.chance = inner, share, Random(seed)
        self.met: dict[str, int] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or fail in one of the ways."""
        if self.chance.random() >= self.share:
            return self.inner.handle_request(request)
        name = self.chance.choice(sorted(KINDS))
        self.met[name] = self.met.get(name, 0) + 1
        return KINDS[name](self, request)

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
