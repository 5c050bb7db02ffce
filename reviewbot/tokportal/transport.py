"""The way to the network: one pool of connections per key, with a deadline over every read.

httpx takes its timeouts per read, so an answer whose headers arrive one byte at a time never times
out. Here each call sets its deadline, and every socket operation of that call, from connecting to the
last byte, gets what is left of it. Connections are kept for a few seconds only: one that the server
closes as a request arrives leaves a write in doubt.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

from reviewbot.network import trust, why

KEPT_FOR = 4.0
"""Seconds; below the idle limits of common servers (5 s and more)."""
CONNECTIONS = 8
_PIECE = 65_536
_SLICE = 0.5
"""Seconds between two looks at whether a stop was asked for, while an answer is waited for."""


class Transport(httpx.HTTPTransport):
    """Real connections for one key. The caller owns it and closes it.

    A request's `timeout` extension states, under `total`, how long the whole call may take, and under
    `at_stop` how much longer once a stop is asked for. Why no connection was made stands in a note on the cause of the error, in words that are safe to show.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        # In place of the pool that httpx would make: one whose sockets know the deadline.
        self._deadline = _Deadline(monotonic, stopping)
        options: dict[str, Any] = {
            "ssl_context": ssl_context or trust(),
            "max_connections": CONNECTIONS,
            "max_keepalive_connections": CONNECTIONS,
            "keepalive_expiry": KEPT_FOR,
            "retries": 0,
            "network_backend": _Backend(self._deadline, through_proxy=proxy is not None),
        }
        if proxy is None:
            self._pool = httpcore.ConnectionPool(**options)
        else:
            way = httpx.Proxy(proxy)
            # For https it is a tunnel: the proxy hears whom we talk to, and not a word of it.
            self._pool = httpcore.HTTPProxy(
                proxy_url=str(way.url),
                proxy_auth=way.raw_auth,
                proxy_ssl_context=trust() if way.url.scheme == "https" else None,
                **options,
            )

    def __repr__(self) -> str:
        return "<Transport>"

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, once, and hand over its answer with the body unread."""
        timeouts = request.extensions.get("timeout", {})
        self._deadline.set(timeouts.get("total"), timeouts.get("at_stop"))
        return super().handle_request(request)


class _Deadline(threading.local):
    """When the call of this thread must be over."""

    def __init__(self, monotonic: Callable[[], float], stopping: Callable[[], bool]) -> None:
        self._monotonic = monotonic
        self._stopping = stopping
        self._at: float | None = None
        self._at_stop: float | None = None
        self._was_stopped = False

    def set(self, budget: float | None, at_stop: float | None) -> None:
        self._at = None if budget is None else self._monotonic() + budget
        self._at_stop, self._was_stopped = at_stop, False

    def left(self, timeout: float | None, error: type[Exception]) -> float | None:
        """What is left of the budget, or the operation's own timeout where that is shorter."""
        if self._at is None:
            return timeout
        now = self._monotonic()
        if self._at_stop is not None and not self._was_stopped and self._stopping():
            self._was_stopped, self._at = True, min(self._at, now + self._at_stop)
        left = self._at - now
        if left <= 0:
            raise error("the time budget of the call is used up")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self.close = stream.close  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            left = self._deadline.left(timeout, httpcore.ReadTimeout)
            piece = _SLICE if left is None else min(left, _SLICE)
            try:
                return self._stream.read(max_bytes, piece)
            except httpcore.ReadTimeout:
                if timeout is not None and (timeout := timeout - piece) <= 0:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            left = self._deadline.left(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[start : start + _PIECE], left)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, left)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            error.add_note(why(error, place=f"at {server_hostname}"))
            raise
        return _Stream(stream, self._deadline)


class _Backend(httpcore.SyncBackend):
    def __init__(self, deadline: _Deadline, *, through_proxy: bool) -> None:
        self._deadline = deadline
        self._whose = "the proxy's name" if through_proxy else "the name"
        self._at = "at the proxy" if through_proxy else "at"

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        try:
            stream = super().connect_tcp(host, port, left, local_address, socket_options)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            error.add_note(
                why(error, name=f"{self._whose} {host}", place=f"{self._at} {host}:{port}")
            )
            raise
        return _Stream(stream, self._deadline)
