"""A raw-socket HTTP server that misbehaves on purpose, for tests of a client over real sockets.

It reads one well-formed request at a time and then does what its named fault says, down to single
bytes and TCP resets, which no HTTP framework would let it do. It knows nothing of TokPortal: the
body of a good answer is whatever the test put into `body`.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

HTML = b"<!doctype html><title>Just a moment</title><p>Checking your browser.</p>"
MEBIBYTE = b"0" * (1 << 20)


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class RawServer:
    """Serves one fault at a time on a free loopback port, for as long as the `with` block lasts.

    Set `fault` to one of `RAW_FAULTS` (a test may change it between requests), `body` and `status`
    to what a good answer holds. `requests` holds every complete request that arrived; `applied`
    those that the server would have carried out before it misbehaved.
    """

    def __init__(self, fault: str = "ok", *, body: bytes = b'{"data": []}', status: int = 200):
        self.fault = fault
        self.body = body
        self.status = status
        self.pause = 0.05
        self.requests: list[RawRequest] = []
        self.applied: list[RawRequest] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        """The API root."""
        return f"http://127.0.0.1:{self.port}/api/ext"

    def __enter__(self) -> RawServer:
        """Begin to accept."""
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop accepting; whatever hangs is let go."""
        self.stopping.set()
        # A blocked accept() does not notice that its socket was closed, but it notices a guest.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            pass
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.stopping.is_set():
                connection.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._converse, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(0.2)
        with connection, contextlib.suppress(OSError):
            while not self.stopping.is_set():
                request = _read_request(connection, self.stopping)
                if request is None:
                    return
                self.requests.append(request)
                connection.settimeout(5)
                if not RAW_FAULTS[self.fault](_Turn(self, connection, request)):
                    return
                connection.settimeout(0.2)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One request and the means to answer it."""

    server: RawServer
    connection: socket.socket
    request: RawRequest

    def apply(self) -> None:
        self.server.applied.append(self.request)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def head(
        self, *headers: str, status: int | None = None, kind: str = "application/json"
    ) -> None:
        code = self.server.status if status is None else status
        lines = [f"HTTP/1.1 {code} Simulated", f"Content-Type: {kind}", *headers, "", ""]
        self.send("\r\n".join(lines).encode())

    def whole(
        self, body: bytes, *headers: str, status: int | None = None, kind: str = "application/json"
    ) -> bool:
        self.apply()
        self.head(f"Content-Length: {len(body)}", *headers, status=status, kind=kind)
        self.send(body)
        return True

    def wait(self, seconds: float) -> bool:
        """Pause; gives False when the server is stopping."""
        return not self.server.stopping.wait(seconds)

    def reset(self) -> bool:
        # Lingering for 0 seconds makes the kernel send a reset instead of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    @property
    def half(self) -> bytes:
        return self.server.body[: max(1, len(self.server.body) // 2)]


def _ok(turn: _Turn) -> bool:
    return turn.whole(turn.server.body)


def _truncated_with_length(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {len(turn.server.body)}")
    turn.send(turn.half)
    return False


def _truncated_without_length(turn: _Turn) -> bool:
    turn.apply()
    turn.head("Connection: close")
    turn.send(turn.half)
    return False


def _truncated_chunks(turn: _Turn) -> bool:
    turn.apply()
    turn.head("Transfer-Encoding: chunked")
    turn.send(b"%x\r\n%s\r\n" % (len(turn.half), turn.half))
    return False


def _clean_half(turn: _Turn) -> bool:
    return turn.whole(turn.half)


def _trickle(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {len(turn.server.body)}")
    for number in range(len(turn.server.body)):
        if not turn.wait(turn.server.pause):
            return False
        turn.send(turn.server.body[number : number + 1])
    return True


def _trickled_headers(turn: _Turn) -> bool:
    turn.apply()
    for byte in b"HTTP/1.1 200 Simulated\r\nContent-Length: 2\r\n\r\n{}":
        if not turn.wait(turn.server.pause):
            return False
        turn.send(bytes((byte,)))
    return True


def _hang(turn: _Turn) -> bool:
    turn.apply()
    return turn.wait(3600)


def _hang_in_the_body(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {len(turn.server.body)}")
    turn.send(turn.half)
    return turn.wait(3600)


def _reset_before(turn: _Turn) -> bool:
    return turn.reset()


def _reset_after(turn: _Turn) -> bool:
    turn.apply()
    return turn.reset()


def _reset_in_the_body(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {len(turn.server.body)}")
    turn.send(turn.half)
    return turn.reset()


def _closed_without_answer(turn: _Turn) -> bool:
    turn.apply()
    return False


def _closed_after_keep_alive(turn: _Turn) -> bool:
    turn.whole(turn.server.body, "Connection: keep-alive")
    return False


def _gzip_bomb(turn: _Turn) -> bool:
    squeezed = gzip.compress(MEBIBYTE * 64, compresslevel=1)
    return turn.whole(squeezed, "Content-Encoding: gzip")


def _huge_body(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {2 << 30}")
    for _ in range(2048):
        if turn.server.stopping.is_set():
            return False
        turn.send(MEBIBYTE)
    return True


def _endless_body(turn: _Turn) -> bool:
    turn.apply()
    turn.head("Connection: close")
    while not turn.server.stopping.is_set():
        turn.send(MEBIBYTE)
    return False


def _redirect(turn: _Turn) -> bool:
    return turn.whole(b"", f"Location: {turn.server.url}/elsewhere", status=302)


def _redirect_elsewhere(turn: _Turn) -> bool:
    return turn.whole(b"", "Location: http://127.0.0.1:9/steal", status=307)


def _too_many(turn: _Turn) -> bool:
    body = b'{"error":{"code":"RATE_LIMIT_EXCEEDED","message":"Slow down.","details":{"retry_after_seconds":3}}}'
    return turn.whole(body, "Retry-After: 2", status=429)


def _huge_header(turn: _Turn) -> bool:
    return turn.whole(turn.server.body, "X-Padding: " + "x" * 300_000)


def _bad_status_line(turn: _Turn) -> bool:
    turn.apply()
    turn.send(b"NOT HTTP AT ALL\r\n\r\n")
    return False


def _fixed(body: bytes, **how: str | int) -> Callable[[_Turn], bool]:
    status = how.get("status")
    kind = str(how.get("kind", "application/json"))
    code = status if isinstance(status, int) else None
    return lambda turn: turn.whole(body, status=code, kind=kind)


RAW_FAULTS: dict[str, Callable[[_Turn], bool]] = {
    "ok": _ok,
    "truncated with length": _truncated_with_length,
    "truncated without length": _truncated_without_length,
    "truncated chunks": _truncated_chunks,
    "clean half": _clean_half,
    "trickle": _trickle,
    "trickled headers": _trickled_headers,
    "hang": _hang,
    "hang in the body": _hang_in_the_body,
    "reset before": _reset_before,
    "reset after": _reset_after,
    "reset in the body": _reset_in_the_body,
    "closed without answer": _closed_without_answer,
    "closed after keep-alive": _closed_after_keep_alive,
    "gzip bomb": _gzip_bomb,
    "huge body": _huge_body,
    "endless body": _endless_body,
    "redirect": _redirect,
    "redirect elsewhere": _redirect_elsewhere,
    "429": _too_many,
    "huge header": _huge_header,
    "bad status line": _bad_status_line,
    "204": lambda turn: turn.whole(b"", status=204),
    "empty 200": _fixed(b""),
    "html 200": _fixed(HTML, kind="text/html"),
    "html 200 as json": _fixed(HTML),
    "html 502": _fixed(HTML, status=502, kind="text/html"),
    "empty 503": _fixed(b"", status=503),
    "wrong charset": _fixed(
        '{"data": "é"}'.encode("utf-16"), kind="application/json; charset=utf-8"
    ),
    "invalid utf-8": _fixed(b'{"data": {"id": "\xff\xfe"}}'),
    "duplicate keys": _fixed(b'{"data": {"status": "finalized", "status": "manually_confirmed"}}'),
    "nan": _fixed(b'{"data": {"id": "x", "cm_payout_amount": NaN}}'),
    "deep json": _fixed(b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a list": _fixed(b"[]"),
    "a number": _fixed(b"42"),
    "no data": _fixed(b'{"ok": true}'),
}
"""Every way to misbehave, by name; each gives whether the connection stays open."""


def _read_request(connection: socket.socket, stopping: threading.Event) -> RawRequest | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = _receive(connection, stopping)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): text.strip() for name, _, text in pairs}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        piece = _receive(connection, stopping)
        if not piece:
            return None
        body += piece
    method, target, _ = first.split(" ", 2)
    return RawRequest(method, target, headers, body)


def _receive(connection: socket.socket, stopping: threading.Event) -> bytes:
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            return connection.recv(65536)
    return b""
