"""The simulated API in process: an httpx transport without a socket, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import httpx

from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.faults import Faults, Transit
from reviewbot.simulator.middleware import FrontDesk
from reviewbot.simulator.wire import Call, HttpAnswer
from reviewbot.simulator.world import World

TRICKLE_PAUSE = 4.0
"""Seconds between two pieces of a body that trickles."""
_NO_TIMEOUT = 3600.0
"""How long a hang lasts for a client that never gives up."""


class SimulatorTransport(httpx.BaseTransport):
    """Answers an `httpx.Client` from a world.

    `latency` is how long a request takes in virtual seconds; half of it passes before the server
    sees the request and half after. A fault takes its time too: a hang lasts as long as the client's
    read timeout, a trickle moves the clock between its pieces.
    """

    def __init__(
        self,
        world: World,
        *,
        faults: Faults | None = None,
        latency: float = 0.15,
        neighbour: float = 0.0,
    ) -> None:
        """`neighbour` is how many requests a second others take from the same key's budget."""
        if not isinstance(world.clock, VirtualClock):
            raise TypeError("the in-process transport needs a world in virtual time")
        self.world = world
        self.clock = world.clock
        self.faults = faults
        self.latency = latency
        self.desk = FrontDesk(world, neighbour=neighbour)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, or raise what httpx would raise."""
        call = _call_of(request)
        self.clock.advance(self.latency / 2)
        if self.faults is None:
            answer = self.desk.answer(call)
        else:
            delivery = self.faults.deliver(self.desk, call)
            if delivery.how != "whole":
                return self._broken(delivery, request)
            answer = delivery.answer or HttpAnswer(500, [], b"")
        self.clock.advance(self.latency / 2)
        return _response(answer, httpx.ByteStream(answer.body))

    def _broken(self, delivery: Transit, request: httpx.Request) -> httpx.Response:
        answer = delivery.answer
        if answer is not None and delivery.how == "trickle":
            return _response(answer, _Trickle(answer.body, self.clock))
        if answer is not None and delivery.how == "cut":
            return _response(answer, _Cut(answer.body))
        if delivery.how == "refused":
            raise httpx.ConnectError("connection refused (simulated)", request=request)
        if delivery.how == "reset":
            raise httpx.ReadError("connection reset by peer (simulated)", request=request)
        limit = request.extensions.get("timeout", {}).get("read")
        self.clock.advance(_NO_TIMEOUT if limit is None else limit)
        raise httpx.ReadTimeout("no answer came (simulated)", request=request)


class _Trickle(httpx.SyncByteStream):
    def __init__(self, body: bytes, clock: VirtualClock) -> None:
        self._body = body
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), 8):
            self._clock.advance(TRICKLE_PAUSE)
            yield self._body[start : start + 8]


class _Cut(httpx.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx.RemoteProtocolError("peer closed the connection mid-body (simulated)")


def _response(answer: HttpAnswer, stream: httpx.SyncByteStream) -> httpx.Response:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    return httpx.Response(answer.status, headers=headers, stream=stream)


def _call_of(request: httpx.Request) -> Call:
    assert isinstance(request.stream, httpx.SyncByteStream)
    url, headers = request.url, _headers_of(tuple(request.headers.raw))
    return Call(request.method, url.path, url.query.decode(), headers, b"".join(request.stream))


@lru_cache(maxsize=16)
def _headers_of(raw: tuple[tuple[bytes, bytes], ...]) -> Mapping[str, str]:
    """Headers as text by name; those of a read are always the same."""
    return {name.lower().decode(): text.decode("latin-1") for name, text in raw}
