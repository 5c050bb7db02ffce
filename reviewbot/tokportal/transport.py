"""The way to the network: one pool of connections per key, with a deadline over every read.

Theory of operation. httpx takes its timeouts per read, so an answer whose headers arrive one byte
at a time never times out. Here each call sets its deadline, and every socket operation of that
call, from connecting to the last byte, gets what is left of it. Connections are kept for a few
seconds only: one that the server closes as a request arrives leaves a write in doubt.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import httpx

from reviewbot.domain.text import safe_line
from reviewbot.network import trust, why

KEPT_FOR = 4.0
"""Seconds; below the idle limits of common servers (5 s and more)."""
CONNECTIONS = 8
_PIECE = 65_536


class Transport(httpx.BaseTransport):
    """Real connections for one key. The caller owns it and closes it.

    What could not be sent says why in a note that is safe to show. A request's `timeout` extension states, under `total`, how long the whole call may take.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self._deadline = _Deadline(monotonic)
        options: dict[str, Any] = {
            "ssl_context": ssl_context or trust(),
            "max_connections": CONNECTIONS,
            "max_keepalive_connections": CONNECTIONS,
            "keepalive_expiry": KEPT_FOR,
            "retries": 0,
            "network_backend": _Backend(self._deadline),
        }
        if proxy is None:
            self._pool = httpcore.ConnectionPool(**options)
        else:
            told = httpx.Proxy(proxy)
            # For https it is a tunnel: the proxy hears whom we talk to, and not a word of it.
            self._pool = httpcore.HTTPProxy(
                proxy_url=str(told.url),
                proxy_auth=told.raw_auth,
                proxy_ssl_context=trust() if told.url.scheme == "https" else None,
                **options,
            )

    def __repr__(self) -> str:
        return "<Transport>"

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, once, and hand over its answer with the body unread."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        timeout = request.extensions.get("timeout", {})
        self._deadline.set(timeout.get("total"))
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            response = self._pool.handle_request(asked)
        except _THEIRS as error:
            raise _as_httpx(error) from None
        assert isinstance(response.stream, Iterable)
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response.stream)
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


_THEIRS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class _Deadline(threading.local):
    """When the call of this thread must be over."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._at: float | None = None

    def set(self, budget: float | None) -> None:
        self._at = None if budget is None else self._monotonic() + budget

    def left(self, timeout: float | None, error: type[Exception]) -> float | None:
        """What is left of the budget, or the operation's own timeout where that is shorter."""
        if self._at is None:
            return timeout
        left = self._at - self._monotonic()
        if left <= 0:
            raise error("the time budget of the call is used up")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            left = self._deadline.left(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[start : start + _PIECE], left)

    def close(self) -> None:
        self._stream.close()

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

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: _Deadline) -> None:
        self._backend = httpcore.SyncBackend()
        self._deadline = deadline

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
            stream = self._backend.connect_tcp(host, port, left, local_address, socket_options)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            error.add_note(why(error, name=f"the name {host}", place=f"at {host}:{port}"))
            raise
        return _Stream(stream, self._deadline)


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except _THEIRS as error:
            raise _as_httpx(error) from None

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


_NEVER_SENT: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ProxyError: httpx.ProxyError,
}


def _as_httpx(error: Exception) -> httpx.TransportError:
    """Say it in httpx's terms: what was certainly never sent, and the rest."""
    name = type(error).__name__
    if (never_sent := _NEVER_SENT.get(type(error))) is not None:
        found = never_sent(name)
        if isinstance(error, httpcore.ProxyError):
            found.add_note(f"the proxy refused ({safe_line(str(error), 80)})")
        for note in getattr(error, "__notes__", ()):
            found.add_note(note)
        return found
    if isinstance(error, httpcore.TimeoutException):
        return httpx.ReadTimeout(name)
    return httpx.RemoteProtocolError(name)
